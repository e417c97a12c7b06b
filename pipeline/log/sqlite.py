"""The embedded log: topics as tables of one SQLite database in WAL mode."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from pipeline.errors import ConfigurationError, StorageUnavailable, Terminal
from pipeline.log import COMPACTED, TOPICS, Consumer, Message, Outcome, Record

FORMAT = 1
"""The database's `user_version`; another one was made by another release."""

BUSY_SECONDS = 30
"""How long a writer waits for another one, which holds the lock for one batch."""

POLL_SECONDS = 0.05
"""How often a waiting consumer looks for new records: SQLite tells nobody of them."""

REMOVED_AT_ONCE = 2_000
"""Records that one transaction removes, or pages that it frees."""

MAX_POLL_BYTES = 32_000_000
"""Values that one poll returns at most, so that large records do not fill the memory."""

_MAY_PASS = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}

_COLUMNS = "offset, key, value, headers, timestamp"


class SqliteLog:
    """Implements `pipeline.log.Log`. Any number of processes may read and write at a time."""

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self._path = path
        if not create and not path.exists():
            raise ConfigurationError(f"{path.parent}: no articles here yet; see `newsloom produce`")
        with self._errors_named():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
            self._prepare()

    def _prepare(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, FORMAT):
            raise ConfigurationError(f"{self._path}: was made by another release of newsloom")
        # FULL: a commit returns when it has reached the disk; NORMAL may lose it in a power cut.
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA secure_delete = ON")
        if version == FORMAT and self._has_all_topics():
            return
        if version != FORMAT:
            self._db.execute("PRAGMA auto_vacuum = INCREMENTAL")
            self._db.execute("PRAGMA journal_mode = WAL")
        with self._transaction():
            for topic in TOPICS:
                # AUTOINCREMENT: an offset is never given again, not even after retention.
                self._db.execute(
                    f'CREATE TABLE IF NOT EXISTS "{topic}" ('
                    " offset INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT, value BLOB NOT NULL,"
                    " headers BLOB, timestamp INTEGER NOT NULL, revision INTEGER)"
                )
                if topic in COMPACTED:
                    self._db.execute(
                        f'CREATE INDEX IF NOT EXISTS "{topic}.key" ON "{topic}" (key, revision)'
                    )
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS versions (topic TEXT, key TEXT, digest BLOB,"
                " PRIMARY KEY (topic, key, digest)) WITHOUT ROWID"
            )
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS committed (consumer_group TEXT, topic TEXT,"
                " offset INTEGER NOT NULL, PRIMARY KEY (consumer_group, topic)) WITHOUT ROWID"
            )
            self._db.execute(f"PRAGMA user_version = {FORMAT}")

    def _has_all_topics(self) -> bool:
        """Whether no topic is missing, as those of a later release are."""
        tables = self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {name for (name,) in tables} >= set(TOPICS)

    def publish(self, topic: str, records: Sequence[Record]) -> list[Outcome]:
        """See `Log.publish`."""
        if not records:
            return []
        now = time.time_ns() // 1_000_000
        with self._errors_named(), self._transaction():
            return [self._append(topic, record, now) for record in records]

    def _append(self, topic: str, record: Record, now: int) -> Outcome:
        execute = self._db.execute
        if record.digest is not None:
            added = execute(
                "INSERT OR IGNORE INTO versions VALUES (?, ?, ?)",
                (topic, record.key or "", record.digest),
            )
            if not added.rowcount:
                return Outcome.UNCHANGED
        if record.revision is not None:
            newest = execute(
                f'SELECT 1 FROM "{topic}" WHERE key = ? AND revision >= ? LIMIT 1',
                (record.key, record.revision),
            )
            if newest.fetchone():
                return Outcome.SUPERSEDED
            # Compacted at once: what a newer revision replaces is not kept, nor left on the disk.
            execute(f'DELETE FROM "{topic}" WHERE key = ?', (record.key,))
        headers = msgspec.msgpack.encode(record.headers) if record.headers else None
        execute(
            f'INSERT INTO "{topic}" (key, value, headers, timestamp, revision)'
            " VALUES (?, ?, ?, ?, ?)",
            (record.key, record.value, headers, now, record.revision),
        )
        return Outcome.APPENDED

    def consume(
        self,
        topic: str,
        group: str | None = None,
        *,
        from_end: bool = False,
        since: int | None = None,
        at: Mapping[int, int] | None = None,
    ) -> Consumer:
        """See `Log.consume`."""
        if topic not in TOPICS:
            raise ConfigurationError(f"{topic} is a topic of Kafka's; the embedded log has none")
        if at is not None:
            before = at.get(0, 1) - 1
            known = 0 <= before <= self._end(topic)
            return _SqliteConsumer(self, topic, None, before if known else 0)
        if since is not None:
            return _SqliteConsumer(self, topic, None, self._before(topic, since))
        start = self.committed(topic, group) if group else 0
        return _SqliteConsumer(self, topic, group, start or (self._end(topic) if from_end else 0))

    def read(self, topic: str, partition: int, offset: int) -> Message | None:
        """See `Log.read`."""
        found = self._read(topic, offset, 1) if partition == 0 else []
        return found[0] if found and found[0].offset == offset else None

    def committed(self, topic: str, group: str) -> int:
        """The offset behind which the group goes on; 0 when it never committed."""
        row = self._db.execute(
            "SELECT offset FROM committed WHERE consumer_group = ? AND topic = ?", (group, topic)
        ).fetchone()
        return int(row[0]) if row else 0

    def expire(self, topic: str, before: int, *, consumed_by: str | None = None) -> int:
        """Removes records older than `before` (milliseconds since 1970); gives their number.

        What the group `consumed_by` has not committed yet stays, however old.
        """
        upto = self.committed(topic, consumed_by) if consumed_by else self._end(topic)
        return self._remove(topic, "timestamp < ? AND offset <= ?", (before, upto))

    def forget(self, topic: str, key: str) -> int:
        """Removes all records of a key; gives their number."""
        return self._remove(topic, "key = ?", (key,))

    def remove(self, topic: str, offsets: Iterable[int]) -> None:
        """Removes single records."""
        for offset in offsets:
            self._remove(topic, "offset = ?", (offset,))

    def release_space(self) -> None:
        """Gives the room of removed records back to the file system."""
        with self._errors_named():
            while self._db.execute("PRAGMA freelist_count").fetchone()[0] > 0:
                self._db.executescript(f"PRAGMA incremental_vacuum({REMOVED_AT_ONCE})")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _remove(self, topic: str, condition: str, values: tuple[int | str, ...]) -> int:
        """Removes records piece by piece, so that no writer waits long for the lock."""
        removed = 0
        chosen = f'SELECT offset FROM "{topic}" WHERE {condition} LIMIT {REMOVED_AT_ONCE}'
        with self._errors_named():
            while True:
                with self._transaction():
                    count = self._db.execute(
                        f'DELETE FROM "{topic}" WHERE offset IN ({chosen})', values
                    ).rowcount
                removed += count
                if count < REMOVED_AT_ONCE:
                    return removed

    def close(self) -> None:
        """See `Log.close`."""
        self._db.close()

    def _end(self, topic: str) -> int:
        row = self._db.execute(
            "SELECT seq FROM sqlite_sequence WHERE name = ?", (topic,)
        ).fetchone()
        return int(row[0]) if row else 0

    def _before(self, topic: str, since: int) -> int:
        """The offset before the first record that is not older than `since`."""
        with self._errors_named():
            query = f'SELECT MIN(offset) FROM "{topic}" WHERE timestamp >= ?'
            first = self._db.execute(query, (since,)).fetchone()[0]
        return self._end(topic) if first is None else int(first) - 1

    def _read(self, topic: str, start: int, limit: int) -> list[Message]:
        messages: list[Message] = []
        size = 0
        with self._errors_named():
            rows = self._db.execute(
                f'SELECT {_COLUMNS} FROM "{topic}" WHERE offset >= ? ORDER BY offset LIMIT ?',
                (start, limit),
            )
            for offset, key, value, headers, timestamp in rows:
                decoded = msgspec.msgpack.decode(headers, type=_Headers) if headers else ()
                messages.append(Message(topic, 0, offset, key, value, decoded, timestamp))
                size += len(value)
                if size >= MAX_POLL_BYTES:
                    break
            rows.close()
        return messages

    def _count_from(self, topic: str, start: int) -> int:
        with self._errors_named():
            query = f'SELECT COUNT(*) FROM "{topic}" WHERE offset >= ?'
            return int(self._db.execute(query, (start,)).fetchone()[0])

    def _commit(self, topic: str, group: str, offset: int) -> None:
        with self._errors_named(), self._transaction():
            self._db.execute(
                "INSERT INTO committed VALUES (?, ?, ?) ON CONFLICT DO UPDATE"
                " SET offset = max(offset, excluded.offset)",
                (group, topic, offset),
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _errors_named(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
            kind = StorageUnavailable if code in _MAY_PASS else Terminal
            raise kind(f"{self._path}: {error}") from error
        except OSError as error:
            raise StorageUnavailable(f"{error.filename or self._path}: {error.strerror}") from error


_Headers = tuple[tuple[str, bytes], ...]


class _SqliteConsumer:
    def __init__(self, log: SqliteLog, topic: str, group: str | None, last: int) -> None:
        self._log = log
        self._topic = topic
        self._group = group
        self._next = last + 1

    def poll(self, limit: int, timeout: float) -> list[Message]:
        deadline = time.monotonic() + timeout
        while True:
            messages = self._log._read(self._topic, self._next, limit)
            if messages:
                self._next = messages[-1].offset + 1
                return messages
            left = deadline - time.monotonic()
            if left <= 0:
                return []
            time.sleep(min(POLL_SECONDS, left))

    def commit(self, messages: Sequence[Message]) -> None:
        if self._group is not None and messages:
            self._log._commit(self._topic, self._group, messages[-1].offset)

    def wait(self, seconds: float) -> None:
        """See `Consumer.wait`: nobody else can take its place here."""
        time.sleep(seconds)

    def lag(self) -> int:
        return self._log._count_from(self._topic, self._next)

    def ends(self) -> dict[int, int]:
        """See `Consumer.ends`."""
        return {0: self._log._end(self._topic) + 1}

    def has_passed(self, ends: Mapping[int, int]) -> bool:
        """See `Consumer.has_passed`."""
        left = self._log._read(self._topic, self._next, 1)
        return not left or left[0].offset >= ends[0]

    def positions(self) -> dict[int, int]:
        """See `Consumer.positions`."""
        return {0: self._next}

    def close(self) -> None:
        """See `Consumer.close`: here nothing is held."""

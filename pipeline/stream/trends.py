"""The agent of the trends: contributions in, a record for each window that they change out.

The topic of the contributions is its own memory: its key is ticker and article, so compaction
keeps what counts. When a partition comes to this worker, what stands before its first event is read
again. Contributions are kept by article: a repetition, a correction or a withdrawal leaves the
right number.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial

import msgspec
from faust import Event

from pipeline.article import TICKER_TRENDS
from pipeline.log.kafka_topics import CONTRIBUTIONS
from pipeline.stream.publisher import Outgoing, Publisher
from pipeline.stream.topics import patiently, reader
from pipeline.trends import Contribution, Tally, Trend, Window, bucket_of, windows_with

_Touched = dict[str, set[datetime]]


class Trends:
    """Keeps contributions and publishes the trends that they change.

    Args:
        servers: brokers, to read what came before.
        publisher: publishes the trends.
    """

    def __init__(self, servers: Sequence[str], publisher: Publisher) -> None:
        self._servers = servers
        self._publisher = publisher
        self._partitions: set[int] = set()
        self._kept = _Contributions()

    def forget(self) -> None:
        """The partitions may be others' from now on."""
        self._partitions.clear()

    async def take(self, events: Sequence[Event]) -> int:
        """Counts contributions, publishes the changed trends and acknowledges the events.

        Returns:
            How many trends were published.
        """
        for partition in {e.message.partition for e in events}.difference(self._partitions):
            first = min(e.message.offset for e in events if e.message.partition == partition)
            await patiently(partial(self._restore, partition, first))
        said = [_decode(event.value) for event in events]
        touched = await asyncio.to_thread(self._kept.put, [c for c in said if c is not None])
        changed = await asyncio.to_thread(self._changed, touched)
        await self._publisher.publish(TICKER_TRENDS, changed)
        for event in events:
            event.ack()
        return len(changed)

    async def _restore(self, partition: int, before: int) -> None:
        async with reader(self._servers) as kept:
            span = (None, before)
            async for _, records in kept.read(CONTRIBUTIONS, {partition: span}):
                said = [_decode(record.value) for record in records]
                await asyncio.to_thread(self._kept.put, [c for c in said if c is not None])
        self._partitions.add(partition)

    def _changed(self, touched: _Touched) -> list[Outgoing]:
        records = []
        for symbol, moments in touched.items():
            windows = {window for moment in moments for window in windows_with(moment)}
            tallies = self._kept.tallies(
                symbol, min(w.start for w in windows), max(w.end for w in windows)
            )
            records += [_record(_count(symbol, window, tallies)) for window in windows]
        return records


class _Contributions:
    """By ticker and article, in a database that has no name: it is gone with the process."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -8000;"
            "CREATE TABLE said (symbol TEXT, id TEXT, revision INTEGER, bucket INTEGER, value BLOB,"
            " PRIMARY KEY (symbol, id)) WITHOUT ROWID;"
            "CREATE INDEX by_time ON said (symbol, bucket);"
        )

    def put(self, said: Iterable[Contribution]) -> _Touched:
        """Keeps what is newer than what there is; gives the moments that counts change at."""
        touched: _Touched = defaultdict(set)
        self._db.execute("BEGIN")
        for new in said:
            row = self._db.execute(
                "SELECT revision, value FROM said WHERE symbol = ? AND id = ?", (new.symbol, new.id)
            ).fetchone()
            if row and row[0] > new.revision:
                continue
            old = msgspec.json.decode(row[1], type=Contribution) if row else None
            for one in (old, new):
                if one and one.published_at and not one.removed:
                    touched[one.symbol].add(one.published_at)
            bucket = None
            if new.published_at and not new.removed:
                bucket = bucket_of(new.published_at)
            self._db.execute(
                "INSERT OR REPLACE INTO said VALUES (?, ?, ?, ?, ?)",
                (new.symbol, new.id, new.revision, bucket, msgspec.json.encode(new)),
            )
        self._db.execute("COMMIT")
        return touched

    def tallies(self, symbol: str, start: datetime, end: datetime) -> dict[int, Tally]:
        """What the articles of each bucket say of a ticker."""
        found: dict[int, Tally] = defaultdict(Tally)
        rows = self._db.execute(
            "SELECT bucket, value FROM said WHERE symbol = ? AND bucket >= ? AND bucket < ?",
            (symbol, bucket_of(start), bucket_of(end)),
        )
        for bucket, value in rows:
            found[bucket].add(msgspec.json.decode(value, type=Contribution))
        return found


def _count(symbol: str, window: Window, tallies: dict[int, Tally]) -> Trend:
    whole = Tally()
    begin, end = bucket_of(window.start), bucket_of(window.end)
    for bucket, tally in tallies.items():
        if begin <= bucket < end:
            whole.merge(tally)
    return whole.trend(symbol, window)


def _record(trend: Trend) -> Outgoing:
    key = f"{trend.symbol}/{trend.window}/{trend.start:%Y-%m-%dT%H:%M:%SZ}"
    return Outgoing(key.encode(), msgspec.json.encode(trend))


def _decode(value: bytes | None) -> Contribution | None:
    """A contribution; the topic is our own, and what is none of it says nothing."""
    try:
        return msgspec.json.decode(value or b"", type=Contribution)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None

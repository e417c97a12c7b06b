"""The newest revision of each article that was published: a compacted topic, and a copy of it.

This is a table of Faust's in its idea, not in its code. Faust's own tables take a change's
partition from the event in hand, which in a batch is the last one's; and a change that could not be
delivered is logged, and the offset of the article committed all the same.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence

import msgspec

from pipeline.log.kafka_topics import LATEST
from pipeline.stream.publisher import Outgoing, Place, Publisher
from pipeline.stream.topics import Kept, reader

CHECKED = b"\0checked"
"""The key, which no article can have, of how far the enriched topic was looked through for records
of other workers; see `pipeline.stream.repair`."""


class Entry(msgspec.Struct, frozen=True):
    """The newest version of an article.

    Attributes:
        revision: its revision.
        partition: where it stands in the enriched topic.
        offset: the same.
        symbols: the tickers that it contributes to.
    """

    revision: int
    partition: int
    offset: int
    symbols: list[str] = []

    @property
    def place(self) -> Place:
        """Where the version stands in the enriched topic."""
        return Place(self.partition, self.offset)


class Latest:
    """What is known of the articles of some partitions of the raw topic.

    The copy is a database of SQLite that has no name: it spills to the disk where it is large, and
    is gone with the process.
    """

    def __init__(self, servers: Sequence[str], publisher: Publisher) -> None:
        self._servers = servers
        self._publisher = publisher
        self.restored = 0
        self.checked: dict[int, int] = {}
        self.outdated: dict[bytes, int] = {}
        """Articles, and their partitions, of which an older version was written last."""
        self._partitions: set[int] = set()
        self._read_to: dict[int, int] = {}
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -8000;"
            "CREATE TABLE latest (id BLOB PRIMARY KEY, revision INTEGER, entry BLOB)"
            " WITHOUT ROWID;"
        )

    @property
    def partitions(self) -> Collection[int]:
        """The partitions whose articles are known."""
        return self._partitions

    async def restore(self, partitions: Collection[int]) -> None:
        """Reads what was published of partitions' articles, since they were read the last time.

        Raises:
            KafkaError: no broker answers.
        """
        async with reader(self._servers) as kept:
            spans = {
                partition: (self._read_to.get(partition), await kept.end(LATEST, partition))
                for partition in partitions
            }
            async for partition, records in kept.read(LATEST, spans):
                for record in records:
                    self._restore(partition, record)
                self.restored += len(records)
            self._read_to |= {partition: end for partition, (_, end) in spans.items()}
            self._partitions.update(partitions)

    def _restore(self, partition: int, record: Kept) -> None:
        if record.key is None or not record.value:
            return
        if record.key == CHECKED:
            self.checked[partition] = msgspec.json.decode(record.value, type=int)
        elif self._keep([(record.key, msgspec.json.decode(record.value, type=Entry))]):
            self.outdated.pop(record.key, None)
        else:
            self.outdated[record.key] = partition

    async def check(self, partition: int, offset: int) -> Place:
        """Notes that the enriched topic was looked through up to, but not with, an offset.

        Returns:
            Where the note stands in the topic.
        """
        self.checked[partition] = offset
        value = msgspec.json.encode(offset)
        note = Outgoing(CHECKED, value, partition=partition)
        (place,) = await self._publisher.publish(LATEST, [note])
        return place

    def forget(self) -> None:
        """What is known may be outdated from now on: the partitions may be others' now."""
        self._partitions.clear()

    def get(self, key: bytes) -> Entry | None:
        """The newest version of an article of a restored partition; None when it is new."""
        row = self._db.execute("SELECT entry FROM latest WHERE id = ?", (key,)).fetchone()
        return msgspec.json.decode(row[0], type=Entry) if row else None

    async def put(self, entries: Sequence[tuple[int, bytes, Entry]]) -> list[Place]:
        """Keeps the newest versions of articles: (partition of the raw topic, key, entry).

        Returns:
            Where they stand in the topic; by then they are durable.
        """
        records = [
            Outgoing(key, msgspec.json.encode(entry), partition=partition)
            for partition, key, entry in entries
        ]
        places = await self._publisher.publish(LATEST, records)
        self._keep((key, entry) for _, key, entry in entries)
        return places

    def _keep(self, entries: Iterable[tuple[bytes, Entry]]) -> bool:
        """Keeps versions that are not older than what there is; whether any was kept.

        Two workers may have written to one partition for a moment: the newest counts, not the last.
        Of the same one the later place counts.
        """
        self._db.execute("BEGIN")
        done = self._db.executemany(
            "INSERT INTO latest VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET"
            " revision = excluded.revision, entry = excluded.entry"
            " WHERE excluded.revision >= revision",
            ((key, entry.revision, msgspec.json.encode(entry)) for key, entry in entries),
        )
        self._db.execute("COMMIT")
        return done.rowcount > 0

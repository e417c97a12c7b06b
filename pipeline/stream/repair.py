"""Older versions behind newer ones: found by the gaps that they leave between our own records.

The worker that has a partition of the raw topic is the only one to publish versions of its
articles, except for moments: one that was stopped, or cut off, goes on for seconds after its
partitions were given to another, and a dead letter that is retried goes to the enriched topic by
itself. If a newer version was published in between, an older one is then the last of its key, and
compaction would keep it. Our own records of a partition stand one behind the other; where they do
not, the others are read, and a version that something older was put behind is published once more.
Compaction leaves it there long enough (see `kafka_topics`). How far this was done is noted in the
topic of the latest versions, so that whoever has the partition next begins there.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Collection, Sequence
from contextlib import AsyncExitStack
from typing import NamedTuple

import msgspec

from pipeline.article import ARTICLES_ENRICHED
from pipeline.log.kafka_topics import LATEST
from pipeline.stream.latest import Entry, Latest
from pipeline.stream.publisher import Outgoing, Place, Publisher
from pipeline.stream.topics import Kept, Reader, reader

CHECK_SECONDS = 5.0
"""How often it is noted how far the enriched topic was looked through."""

logger = logging.getLogger(__name__)


class _Revision(msgspec.Struct):
    revision: int


class Ahead(NamedTuple):
    """A version on the enriched topic that is newer than the latest one that is kept."""

    revision: int
    place: Place


class Repair:
    """Watches two topics for the records of others, and puts right what they did.

    Args:
        servers: brokers.
        publisher: publishes what has to be published again.
        latest: what the newest versions are.
    """

    def __init__(self, servers: Sequence[str], publisher: Publisher, latest: Latest) -> None:
        self._servers = servers
        self._publisher = publisher
        self._latest = latest
        self._next: dict[tuple[str, int], int] = {}
        self.ahead: dict[bytes, Ahead] = {}
        """Versions that are published and not yet kept as the latest of their articles: by a worker
        that crashed in between."""
        self._found: deque[tuple[str, Place]] = deque()
        self._checked = time.monotonic()
        self._stack = AsyncExitStack()
        self._reader: Reader | None = None

    def forget(self) -> None:
        """The partitions may be others' from now on."""
        self._next.clear()
        self._found.clear()
        self.ahead.clear()

    async def begin(self, partitions: Collection[int]) -> None:
        """Looks through what came since the partitions were looked through the last time.

        Raises:
            KafkaError: no broker answers.
        """
        read = await self._read()
        for partition in partitions:
            end = await read.end(ARTICLES_ENRICHED, partition)
            if partition not in self._latest.checked:
                self.published(LATEST, [await self._latest.check(partition, end)])
            after = self._latest.checked[partition]
            self._next[ARTICLES_ENRICHED, partition] = end
            self._found += (
                (ARTICLES_ENRICHED, Place(partition, offset)) for offset in range(after, end)
            )
        entries = [
            (partition, key, entry)
            for key, partition in self._latest.outdated.items()
            if partition in partitions and (entry := self._latest.get(key))
        ]
        self.published(LATEST, await self._latest.put(entries))
        for _, key, _ in entries:
            del self._latest.outdated[key]

    def published(self, topic: str, places: Sequence[Place]) -> None:
        """Takes note of our own records in a topic."""
        by_partition: dict[int, set[int]] = {}
        for place in places:
            by_partition.setdefault(place.partition, set()).add(place.offset)
        for partition, ours in by_partition.items():
            last = max(ours)
            first = self._next.get((topic, partition), last)
            others = (Place(partition, n) for n in range(first, last) if n not in ours)
            self._found += ((topic, other) for other in others)
            self._next[topic, partition] = last + 1

    async def look(self) -> None:
        """Looks for records behind our last ones: where nothing is published, no gap shows.

        Raises:
            KafkaError: no broker answers.
        """
        for (topic, partition), after in list(self._next.items()):
            end = await (await self._read()).end(topic, partition)
            if self._next.get((topic, partition)) == after:
                self._found += ((topic, Place(partition, n)) for n in range(after, end))
                self._next[topic, partition] = max(after, end)

    async def mend(self) -> None:
        """Puts right what the records of others made wrong, and notes how far it was looked.

        Raises:
            KafkaError: no broker answers; what was found is looked at again the next time.
        """
        while self._found:
            first = self._found[0]
            found = await self._at(*first)
            if found is not None and found.key is not None:
                await self._compare(*first, found.key, found.value or b"")
            # The partitions may have been given to others meanwhile.
            if self._found and self._found[0] is first:
                self._found.popleft()
        if time.monotonic() < self._checked + CHECK_SECONDS:
            return
        self._checked = time.monotonic()
        for (topic, partition), after in list(self._next.items()):
            if topic == ARTICLES_ENRICHED and self._latest.checked.get(partition) != after:
                self.published(LATEST, [await self._latest.check(partition, after)])

    async def close(self) -> None:
        """Lets go of the connection."""
        await self._stack.aclose()
        self._reader = None

    async def _compare(self, topic: str, place: Place, key: bytes, value: bytes) -> None:
        ours = self._latest.get(key)
        try:
            theirs = msgspec.json.decode(value, type=_Revision).revision
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            theirs = 0
        if topic == ARTICLES_ENRICHED and theirs > (ours.revision if ours else 0):
            self.ahead[key] = max(self.ahead.get(key, Ahead(0, place)), Ahead(theirs, place))
        if ours is None or theirs >= ours.revision:
            return
        entry = ours
        if topic == ARTICLES_ENRICHED:
            if ours.place > place:
                return
            again = await self._at(ARTICLES_ENRICHED, ours.place)
            if again is None or again.key != key:
                logger.error("%r: its newest version is not on %s any more", key, topic)
                return
            logger.warning(
                "%r: another published revision %d behind revision %d", key, theirs, ours.revision
            )
            (moved,) = await self._publisher.publish(
                ARTICLES_ENRICHED, [Outgoing(key, again.value or b"")]
            )
            self.published(ARTICLES_ENRICHED, [moved])
            entry = Entry(ours.revision, *moved, ours.symbols)
        self.published(LATEST, await self._latest.put([(place.partition, key, entry)]))

    async def _at(self, topic: str, place: Place) -> Kept | None:
        read = await self._read()
        span = (place.offset, place.offset + 1)
        async for _, records in read.read(topic, {place.partition: span}):
            for record in records:
                return record
        return None

    async def _read(self) -> Reader:
        if self._reader is None:
            self._reader = await self._stack.enter_async_context(reader(self._servers))
        return self._reader

"""The agent of the enrichment: events of the raw topic in, enriched records and dead letters out.

What happens to a batch, in this order, and why:

1. The worker processes enrich it. Batches are done side by side, and finished in order.
2. The enriched records, the dead letters and the contributions to trends are published and
   acknowledged. Of an article at most one record is on its way at a time, and none that is not
   newer than what was published.
3. What is now the newest of each article is published and acknowledged. Were it before the second
   step, a crash in between would make an article look published that is not.
4. The events are acknowledged, and Faust commits their offsets. A crash anywhere before repeats the
   batch, which changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import chain, takewhile
from typing import NamedTuple

import msgspec
from faust import Event

from pipeline.article import ARTICLES_DEAD, ARTICLES_ENRICHED, revision_of
from pipeline.enrich.records import EnrichedRecord, Result
from pipeline.log import Message, Record
from pipeline.log.dead import bury
from pipeline.log.kafka import encode_key, message_of
from pipeline.log.kafka_topics import CONTRIBUTIONS, LATEST
from pipeline.stream.contributions import Labels, contributions, record
from pipeline.stream.latest import Entry, Latest
from pipeline.stream.pool import Pool, Results
from pipeline.stream.publisher import Outgoing, Place, Publisher, TooLarge
from pipeline.stream.repair import Repair
from pipeline.stream.topics import patiently
from pipeline.trends import Contribution
from pipeline.workers import BATCH, GivenUp, batches

MOST_DONE = 12
"""So many batches, beside those that are being done, may wait until Kafka has those before them."""

LOOK_SECONDS = 5.0
"""How often, while nothing comes, it is looked for what other workers published."""

logger = logging.getLogger(__name__)


class Counts(msgspec.Struct):
    """What a worker has done since its start."""

    enriched: int = 0
    dead: int = 0
    superseded: int = 0
    """Articles of which the enriched topic had this version already, or a newer one."""
    trends: int = 0


class _Raw(msgspec.Struct):
    """As much of a raw article as tells its revision."""

    ingested_at: datetime


class _Batch(NamedTuple):
    events: Sequence[Event]
    chosen: Sequence[int]
    """The positions of the events that are enriched; all others were published before."""
    results: asyncio.Future[Results]


class _New(NamedTuple):
    """A version to publish.

    Attributes:
        value: its record.
        event: what it was made of.
        labels: what is in the record.
        before: the tickers that older versions may count for: also one of the same batch, which a
            worker that crashed may have published.
    """

    value: bytes
    event: Event
    labels: Labels
    before: set[str]


class Enrichment:
    """Takes events of the raw topic and sees each of them through.

    Args:
        pool: does the work.
        publisher: publishes its results.
        latest: what was published before.
        repair: puts right what other workers publish of the same articles.
        partitions: how many each topic has.
        processes: how many batches can be done at the same time.
        counts: is kept up to date.
    """

    def __init__(
        self,
        pool: Pool,
        publisher: Publisher,
        latest: Latest,
        repair: Repair,
        *,
        partitions: int,
        processes: int,
        counts: Counts,
    ) -> None:
        self._pool = pool
        self._publisher = publisher
        self._latest = latest
        self._repair = repair
        self._partitions = partitions
        self._processes = processes
        self._counts = counts
        self._in_hand: deque[_Batch] = deque()
        self._changed = asyncio.Condition()
        self._telling: asyncio.Future[None] | None = None
        self._taking = True
        self._assigned: frozenset[int] = frozenset()
        self._new_partitions: set[int] = set()
        self._assignment = 0

    def assign(self, partitions: Collection[int]) -> None:
        """Takes note of which partitions of the raw topic are ours now."""
        self._assigned = frozenset(partitions)

    async def take(self, events: Sequence[Event]) -> None:
        """Begins with events; returns when there is room for more."""
        assignment = self._assignment
        asked = self._assigned.union(e.message.partition for e in events)
        if unknown := asked.difference(self._latest.partitions):
            await patiently(partial(self._latest.restore, unknown))
            self._new_partitions |= unknown
            if assignment != self._assignment:
                self._latest.forget()
                return  # The partitions may be others' by now; what is ours comes again.
        size = max(1, min(BATCH, -(-len(events) // self._processes)))
        for batch in batches(events, lambda event: len(event.value or b""), most=size):
            async with self._changed:
                await self._changed.wait_for(self._has_room)
                if assignment != self._assignment:
                    return
                chosen = [n for n, event in enumerate(batch) if not self._is_known(event)]
                results = self._pool.submit([batch[n].value or b"" for n in chosen])
                results.add_done_callback(self._tell)
                self._in_hand.append(_Batch(batch, chosen, results))
                self._changed.notify_all()

    def _has_room(self) -> bool:
        """Whether another batch keeps all processes busy, and what waits for Kafka is bounded."""
        doing = sum(not batch.results.done() for batch in self._in_hand)
        most = 2 * self._processes
        return self._taking and doing < most and len(self._in_hand) < most + MOST_DONE

    def _tell(self, _: object) -> None:
        async def tell() -> None:
            async with self._changed:
                self._changed.notify_all()

        self._telling = asyncio.ensure_future(tell())

    async def finish(self) -> None:
        """Publishes and acknowledges what is done, for ever.

        Raises:
            Terminal: something can't be published, or no worker process can start.
        """
        while True:
            assignment = self._assignment
            if new := frozenset(self._new_partitions):
                await patiently(partial(self._repair.begin, new))
                await patiently(self._repair.mend)
                if assignment == self._assignment:
                    self._new_partitions -= new
                else:
                    self._repair.forget()
                continue
            if not await self._until(
                lambda: bool(self._in_hand or self._new_partitions), LOOK_SECONDS
            ):
                await patiently(self._repair.look)
                await patiently(self._repair.mend)
                continue
            if not self._in_hand or assignment != self._assignment:
                continue
            await self._in_hand[0].results
            if assignment == self._assignment:
                done = list(takewhile(lambda batch: batch.results.done(), self._in_hand))
                await self._publish(done, assignment)
                await patiently(self._repair.mend)
            async with self._changed:
                if assignment == self._assignment:
                    for _ in done:
                        self._in_hand.popleft()
                    self._changed.notify_all()

    async def settle(self, seconds: float, *, taking: bool) -> None:
        """Waits for what is in hand, at most so long; then gives it up, unacknowledged.

        Args:
            seconds: the longest time to wait.
            taking: whether further events are taken after it.
        """
        self._taking = False
        if not await self._until(lambda: not self._in_hand, seconds):
            logger.info("%d batches are left to be done again", len(self._in_hand))
        async with self._changed:
            self._in_hand.clear()
            self._assignment += 1
            self._latest.forget()
            self._repair.forget()
            self._new_partitions.clear()
            self._taking = taking
            self._changed.notify_all()

    async def _until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Waits for a condition of what is in hand; whether it came about in time."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(condition)
        except TimeoutError:
            return False
        return True

    def _is_known(self, event: Event) -> bool:
        """Whether this version of the article was published, or a newer one."""
        known = self._latest.get(event.key) if event.key else None
        if known is None:
            return False
        try:
            raw = msgspec.json.decode(event.value or b"", type=_Raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        return revision_of(raw.ingested_at) <= known.revision

    async def _publish(self, done: Sequence[_Batch], assignment: int) -> None:
        new: dict[bytes, _New] = {}
        dead: list[Record] = []
        said: list[Contribution] = []
        for event, result in chain.from_iterable(map(_enriched_events, done)):
            if not isinstance(result, EnrichedRecord):
                dead.append(_letter(event, result.reason, result.message))
                continue
            labels = msgspec.json.decode(result.value, type=Labels)
            key = encode_key(result.id) or b""
            version = _New(result.value, event, labels, set())
            known, other, ahead = self._latest.get(key), new.get(key), self._repair.ahead.get(key)
            if ahead is not None and labels.revision < ahead.revision:
                said += contributions(msgspec.structs.replace(labels, symbols=[]), labels.counted)
                continue
            if known is not None:
                if labels.revision <= known.revision:
                    continue
                version.before.update(known.symbols)
            if other is not None:
                if labels.revision <= other.labels.revision:
                    other.before.update(labels.counted)
                    continue
                version.before.update(other.before, other.labels.counted)
            new[key] = version
        places, too_large = await self._enriched(new)
        dead += too_large
        for version in new.values():
            said += contributions(version.labels, version.before)
        newest_said = {
            (one.symbol, one.id): record(one, self._partitions)
            for one in sorted(said, key=lambda one: one.revision)
        }
        await asyncio.gather(
            self._publisher.publish(CONTRIBUTIONS, list(newest_said.values())),
            self._publisher.publish(ARTICLES_DEAD, [outgoing(letter) for letter in dead]),
        )
        if assignment != self._assignment:
            return
        kept = await self._latest.put(
            [
                (
                    version.event.message.partition,
                    key,
                    Entry(version.labels.revision, *places[key], version.labels.counted),
                )
                for key, version in new.items()
            ]
        )
        if assignment != self._assignment:
            return
        self._repair.published(LATEST, kept)
        for key in new:
            self._repair.ahead.pop(key, None)
        events = [event for batch in done for event in batch.events]
        for event in events:
            event.ack()
        self._counts.enriched += len(new)
        self._counts.dead += len(dead)
        self._counts.superseded += len(events) - len(new) - len(dead)

    async def _enriched(self, new: dict[bytes, _New]) -> tuple[dict[bytes, Place], list[Record]]:
        """Publishes the new versions; those that are too large for the topic leave `new`."""
        too_large: list[Record] = []
        places = {
            key: ahead.place
            for key, version in new.items()
            if (ahead := self._repair.ahead.get(key)) and ahead.revision == version.labels.revision
        }
        while keys := [key for key in new if key not in places]:
            try:
                published = await self._publisher.publish(
                    ARTICLES_ENRICHED, [Outgoing(key, new[key].value) for key in keys]
                )
            except TooLarge as error:
                version = new.pop(keys[error.position])
                too_large.append(_letter(version.event, "record_too_large", str(error)))
            else:
                self._repair.published(ARTICLES_ENRICHED, published)
                places |= zip(keys, published, strict=True)
        return places, too_large


def _enriched_events(batch: _Batch) -> Iterator[tuple[Event, Result | GivenUp]]:
    """The events that were enriched, each with its result."""
    chosen = (batch.events[number] for number in batch.chosen)
    return zip(chosen, batch.results.result(), strict=True)


def outgoing(letter: Record) -> Outgoing:
    """A record of ours as it is published from the event loop."""
    return Outgoing(encode_key(letter.key), letter.value, letter.headers)


def _letter(event: Event, reason: str, explanation: str) -> Record:
    return bury(message(event), error=reason, explanation=explanation, stage="enrich")


def message(event: Event) -> Message:
    """The record that an event carries; Faust has its time in seconds."""
    carried = message_of(event.message)
    return carried._replace(timestamp=round(carried.timestamp * 1000))

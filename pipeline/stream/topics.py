"""Reading a partition from its beginning, to restore the state that is kept in it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from pipeline.log.kafka_client import MAX_REQUEST_BYTES
from pipeline.retry import Trouble, pauses

STOP_SECONDS = 1.0
"""How long the end of a connection is waited for."""

logger = logging.getLogger(__name__)


class Kept(NamedTuple):
    """A record as it stands in a partition."""

    offset: int
    key: bytes | None
    value: bytes | None


class Reader:
    """Reads partitions without being a member of any group."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def end(self, topic: str, partition: int) -> int:
        """The offset that the next record of a partition will have."""
        place = TopicPartition(topic, partition)
        ends: dict[TopicPartition, int] = await self._consumer.end_offsets([place])
        return ends[place]

    async def read(
        self, topic: str, spans: Mapping[int, tuple[int | None, int]]
    ) -> AsyncIterator[tuple[int, list[Kept]]]:
        """The records of partitions, in lists of one partition's.

        Args:
            topic: whose partitions they are.
            spans: for each partition the first offset, None for whatever is the first there, and
                the end, which is the first offset that is not read.
        """
        places = {TopicPartition(topic, number): span for number, span in spans.items()}
        self._consumer.assign(list(places))
        first = [place for place, (start, _) in places.items() if start is None]
        begins = await self._consumer.beginning_offsets(first) if first else {}
        for place, (start, _) in places.items():
            self._consumer.seek(place, begins[place] if start is None else start)
        while left := [
            place
            for place, (_, end) in places.items()
            if await self._consumer.position(place) < end
        ]:
            for place, records in (await self._consumer.getmany(*left, timeout_ms=1000)).items():
                end = places[place][1]
                kept = [Kept(r.offset, r.key, r.value) for r in records if r.offset < end]
                yield place.partition, kept


@asynccontextmanager
async def reader(servers: Sequence[str]) -> AsyncIterator[Reader]:
    """A reader, until the end of the block.

    Raises:
        KafkaError: no broker answers.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=list(servers),
        client_id="newsloom",
        max_partition_fetch_bytes=MAX_REQUEST_BYTES,
        fetch_max_wait_ms=10,  # nothing is read that is not there; a longer wait delays the rest
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        yield Reader(consumer)
    finally:
        # If it is cancelled while it cancels a fetch of partitions that were assigned before,
        # aiokafka's fetcher goes on, and its end is waited for in vain; cancelled again, it ends.
        with suppress(TimeoutError):
            await asyncio.wait_for(consumer.stop(), STOP_SECONDS)


async def patiently(read: Callable[[], Awaitable[None]]) -> None:
    """Does something that reads from Kafka, again and again while no broker answers."""
    waits, trouble = pauses(), Trouble(logger)
    while True:
        try:
            await read()
        except (KafkaError, OSError) as error:
            trouble.waits(f"Kafka: {str(error) or type(error).__name__}")
            await asyncio.sleep(next(waits))
        else:
            return trouble.over()

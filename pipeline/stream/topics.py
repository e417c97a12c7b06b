"""Reading a partition from its beginning, to restore the state that is kept in it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from pipeline.log.kafka_client import MAX_REQUEST_BYTES
from pipeline.retry import Trouble, pauses

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
        self, topic: str, partition: int, start: int | None, end: int
    ) -> AsyncIterator[list[Kept]]:
        """The records from `start`, or the first one, up to but not with offset `end`."""
        place = TopicPartition(topic, partition)
        self._consumer.assign([place])
        if start is None:
            begins = await self._consumer.beginning_offsets([place])
            start = begins[place]
        self._consumer.seek(place, start)
        while await self._consumer.position(place) < end:
            found = await self._consumer.getmany(place, timeout_ms=1000)
            records = found.get(place, [])
            yield [Kept(r.offset, r.key, r.value) for r in records if r.offset < end]


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
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        yield Reader(consumer)
    finally:
        await consumer.stop()


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

"""Reading what is in a partition, on a real broker."""

from __future__ import annotations

import asyncio
import time

from pipeline.article import ARTICLES_ENRICHED
from pipeline.log import Record, messages
from pipeline.log.kafka import KafkaLog
from pipeline.stream.topics import STOP_SECONDS, Kept, reader
from tests.servers.kafka import KafkaBroker
from tests.servers.topics import empty_topics

PARTITIONS = 3


def fill(broker: KafkaBroker) -> list[list[bytes]]:
    """Puts records on a topic; gives the keys of each partition, in order."""
    empty_topics(broker, partitions=PARTITIONS)
    keys: list[list[bytes]] = [[] for _ in range(PARTITIONS)]
    log = KafkaLog([broker.address])
    log.publish(ARTICLES_ENRICHED, [Record(f"a{number}", b"{}") for number in range(300)])
    for message in messages(log, ARTICLES_ENRICHED):
        keys[message.partition].append((message.key or "").encode())
    log.close()
    return keys


def test_partitions_are_read_from_their_first_record_to_a_given_end(
    kafka_broker: KafkaBroker,
) -> None:
    expected = fill(kafka_broker)

    async def read() -> list[list[Kept]]:
        found: list[list[Kept]] = [[] for _ in range(PARTITIONS)]
        async with reader([kafka_broker.address]) as kept:
            ends = [await kept.end(ARTICLES_ENRICHED, number) for number in range(PARTITIONS)]
            assert ends == list(map(len, expected))
            spans = {0: (None, ends[0]), 1: (10, ends[1]), 2: (5, 7)}
            async for number, records in kept.read(ARTICLES_ENRICHED, spans):
                found[number] += records
        return found

    found = asyncio.run(read())
    assert [r.key for r in found[0]] == expected[0]
    assert [r.offset for r in found[1]] == list(range(10, len(expected[1])))
    assert [(r.offset, r.key) for r in found[2]] == list(enumerate(expected[2]))[5:7]


def test_it_ends_at_once_although_other_partitions_were_read_just_now(
    kafka_broker: KafkaBroker,
) -> None:
    first, second = list(map(len, fill(kafka_broker)))[:2]

    async def read() -> float:
        async with reader([kafka_broker.address]) as kept:
            async for _ in kept.read(ARTICLES_ENRICHED, {0: (None, first)}):
                pass
            await asyncio.sleep(0.05)  # until it asks for more, which it is to give up now
            async for _ in kept.read(ARTICLES_ENRICHED, {1: (second, second)}):
                pass
            begin = time.monotonic()
        return time.monotonic() - begin

    for _ in range(3):
        assert asyncio.run(asyncio.wait_for(read(), 30)) < STOP_SECONDS + 1

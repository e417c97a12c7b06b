"""How fast articles get onto Kafka's raw topic, beside a bare kafka-python loop in the same run.

Needs a JDK 17 or newer and Maven, for a broker of its own. Usage: python -m benchmarks.kafka [N]
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

import msgspec
from kafka import KafkaProducer

from benchmarks.storage import timed
from benchmarks.table import show
from pipeline.article import ARTICLES_RAW, Clock, RawArticle, Submission
from pipeline.config import Settings
from pipeline.log.kafka import KafkaLog
from pipeline.log.kafka_topics import setup_topics
from pipeline.log.sqlite import SqliteLog
from pipeline.producer import ProduceCounts, Producer, settled
from pipeline.profiles import load_profiles
from pipeline.sources import Located
from pipeline.sources.generator import generate
from tests.servers.kafka import KafkaBroker

ARTICLES = 20_000
ARTICLE_BYTES = 2000
ROUNDS = 3
PARTITIONS = 6


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ARTICLES
    inputs = articles(count)
    values = encoded(inputs)
    size = sum(len(value) for _, value in values) // count
    with closing(KafkaBroker()) as broker:
        broker.start()
        setup_topics([broker.address], partitions=PARTITIONS, replication=1, retention_days=1)
        # Turns are taken, so that what else the machine does falls on all alike.
        rounds = [
            (bare(broker, values, compressed=False), bare(broker, values, compressed=True),
             through_newsloom(KafkaLog([broker.address]), inputs), embedded(inputs))
            for _ in range(ROUNDS)
        ]  # fmt: skip
    plain, zstd, ours, sqlite = (
        count / statistics.median(seconds) for seconds in zip(*rounds, strict=True)
    )
    show(
        f"produce: {count:,} articles of {size:,} bytes, one broker, median of {ROUNDS} rounds",
        ("way", "articles/s", "of the bare loop"),
        [
            ("bare kafka-python loop, encoded before", plain, 1.0),
            ("the same, compressed (zstd)", zstd, zstd / plain),
            ("newsloom: settled, encoded, durable, compressed", ours, ours / plain),
            ("newsloom, embedded log", sqlite, sqlite / plain),
        ],
    )


def articles(count: int) -> list[Located]:
    """Synthetic articles whose records have about 2 KB."""
    words = " ".join(article.body for article in generate(200, 1)).split()
    pick = random.Random(0)
    inputs = []
    for number in range(count):
        begin = pick.randrange(len(words) - 400)
        body = " ".join(words[begin : begin + 400])[: ARTICLE_BYTES - 200]
        article = Submission(body=body, source="wire", id=f"{number:08}", title=body[:40])
        inputs.append(Located(article, "-", None))
    return inputs


def encoded(inputs: Iterable[Located]) -> list[tuple[bytes, bytes]]:
    """Keys and values as the producer makes them, for a loop that only sends."""
    clock, profiles, settings = Clock(), load_profiles(), Settings()
    found = (settled(located, settings, profiles, clock) for located in inputs)
    return [
        (raw.id.encode(), msgspec.json.encode(raw)) for raw in found if isinstance(raw, RawArticle)
    ]


def bare(broker: KafkaBroker, values: Sequence[tuple[bytes, bytes]], *, compressed: bool) -> float:
    """Seconds of the obvious loop: send each, flush at the end; acks=all is the default."""
    producer = KafkaProducer(
        bootstrap_servers=broker.address, compression_type="zstd" if compressed else None
    )

    def run() -> None:
        for key, value in values:
            producer.send(ARTICLES_RAW, key=key, value=value)
        producer.flush()

    seconds = timed(run)
    producer.close()
    return seconds


def embedded(inputs: Sequence[Located]) -> float:
    """Seconds of newsloom's producer into SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        return through_newsloom(SqliteLog(Path(folder) / "log.db"), inputs)


def through_newsloom(log: KafkaLog | SqliteLog, inputs: Sequence[Located]) -> float:
    """Seconds of newsloom's producer: what it counts as accepted is acknowledged."""
    counts = ProduceCounts()
    producer = Producer(log, Settings(), load_profiles(), counts, print)
    seconds = timed(lambda: producer.produce(inputs))
    assert counts.accepted == len(inputs), counts
    log.close()
    return seconds


if __name__ == "__main__":
    main()

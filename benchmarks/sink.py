"""How fast the sink writes documents, beside the client's own bulk helpers in the obvious loop.

Needs a JDK 21 or newer and Maven, for servers of its own. Broker, index and sink share the
machine's processors. Usage: python -m benchmarks.sink [DOCUMENTS [ROUNDS]]
"""

from __future__ import annotations

import json
import statistics
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from typing import Any

import msgspec
from elasticsearch import Elasticsearch
from elasticsearch.helpers import parallel_bulk, streaming_bulk
from kafka import KafkaAdminClient, KafkaConsumer

from benchmarks.corpus import enriched
from benchmarks.storage import batches, timed
from benchmarks.table import show
from pipeline.article import ARTICLES_ENRICHED
from pipeline.config import Settings
from pipeline.index.elasticsearch.client import ALIAS, connect
from pipeline.log import Record
from pipeline.log.kafka import KafkaLog
from pipeline.log.kafka_client import servers_of
from pipeline.sink import GROUP, Sink
from tests.servers.elasticsearch import ElasticsearchNode
from tests.servers.indices import empty_index
from tests.servers.kafka import KafkaBroker
from tests.servers.topics import empty_topics

DOCUMENTS = 20_000
DOCUMENT_BYTES = 2_500
ROUNDS = 3
PARTITIONS = 6

Way = Callable[[Settings, int], None]


class OrdinaryNode(ElasticsearchNode):
    """A node that compiles as servers do, where tests rather start soon."""

    def environment(self) -> Mapping[str, str]:
        """See `ServerProcess.environment`."""
        return {**super().environment(), "ES_JAVA_OPTS": "-Xms1g -Xmx1g"}


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else DOCUMENTS
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else ROUNDS
    with closing(KafkaBroker()) as broker, closing(OrdinaryNode()) as node:
        broker.start()
        node.start()
        empty_topics(broker, partitions=PARTITIONS)
        settings = Settings(log=broker.url, index=node.url)
        size = fill(settings, count)

        def seconds(way: Way) -> float:
            empty_index(node)
            forget(broker)
            taken = timed(lambda: way(settings, count))
            check(settings, count)
            return taken

        ways = {
            "streaming_bulk in the obvious loop": obvious(streaming_bulk),
            "parallel_bulk in the obvious loop": obvious(parallel_bulk),
            "newsloom sink": ours,
        }
        # Before that the server interprets its code; then turns are taken, so that what else the
        # machine does falls on all alike.
        seconds(ours)
        taken = [[seconds(way) for way in ways.values()] for _ in range(rounds)]
    speeds = [count / statistics.median(times) for times in zip(*taken, strict=True)]
    show(
        f"sink: {count:,} records of {size:,} bytes, one node, median of {rounds} rounds",
        ("way", "documents/s", "of streaming_bulk", "of parallel_bulk"),
        [(name, speed, speed / speeds[0], speed / speeds[1])
         for name, speed in zip(ways, speeds, strict=True)],
    )  # fmt: skip


def fill(settings: Settings, count: int) -> int:
    """Fills the enriched topic; gives the mean size of a record in bytes."""
    log, size = KafkaLog(servers_of(settings.log)), 0
    for batch in batches(enriched(count), 1000):
        records = []
        for article in batch:
            over = len(msgspec.json.encode(article)) - DOCUMENT_BYTES
            cut = msgspec.structs.replace(article, text=article.text[: -over if over > 0 else None])
            records.append(Record(cut.id, msgspec.json.encode(cut)))
        size += sum(len(record.value) for record in records)
        log.publish(ARTICLES_ENRICHED, records)
    log.close()
    return size // count


def forget(broker: KafkaBroker) -> None:
    """Removes the commits of the last run."""
    with KafkaAdminClient(bootstrap_servers=broker.address) as admin:
        if groups := [group["group_id"] for group in admin.list_groups()]:
            admin.delete_groups(groups)


def check(settings: Settings, count: int) -> None:
    """Makes sure that all documents are there."""
    with connect(settings) as client:
        client.indices.refresh(index=ALIAS)
        assert client.count(index=ALIAS)["count"] == count


def ours(settings: Settings, count: int) -> None:
    sink = Sink(settings)
    sink.run(drain=True)
    assert (sink.counts.indexed, sink.counts.dead) == (count, 0)


def obvious(helper: Callable[..., Iterable[Any]]) -> Way:
    """The loop that comes to mind: decode each record, hand it to a helper, commit at the end."""

    def run(settings: Settings, count: int) -> None:
        consumer = KafkaConsumer(
            ARTICLES_ENRICHED,
            bootstrap_servers=servers_of(settings.log),
            group_id=GROUP,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )

        def actions() -> Iterator[dict[str, Any]]:
            for _, record in zip(range(count), consumer, strict=False):
                article = json.loads(record.value)
                yield {"_index": ALIAS, "_id": article["id"], "_source": article}

        with client_of(settings) as client:
            deque(helper(client, actions()), maxlen=0)
        consumer.commit()
        consumer.close()

    return run


def client_of(settings: Settings) -> Elasticsearch:
    return Elasticsearch(settings.index)


if __name__ == "__main__":
    main()

"""How fast the sink writes documents, beside the client's own bulk helpers in the obvious loop.

Needs a JDK 21 or newer and Maven, for servers of its own. Broker, index and sink share the
machine's processors. Usage: python -m benchmarks.sink [DOCUMENTS [ROUNDS]]
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from typing import Any, NamedTuple

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


class Run(NamedTuple):
    """What a run took: seconds, and of these the processors' in this process and in the node."""

    seconds: float
    client: float
    node: float


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else DOCUMENTS
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else ROUNDS
    with closing(KafkaBroker()) as broker, closing(OrdinaryNode()) as node:
        broker.start()
        node.start()
        empty_topics(broker, partitions=PARTITIONS)
        settings = Settings(log=broker.url, index=node.url)
        size = fill(settings, count)

        def run(way: Way) -> Run:
            empty_index(node)
            forget(broker)
            client, server = time.process_time(), processor_seconds(settings)
            seconds = timed(lambda: way(settings, count))
            used = time.process_time() - client
            found = Run(seconds, used, processor_seconds(settings) - server)
            check(settings, count)
            return found

        ways: dict[str, Way] = {
            "streaming_bulk in the obvious loop": obvious(streaming_bulk),
            "parallel_bulk in the obvious loop": obvious(parallel_bulk),
            "newsloom sink": ours,
        }
        # Until then the server interprets its code; after that turns are taken, so that what else
        # the machine does falls on all alike.
        run(ours)
        runs = [[run(way) for way in ways.values()] for _ in range(rounds)]
    medians = [
        Run(*(statistics.median(values) for values in zip(*found, strict=True)))
        for found in zip(*runs, strict=True)
    ]
    streaming, parallel, _ = (median.seconds for median in medians)
    show(
        f"sink: {count:,} records of {size:,} bytes, median of {rounds} rounds",
        ("way", "documents/s", "of streaming_bulk", "of parallel_bulk", "ms of client", "of node"),
        [
            (
                name,
                count / median.seconds,
                streaming / median.seconds,
                parallel / median.seconds,
                median.client / count * 1000,
                median.node / count * 1000,
            )
            for name, median in zip(ways, medians, strict=True)
        ],
    )


def processor_seconds(settings: Settings) -> float:
    """What the node has used of its processors."""
    with connect(settings) as client:
        (node,) = client.nodes.stats(metric="process")["nodes"].values()
    return float(node["process"]["cpu"]["total_in_millis"]) / 1000


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

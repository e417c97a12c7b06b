"""The distributed pipeline, raw topic to Elasticsearch: articles/s, latency, lag of the event loop.

Needs a JDK 21 or newer and Maven, for servers of its own. Broker, index, worker, sink and the clock
share the machine's processors. Usage: python -m benchmarks.pipeline [ARTICLES [SECONDS]]
"""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import cache

import msgspec

from benchmarks.sink import OrdinaryNode
from benchmarks.table import show
from pipeline.article import ARTICLES_ENRICHED, ARTICLES_RAW, Clock, RawArticle, Submission, settle
from pipeline.config import Settings
from pipeline.index import open_index
from pipeline.index.elasticsearch.client import ALIAS, connect
from pipeline.log import Record
from pipeline.log.kafka import KafkaLog, committed_and_end
from pipeline.log.kafka_client import servers_of
from pipeline.maintenance import ENRICHERS
from pipeline.sink import GROUP
from pipeline.sources.generator import generate
from pipeline.stream.worker import Worker
from tests.faults.cluster import NEWSLOOM, PARTITIONS, STUB
from tests.servers.indices import empty_index
from tests.servers.kafka import KafkaBroker
from tests.servers.topics import empty_topics

ARTICLES = 600
SECONDS = 40.0
WITHOUT = 20
"""So many times as many articles where nothing is enriched."""

LOOK_SECONDS = 0.05
WATCHED = 20
FIRST = 60


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ARTICLES
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS
    with closing(KafkaBroker()) as broker, closing(OrdinaryNode()) as node:
        broker.start()
        node.start()
        settings = Settings(log=broker.url, index=node.url)

        def fresh() -> None:
            empty_topics(broker, partitions=PARTITIONS)
            empty_index(node)

        fresh()
        enriching = throughput(settings, [*NEWSLOOM, "worker"], articles(count))
        fresh()
        passing = throughput(settings, STUB, articles(WITHOUT * count))
        show(
            "raw topic → enrich → enriched topic → Elasticsearch, from a standing start",
            ("way", "articles", "articles/s"),
            [
                ("enrichment on", count, enriching),
                ("enrichment off: labels cost nothing", WITHOUT * count, passing),
            ],
        )
        rows = []
        for name, command, rate in (
            ("enrichment on", [*NEWSLOOM, "worker"], enriching / 2),
            ("enrichment off", STUB, min(passing / 2, 200.0)),
        ):
            fresh()
            found = latencies(settings, command, articles(int(rate * seconds)), rate)
            cuts = statistics.quantiles(found, n=100)
            rows.append((name, rate, cuts[49], cuts[98], max(found)))
        show(
            "produced → searchable, at half load; the index refreshes every second",
            ("way", "articles/s", "p50 s", "p99 s", "most s"),
            rows,
        )
        fresh()
        lags = loop_lags(settings, articles(count // 2))
        cuts = statistics.quantiles(lags, n=100)
        show(
            "lag of the worker's event loop under full load",
            ("samples", "p50 ms", "p99 ms", "most ms"),
            [(len(lags), cuts[49] * 1000, cuts[98] * 1000, max(lags) * 1000)],
        )


def articles(count: int) -> list[RawArticle]:
    """Synthetic articles of realistic length, some 330 words."""
    clock = Clock()
    return [
        settle(article, source="wire", clock=clock, max_body_bytes=1_000_000)
        for article in generate(count, 1)
    ]


def throughput(settings: Settings, worker: Sequence[str], inputs: Sequence[RawArticle]) -> float:
    """Articles/s from the first that a running worker finds to the last that can be searched."""
    with processes(settings, worker):
        begun = time.perf_counter()
        publish(settings, inputs)
        index = open_index(settings)
        while index.count() < FIRST + len(inputs):
            time.sleep(LOOK_SECONDS)
        return len(inputs) / (time.perf_counter() - begun)


def latencies(
    settings: Settings, worker: Sequence[str], inputs: Sequence[RawArticle], rate: float
) -> list[float]:
    """Seconds from an article's publication, acknowledged, until a search finds it.

    At most WATCHED articles a second are looked for: the index has other work to do.
    """
    published: dict[str, float] = {}
    found: dict[str, float] = {}
    watched = {article.id for article in inputs[:: max(1, round(rate / WATCHED))]}

    def feed() -> None:
        begun = time.perf_counter()
        for number, article in enumerate(inputs):
            time.sleep(max(0.0, begun + number / rate - time.perf_counter()))
            publish(settings, [article])
            if article.id in watched:
                published[article.id] = time.perf_counter()

    with processes(settings, worker), connect(settings) as client:
        feeder = threading.Thread(target=feed)
        feeder.start()
        while len(found) < len(watched):
            missing = [article_id for article_id in list(published) if article_id not in found]
            answer = client.search(
                index=ALIAS, query={"ids": {"values": missing}}, size=10_000, source=False
            )
            now = time.perf_counter()
            found |= {hit["_id"]: now - published[hit["_id"]] for hit in answer["hits"]["hits"]}
            time.sleep(LOOK_SECONDS)
    return list(found.values())


def loop_lags(settings: Settings, inputs: Sequence[RawArticle]) -> list[float]:
    """How late the event loop of a worker, here, comes to what is due every ten milliseconds."""
    lags: list[float] = []

    async def work() -> None:
        worker = Worker(settings)
        watching = asyncio.create_task(watch())
        await worker.work()
        watching.cancel()

    async def watch() -> None:
        while True:
            due = time.perf_counter() + 0.01
            await asyncio.sleep(0.01)
            lags.append(time.perf_counter() - due)

    def stop() -> None:
        while lag(settings, ARTICLES_RAW, ENRICHERS):
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    publish(settings, inputs)
    threading.Thread(target=stop).start()
    asyncio.run(work())
    return lags


def publish(settings: Settings, inputs: Sequence[RawArticle]) -> None:
    """Puts articles on the raw topic, acknowledged on return."""
    log = _log(settings)
    log.publish(ARTICLES_RAW, [Record(raw.id, msgspec.json.encode(raw)) for raw in inputs])


@cache
def _log(settings: Settings) -> KafkaLog:
    return KafkaLog(servers_of(settings.log_url))


def lag(settings: Settings, topic: str, group: str) -> int:
    """Records of a topic that a group has not committed."""
    places = [(topic, number) for number in range(PARTITIONS)]
    committed, end = committed_and_end(servers_of(settings.log_url), group, places)
    return end - committed


@contextmanager
def processes(settings: Settings, worker: Sequence[str]) -> Iterator[None]:
    """A worker and a sink that have begun: articles of their own have gone through.

    So many that each process of the worker has had some: a process takes seconds to load.
    """
    environment = os.environ | {
        "NEWSLOOM_LOG": settings.log,
        "NEWSLOOM_INDEX": settings.index,
        "STUB_SECONDS": "0",
    }
    with ExitStack() as stack:
        for command in (worker, [*NEWSLOOM, "sink"]):
            process = subprocess.Popen(
                command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            stack.callback(process.wait)
            stack.callback(process.terminate)
        index = open_index(settings)
        clock = Clock()
        for number in range(FIRST):
            body = f"Something happened in Tokyo on day {number}."
            first = Submission(body=body, id=f"first-{number}")
            publish(settings, [settle(first, source="wire", clock=clock, max_body_bytes=1000)])
            time.sleep(0.1)
        while index.count() < FIRST:
            time.sleep(LOOK_SECONDS)
        yield
        while lag(settings, ARTICLES_ENRICHED, GROUP):
            time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    main()

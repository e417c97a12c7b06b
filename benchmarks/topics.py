"""How often topics are right and how many are found: python -m benchmarks.topics

The passages are short, and each stands with all its topics. Phrases were made by the tuning part.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.table import show
from pipeline.enrich.topics import find_topics

PASSAGES = Path(__file__).parents[1] / "tests" / "enrich" / "data" / "topics_passages.tsv"


class Passage(NamedTuple):
    """A passage; its topics, and those that may be given to it or not."""

    topics: frozenset[str]
    possible: frozenset[str]
    title: str
    text: str


class Quality(NamedTuple):
    """Over all labels of all passages; `exact` counts passages that have theirs and no other."""

    labels: int
    precision: float
    recall: float
    exact: int


def load(part: str) -> list[Passage]:
    """The passages of a part, tuning or frozen."""
    passages = []
    for line in PASSAGES.read_text("utf-8").splitlines():
        if line.startswith(f"{part}\t"):
            _, labels, title, text = line.split("\t")
            topics = [label for label in labels.split(",") if label != "-"]
            possible = frozenset(topic[1:] for topic in topics if topic.startswith("?"))
            sure = frozenset(topic for topic in topics if not topic.startswith("?"))
            passages.append(Passage(sure, possible, title, text))
    return passages


def measure(passages: Sequence[Passage]) -> Quality:
    """How good the topics are that the pipeline gives."""
    labels = given = right = exact = 0
    for passage in passages:
        found = set(find_topics(passage.title, passage.text)) - passage.possible
        labels += len(passage.topics)
        given += len(found)
        right += len(found & passage.topics)
        exact += found == passage.topics
    return Quality(labels, right / given, right / labels, exact)


def main() -> None:
    """Prints the table."""
    rows = []
    for part in ("tuning", "frozen"):
        passages = load(part)
        rows.append((part, len(passages), *measure(passages)))
    show(
        "Topics of short passages",
        ("", "passages", "labels", "precision", "recall", "exact passages"),
        rows,
    )


if __name__ == "__main__":
    main()

"""How often a target gets the label that its sentence gives it: python -m benchmarks.targets

The sentences name two or more targets. Rules were made by the tuning half alone.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from benchmarks.table import show
from pipeline.article import Entity, Mention, SentimentLabel
from pipeline.enrich.sentiment.measured import attach, open_model
from pipeline.enrich.sentiment.model import SentimentModel

SENTENCES = Path(__file__).parents[1] / "tests" / "enrich" / "data" / "targets.jsonl"

Labels = Sequence[SentimentLabel]


def load(half: str) -> list[dict[str, Any]]:
    """The sentences of a half, tuning or frozen."""
    rows = [json.loads(line) for line in SENTENCES.read_text("utf-8").splitlines()]
    return [row for row in rows if row["half"] == half]


def labels(model: SentimentModel, text: str, targets: Sequence[str]) -> list[SentimentLabel]:
    """What the pipeline says of some targets that a sentence names."""
    entities = [_entity(text, target) for target in targets]
    attach(model, {"text": text}, {"text": [(0, len(text))]}, entities, [])
    return [entity.sentiment.label for entity in entities if entity.sentiment]


def answers(model: SentimentModel, rows: Sequence[dict[str, Any]]) -> list[SentimentLabel]:
    """What it says of all targets of some sentences."""
    return [label for row in rows for label in labels(model, row["text"], list(row["targets"]))]


def whole(model: SentimentModel, rows: Sequence[dict[str, Any]]) -> list[SentimentLabel]:
    """What it says of the sentences as wholes, for each of their targets."""
    found: list[SentimentLabel] = []
    for row in rows:
        text = row["text"]
        sentiment = attach(model, {"text": text}, {"text": [(0, len(text))]}, [], [])
        found += [sentiment.label] * len(row["targets"])
    return found


def truth(rows: Sequence[dict[str, Any]]) -> list[SentimentLabel]:
    """The right answers."""
    return [label for row in rows for label in row["targets"].values()]


def accuracy(right: Labels, given: Labels) -> float:
    """The share of right answers."""
    return sum(map(str.__eq__, right, given)) / len(right)


def macro_f1(right: Labels, given: Labels) -> float:
    """The mean F1 of the three labels."""
    return sum(_f1(label, right, given) for label in get_args(SentimentLabel)) / 3


def _f1(label: SentimentLabel, right: Labels, given: Labels) -> float:
    both = sum(one == two == label for one, two in zip(right, given, strict=True))
    return 2 * both / (right.count(label) + given.count(label))


def _entity(text: str, name: str) -> Entity:
    mentions = [
        Mention(field="text", start=match.start(), end=match.end(), text=name)
        for match in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", text)
    ]
    return Entity(type="organization", id=name, name=name, count=len(mentions), mentions=mentions)


def main() -> None:
    """Prints the table."""
    halves = [load(half) for half in ("tuning", "frozen")]
    rights = [truth(rows) for rows in halves]
    commonest = Counter(rights[0]).most_common(1)[0][0]
    table: list[tuple[str, list[list[SentimentLabel]]]] = [
        ("commonest label", [[commonest] * len(right) for right in rights])
    ]
    for name in ("lexicon", "fast", "accurate"):
        model = open_model(name)
        table += [
            (f"{name}, whole sentence", [whole(model, rows) for rows in halves]),
            (f"{name}, what is about the target", [answers(model, rows) for rows in halves]),
        ]
    show(
        f"{sum(map(len, halves))} sentences, {sum(map(len, rights))} targets",
        ("", "tuning: accuracy", "macro-F1", "frozen: accuracy", "macro-F1"),
        [
            (
                name,
                *(
                    figure(right, given)
                    for right, given in zip(rights, found, strict=True)
                    for figure in (accuracy, macro_f1)
                ),
            )
            for name, found in table
        ],
    )


if __name__ == "__main__":
    main()

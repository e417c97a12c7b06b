"""Labelled texts, and how good a model's answers to them are."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.article import SentimentLabel
from pipeline.enrich.sentiment.model import LABELS, Floats
from pipeline.errors import ConfigurationError

FOLDS = 5
FEWEST_TEXTS = 100

_CODES: dict[str, SentimentLabel] = {"0": "negative", "1": "positive", "2": "neutral"}


class Labelled(NamedTuple):
    """A text and the label that people gave it."""

    text: str
    label: SentimentLabel


class Quality(NamedTuple):
    """How good answers are.

    Attributes:
        accuracy: the share of right ones.
        macro_f1: the mean of the labels' F1.
        calibration_error: the mean distance of confidence and accuracy, over ten equal bins
            (Naeini, Cooper, Hauskrecht, "Obtaining well calibrated probabilities", 2015).
    """

    accuracy: float
    macro_f1: float
    calibration_error: float


class Trained(NamedTuple):
    """What training gives.

    Attributes:
        model: the file that NEWSLOOM_SENTIMENT can name.
        held: which texts models that did not know them answered to (texts,).
        chances: their answers, the probabilities of `LABELS` (held texts, 3).
        how: the way in which texts were held out, for people.
    """

    model: bytes
    held: npt.NDArray[np.bool_]
    chances: Floats
    how: str


def read_labelled(path: Path) -> list[Labelled]:
    """The rows of a CSV file with the columns text and label (0 negative, 1 positive, 2 neutral).

    Raises:
        ConfigurationError: there is no such file, or it is another one.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [
                Labelled(row["text"], _CODES.get(row["label"]) or _label(row["label"]))
                for row in csv.DictReader(file)
            ]
    except (OSError, KeyError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(
            f"{path}: expected a CSV file with the columns text and label"
            f" (0 or negative, 1 or positive, 2 or neutral): {error}"
        ) from error


def _label(name: str | None) -> SentimentLabel:
    for label in LABELS:
        if name == label:
            return label
    raise KeyError(name)


def folds(count: int) -> npt.NDArray[np.intp]:
    """The fold of each of so many texts (count,), 0 to `FOLDS` − 1, spread over their order."""
    return np.arange(count) * 7919 % FOLDS


def check(rows: Sequence[Labelled]) -> None:
    """Whether a model can be fitted to rows.

    Raises:
        ConfigurationError: there are too few, or none of some label.
    """
    if len(rows) < FEWEST_TEXTS or {row.label for row in rows} != set(LABELS):
        raise ConfigurationError(f"training takes {FEWEST_TEXTS} texts, some of each label")


def quality(truth: Sequence[SentimentLabel], chances: Floats) -> Quality:
    """How good probabilities of `LABELS` are (texts, 3), by the labels that people gave."""
    right = np.array([LABELS.index(label) for label in truth])
    given, confidence = chances.argmax(axis=1), chances.max(axis=1)
    scores = []
    for label in range(len(LABELS)):
        hits = int(((given == label) & (right == label)).sum())
        scores.append(2 * hits / max(1, int((given == label).sum() + (right == label).sum())))
    bins = np.minimum((confidence * 10).astype(int), 9)
    error = sum(
        abs(float((given == right)[bins == each].sum() - confidence[bins == each].sum()))
        for each in range(10)
    )
    return Quality(float((given == right).mean()), sum(scores) / len(scores), error / len(right))

"""`newsloom train`: fits the models that ship with newsloom, anew or on other data."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.article import SentimentLabel
from pipeline.enrich.fast_sentiment import (
    EVIDENCE_WEIGHT,
    FastModel,
    Terms,
    Weights,
    normalized,
)
from pipeline.enrich.lexicon import LexiconModel, split_words
from pipeline.enrich.sentiment_model import LABELS
from pipeline.errors import ConfigurationError

FOLDS = 5
FEWEST_TEXTS = 100
LEAST_OFTEN = 2
"""A word or a pair that fewer texts have is not looked at."""

PENALTY = 4.0
"""The inverse strength of the L2 penalty; cross-validation is flat from 2 to 16."""

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


class Report(NamedTuple):
    """What training gives: the weights, and the quality on texts that were left out of it."""

    weights: Weights
    texts: int
    quality: Quality


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


def train_sentiment(rows: Sequence[Labelled]) -> Report:
    """Fits the model `fast` to texts, and cross-validates it. The same rows give the same weights.

    Raises:
        ConfigurationError: there are too few rows, or scikit-learn is not installed.
    """
    if len(rows) < FEWEST_TEXTS or {row.label for row in rows} != set(LABELS):
        raise ConfigurationError(f"training takes {FEWEST_TEXTS} texts, some of each label")
    fold = np.arange(len(rows)) * 7919 % FOLDS
    chances = np.empty((len(rows), len(LABELS)), np.float32)
    for number in range(FOLDS):
        weights = fit([row for row, of in zip(rows, fold, strict=True) if of != number])
        held = np.flatnonzero(fold == number).tolist()
        chances[held] = FastModel(weights).chances([rows[index].text for index in held])
    return Report(fit(rows), len(rows), quality([row.label for row in rows], chances))


def fit(rows: Sequence[Labelled]) -> Weights:
    """The weights that fit rows best.

    Raises:
        ConfigurationError: scikit-learn is not installed.
    """
    try:
        from scipy.sparse import csr_matrix, hstack
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise ConfigurationError(
            "training needs scikit-learn: pip install 'newsloom[train]'"
        ) from error
    lexicon = LexiconModel()
    split = [split_words(row.text) for row in rows]
    texts = [normalized(words) for words in split]
    words, pairs = _counted(texts)
    terms = Terms(words, pairs)
    columns, values, ends = [], [], [0]
    for text in texts:
        found = sorted(terms(text))
        columns += found
        values += [max(1, len(found)) ** -0.5] * len(found)
        ends.append(len(columns))
    shape = (len(rows), len(words) + len(pairs))
    evidence = EVIDENCE_WEIGHT * np.array([lexicon.evidence_of(words) for words in split])
    features = hstack([csr_matrix((values, columns, ends), shape=shape), csr_matrix(evidence)])
    model = LogisticRegression(C=PENALTY, max_iter=1000)
    model.fit(features.tocsr(), [LABELS.index(row.label) for row in rows])
    coefficients = model.coef_.T.astype(np.float32)
    return Weights(
        words,
        pairs,
        coefficients[: shape[1]],
        EVIDENCE_WEIGHT * coefficients[shape[1] :],
        model.intercept_.astype(np.float32),
    )


def _counted(texts: Sequence[Sequence[str]]) -> tuple[list[str], npt.NDArray[np.int32]]:
    """The words and the pairs of words that are in enough texts, in order."""
    in_texts = Counter(word for text in texts for word in set(text))
    words = sorted(word for word, count in in_texts.items() if count >= LEAST_OFTEN)
    numbers = {word: number for number, word in enumerate(words)}
    of_pairs = Counter(pair for text in texts for pair in set(pairwise(text)))
    pairs = sorted(
        (numbers[first], numbers[second])
        for (first, second), count in of_pairs.items()
        if count >= LEAST_OFTEN
    )
    return words, np.array(pairs, np.int32).reshape(-1, 2)


def quality(truth: Sequence[SentimentLabel], chances: npt.NDArray[np.float32]) -> Quality:
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

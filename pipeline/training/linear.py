"""Fits the sentiment model `fast`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.enrich.sentiment.accurate import AccurateModel
from pipeline.enrich.sentiment.fast import (
    EVIDENCE_WEIGHT,
    RATING_STEP,
    FastModel,
    Ratings,
    Terms,
    Weights,
    normalized,
)
from pipeline.enrich.sentiment.lexicon import Evidence, LexiconModel, split_words
from pipeline.enrich.sentiment.model import LABELS, Floats
from pipeline.errors import ConfigurationError
from pipeline.training.labelled import FOLDS, Labelled, Trained, check, folds

LEAST_OFTEN = 2
"""A word or a pair that fewer texts have is not looked at."""

RATING_WEIGHT = 0.1
"""Ratings are some units of log-odds, and dense: they count so much less in the penalty."""

SETTINGS = ("shares {}", "company {} report")
"""In which the teacher is asked about a word: alone, most words are neutral to it."""

PENALTY = 4.0
"""The inverse strength of the L2 penalty; cross-validation is flat from 2 to 16."""


class Rated(NamedTuple):
    """Words with what a better model says of them, as `Weights` has them."""

    words: list[str]
    ratings: npt.NDArray[np.int8]


def train(rows: Sequence[Labelled], teacher: AccurateModel | None = None) -> Trained:
    """The model `fast` for rows, cross-validated. The same rows give the same model.

    Args:
        rows: the texts.
        teacher: a better model that rates words. If it knows the rows itself, cross-validation
            looks a little better than it should.

    Raises:
        ConfigurationError: there are too few rows, or scikit-learn is not installed.
    """
    check(rows)
    rated = rate(rows, teacher) if teacher else None
    fold = folds(len(rows))
    chances = np.empty((len(rows), len(LABELS)), np.float32)
    for number in range(FOLDS):
        weights = fit([row for row, of in zip(rows, fold, strict=True) if of != number], rated)
        held = np.flatnonzero(fold == number).tolist()
        chances[held] = FastModel(weights).chances([rows[index].text for index in held])
    everywhere = np.ones(len(rows), np.bool_)
    model = fit(rows, rated).to_bytes()
    return Trained(model, everywhere, chances, f"{FOLDS}-fold cross-validation")


def rate(rows: Sequence[Labelled], teacher: AccurateModel) -> Rated:
    """The words of texts and of the teacher's vocabulary, with what it says of each.

    That is the mean of the log-odds of positive and of negative against neutral, over what it
    answers to the word in each of `SETTINGS`, above the mean of all words.
    """
    words = {word for row in rows for word in normalized(split_words(row.text))}
    words |= set(teacher.vocabulary)
    asked = sorted(word for word in words if word.isalpha() and len(word) > 2)
    odds = np.zeros((len(asked), 2), np.float32)
    for setting in SETTINGS:
        logs = np.log(teacher.chances([setting.format(word) for word in asked]))
        odds += (logs[:, [0, 2]] - logs[:, [1]]) / len(SETTINGS)
    odds -= odds.mean(axis=0)
    return Rated(asked, np.clip(np.round(odds / RATING_STEP), -127, 127).astype(np.int8))


def fit(rows: Sequence[Labelled], rated: Rated | None = None) -> Weights:
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
    rated = rated or Rated([], np.empty((0, 2), np.int8))
    dense = np.hstack(
        [
            EVIDENCE_WEIGHT * np.array([lexicon.evidence_of(words) for words in split]),
            RATING_WEIGHT * Ratings(*rated)(texts),
        ]
    )
    features = hstack([csr_matrix((values, columns, ends), shape=shape), csr_matrix(dense)])
    model = LogisticRegression(C=PENALTY, max_iter=1000)
    model.fit(features.tocsr(), [LABELS.index(row.label) for row in rows])
    coefficients: Floats = model.coef_.T.astype(np.float32)
    last = shape[1] + len(Evidence._fields)
    return Weights(
        words,
        pairs,
        coefficients[: shape[1]],
        EVIDENCE_WEIGHT * coefficients[shape[1] : last],
        model.intercept_.astype(np.float32),
        rated.words,
        rated.ratings,
        RATING_WEIGHT * coefficients[last:],
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

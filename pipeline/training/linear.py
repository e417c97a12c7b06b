"""Fits the sentiment model `fast`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

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
from pipeline.training.labelled import FOLDS, Labelled, Trained, check, folds

LEAST_OFTEN = 2
"""A word or a pair that fewer texts have is not looked at."""

PENALTY = 4.0
"""The inverse strength of the L2 penalty; cross-validation is flat from 2 to 16."""


def train(rows: Sequence[Labelled]) -> Trained:
    """The model `fast` for rows, cross-validated. The same rows give the same model.

    Raises:
        ConfigurationError: there are too few rows, or scikit-learn is not installed.
    """
    check(rows)
    fold = folds(len(rows))
    chances = np.empty((len(rows), len(LABELS)), np.float32)
    for number in range(FOLDS):
        weights = fit([row for row, of in zip(rows, fold, strict=True) if of != number])
        held = np.flatnonzero(fold == number).tolist()
        chances[held] = FastModel(weights).chances([rows[index].text for index in held])
    everywhere = np.ones(len(rows), np.bool_)
    return Trained(fit(rows).to_bytes(), everywhere, chances, f"{FOLDS}-fold cross-validation")


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

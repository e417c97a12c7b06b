"""Fits the constants of pipeline/enrich/sentiment/lexicon.py: python -m training.lexicon DATA.csv

DATA.csv has columns text and label (0 negative, 1 positive, 2 neutral), as "Twitter Financial News
Sentiment" (MIT licence) has. Only its tuning half is read; benchmarks/sentiment.py reports the
other one. Prints the constants and the accuracy of five-fold cross-validation.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.sentiment import certain, is_frozen
from pipeline.enrich.sentiment.lexicon import LexiconModel
from pipeline.enrich.sentiment.model import LABELS
from pipeline.training.labelled import quality, read_labelled

_FOLDS = 5
_STEPS, _RATE, _RIDGE = 3000, 0.5, 1e-4

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.intp]


def main(path: Path) -> None:
    """Prints the weights of positive and negative against neutral, and their cross-validation."""
    rows = [row for row in read_labelled(path) if not is_frozen(row.text)]
    model = LexiconModel()
    features = np.array([(1.0, *model.evidence(row.text)) for row in rows])
    labels = np.array([LABELS.index(row.label) for row in rows])
    folds = np.arange(len(rows)) * 7919 % _FOLDS
    predicted = np.empty_like(labels)
    for fold in range(_FOLDS):
        weights = _fit(features[folds != fold], labels[folds != fold])
        predicted[folds == fold] = (features[folds == fold] @ weights).argmax(axis=1)
    answers = certain([LABELS[index] for index in predicted])
    found = quality([row.label for row in rows], answers)
    print(f"cross-validated: accuracy {found.accuracy:.3f}, macro-F1 {found.macro_f1:.3f}")
    weights = _fit(features, labels)
    for name, column in (("_POSITIVE", 0), ("_NEGATIVE", 2)):
        against_neutral = weights[:, column] - weights[:, 1]
        print(f"{name} = ({', '.join(f'{value:.2f}' for value in against_neutral)})")


def _fit(features: _Floats, labels: _Ints) -> _Floats:
    """Multinomial logistic regression by gradient descent with momentum."""
    wanted = np.eye(len(LABELS))[labels]
    weights = np.zeros((features.shape[1], len(LABELS)))
    velocity = np.zeros_like(weights)
    for _ in range(_STEPS):
        scores = features @ weights
        chances = np.exp(scores - scores.max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)
        gradient = features.T @ (chances - wanted) / len(labels) + _RIDGE * weights
        velocity = 0.9 * velocity - _RATE * gradient
        weights += velocity
    return weights


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m training.lexicon DATA.csv")
    main(Path(sys.argv[1]))

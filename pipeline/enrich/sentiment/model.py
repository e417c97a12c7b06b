"""What every model of sentiment is: texts in, probabilities of the labels out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.article import Sentiment, SentimentLabel

Floats = npt.NDArray[np.float32]

LABELS: tuple[SentimentLabel, ...] = ("positive", "neutral", "negative")
"""The columns of all that is given for each label."""


class SentimentModel(ABC):
    """Gives texts their sentiment.

    Attributes:
        name: what stands in each article's provenance.
        rest: what scores the sentences behind an article's lead, for a model that is too slow to
            score them all.
    """

    name: str
    rest: SentimentModel | None = None

    @abstractmethod
    def chances(self, texts: Sequence[str]) -> Floats:
        """The probabilities of `LABELS` for each text, a sentence or a headline (texts, 3)."""

    def score(self, texts: Sequence[str]) -> list[Sentiment]:
        """The sentiment of each text, in order."""
        return [sentiment_of(chances) for chances in self.chances(texts).tolist()]


def sentiment_of(chances: Sequence[float]) -> Sentiment:
    """Three probabilities, of `LABELS`, as a sentiment: rounded to four digits."""
    positive, neutral, negative = chances
    label: SentimentLabel = "neutral"  # of equal ones neutral wins: it claims least
    if max(positive, negative) > neutral:
        label = "positive" if positive >= negative else "negative"
    return Sentiment(
        label=label,
        score=round(positive - negative, 4),
        confidence=round(max(positive, neutral, negative), 4),
    )


def softmax(scores: Floats) -> Floats:
    """Probabilities of scores (texts, labels)."""
    chances: Floats = np.exp(scores - scores.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    return chances

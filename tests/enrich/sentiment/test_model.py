"""Probabilities become a sentiment in one way, whatever the model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.enrich.sentiment.model import LABELS, Floats, SentimentModel, sentiment_of, softmax


@pytest.mark.parametrize(
    ("chances", "label"),
    [
        ([0.5, 0.3, 0.2], "positive"),
        ([0.2, 0.3, 0.5], "negative"),
        ([0.4, 0.4, 0.2], "neutral"),
        ([0.4, 0.2, 0.4], "positive"),
    ],
)
def test_the_likeliest_label_wins_and_of_equal_ones_neutral(
    chances: list[float], label: str
) -> None:
    found = sentiment_of(chances)
    assert found.label == label
    assert found.score == pytest.approx(chances[0] - chances[2])
    assert found.confidence == max(chances)


@given(st.lists(st.floats(-50, 50, width=32), min_size=3, max_size=3))
def test_scores_become_probabilities(scores: list[float]) -> None:
    (chances,) = softmax(np.array([scores], np.float32)).tolist()
    assert sum(chances) == pytest.approx(1, abs=1e-5)
    assert LABELS[int(np.argmax(scores))] in {
        label for label, chance in zip(LABELS, chances, strict=True) if chance == max(chances)
    }


def test_a_model_scores_by_its_probabilities() -> None:
    class Sure(SentimentModel):
        name = "sure"

        def chances(self, texts: Sequence[str]) -> Floats:
            return np.array([[0.1, 0.2, 0.7]] * len(texts), np.float32)

    assert [sentiment.label for sentiment in Sure().score(["a", "b"])] == ["negative"] * 2

"""The fast model: probabilities on any text, and weights that come back from a file."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.enrich.sentiment.fast import (
    FastModel,
    Ratings,
    Terms,
    Weights,
    normalized,
    read_weights,
)
from pipeline.enrich.sentiment.lexicon import LexiconModel, split_words
from pipeline.enrich.sentiment.measured import open_model
from pipeline.enrich.sentiment.model import LABELS
from pipeline.errors import ConfigurationError

MODEL = FastModel()
ZERO = np.zeros((12, 3), np.float32)
UNRATED: tuple[list[str], npt.NDArray[np.int8], npt.NDArray[np.float32]] = (
    [],
    np.empty((0, 2), np.int8),
    np.zeros((2, 3), np.float32),
)
"""What weights have without a teacher."""


def one_array() -> bytes:
    file = BytesIO()
    np.save(file, ZERO)
    return file.getvalue()


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Quillmark profit rises 12%, raises outlook", "positive"),
        ("$QMLB +7% after upgrade to buy", "positive"),
        ("Norvane cut to sell on weak demand", "negative"),
        ("Shares of Norvane tumble as losses widen", "negative"),
        ("Carrow & Pell names a new head of its Oslo office", "neutral"),
        ("The meeting takes place on Thursday.", "neutral"),
    ],
)
def test_plain_news_gets_its_label(text: str, label: str) -> None:
    assert MODEL.score([text])[0].label == label


@given(st.lists(st.text(max_size=80), max_size=5))
def test_chances_of_any_text_are_probabilities_and_depend_on_it_alone(texts: list[str]) -> None:
    chances = MODEL.chances(texts)
    assert chances.shape == (len(texts), len(LABELS))
    assert np.allclose(chances.sum(axis=1), 1, atol=1e-5)
    for row, text in zip(chances, texts, strict=True):
        assert np.allclose(row, MODEL.chances([text])[0], atol=1e-5)


def test_score_and_confidence_are_those_of_the_chances() -> None:
    text = "Profit fell"
    ((positive, neutral, negative),) = MODEL.chances([text]).tolist()
    (sentiment,) = MODEL.score([text])
    assert sentiment.label == "negative"
    assert sentiment.score == pytest.approx(positive - negative, abs=6e-5)
    assert sentiment.confidence == pytest.approx(max(positive, neutral, negative), abs=6e-5)


def test_what_makes_numbers_and_symbols_single_is_lost() -> None:
    words = split_words("$QMLB +4.5% to $12.30, -3 of 1,000 and 7% #ipo @desk https://a.example/b")
    assert normalized(words) == [
        "$", "+0%", "to", "0", ",", "-0", "of", "0", "and", "0%", "#", "@", "https://a.example/b",
    ]  # fmt: skip


def test_a_text_has_each_of_its_words_and_pairs_once() -> None:
    terms = Terms(["a", "b"], np.array([[0, 1], [1, 1]], np.int32))
    assert terms(["a", "b", "a", "b", "b"]) == {0, 1, 2, 3}
    assert terms(["b", "a"]) == {0, 1}
    assert terms(["a", "unknown", "b"]) == {0, 1}
    assert terms([]) == set()


def test_weights_come_back_from_their_file() -> None:
    pairs = np.array([[0, 1]], np.int32)
    ratings = np.array([[3, -127]], np.int8)
    for weights in (
        Weights(["up", "é"], pairs, np.ones((3, 3), np.float32), ZERO, ZERO[0], *UNRATED),
        Weights([], pairs, ZERO[:2], ZERO, ZERO[0], ["ü"], ratings, np.ones((2, 3), np.float32)),
    ):
        again = read_weights(weights.to_bytes())
        for name, value in weights._asdict().items():
            assert np.array_equal(getattr(again, name), value), name
        assert again.to_bytes() == weights.to_bytes()


def test_a_text_has_the_ratings_of_its_best_and_its_worst_word() -> None:
    ratings = Ratings(["boom", "bust"], np.array([[90, 15], [-30, 60]], np.int8))
    found = ratings([["boom", "bust", "x"], ["x"], ["bust"], []])
    assert found.tolist() == pytest.approx(np.array([[3, 2], [0, 0], [-1, 2], [0, 0]]))
    assert ratings([]).shape == (0, 2)


@pytest.mark.parametrize("data", [b"", b"PK", b"\x93NUMPY", b"no weights at all", one_array()])
def test_another_file_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no weights of a sentiment model"):
        read_weights(data)


def test_a_model_is_opened_by_its_name_or_file(tmp_path: Path) -> None:
    assert isinstance(open_model("fast"), FastModel)
    assert isinstance(open_model("lexicon"), LexiconModel)
    file = tmp_path / "own.npz"
    bias = np.array([0, 0, 5], np.float32)
    pairs = np.empty((0, 2), np.int32)
    own = Weights(["x"], pairs, np.zeros((1, 3), np.float32), ZERO, bias, *UNRATED)
    file.write_bytes(own.to_bytes())
    model = open_model(str(file))
    assert model.name.startswith("fast ")
    assert model.score(["Profit rose"])[0].label == "negative"


@pytest.mark.parametrize("content", [None, b"no weights"])
def test_a_model_that_is_not_there_is_said_to_be_none(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "own.npz"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"NEWSLOOM_SENTIMENT=.*expected fast, accurate"):
        open_model(str(file))

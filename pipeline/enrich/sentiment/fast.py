"""The sentiment model `fast`: words, pairs of words and the lexicon's evidence, weighed together.

A multinomial logistic regression: each word and pair of words that a text has, each kind of
evidence that the lexicon finds in it, and its best and its worst word by the model `accurate`
speak for or against each label. `newsloom train sentiment` fits the weights;
docs/models/sentiment-fast.md says on what, and how good they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files
from io import BytesIO
from itertools import pairwise, repeat
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from pipeline.enrich.memo import WordMemo
from pipeline.enrich.sentiment.lexicon import LexiconModel, split_words
from pipeline.enrich.sentiment.model import LABELS, Floats, SentimentModel, softmax

RATING_STEP = 1 / 30
"""Ratings are in steps of so much, in units of log-odds."""

EVIDENCE_WEIGHT = 2.0
"""Evidence is in 0…1 and dense, words are many and rare: it counts so much more in the penalty."""


class Weights(NamedTuple):
    """What training finds.

    Attributes:
        words: the words that count, in order.
        pairs: the pairs of them that count, as numbers of words (pairs, 2).
        terms: the weights of words and then pairs (words + pairs, 3).
        evidence: the weights of the lexicon's evidence (kinds, 3).
        bias: (3,)
        rated: the words that another model was asked about, in order.
        ratings: what it said: how good and how bad news each is, in steps of `RATING_STEP` from
            -127 to 127 (rated, 2).
        rating: the weights of a text's highest ratings (2, 3).
    """

    words: list[str]
    pairs: npt.NDArray[np.int32]
    terms: Floats
    evidence: Floats
    bias: Floats
    rated: list[str]
    ratings: npt.NDArray[np.int8]
    rating: Floats

    def to_bytes(self) -> bytes:
        """The weights as a file of numpy's, in half precision; the same weights, the same bytes."""
        out = BytesIO()
        np.savez_compressed(
            out,
            words=_packed(self.words),
            pairs=self.pairs,
            terms=self.terms.astype(np.float16),
            evidence=self.evidence.astype(np.float16),
            bias=self.bias.astype(np.float16),
            rated=_packed(self.rated),
            ratings=self.ratings,
            rating=self.rating.astype(np.float16),
        )
        return out.getvalue()


def read_weights(data: bytes) -> Weights:
    """What `Weights.to_bytes` wrote.

    Raises:
        ValueError: it is no such file.
    """
    try:
        with np.load(BytesIO(data), allow_pickle=False) as arrays:
            return Weights(
                _unpacked(arrays["words"]),
                arrays["pairs"],
                arrays["terms"].astype(np.float32),
                arrays["evidence"].astype(np.float32),
                arrays["bias"].astype(np.float32),
                _unpacked(arrays["rated"]),
                arrays["ratings"],
                arrays["rating"].astype(np.float32),
            )
    except (KeyError, EOFError, BadZipFile, TypeError, ValueError) as error:
        raise ValueError(f"no weights of a sentiment model: {error}") from error


def is_weights(data: bytes) -> bool:
    """Whether a file looks like one of `Weights.to_bytes`: an archive."""
    return data.startswith(b"PK")


def _packed(words: Sequence[str]) -> npt.NDArray[np.uint8]:
    return np.frombuffer("\n".join(words).encode(), np.uint8)


def _unpacked(characters: npt.NDArray[np.uint8]) -> list[str]:
    text = characters.tobytes().decode()
    return text.split("\n") if text else []


class Ratings:
    """The highest ratings among a text's words.

    Args:
        rated: the words that have one.
        ratings: as in `Weights`.
    """

    def __init__(self, rated: Sequence[str], ratings: npt.NDArray[np.int8]) -> None:
        self._rows = {word: row for row, word in enumerate(rated)}
        self._none = len(rated)
        self._ratings = np.pad(ratings, ((0, 1), (0, 0))) * np.float32(RATING_STEP)

    def __call__(self, texts: Iterable[Sequence[str]]) -> Floats:
        """How good its best word is and how bad its worst one, for each text's words (texts, 2)."""
        rows: list[int] = []
        begins: list[int] = []
        of_word = self._rows.get
        for words in texts:
            begins.append(len(rows))
            rows += [row for row in map(of_word, words) if row is not None]
            if len(rows) == begins[-1]:
                rows.append(self._none)
        if not begins:
            return np.empty((0, 2), np.float32)
        highest: Floats = np.maximum.reduceat(self._ratings[rows], begins)
        return highest


class Terms:
    """Which of a model's words and pairs of words a text has.

    Args:
        words: the words that count.
        pairs: the pairs of them that count.
    """

    def __init__(self, words: Sequence[str], pairs: npt.NDArray[np.int32]) -> None:
        self._words = {word: number for number, word in enumerate(words)}
        # A word that does not count is -1: no pair with it has the key of a pair that counts.
        self._step = len(words) + 1
        keys = pairs[:, 0].astype(np.int64) * self._step + pairs[:, 1]
        self._pairs = {key: number for number, key in enumerate(keys.tolist(), len(words))}

    def __call__(self, words: Sequence[str]) -> set[int]:
        """The numbers of the words and pairs in a text's words, each once."""
        numbers = list(map(self._words.get, words, repeat(-1)))
        found = set(numbers)
        step, pair_of = self._step, self._pairs.get
        keys = [before * step + number for before, number in pairwise(numbers)]
        found.update([pair for pair in map(pair_of, keys) if pair is not None])
        found.discard(-1)
        return found


class FastModel(SentimentModel):
    """Scores texts by the shipped weights, or by others.

    Args:
        weights: others.
        name: of the model with these weights, for an article's provenance.
    """

    def __init__(self, weights: Weights | None = None, name: str = "fast-2") -> None:
        self.name = name
        self._weights = weights or read_weights(_shipped())
        self._terms = Terms(self._weights.words, self._weights.pairs)
        self._term_weights = np.pad(self._weights.terms, ((0, 1), (0, 0)))
        self._ratings = Ratings(self._weights.rated, self._weights.ratings)
        self._lexicon = LexiconModel()

    def chances(self, texts: Sequence[str]) -> Floats:
        """The probabilities of `LABELS` for each text (texts, 3), in English."""
        terms: list[int] = []
        begins: list[int] = []
        evidence = []
        normal = []
        for text in texts:
            words = split_words(text)
            evidence.append(self._lexicon.evidence_of(words))
            normal.append(normalized(words))
            begins.append(len(terms))
            terms += self._terms(normal[-1])
            terms.append(-1)  # of no weight, so that no text is without any
        if not begins:
            return np.empty((0, len(LABELS)), np.float32)
        scores = np.add.reduceat(self._term_weights[terms], begins)
        counts = np.diff([*begins, len(terms)]) - 1
        scores /= np.sqrt(np.maximum(counts, 1), dtype=np.float32)[:, None]
        scores += np.array(evidence, np.float32) @ self._weights.evidence
        scores += self._ratings(normal) @ self._weights.rating
        scores += self._weights.bias
        return softmax(scores)


def normalized(words: Sequence[str]) -> list[str]:
    """The words of a text for the model: numbers and symbols lose what makes them single."""
    return list(map(_NORMAL.__getitem__, words))


def _normal(word: str) -> str:
    if word[0].isalpha():
        return word
    if word[0] in "$#@":
        return word[0]
    if word[-1] == "%":
        return f"{word[0]}0%" if word[0] in "+-−" else "0%"
    if word[-1].isdigit():
        return f"{word[0]}0" if word[0] in "+-−" else "0"
    return word


_NORMAL = WordMemo(_normal)


def _shipped() -> bytes:
    return files("pipeline.enrich").joinpath("data/sentiment_fast.npz").read_bytes()

"""Sentiment from a lexicon: words that are good or bad news, and what moves in which direction."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import NamedTuple

import numpy as np

from pipeline.enrich.phrases import PhraseIndex, find_phrases, index_phrases
from pipeline.enrich.sentiment.model import Floats, SentimentModel, softmax

_TOKEN = re.compile(
    r"""
      https?://\S+ | [$\#@](?!\d)\w+              # no words of the text
    | [+\-−]?\d+(?:,\d{3})*(?:\.\d+)?%?
    | [^\W\d_](?:[\w&'’-]*\w)?(?:\.\w+)*          # joined as in "better-than-expected", "u.s"
    | [?;,]
    """,
    re.X,
)
_FULL_PERCENT = 5.0  # "+5%" is as good a news as any larger figure
_PERCENT_WORDS = frozenset({"percent", "per", "points", "bps", "pct"})

_DIRECTION = {"up": 1.0, "raise": 1.0, "down": -1.0, "lower": -1.0, "updown": 1.0}
# What moves: "core" and "burden" are figures and quotations (profit, shares; losses, claims).
_NOUN_SIGN = {"core": 1.0, "good": 1.0, "burden": -1.0, "bad": -1.0, "mixed": 0.0}
_FIGURE_NOUNS = frozenset({"core", "burden"})
# "Up" and "down" are movement in "down 3%", "is up on ...", not in "sign up", "down the road".
_AFTER_MOVEMENT = frozenset(
    ("premarket", "pre", "after", "on", "sharply", "slightly", "as", "nearly", "another")
)
_BEFORE_MOVEMENT = frozenset(
    ("shares", "stock", "stocks", "futures", "is", "are", "was", "were", "points", "closes", "ends")
)
_ASKS = "is are should what why how can could will would does do did where when who which has"
_QUESTION_WORDS = frozenset(_ASKS.split())
# Between a figure and the one before it: "EUR 5 mn from EUR 4 mn", "5, compared with 4".
_COMPARERS = frozenset(("from", "against", "compared", "versus", "vs"))
_FIGURE_REACH = 6  # words
_CURRENCIES = frozenset(("eur", "usd", "gbp"))

# How far, in words, a rule looks, and by what it changes a weight.
_SUBJECT_REACH, _OBJECT_REACH = 6, 5
_NEGATION_REACH, _INTENSITY_REACH, _CONCESSION_REACH = 4, 2, 8
_NEGATED, _CONCEDED, _BEFORE_CONTRAST, _AFTER_CONTRAST = -0.6, 0.3, 0.7, 1.2
_STRONG_WEIGHT = 1.5

# Softmax over what `evidence` finds, with neutral at 0: fitted by training/lexicon.py on the tuning
# half of "Twitter Financial News Sentiment" (MIT licence). A constant, then as in `Evidence`.
_POSITIVE = (-2.03, 6.38, 0.12, 2.84, 1.04, 4.06, -0.28, 3.00, -0.09, -2.37, -2.42, -1.99, 0.30)
_NEGATIVE = (-2.33, 1.18, 6.09, -0.18, 3.07, -0.63, 4.03, 0.87, 3.07, -1.21, -2.14, -1.43, -0.44)
_WEIGHTS = np.array((_POSITIVE, [0.0] * len(_POSITIVE), _NEGATIVE), np.float32).T


class Evidence(NamedTuple):
    """What speaks for and against each label in a text, each in 0…1.

    Movement is told apart by what moves: a figure or a quotation (profit, shares, "up 3%") or
    anything else. Words are told apart by their weight.
    """

    figures_up: float
    figures_down: float
    others_up: float
    others_down: float
    strong_good: float
    strong_bad: float
    weak_good: float
    weak_bad: float
    both: float
    neutral: float
    question: float
    hedge: float


class _Hit(NamedTuple):
    """An entry of the lexicon in a text: words `start` to `end`."""

    start: int
    end: int
    kind: str
    weight: float


class LexiconModel(SentimentModel):
    """Scores texts by the shipped lexicon."""

    name = "lexicon-1"

    def __init__(self) -> None:
        self._entries = _load()

    def chances(self, texts: Sequence[str]) -> Floats:
        """The calibrated probabilities of `LABELS` for each text (texts, 3), in English."""
        evidence = [(1.0, *self.evidence(text)) for text in texts]
        return softmax(np.array(evidence, np.float32).reshape(-1, len(_WEIGHTS)) @ _WEIGHTS)

    def evidence(self, text: str) -> Evidence:
        """What the lexicon and the rules find in a text."""
        return self.evidence_of(split_words(text))

    def evidence_of(self, words: list[str]) -> Evidence:
        """What they find in a text's words, as `split_words` gives them."""
        hits = self._hits(words)
        amounts = dict.fromkeys(Evidence._fields, 0.0)
        good = bad = 0.0
        for if_good, if_bad, value in _polarities(words, hits):
            if value > 0:
                amounts[if_good] += value
                good += value
            else:
                amounts[if_bad] -= value
                bad -= value
        amounts["both"] = min(good, bad)
        for hit in hits:
            if hit.kind in ("neutral", "hedge"):
                amounts[hit.kind] += hit.weight
        if "?" in words:
            amounts["question"] = 2.0
        elif words and words[0] in _QUESTION_WORDS:
            amounts["question"] = 1.0
        return Evidence(*[1 - math.exp(-amount) if amount else 0.0 for amount in amounts.values()])

    def _hits(self, words: list[str]) -> list[_Hit]:
        """The entries in a text and its signed percentages, in order."""
        hits = [
            _Hit(start, end, kind, weight)
            for start, end, (kind, weight) in find_phrases(words, self._entries)
            if kind != "updown" or _is_movement(words, start)
        ]
        signed = [
            _Hit(place, place + 1, "percent", _signed_percent(word))
            for place, word in enumerate(words)
            if word[-1] == "%" and word[0] in "+-−"
        ]
        if not _COMPARERS.isdisjoint(words):
            signed += _comparisons(words, hits)
        return sorted(hits + signed) if signed else hits


def _comparisons(words: list[str], hits: list[_Hit]) -> Iterator[_Hit]:
    """Movements that only figures tell: "profit was 3.1 mn, compared with 2.4 mn", "to 5 from 4".

    What says the direction itself ("rose to 5 from 4") is left to its entry.
    """
    reached = 0
    for place, word in enumerate(words):
        if word not in _COMPARERS:
            continue
        later = _figure(words, place - 1, max(reached, place - _FIGURE_REACH) - 1, -1)
        earlier = _figure(words, place + 1, min(len(words), place + _FIGURE_REACH), 1)
        if later is None or earlier is None:
            continue
        reached = earlier
        start = max(0, later - _SUBJECT_REACH)
        if any(start <= hit.start < place and hit.kind in _DIRECTION for hit in hits):
            continue
        now, before = _number(words[later]), _number(words[earlier])
        if now != before:
            yield _Hit(later, later + 1, "up" if now > before else "down", 1.0)


def _figure(words: list[str], first: int, end: int, step: int) -> int | None:
    """The place of the first number from `first` on; a year is none."""
    for place in range(first, end, step):
        word = words[place]
        if word[0].isdigit() and not (len(word) == 4 and word[:2] in ("19", "20")):
            return place
    return None


def _number(word: str) -> float:
    return float(word.rstrip("%").replace(",", ""))


def split_words(text: str) -> list[str]:
    """The words of a text in lower case, with its numbers, symbols, commas and question marks."""
    return _TOKEN.findall(text.lower())


def _signed_percent(word: str) -> float:
    size = min(float(word[1:-1].replace(",", "")), _FULL_PERCENT) / _FULL_PERCENT
    return 0.6 + size if word[0] == "+" else -0.6 - size


def _is_movement(words: list[str], place: int) -> bool:
    after = words[place + 1] if place + 1 < len(words) else ""
    before = words[place - 1] if place else ""
    return (
        after[:1].isdigit()
        or after in _AFTER_MOVEMENT
        or before.endswith("%")
        or before in _BEFORE_MOVEMENT
    )


_Kind = tuple[str, str]  # the fields of Evidence for good and for bad news
_FIGURES, _OTHERS = ("figures_up", "figures_down"), ("others_up", "others_down")
_STRONG, _WEAK = ("strong_good", "strong_bad"), ("weak_good", "weak_bad")


def _polarities(words: list[str], hits: list[_Hit]) -> Iterator[tuple[str, str, float]]:
    """For each hit that is good news (above 0) or bad news, the kind of evidence and its weight."""
    moved: set[int] = set()
    for place, hit in enumerate(hits):
        if hit.kind in _DIRECTION:
            value = _DIRECTION[hit.kind] * hit.weight * _context(words, hits, place)
            noun = _moving_noun(words, hits, place)
            kind = _OTHERS
            if noun is not None:
                moved.add(noun)
                value *= _NOUN_SIGN[hits[noun].kind]
                kind = _FIGURES if hits[noun].kind in _FIGURE_NOUNS else _OTHERS
            yield *(_FIGURES if _has_figure(words, hit) else kind), value
    for place, hit in enumerate(hits):
        if hit.kind == "percent":
            kind, value = _FIGURES, hit.weight
        elif hit.kind == "polar":
            kind, value = _STRONG if abs(hit.weight) >= _STRONG_WEIGHT else _WEAK, hit.weight
        elif hit.kind in _NOUN_SIGN and place not in moved and hit.weight:
            kind, value = _WEAK, hit.weight * _NOUN_SIGN[hit.kind]
        else:
            continue
        yield *kind, value * _context(words, hits, place)


def _moving_noun(words: list[str], hits: list[_Hit], place: int) -> int | None:
    """Which hit is the noun a movement is about: "profit" in "profit fell" and "cut profit"."""
    hit = hits[place]
    after = words[hit.end] if hit.end < len(words) else ""
    before = _noun_before(words, hits, place)
    following = _noun_after(words, hits, place)
    if hit.kind in ("raise", "lower") or after in ("in", "of"):
        return following if following is not None else before
    return before if before is not None else following


def _noun_before(words: list[str], hits: list[_Hit], place: int) -> int | None:
    for other in range(place - 1, -1, -1):
        candidate = hits[other]
        if hits[place].start - candidate.end >= _SUBJECT_REACH or candidate.kind == "contrast":
            return None
        if words[candidate.start] in _CURRENCIES and words[candidate.end][0].isdigit():
            continue  # "EUR 3 mn": no exchange rate moves
        if candidate.kind in _NOUN_SIGN:
            return None if ";" in words[candidate.end : hits[place].start] else other
    return None


def _noun_after(words: list[str], hits: list[_Hit], place: int) -> int | None:
    for other in range(place + 1, len(hits)):
        candidate = hits[other]
        if (
            candidate.start - hits[place].end >= _OBJECT_REACH
            or candidate.kind in _DIRECTION
            or candidate.kind in ("contrast", "concession")
        ):
            return None
        if candidate.kind in _NOUN_SIGN:
            between = words[hits[place].end : candidate.start]
            return None if ";" in between or "," in between else other
    return None


def _has_figure(words: list[str], hit: _Hit) -> bool:
    """Whether a movement comes with its size: "fell 3%", "up 20 points"."""
    return any(
        word.endswith("%") or word in _PERCENT_WORDS for word in words[hit.end : hit.end + 3]
    )


def _context(words: list[str], hits: list[_Hit], place: int) -> float:
    """What negation, intensity, contrast and concession around a hit make of its weight."""
    hit = hits[place]
    factor = 1.0
    for other in range(max(0, place - 6), min(len(hits), place + 7)):
        near = hits[other]
        gap = hit.start - near.end if other < place else near.start - hit.end
        before = other < place
        if near.kind == "intensity" and gap < _INTENSITY_REACH:
            factor *= near.weight
        elif near.kind == "negation" and before and gap < _NEGATION_REACH:
            factor *= _NEGATED
        elif near.kind == "contrast" and near.end - near.start:
            factor *= _AFTER_CONTRAST if before else _BEFORE_CONTRAST
        elif (
            near.kind == "concession"
            and before
            and gap < _CONCESSION_REACH
            and "," not in words[near.end : hit.start]
        ):
            factor *= _CONCEDED
    return factor


def _load() -> PhraseIndex[tuple[str, float]]:
    """The shipped lexicon: kind and weight of each form."""
    text = files("pipeline.enrich").joinpath("data/sentiment.tsv").read_text("utf-8")
    phrases: list[tuple[list[str], tuple[str, float]]] = []
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        kind, number, forms = line.split("\t")
        weight = -float(number) if kind == "negative" else float(number)
        if kind in ("positive", "negative"):
            kind = "polar"
        phrases += [(_TOKEN.findall(form), (kind, weight)) for form in forms.split(", ")]
    return index_phrases(phrases)

"""Sentiment of an article, its entities and its tickers, from the sentences that mention them."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple, Protocol

from pipeline.article import (
    Entity,
    EntityType,
    Mention,
    Sentiment,
    SentimentLabel,
    TextField,
    Ticker,
)
from pipeline.enrich.fast_sentiment import FastModel, read_weights
from pipeline.enrich.lexicon import LexiconModel
from pipeline.errors import ConfigurationError

# What an article says first is what it is about: the title and the first sentences weigh as much as
# all the rest of a longer article.
_TITLE_WEIGHT = 3.0
_LEAD_WEIGHTS = (3.0, 2.0, 1.5)
_REST_WEIGHT = 4.0  # of all further sentences together, at most 1 each

# A sentence that is surely neutral takes nothing back of what another says: it counts this much.
_NEUTRAL_WEIGHT = 0.25

_WITH_SENTIMENT: frozenset[EntityType] = frozenset(
    {"person", "organization", "place", "group", "product", "event"}
)

_LEVEL = r"(?:extremely\s+)?(?:bullish|bearish|neutral)\b"
# The mood of a crowd as a source reports it ("retail sentiment was 'bearish'") is kept apart from
# what is measured. An analyst who "is bullish" is reported about like any other.
_STATED = re.compile(
    rf"""
      \b(?:retail|crowd|trader|user|investor|message)[ ](?:sentiment|mood|volume|chatter)\b
    | \b(?:sentiment|mood|chatter)\b [^.;]{{0,120}}? ['‘’"“\s] {_LEVEL}
    | {_LEVEL} ['’"”]?\s+ (?:territory|zone|retail|sentiment|mood)\b
    | \b(?:high|low|normal) ['’"”]?\s+ (?:message\s+volume|chatter)\b
    """,
    re.X | re.I,
)
# One of these is in every sentence that the pattern matches; looking for them first is quick.
_STATING = ("sentiment", "mood", "volume", "chatter", "bullish", "bearish", "neutral")


class SentimentModel(Protocol):
    """Gives texts their sentiment; `name` stands in each article's provenance."""

    name: str

    def score(self, texts: Sequence[str]) -> list[Sentiment]:
        """The sentiment of each text (a sentence or headline), in order."""
        ...


def open_model(name: str) -> SentimentModel:
    """The model that NEWSLOOM_SENTIMENT names.

    Args:
        name: fast, lexicon, or a file of weights that `newsloom train sentiment` wrote.

    Raises:
        ConfigurationError: there is no such model or file.
    """
    if name == "fast":
        return FastModel()
    if name == "lexicon":
        return LexiconModel()
    try:
        data = Path(name).read_bytes()
        weights = read_weights(data)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"NEWSLOOM_SENTIMENT={name}: expected fast, lexicon or a file that"
            f" `newsloom train sentiment` wrote: {error}"
        ) from error
    return FastModel(weights, f"fast {blake2b(data, digest_size=4).hexdigest()}")


class _Chances(NamedTuple):
    positive: float
    neutral: float
    negative: float


class _Scored(NamedTuple):
    """A sentence that sentiment is measured on, or None as chances when it states sentiment."""

    start: int
    end: int
    chances: _Chances | None


def attach(
    model: SentimentModel,
    fields: Mapping[TextField, str],
    sentences: Mapping[TextField, Sequence[tuple[int, int]]],
    entities: Iterable[Entity],
    tickers: Iterable[Ticker],
) -> Sentiment:
    """The article's sentiment; fills in that of its entities (but amounts, dates) and tickers.

    An entity's or a ticker's is the mean over the sentences that mention it, each counted once,
    the less the surer it is neutral.
    Sentences in which a source states the mood of retail investors do not count; what is mentioned
    nowhere else gets the model's answer to an empty text.

    Args:
        model: what scores the sentences; each distinct one is scored once.
        fields: the title, if there is one, and the text.
        sentences: the spans of each field's sentences, in order.
        entities: changed in place.
        tickers: changed in place.
    """
    scored, nothing = _score(model, fields, sentences)
    for entity in entities:
        if entity.type in _WITH_SENTIMENT:
            entity.sentiment = _of_mentions(entity.mentions, scored, nothing)
    for ticker in tickers:
        ticker.sentiment = _of_mentions(ticker.mentions, scored, nothing)
    return _sentiment(_mean(_weighted(scored), nothing))


def states_sentiment(sentence: str) -> bool:
    """Whether a sentence reports retail sentiment or message volume, and so is not measured."""
    lower = sentence.lower()
    return any(word in lower for word in _STATING) and _STATED.search(sentence) is not None


def _score(
    model: SentimentModel,
    fields: Mapping[TextField, str],
    sentences: Mapping[TextField, Sequence[tuple[int, int]]],
) -> tuple[dict[TextField, list[_Scored]], _Chances]:
    """All sentences with their chances, and those of an empty text."""
    texts = {
        field: [text[start:end] for start, end in sentences.get(field, ())]
        for field, text in fields.items()
    }
    measured = {
        sentence: None
        for field in texts
        for sentence in texts[field]
        if not states_sentiment(sentence)
    }
    distinct = ["", *measured]
    chances = dict(zip(distinct, map(_chances, model.score(distinct)), strict=True))
    scored = {
        field: [
            _Scored(start, end, chances[sentence] if sentence in measured else None)
            for (start, end), sentence in zip(sentences.get(field, ()), texts[field], strict=True)
        ]
        for field in fields
    }
    return scored, chances[""]


def _of_mentions(
    mentions: Iterable[Mention], scored: Mapping[TextField, Sequence[_Scored]], nothing: _Chances
) -> Sentiment:
    places: set[tuple[TextField, int]] = set()
    for mention in mentions:
        spans = scored.get(mention.field, ())
        index = bisect_right(spans, mention.start, key=lambda span: span.start) - 1
        if index >= 0 and mention.start < spans[index].end:
            places.add((mention.field, index))
    found = [scored[field][index].chances for field, index in sorted(places)]
    return _sentiment(_mean([(1.0, chances) for chances in found if chances], nothing))


def _weighted(scored: Mapping[TextField, Sequence[_Scored]]) -> list[tuple[float, _Chances]]:
    """The chances of all sentences of an article with their weights."""
    title = [sentence.chances for sentence in scored.get("title", ()) if sentence.chances]
    text = [sentence.chances for sentence in scored.get("text", ()) if sentence.chances]
    lead, rest = text[: len(_LEAD_WEIGHTS)], text[len(_LEAD_WEIGHTS) :]
    weighted = [(_TITLE_WEIGHT / len(title), chances) for chances in title]
    weighted += zip(_LEAD_WEIGHTS, lead, strict=False)
    weighted += [(min(1.0, _REST_WEIGHT / len(rest)), chances) for chances in rest]
    return weighted


def _mean(weighted: Sequence[tuple[float, _Chances]], nothing: _Chances) -> _Chances:
    """The weighted mean, or `nothing` of nothing."""
    weighted = [
        (weight * (1 - (1 - _NEUTRAL_WEIGHT) * chances.neutral), chances)
        for weight, chances in weighted
    ]
    total = sum(weight for weight, _ in weighted)
    if not total:
        return nothing
    return _Chances(
        *(
            sum(weight * chances[label] for weight, chances in weighted) / total
            for label in range(len(nothing))
        )
    )


def _chances(sentiment: Sentiment) -> _Chances:
    """The three probabilities that a label, a score and a confidence stand for."""
    score, confidence = sentiment.score, sentiment.confidence
    if sentiment.label == "neutral":
        return _Chances((1 - confidence + score) / 2, confidence, (1 - confidence - score) / 2)
    likely, other = confidence, confidence - abs(score)
    neutral = 1 - likely - other
    if sentiment.label == "positive":
        return _Chances(likely, neutral, other)
    return _Chances(other, neutral, likely)


def _sentiment(chances: _Chances) -> Sentiment:
    labels: tuple[SentimentLabel, ...] = ("positive", "neutral", "negative")
    # Of equal ones neutral wins: it claims least.
    best = max(range(3), key=lambda index: (chances[index], index == 1))
    return Sentiment(
        label=labels[best],
        score=round(chances.positive - chances.negative, 4),
        confidence=round(chances[best], 4),
    )

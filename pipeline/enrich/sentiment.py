"""Sentiment of an article, its entities and its tickers, from the sentences that mention them."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from pipeline.article import (
    Entity,
    EntityType,
    Mention,
    Sentiment,
    TextField,
    Ticker,
)
from pipeline.enrich.accurate_sentiment import AccurateModel
from pipeline.enrich.fast_sentiment import FastModel, is_weights, read_weights
from pipeline.enrich.lexicon import LexiconModel
from pipeline.enrich.sentiment_model import SentimentModel, sentiment_of
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


def open_model(name: str) -> SentimentModel:
    """The model that NEWSLOOM_SENTIMENT names.

    Args:
        name: fast, accurate, lexicon, or a file that `newsloom train sentiment` wrote.

    Raises:
        ConfigurationError: there is no such model or file, or what runs it is not installed.
    """
    if name == "fast":
        return FastModel()
    if name == "accurate":
        return AccurateModel()
    if name == "lexicon":
        return LexiconModel()
    try:
        data = Path(name).read_bytes()
        digest = blake2b(data, digest_size=4).hexdigest()
        if is_weights(data):
            return FastModel(read_weights(data), f"fast {digest}")
        return AccurateModel(data, f"accurate {digest}")
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"NEWSLOOM_SENTIMENT={name}: expected fast, accurate, lexicon or a file that"
            f" `newsloom train sentiment` wrote: {error}"
        ) from error


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
        model: what scores the sentences, each distinct one once; if it has a `rest`, that one
            scores all but the title and the lead.
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
    return sentiment_of(_mean(_weighted(scored), nothing))


def states_sentiment(sentence: str) -> bool:
    """Whether a sentence reports retail sentiment or message volume, and so is not measured."""
    return _STATED.search(sentence) is not None


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
    lead = [*texts.get("title", ()), *texts.get("text", ())[: len(_LEAD_WEIGHTS)]]
    chances = _chances_of(model, ["", *lead])
    rest = [sentence for sentence in texts.get("text", ()) if sentence not in chances]
    chances |= _chances_of(model.rest or model, rest)
    scored = {
        field: [
            _Scored(start, end, chances.get(sentence))
            for (start, end), sentence in zip(sentences.get(field, ()), texts[field], strict=True)
        ]
        for field in fields
    }
    return scored, chances[""]


def _chances_of(model: SentimentModel, sentences: Iterable[str]) -> dict[str, _Chances]:
    """The chances of each distinct sentence that sentiment is measured on."""
    measured = [each for each in dict.fromkeys(sentences) if not states_sentiment(each)]
    return dict(zip(measured, map(_Chances._make, model.chances(measured).tolist()), strict=True))


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
    return sentiment_of(_mean([(1.0, chances) for chances in found if chances], nothing))


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

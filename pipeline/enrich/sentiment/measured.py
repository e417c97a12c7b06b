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
    Sentiment,
    TextField,
    Ticker,
)
from pipeline.enrich.sentiment.accurate import AccurateModel
from pipeline.enrich.sentiment.fast import FastModel, is_weights, read_weights
from pipeline.enrich.sentiment.lexicon import LexiconModel
from pipeline.enrich.sentiment.model import SentimentModel, sentiment_of
from pipeline.enrich.sentiment.targets import Named, Reading, Says, is_telling, read
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


# What a target has by its role: as sure as such roles are right in tests/enrich/data/targets.jsonl.
_BY_ROLE: dict[Says, _Chances] = {
    "positive": _Chances(0.85, 0.1, 0.05),
    "neutral": _Chances(0.05, 0.9, 0.05),
    "negative": _Chances(0.05, 0.1, 0.85),
}

# A sentence that is so surely neutral says nothing of anyone, unless a word of a role is in it.
_SURELY_NEUTRAL = 0.8

_FIELDS: tuple[TextField, ...] = ("title", "text")
_Place = tuple[TextField, int]  # a field and the number of a sentence there


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
    the less the surer it is neutral. Of a sentence that mentions several, each has what is said of
    it (`pipeline.enrich.sentiment.targets`).
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
    targets: list[Entity | Ticker] = [e for e in entities if e.type in _WITH_SENTIMENT]
    targets += tickers
    scored, measured = _score(model, fields, sentences)
    told = _of_targets(model, fields, scored, measured, _places(targets, sentences))
    nothing = measured[""]
    for number, target in enumerate(targets):
        chances = [(1.0, each.chances) for each in told.get(number, ())]
        target.sentiment = sentiment_of(_mean(chances, nothing))
    return sentiment_of(_mean(_weighted(scored), nothing))


class Told(NamedTuple):
    """What one sentence says of a target, or of the article.

    Attributes:
        chances: the probabilities of `LABELS`.
        weight: of the sentence, among all that speak of it.
        says: "same" and "opposite" of what the words say, or the label that the target's role in
            the sentence has.
        words: that were measured; all of the sentence, unless it mentions several targets, or the
            role says it all.
    """

    chances: _Chances
    weight: float
    says: Says
    words: str


def explain(
    model: SentimentModel,
    fields: Mapping[TextField, str],
    sentences: Mapping[TextField, Sequence[tuple[int, int]]],
    targets: Sequence[Entity | Ticker],
) -> tuple[list[Told], list[list[Told]]]:
    """What the article's sentiment is made of, and what that of each target; as `attach` has it."""
    scored, measured = _score(model, fields, sentences)
    told = _of_targets(model, fields, scored, measured, _places(targets, sentences))
    texts = [
        fields[field][each.start : each.end]
        for field in _FIELDS
        for each in scored.get(field, ())
        if each.chances
    ]
    article = [
        Told(chances, weight * _certainty(chances), "same", words)
        for (weight, chances), words in zip(_weighted(scored), texts, strict=True)
    ]
    return article, [told.get(number, []) for number in range(len(targets))]


def states_sentiment(sentence: str) -> bool:
    """Whether a sentence reports retail sentiment or message volume, and so is not measured."""
    lower = sentence.lower()
    return any(word in lower for word in _STATING) and _STATED.search(sentence) is not None


def _score(
    model: SentimentModel,
    fields: Mapping[TextField, str],
    sentences: Mapping[TextField, Sequence[tuple[int, int]]],
) -> tuple[dict[TextField, list[_Scored]], dict[str, _Chances]]:
    """All sentences with their chances, and those of each text that was measured, "" among them."""
    texts = {
        field: [text[start:end] for start, end in sentences.get(field, ())]
        for field, text in fields.items()
    }
    lead = [*texts.get("title", ()), *texts.get("text", ())[: len(_LEAD_WEIGHTS)]]
    first = dict.fromkeys(["", *_mood_apart(lead)])
    rest = [sentence for sentence in texts.get("text", ()) if sentence not in first]
    measured = _measure(model, list(first), _mood_apart(rest))
    scored = {
        field: [
            _Scored(start, end, measured.get(sentence))
            for (start, end), sentence in zip(sentences.get(field, ()), texts[field], strict=True)
        ]
        for field in fields
    }
    return scored, measured


def _mood_apart(sentences: Iterable[str]) -> list[str]:
    """The distinct sentences that sentiment is measured on."""
    return [each for each in dict.fromkeys(sentences) if not states_sentiment(each)]


def _measure(
    model: SentimentModel, lead: Sequence[str], rest: Sequence[str]
) -> dict[str, _Chances]:
    """The chances of texts; of those behind the lead by the model's `rest`, if it has one."""
    if model.rest is None:
        return _chances_of(model, [*lead, *rest])
    return _chances_of(model, lead) | _chances_of(model.rest, rest)


def _chances_of(model: SentimentModel, texts: Sequence[str]) -> dict[str, _Chances]:
    if not texts:
        return {}
    return dict(zip(texts, map(_Chances._make, model.chances(texts).tolist()), strict=True))


def _of_targets(
    model: SentimentModel,
    fields: Mapping[TextField, str],
    scored: Mapping[TextField, Sequence[_Scored]],
    measured: Mapping[str, _Chances],
    places: Mapping[_Place, Sequence[Named]],
) -> dict[int, list[Told]]:
    """What each sentence that names a target says of it; all clauses are measured together."""
    said: list[tuple[Told, Sequence[Named], dict[int, list[Reading]], dict[Reading, str]]] = []
    leading: set[str] = set()
    others: set[str] = set()
    for (field, number), named in places.items():
        start, end, whole = scored[field][number]
        if whole is None:
            continue
        sentence = fields[field][start:end]
        readings: dict[int, list[Reading]] = {}
        if whole.neutral < _SURELY_NEUTRAL or (len(named) > 1 and is_telling(sentence)):
            readings = read(sentence, named)
        distinct = {reading for of_target in readings.values() for reading in of_target}
        texts = {reading: reading.text(sentence) for reading in distinct}
        said.append((Told(whole, _certainty(whole), "same", sentence), named, readings, texts))
        of_lead = field == "title" or number < len(_LEAD_WEIGHTS)
        (leading if of_lead else others).update(texts.values())
    new = sorted(leading.difference(measured))
    others.difference_update(measured, new)
    measured = {**measured, **_measure(model, new, sorted(others))}
    found: dict[int, list[Told]] = {}
    for everything, named, readings, texts in said:
        for target in {name.target: None for name in named}:
            told = everything
            if of_target := readings.get(target):
                each = [(1.0, _said(reading, measured[texts[reading]])) for reading in of_target]
                chances = _mean(each, everything.chances)
                words = " … ".join(dict.fromkeys(filter(None, map(texts.get, of_target))))
                words = words or everything.words
                told = Told(chances, _certainty(chances), of_target[0].says, words)
            found.setdefault(target, []).append(told)
    return found


def _certainty(chances: _Chances) -> float:
    """How much a sentence counts: the less, the surer it is neutral."""
    return 1 - (1 - _NEUTRAL_WEIGHT) * chances.neutral


def _said(reading: Reading, measured: _Chances) -> _Chances:
    """What a reading gives a target, of whose words this is measured."""
    if reading.says in _BY_ROLE:
        return _BY_ROLE[reading.says]
    return measured if reading.says == "same" else _Chances(*reversed(measured))


def _places(
    targets: Sequence[Entity | Ticker], sentences: Mapping[TextField, Sequence[tuple[int, int]]]
) -> dict[_Place, list[Named]]:
    """The sentences that mention targets, in order, and where in the sentence they do."""
    places: dict[_Place, list[Named]] = {}
    for number, target in enumerate(targets):
        for mention in target.mentions:
            spans = sentences.get(mention.field, ())
            index = bisect_right(spans, mention.start, key=lambda span: span[0]) - 1
            if index >= 0 and mention.start < spans[index][1]:
                start = spans[index][0]
                name = Named(mention.start - start, mention.end - start, number)
                places.setdefault((mention.field, index), []).append(name)
    return dict(sorted(places.items()))


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
    if len(weighted) == 1:
        return weighted[0][1]
    weighted = [(weight * _certainty(chances), chances) for weight, chances in weighted]
    total = sum(weight for weight, _ in weighted)
    if not total:
        return nothing
    return _Chances(
        *(
            sum(weight * chances[label] for weight, chances in weighted) / total
            for label in range(len(nothing))
        )
    )

"""Which rule or model gave an article each of its labels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from pipeline.article import EnrichedArticle, Entity, TextField, Ticker
from pipeline.enrich.dates.dates import explain_dates
from pipeline.enrich.names.page import Found, Page
from pipeline.enrich.names.rules import Rule
from pipeline.enrich.sentiment.measured import Told, explain
from pipeline.enrich.sentiment.model import SentimentModel, sentiment_of
from pipeline.enrich.tickers.stated import find_stated
from pipeline.enrich.tickers.tickers import TickerSpan
from pipeline.enrich.topics import explain_topics

TELLING_WORDS = 3
"""So many words of a sentence are named: those without which its score changes most."""

_LEVEL = re.compile(r"\b(?:bullish|bearish|neutral|high|low|normal)\b", re.I)
_MARKS = ".,;:!?\"'‘’“”()"
_LITTLE = 0.02  # a change of the score that tells nothing
_SHOWN = 3  # mentions of an entity, sentences of a sentiment


class Reason(msgspec.Struct, frozen=True):
    """Why an article has a label.

    Attributes:
        label: the kind of label: language, sentiment, person, ticker, topic …
        value: the label itself.
        by: the rule or model that gave it.
        words: of the article, that it was given for.
    """

    label: str
    value: str
    by: str
    words: list[str] = []


class Trace:
    """Notes which group of rules found each mention, and which changed it.

    To be given to `find_entities` as its `watch`.
    """

    def __init__(self) -> None:
        self._steps: dict[int, list[str]] = {}
        self._state: dict[int, tuple[str, str]] = {}
        self._found: list[Found] = []

    def __call__(self, rule: Rule | None, pages: Sequence[Page]) -> None:
        """Notes what a group of rules found or changed; None stands for the recogniser."""
        for page in pages:
            for found in page.found:
                self._note(rule, found)

    def _note(self, rule: Rule | None, found: Found) -> None:
        key, state = id(found), (found.type, found.name)
        before = self._state.get(key)
        self._state[key] = state
        if before is None:
            self._found.append(found)  # keeps its id from being given to another
            by = str(rule) if rule else f"recogniser ({found.label})"
            sure = found.known is not None and found.known.type == found.type
            self._steps[key] = [f"{by}, known to the gazetteer" if sure and rule is None else by]
        elif before != state and rule is not None:
            self._steps[key].append(str(rule))

    def of(self, field: TextField, start: int, end: int) -> str:
        """The rules that made a mention what it is, in order."""
        for found in self._found:
            if (found.field, found.start, found.end) == (field, start, end):
                return " → ".join(dict.fromkeys(self._steps[id(found)]))
        return ""


class Draft(NamedTuple):
    """What the reasons are read from, beside the article."""

    fields: Mapping[TextField, str]
    sentences: Mapping[TextField, Sequence[tuple[int, int]]]
    tickers: Mapping[TextField, Sequence[TickerSpan]]


def reasons_of_tickers(article: EnrichedArticle, draft: Draft) -> Iterator[Reason]:
    """Why the article's tickers are tickers, and where sentiment and volume are stated of them."""
    for ticker in article.tickers:
        places = [
            (draft.fields[field], span)
            for field, spans in draft.tickers.items()
            for span in spans
            if span.symbol == ticker.symbol
        ]
        notations = dict.fromkeys(_notation(text, span) for text, span in places)
        yield Reason(
            "ticker",
            ticker.symbol,
            f"{', '.join(notations)}; listed as {ticker.name}",
            [text[span.mask_start : span.mask_end] for text, span in places[:_SHOWN]],
        )
        for label, value, which in (
            ("stated sentiment", ticker.stated_sentiment, 0),
            ("stated message volume", ticker.stated_message_volume, 1),
        ):
            if value is not None:
                words = list(_stating(draft, ticker.symbol, which))
                yield Reason(label, f"{ticker.symbol}: {value}", "stated by the source", words)


def _notation(text: str, span: TickerSpan) -> str:
    before, written = text[: span.start], text[span.mask_start : span.mask_end]
    if before.endswith("$"):
        return "a cashtag"
    if ":" in written:
        return "an exchange before it"
    if (span.mask_start, span.mask_end) != (span.start, span.end):
        return "in brackets"
    return "found elsewhere in the article"


def _stating(draft: Draft, symbol: str, which: int) -> Iterator[str]:
    """The sentences without which nothing, or something else, would be stated of a symbol."""
    for field, text in draft.fields.items():
        spans, tickers = draft.sentences[field], draft.tickers[field]
        whole = find_stated(text, spans, tickers).get(symbol, (None, None))[which]
        if whole is None:
            continue
        for start, end in spans:
            if not _LEVEL.search(text, start, end):
                continue
            blank = text[:start] + " " * (end - start) + text[end:]
            if find_stated(blank, spans, tickers).get(symbol, (None, None))[which] != whole:
                yield text[start:end]


def reasons_of_entities(entities: Sequence[Entity], trace: Trace) -> Iterator[Reason]:
    """The rules behind each name, by its first mentions."""
    for entity in entities:
        by = dict.fromkeys(trace.of(m.field, m.start, m.end) for m in entity.mentions)
        words = list(dict.fromkeys(mention.text for mention in entity.mentions))
        yield Reason(entity.type, entity.name, "; ".join(filter(None, by)), words[:_SHOWN])


def reasons_of_measures(article: EnrichedArticle, draft: Draft) -> Iterator[Reason]:
    """The forms in which dates are written, and that sums and percentages are patterns."""
    forms = {
        (field, start): name
        for field, text in draft.fields.items()
        for start, name in explain_dates(text).items()
    }
    for entity in article.entities:
        if entity.type not in ("date", "money", "percent"):
            continue
        mention = entity.mentions[0]
        by = f"pattern of {entity.type}"
        if entity.type == "date":
            by = f"pattern: {forms.get((mention.field, mention.start), 'date')}"
            if mention.value and article.published_at and mention.value not in mention.text:
                by += f", resolved against {article.published_at:%Y-%m-%d}"
        yield Reason(entity.type, entity.name, by, [mention.text])


def reasons_of_sentiment(
    model: SentimentModel, article: EnrichedArticle, draft: Draft
) -> Iterator[Reason]:
    """The sentences that weigh most in each sentiment, and their telling words."""
    targets: list[Entity | Ticker] = [each for each in article.entities if each.sentiment]
    targets += article.tickers
    told, of_targets = explain(model, draft.fields, draft.sentences, targets)
    if article.sentiment is not None:
        value = f"{article.sentiment.label} {article.sentiment.score:+.2f}"
        yield Reason(
            "sentiment",
            value,
            f"{model.name}, mean of {len(told)} sentences",
            _weightiest(model, told),
        )
    for target, sentences in zip(targets, of_targets, strict=True):
        if target.sentiment is None or not sentences:
            continue
        name = target.symbol if isinstance(target, Ticker) else target.name
        value = f"{name}: {target.sentiment.label} {target.sentiment.score:+.2f}"
        by = dict.fromkeys(_by(model, each) for each in sentences)
        yield Reason("sentiment of", value, "; ".join(by), _weightiest(model, sentences))


def _by(model: SentimentModel, told: Told) -> str:
    if told.says == "same":
        return model.name
    if told.says == "opposite":
        return f"{model.name}, turned round: the sentence sets it against another"
    return f"{told.says} by its role in the sentence"


def _weightiest(model: SentimentModel, told: Sequence[Told]) -> list[str]:
    ranked = sorted(
        told, key=lambda each: -abs(each.chances.positive - each.chances.negative) * each.weight
    )
    lines = []
    for each in ranked[:_SHOWN]:
        found = sentiment_of(each.chances)
        line = f"{found.label} {found.score:+.2f}"
        if each.words:
            line += f": {each.words}"
        if found.label != "neutral" and (words := telling_words(model, each.words)):
            line += f" [{', '.join(words)}]"
        lines.append(line)
    return lines


def telling_words(model: SentimentModel, text: str) -> list[str]:
    """The words of a text without which its score would be nearer to 0, the most telling first."""
    words = text.split()
    without = [" ".join(words[:place] + words[place + 1 :]) for place in range(len(words))]
    chances = model.chances([text, *without])
    scores = chances[:, 0] - chances[:, 2]
    lost = (scores[0] - scores[1:]) * (1 if scores[0] > 0 else -1)
    ranked = sorted(range(len(words)), key=lambda place: -lost[place])
    return [
        words[place].strip(".,;:!?\"'‘’“”()")
        for place in ranked[:TELLING_WORDS]
        if lost[place] > 0.02
    ]


def reasons_of_topics(article: EnrichedArticle) -> Iterator[Reason]:
    """The phrases that speak for each topic, with what they are worth."""
    for topic, given in explain_topics(article.title, article.text).items():
        total = sum(each.points for each in given)
        words = [f"{each.phrase} ({each.points})" for each in given]
        yield Reason("topic", topic, f"phrases worth {total} points", words)

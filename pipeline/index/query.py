"""The query model: what is asked, parsed once and the same for every index."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Literal, NamedTuple, get_args

import msgspec

from pipeline.article import SentimentLabel, StatedSentiment
from pipeline.errors import ConfigurationError
from pipeline.index.analysis import words

FACETS = {
    "ticker": "symbols",
    "person": "people",
    "organization": "organizations",
    "place": "places",
    "topic": "topics",
    "source": "source",
    "language": "language",
    "sentiment": "sentiment",
    "stated_sentiment": "stated_sentiments",
}
"""A facet's name, as in flags and results, and the document's field that it counts."""

NAME_FACETS = frozenset({"person", "organization", "place"})
"""Facets that are filtered by in any case: names are typed as they come."""

MAX_RESULTS = 10_000
"""How deep a result can be paged through."""

MAX_TERMS = 64
"""How many terms a query may have."""

FACET_SIZE = 10
"""How many values a facet shows."""

TITLE_BOOST = 3.0
"""How much more a word counts in the title than in the text."""

MOST_HALF_LIVES = 64
"""What is older than so many half-lives, or has no date, is ranked as what is that old."""

Sort = Literal["relevance", "newest", "oldest"]


@dataclass(frozen=True)
class Phrase:
    """Terms that stand one behind the other; a single word has one. `text` is what was typed."""

    terms: tuple[str, ...]
    text: str = field(default="", compare=False)


class TextQuery(NamedTuple):
    """Every group must match, by at least one of its phrases; no phrase of `without` may match."""

    groups: tuple[tuple[Phrase, ...], ...] = ()
    without: tuple[Phrase, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to search for."""
        return not self.groups and not self.without

    @property
    def phrases(self) -> list[Phrase]:
        """All that may be highlighted."""
        return [phrase for group in self.groups for phrase in group]


class Recency(msgspec.Struct, frozen=True):
    """How the score of an article fades: it is halved by each `half_life` before `reference`.

    Which of two articles comes first does not depend on `reference`, unless one of them is younger:
    that one has its full score. So a page stays the page that it was.
    """

    half_life: timedelta
    reference: datetime


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A search.

    Attributes:
        text: words, "phrases", -word and OR; empty: all articles.
        filters: for a facet's name the values of which an article must have at least one.
        since: the earliest `published_at`.
        until: the first `published_at` that is too late.
        sort: "relevance" is by date where there is no text.
        recency: makes less of the relevance of older articles.
        collapse: of near-duplicates that are found only the first is a hit.
        size: how many hits.
        after: `next` of the page before.
    """

    text: str = ""
    filters: dict[str, list[str]] = {}
    since: datetime | None = None
    until: datetime | None = None
    sort: Sort = "relevance"
    recency: Recency | None = None
    collapse: bool = False
    size: int = 10
    after: str | None = None


_CLAUSE = re.compile(r'(?P<minus>(?<!\S)-(?=\S))?(?:"(?P<phrase>[^"]*)(?:"|$)|(?P<word>[^\s"]+))')


def parse_text(text: str) -> TextQuery:
    """The text of a query, parsed: what is no "phrase", -word or OR is literal text.

    OR binds the words beside it: `apple OR google earnings` is (apple or google) and earnings.

    Raises:
        ConfigurationError: it has more than MAX_TERMS terms.
    """
    groups: list[list[Phrase]] = []
    without: list[Phrase] = []
    clauses = list(_CLAUSE.finditer(text))
    joins = False
    for position, clause in enumerate(clauses):
        is_or = clause[0] == "OR" and groups and position + 1 < len(clauses)
        if is_or and not joins:
            joins = True
            continue
        typed = clause["phrase"] or clause["word"] or ""
        if terms := tuple(word.term for word in words(typed)):
            phrase = Phrase(terms, typed)
            if clause["minus"]:
                without.append(phrase)
            elif joins:
                groups[-1].append(phrase)
            else:
                groups.append([phrase])
        joins = False
    parsed = TextQuery(tuple(tuple(group) for group in groups), tuple(without))
    if sum(len(phrase.terms) for phrase in (*parsed.phrases, *without)) > MAX_TERMS:
        raise ConfigurationError(f"the query has more than {MAX_TERMS} words")
    return parsed


def normalise(facet: str, value: str) -> str:
    """The value of a filter as documents have it, of one that a person typed.

    Raises:
        ConfigurationError: it is none of the facet's levels.
    """
    value = value.strip()
    if facet == "ticker":
        return value.upper().removeprefix("$")
    if facet in ("language", "topic"):
        return value.lower()
    levels = _LEVELS.get(facet)
    level = value.lower().replace(" ", "_")
    if levels and level not in levels:
        raise ConfigurationError(f"{value}: expected one of {', '.join(levels)}")
    return level if levels else value


_LEVELS = {"sentiment": get_args(SentimentLabel), "stated_sentiment": get_args(StatedSentiment)}


def selected(
    filters: Mapping[str, list[str]], without: str = ""
) -> dict[str, tuple[str, list[str]]]:
    """For each facet that is filtered by, the document's field and the values it may have.

    With a ticker, a stated sentiment is what is stated of that ticker, not of any other.

    Args:
        filters: see `Query.filters`.
        without: a facet whose own filter is left out, as when its values are counted.

    Raises:
        ConfigurationError: there is no such facet.
    """
    for facet in filters:
        if facet not in FACETS:
            raise ConfigurationError(f"{facet}: no such facet; there are {', '.join(FACETS)}")
    chosen = {facet: (FACETS[facet], values) for facet, values in filters.items()}
    chosen.pop(without, None)
    if "ticker" in chosen and "stated_sentiment" in chosen:
        stated = stated_of(filters["ticker"])
        levels = filters["stated_sentiment"]
        pairs = [pair for level in levels for pair in stated.get(level, ())]
        chosen["stated_sentiment"] = ("ticker_sentiments", pairs)
    return chosen


def stated_of(tickers: Sequence[str]) -> dict[str, list[str]]:
    """For each level of stated sentiment, the values of `ticker_sentiments` that say it."""
    levels = get_args(StatedSentiment)
    return {level: [f"{ticker}:{level}" for ticker in tickers] for level in levels}


def is_ranked(query: Query, text: TextQuery) -> bool:
    """Whether results come in the order of how well they fit; without words none fits better."""
    return query.sort == "relevance" and bool(text.groups)


def page_start(query: Query) -> int:
    """How many results stand before the page that a query asks for.

    Raises:
        ConfigurationError: its `after` did not come from a search, or it goes too deep.
    """
    offset = decode_offset(query.after)
    if not 0 <= query.size <= MAX_RESULTS or offset >= MAX_RESULTS:
        raise ConfigurationError(f"results go {MAX_RESULTS:,} deep: narrow the query instead")
    return offset


def page_size(query: Query) -> int:
    """How many hits a page may have: the last one ends at MAX_RESULTS."""
    return min(query.size, MAX_RESULTS - decode_offset(query.after))


def page_after(offset: int, shown: int, total: int) -> str | None:
    """`next` of a page, null when it is the last."""
    more = shown and offset + shown < min(total, MAX_RESULTS)
    return encode_offset(offset + shown) if more else None


def page_behind(query: Query, shown: int) -> str | None:
    """The same where nobody has counted: null when the page was not full."""
    offset = decode_offset(query.after)
    return page_after(offset, shown, MAX_RESULTS if shown == page_size(query) else 0)


def parse_day(value: str, *, last: bool = False) -> datetime:
    """A day or a moment of a user, ISO 8601, UTC unless it says otherwise.

    With `last` it is the moment after, so that a range includes the day, or the moment.

    Raises:
        ConfigurationError: it is neither.
    """
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            day = date.fromisoformat(value)
            moment, length = datetime(day.year, day.month, day.day, tzinfo=UTC), timedelta(days=1)
        else:
            moment, length = datetime.fromisoformat(value), timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        raise ConfigurationError(f"{value!r} is no date: expected YYYY-MM-DD or ISO 8601") from None
    moment = moment.replace(tzinfo=moment.tzinfo or UTC)
    try:
        return moment + length if last else moment
    except OverflowError:
        return moment


def parse_span(value: str) -> timedelta:
    """A stretch of time of a user: a number and h, d or w, for hours, days or weeks.

    Raises:
        ConfigurationError: it is none, or not between an hour and a hundred years.
    """
    match = re.fullmatch(r"(\d{1,7}(?:\.\d{1,6})?)([hdw])", value.strip().lower(), re.ASCII)
    span = float(match[1]) * _SPANS[match[2]] if match else timedelta()
    if not _SPANS["h"] <= span <= timedelta(days=36_500):
        raise ConfigurationError(f"{value!r}: expected a number and h, d or w, as 12h, 7d or 4w")
    return span


_SPANS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def recency_of(half_life: str, until: datetime | None) -> Recency:
    """What a user wants by a half-life: reckoned from the end of the query, or of today.

    Raises:
        ConfigurationError: it is no stretch of time.
    """
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return Recency(parse_span(half_life), until or today + timedelta(days=1))


def encode_offset(offset: int) -> str:
    """`next`: an opaque word that says where the next page begins."""
    return base64.urlsafe_b64encode(b"o%d" % offset).decode().rstrip("=")


def decode_offset(after: str | None) -> int:
    """Where a page begins, from `next` of the page before.

    Raises:
        ConfigurationError: it did not come from a search.
    """
    if after is None:
        return 0
    try:
        text = base64.b64decode(after + "=" * (-len(after) % 4), altchars=b"-_", validate=True)
        match = re.fullmatch(rb"o(\d{1,5})", text)
    except (binascii.Error, ValueError):
        match = None
    if match is None:
        raise ConfigurationError(f"{after!r} is not the `next` of a search")
    return int(match[1])

"""The query model: what is asked, parsed once and the same for every index."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Literal, NamedTuple

import msgspec

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

MAX_RESULTS = 10_000
"""How deep a result can be paged through."""

MAX_TERMS = 64
"""How many terms a query may have."""

FACET_SIZE = 10
"""How many values a facet shows."""

TITLE_BOOST = 3.0
"""How much more a word counts in the title than in the text."""

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
    def phrases(self) -> list[Phrase]:
        """All that may be highlighted."""
        return [phrase for group in self.groups for phrase in group]


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A search.

    Attributes:
        text: words, "phrases", -word and OR; empty: all articles.
        filters: for a facet's name the values of which an article must have at least one.
        since: the earliest `published_at`.
        until: the first `published_at` that is too late.
        sort: "relevance" is by date where there is no text.
        size: how many hits.
        after: `next` of the page before.
    """

    text: str = ""
    filters: dict[str, list[str]] = {}
    since: datetime | None = None
    until: datetime | None = None
    sort: Sort = "relevance"
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


def selected(filters: Mapping[str, list[str]]) -> dict[str, tuple[str, list[str]]]:
    """For each facet that is filtered by, the document's field and the values it may have.

    Raises:
        ConfigurationError: there is no such facet.
    """
    chosen = {}
    for facet, values in filters.items():
        if facet not in FACETS:
            raise ConfigurationError(f"{facet}: no such facet; there are {', '.join(FACETS)}")
        tickers = filters.get("ticker")
        if facet == "stated_sentiment" and tickers:
            # With a ticker, what is stated of that ticker is meant.
            stated = [f"{ticker}:{value}" for ticker in tickers for value in values]
            chosen[facet] = ("ticker_sentiments", stated)
        else:
            chosen[facet] = (FACETS[facet], values)
    return chosen


def page_start(query: Query) -> int:
    """How many results stand before the page that a query asks for.

    Raises:
        ConfigurationError: its `after` did not come from a search, or it goes too deep.
    """
    offset = decode_offset(query.after)
    if query.size < 0 or offset + query.size > MAX_RESULTS:
        raise ConfigurationError(f"results go {MAX_RESULTS:,} deep: narrow the query instead")
    return offset


def page_after(offset: int, shown: int, total: int) -> str | None:
    """`next` of a page, null when it is the last."""
    more = shown and offset + shown < min(total, MAX_RESULTS)
    return encode_offset(offset + shown) if more else None


def parse_day(value: str, *, last: bool = False) -> datetime:
    """A day or a moment of a user, ISO 8601, UTC unless it says otherwise.

    With `last` a day means its end, so that a range includes it.

    Raises:
        ConfigurationError: it is neither.
    """
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            day = date.fromisoformat(value) + timedelta(days=1 if last else 0)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        moment = datetime.fromisoformat(value)
    except (ValueError, OverflowError):
        raise ConfigurationError(f"{value!r} is no date: expected YYYY-MM-DD or ISO 8601") from None
    return moment.replace(tzinfo=moment.tzinfo or UTC)


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

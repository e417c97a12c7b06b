"""Trends: what is said of a ticker within a window of time, and the arithmetic of it.

Windows overlap: one of an hour begins every ten minutes, one of a day every hour. They are aligned
to 1970 and in UTC. An article counts in each window that its time of publication falls into;
without one it counts in none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple, get_args

import msgspec

from pipeline.article import Moment, StatedSentiment

WindowName = Literal["1h", "24h"]
NamedType = Literal["person", "organization", "place"]

MOST_ENTITIES = 10
"""How many entities a trend names."""

STEP = timedelta(minutes=10)
"""Every window begins and ends at a multiple of this."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Kind(NamedTuple):
    length: timedelta
    every: timedelta


_KINDS: dict[WindowName, _Kind] = {
    "1h": _Kind(timedelta(hours=1), timedelta(minutes=10)),
    "24h": _Kind(timedelta(hours=24), timedelta(hours=1)),
}


class Window(NamedTuple):
    """The time from `start` up to, but not with, `end`."""

    name: WindowName
    start: datetime
    end: datetime


class TrendEntity(msgspec.Struct, frozen=True, kw_only=True):
    """A name, and how many of the articles have it."""

    type: NamedType
    name: str
    count: int


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """What the articles of a window say of a ticker.

    Attributes:
        symbol: the ticker.
        window: the window's name, which is its length.
        start: where the window begins.
        end: the first moment that is too late.
        articles: how many articles name the ticker.
        mean_sentiment: the mean score of those whose sentiment was measured, in −1…1; null if none.
        stated_sentiments: how many state each level of this ticker; levels that none states are
            left out.
        entities: who and what is named most often in them, most frequent first.
    """

    schema_version: Literal[1] = 1
    symbol: str
    window: WindowName
    start: Moment
    end: Moment
    articles: int
    mean_sentiment: float | None
    stated_sentiments: dict[StatedSentiment, int]
    entities: list[TrendEntity]


class Contribution(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What one article says of one ticker. `removed`: no more, since `revision`."""

    symbol: str
    id: str
    revision: int
    removed: bool = False
    published_at: datetime | None = None
    score: float | None = None
    stated: StatedSentiment | None = None
    people: list[str] = []
    organizations: list[str] = []
    places: list[str] = []


class Tally:
    """Contributions, counted; two tallies can be merged."""

    def __init__(self) -> None:
        self.articles = 0
        self.score = 0.0
        self.scored = 0
        self.stated: Counter[StatedSentiment] = Counter()
        self.entities: Counter[tuple[NamedType, str]] = Counter()

    def add(self, contribution: Contribution) -> None:
        """Counts one article."""
        self.articles += 1
        if contribution.score is not None:
            self.score += contribution.score
            self.scored += 1
        if contribution.stated is not None:
            self.stated[contribution.stated] += 1
        self.entities.update(("person", name) for name in contribution.people)
        self.entities.update(("organization", name) for name in contribution.organizations)
        self.entities.update(("place", name) for name in contribution.places)

    def merge(self, other: Tally) -> None:
        """Adds what another tally counted."""
        self.articles += other.articles
        self.score += other.score
        self.scored += other.scored
        self.stated.update(other.stated)
        self.entities.update(other.entities)

    def trend(self, symbol: str, window: Window) -> Trend:
        """The counts as a record."""
        return trend(
            symbol,
            window,
            articles=self.articles,
            mean_sentiment=self.score / self.scored if self.scored else None,
            stated=self.stated,
            entities=[
                TrendEntity(type=kind, name=name, count=count)
                for (kind, name), count in self.entities.items()
            ],
        )


def trend(
    symbol: str,
    window: Window,
    *,
    articles: int,
    mean_sentiment: float | None,
    stated: dict[StatedSentiment, int],
    entities: Iterable[TrendEntity],
) -> Trend:
    """A trend in its one form, however it was counted: rounded, sorted, the rarest names cut."""
    ranked = sorted(entities, key=lambda entity: (-entity.count, entity.type, entity.name))
    return Trend(
        symbol=symbol,
        window=window.name,
        start=window.start,
        end=window.end,
        articles=articles,
        mean_sentiment=None if mean_sentiment is None else _rounded(mean_sentiment),
        stated_sentiments={
            level: stated[level] for level in get_args(StatedSentiment) if stated.get(level)
        },
        entities=ranked[:MOST_ENTITIES],
    )


def _rounded(mean: float) -> float:
    """A mean without what depends on the order of its sum, or on 32 bits of a number."""
    return round(round(mean, 6), 4)


def windows_with(moment: datetime) -> Iterator[Window]:
    """All windows that a moment falls into."""
    for name, kind in _KINDS.items():
        start = _aligned(moment, kind.every)
        while start > moment - kind.length:
            yield Window(name, start, start + kind.length)
            start -= kind.every


def window_at(name: WindowName, moment: datetime) -> Window:
    """The window that a moment falls into and that ends first: the one that was begun first."""
    kind = _KINDS[name]
    end = _aligned(moment, kind.every) + kind.every
    return Window(name, end - kind.length, end)


def bucket_of(moment: datetime) -> int:
    """The number of the STEP, since 1970, that a moment falls into."""
    return (moment - _EPOCH) // STEP


def _aligned(moment: datetime, every: timedelta) -> datetime:
    return _EPOCH + (moment - _EPOCH) // every * every

"""Articles over time as bars, each the address of what it counts; drawn by the templates as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from pipeline.article import StatedSentiment
from pipeline.index import Histogram
from pipeline.index.histogram import DAY
from pipeline.search.page.address import State
from pipeline.search.page.words import from_iso, span
from pipeline.trends import Trend

HEIGHT = 100
"""What the highest bar of a chart is drawn as."""

LEAST = 3
"""No bar is drawn lower, so that one article beside a thousand can be seen."""

_WIDTHS = {"1h": "hour", "1d": "day", "7d": "week", "30d": "30 days", "365d": "365 days"}


class Bar(NamedTuple):
    """One interval: how many articles, how high it is drawn, and the search for just these."""

    place: int
    articles: int
    height: float
    when: str
    since: str
    until: str
    url: str


class Bars(NamedTuple):
    """A histogram as it is drawn; `each` is its interval in words."""

    bars: list[Bar]
    most: int
    total: int
    each: str


def bars_of(histogram: Histogram, state: State) -> Bars | None:
    """The bars of a result; none where there are not at least two of them."""
    if len(histogram.buckets) < 2:
        return None
    most = max(bucket.count for bucket in histogram.buckets)
    bars = []
    for place, bucket in enumerate(histogram.buckets):
        start, end = _within(bucket.start, histogram.interval, state)
        since, until = _ends(start, end)
        bars.append(
            Bar(
                place,
                bucket.count,
                _height(bucket.count, most),
                span(start, end),
                since,
                until,
                state.url(since=since, to=until),
            )
        )
    total = sum(bucket.count for bucket in histogram.buckets)
    return Bars(bars, most, total, _WIDTHS[histogram.interval])


def _within(start: str, interval: str, state: State) -> tuple[datetime, datetime]:
    """A bucket's interval, without what lies outside of the dates that are asked for."""
    begin = from_iso(start)
    number, unit = int(interval[:-1]), interval[-1]
    width = timedelta(hours=number) if unit == "h" else timedelta(days=number)
    try:
        end = begin + width
    except OverflowError:
        end = datetime.max.replace(tzinfo=begin.tzinfo, microsecond=0)
    since, until = state.query.since, state.query.until
    if since and begin < since < end:
        begin = since
    if until and begin < until < end:
        end = until
    return begin, end


def _ends(start: datetime, end: datetime) -> tuple[str, str]:
    """`from` and `to` of an interval: its first and last day where it is whole days, or moment."""
    if start.time() == end.time() == datetime.min.time():
        return start.date().isoformat(), (end - timedelta(days=1)).date().isoformat()
    last = end - timedelta(milliseconds=1)
    return _moment(start), _moment(last)


def _moment(moment: datetime) -> str:
    kept = "milliseconds" if moment.microsecond else "seconds"
    return moment.replace(tzinfo=None).isoformat(timespec=kept) + "Z"


def _height(count: int, most: int) -> float:
    return max(LEAST, round(count * HEIGHT / most, 1)) if count else 0


class Day(NamedTuple):
    """One day of a ticker: its articles, and what they say, stated and measured kept apart.

    `height` is drawn up for a positive `mean` and down for a negative one.
    """

    bar: Bar
    mean: float | None
    height: float
    stated: dict[StatedSentiment, int]


class Days(NamedTuple):
    """Consecutive days of a ticker; `until` is the first day that is too late."""

    days: list[Day]
    most: int
    since: datetime
    until: datetime
    total: int
    measured: int


def days_of(symbol: str, since: datetime, trends: Sequence[tuple[datetime, Trend | None]]) -> Days:
    """The chart of a ticker.

    Args:
        symbol: the ticker.
        since: the first day.
        trends: for each day what is said of the ticker, null where nothing is.
    """
    most = max((trend.articles for _, trend in trends if trend), default=0)
    days = []
    for place, (start, trend) in enumerate(trends):
        count = trend.articles if trend else 0
        mean = trend.mean_sentiment if trend else None
        stated = trend.stated_sentiments if trend else {}
        since_day, until_day = _ends(start, start + timedelta(days=1))
        state = State({"ticker": [symbol], "from": [since_day], "to": [until_day]})
        when = span(start, start + timedelta(days=1))
        bar = Bar(
            place,
            count,
            _height(count, most) if most else 0,
            when,
            since_day,
            until_day,
            state.url(),
        )
        drawn = max(2.0, round(abs(mean) * HEIGHT / 2, 1)) if mean is not None else 0
        days.append(Day(bar, mean, drawn, stated))
    until = since + timedelta(milliseconds=DAY) * len(days)
    measured = sum(day.mean is not None for day in days)
    return Days(days, most, since, until, sum(day.bar.articles for day in days), measured)

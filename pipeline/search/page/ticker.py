"""What the page of a ticker shows, in a bounded number of questions to the index."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pipeline.index import FacetValue, Index, SearchResult
from pipeline.index.query import Query
from pipeline.search.page.charts import Days, days_of
from pipeline.search.page.facets import by_level
from pipeline.trends import Trend, Window

DAYS = 30
"""How many days the chart spans: each with articles is one question to the index."""

_DAY = timedelta(days=1)
_FIRST = datetime.min.replace(tzinfo=UTC) + (DAYS + 1) * _DAY
_LAST = datetime(9999, 12, 1, tzinfo=UTC)
_NAMES = {"person": "People", "organization": "Organizations", "place": "Places"}


class TickerView(NamedTuple):
    """A ticker: its name where an article gives one, its chart, its latest articles.

    `earlier` and `later` are the last days of the charts beside this one, null where there is
    nothing.
    """

    symbol: str
    name: str
    found: SearchResult
    chart: Days | None
    earlier: str | None
    later: str | None
    stated: list[FacetValue]
    named: Mapping[str, list[FacetValue]]


def ticker_view(index: Index, symbol: str, last: datetime | None) -> TickerView:
    """What the index has of a ticker.

    Args:
        index: where to look.
        symbol: the ticker.
        last: within the last day of the chart; null: the day of the newest article.
    """
    of_symbol = {"ticker": [symbol]}
    found = index.search(Query(filters=of_symbol, sort="newest", collapse=True, size=10))
    tickers = [t for hit in found.hits for t in hit.article.tickers if t.symbol == symbol]
    buckets = [bucket for bucket in found.histogram.buckets if bucket.count]
    newest = next((h.article.published_at for h in found.hits if h.article.published_at), None)
    chart = earlier = later = None
    if newest is not None and buckets:
        shown = min(max(_midnight(last or newest), _FIRST), _LAST)
        end = shown + _DAY
        since = end - DAYS * _DAY
        chart = _chart(index, symbol, since, end)
        if index.search(Query(filters=of_symbol, until=since, size=0)).total:
            earlier = (since - _DAY).date().isoformat()
        if end <= newest:
            later = min(shown + DAYS * _DAY, newest).date().isoformat()
    return TickerView(
        symbol=symbol,
        name=tickers[0].name if tickers else "",
        found=found,
        chart=chart,
        earlier=earlier,
        later=later,
        stated=by_level(found.facets["stated_sentiment"]),
        named={title: found.facets[facet] for facet, title in _NAMES.items()},
    )


def _chart(index: Index, symbol: str, since: datetime, end: datetime) -> Days:
    of_days = Query(filters={"ticker": [symbol]}, since=since, until=end, size=0)
    counted = index.search(of_days).histogram.buckets
    with_articles = {bucket.start[:10] for bucket in counted if bucket.count}
    trends: list[tuple[datetime, Trend | None]] = []
    for number in range(DAYS):
        start = since + number * _DAY
        asked = start.date().isoformat() in with_articles
        window = Window("24h", start, start + _DAY)
        trends.append((start, index.trends(window, [symbol])[0] if asked else None))
    return days_of(symbol, since, trends)


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

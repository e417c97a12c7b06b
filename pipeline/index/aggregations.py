"""Counts in Elasticsearch's language, which Tantivy speaks too: what is asked, what comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from pipeline.article import StatedSentiment
from pipeline.index import FacetValue
from pipeline.index.query import FACET_SIZE, stated_of
from pipeline.trends import NamedType, Trend, TrendEntity, Window, trend

MOST_NAMES = 2_000
"""Of so many different names of a window the most frequent are exactly these."""

_NAMES: dict[NamedType, str] = {
    "person": "people",
    "organization": "organizations",
    "place": "places",
}


def terms(field: str, size: int = FACET_SIZE) -> dict[str, Any]:
    """Asks for the most frequent values of a field."""
    # More than are shown, so that which of several equal ones is shown does not depend on segments.
    return {"terms": {"field": field, "size": size * 5}}


def values(buckets: Sequence[Mapping[str, Any]], size: int = FACET_SIZE) -> list[FacetValue]:
    """The values that a facet shows, most frequent first, then by name."""
    counted = [
        FacetValue(bucket["key"], bucket["doc_count"]) for bucket in buckets if bucket["doc_count"]
    ]
    counted.sort(key=lambda value: (-value.count, value.value))
    return counted[:size]


def by_time(buckets: Sequence[Mapping[str, Any]]) -> dict[int, int]:
    """Counts by start of an interval, in milliseconds since 1970."""
    return {int(bucket["key"]): bucket["doc_count"] for bucket in buckets}


def trend_request(symbol: str, score: str) -> dict[str, Any]:
    """Asks for the trend of a ticker among the documents that have it.

    Args:
        symbol: the ticker.
        score: the field of an article's measured sentiment.
    """
    stated = [pair for pairs in stated_of([symbol]).values() for pair in pairs]
    request: dict[str, Any] = {
        "mean": {"avg": {"field": score}},
        "stated": {"terms": {"field": "ticker_sentiments", "size": len(stated), "include": stated}},
    }
    for field in _NAMES.values():
        request[field] = {"terms": {"field": field, "size": MOST_NAMES}}
    return request


def trend_answer(symbol: str, window: Window, articles: int, answer: Mapping[str, Any]) -> Trend:
    """The trend in the answer to `trend_request`; `articles` is how many documents it is about."""
    return trend(
        symbol,
        window,
        articles=articles,
        mean_sentiment=answer["mean"]["value"],
        stated={
            cast("StatedSentiment", bucket["key"].removeprefix(f"{symbol}:")): bucket["doc_count"]
            for bucket in answer["stated"]["buckets"]
        },
        entities=[
            TrendEntity(type=kind, name=bucket["key"], count=bucket["doc_count"])
            for kind, field in _NAMES.items()
            for bucket in answer[field]["buckets"]
        ],
    )

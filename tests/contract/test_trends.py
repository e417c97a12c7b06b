"""Trends: the index counts as the processor does, on both indexes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.article import EnrichedArticle, Sentiment
from pipeline.index import Index
from pipeline.stream.contributions import Labels, contributions
from pipeline.trends import Tally, Window, window_at
from tests.conftest import enriched
from tests.contract.test_index import Fill, fill, fill_elasticsearch, fill_tantivy

__all__ = ["fill", "fill_elasticsearch", "fill_tantivy"]

NOON = datetime(2025, 7, 17, 12, tzinfo=UTC)


def said(number: int, **fields: Any) -> EnrichedArticle:
    """An article of one of three tickers or two, of every seventh minute from noon on."""
    symbols = [["SPY"], ["QQQ", "SPY"], ["DIA"]][number % 3]
    values: dict[str, Any] = {
        "published_at": NOON + timedelta(minutes=7 * number),
        "symbols": symbols,
        "ticker_sentiments": [f"{symbols[0]}:{['bullish', 'bearish'][number % 2]}"],
        "people": ["Ann Example", "Bo Example"][: number % 3],
        "organizations": ["Reuters"] if number % 2 else [],
        "places": ["Japan"],
        "sentiment": Sentiment(label="neutral", score=number / 50 - 0.5, confidence=1)
        if number % 5
        else None,
    }
    return enriched(f"a{number}", **(values | fields))


ARTICLES = [said(number) for number in range(50)]


def counted(window: Window, symbol: str) -> Tally:
    tally = Tally()
    for article in ARTICLES:
        assert article.published_at is not None
        if window.start <= article.published_at < window.end:
            labels = Labels(
                id=article.id,
                revision=article.revision,
                published_at=article.published_at,
                symbols=article.symbols,
                ticker_sentiments=article.ticker_sentiments,
                sentiment=article.sentiment,
                people=article.people,
                organizations=article.organizations,
                places=article.places,
            )
            for contribution in contributions(labels, []):
                if contribution.symbol == symbol:
                    tally.add(contribution)
    return tally


@pytest.fixture
def index(fill: Fill) -> Index:
    return fill(ARTICLES)


@pytest.mark.parametrize("name", ["1h", "24h"])
def test_the_index_counts_as_the_processor_does(index: Index, name: Any) -> None:
    for hours in (0, 1, 3, 5, 30):
        window = window_at(name, NOON + timedelta(hours=hours, minutes=35))
        symbols = ["SPY", "QQQ", "DIA", "NONE"]
        expected = [counted(window, symbol).trend(symbol, window) for symbol in symbols]
        assert index.trends(window, symbols) == expected


def test_without_tickers_the_most_frequent_are_shown(index: Index) -> None:
    window = window_at("24h", NOON + timedelta(hours=6))
    found = index.trends(window, [], 2)
    assert [(trend.symbol, trend.articles) for trend in found] == [("SPY", 34), ("QQQ", 17)]


def test_a_window_without_articles_has_no_trends(index: Index) -> None:
    assert index.trends(window_at("1h", NOON - timedelta(days=3)), []) == []


def test_a_withdrawn_article_counts_no_more(fill: Fill) -> None:
    index = fill(ARTICLES, [enriched("a0", revision=2, withdrawn=True, text="")])
    window = window_at("24h", NOON + timedelta(hours=6))
    assert index.trends(window, ["SPY"])[0].articles == 33

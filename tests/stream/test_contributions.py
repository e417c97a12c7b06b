"""What an enriched article says of its tickers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from aiokafka.partitioner import DefaultPartitioner

from pipeline.article import Sentiment
from pipeline.stream.contributions import Labels, contributions, record
from pipeline.trends import Contribution

DAY = datetime(2025, 7, 17, tzinfo=UTC)


def labels(**fields: Any) -> Labels:
    values: dict[str, Any] = {"id": "a", "revision": 7, "published_at": DAY}
    return Labels(**(values | fields))


def test_each_ticker_gets_what_is_stated_of_it() -> None:
    said = labels(
        symbols=["BRK.B", "SPY"],
        ticker_sentiments=["BRK.B:extremely_bullish"],
        sentiment=Sentiment(label="neutral", score=0.1, confidence=1),
        people=["Ann"],
    )
    assert list(contributions(said, [])) == [
        Contribution(symbol="BRK.B", id="a", revision=7, published_at=DAY, score=0.1,
                     stated="extremely_bullish", people=["Ann"]),
        Contribution(symbol="SPY", id="a", revision=7, published_at=DAY, score=0.1,
                     people=["Ann"]),
    ]  # fmt: skip


def test_a_ticker_that_is_not_named_any_more_is_taken_back() -> None:
    said = list(contributions(labels(symbols=["SPY"]), ["DIA", "SPY"]))
    assert [(c.symbol, c.removed) for c in said] == [("SPY", False), ("DIA", True)]


def test_a_withdrawn_article_takes_back_all() -> None:
    said = list(contributions(labels(symbols=[]), ["DIA", "SPY"]))
    assert [(c.symbol, c.removed, c.revision) for c in said] == [("DIA", True, 7), ("SPY", True, 7)]


def test_an_article_without_a_time_of_publication_counts_for_none() -> None:
    assert list(contributions(labels(symbols=["SPY"], published_at=None), [])) == []


def test_all_of_a_ticker_are_in_the_partition_that_its_key_alone_would_have() -> None:
    partitions = list(range(7))
    for symbol in ("SPY", "BRK.B", "A", "EWJ"):
        for article_id in ("a", "b", "ü"):
            said = record(Contribution(symbol=symbol, id=article_id, revision=1), 7)
            assert said.partition == DefaultPartitioner()(symbol.encode(), partitions, partitions)
            assert said.key == f"{symbol}/{article_id}".encode()

"""Bars over time: what each one is the address of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.index import Bucket, Histogram
from pipeline.search.page.address import State
from pipeline.search.page.charts import HEIGHT, LEAST, bars_of, days_of
from pipeline.trends import Trend

JULY = datetime(2025, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("interval", "starts", "since", "until"),
    [
        ("1h", ["2025-07-17T09:00:00Z", "2025-07-17T10:00:00Z"],
         "2025-07-17T09:00:00Z", "2025-07-17T09:59:59.999Z"),
        ("1d", ["2025-07-17T00:00:00Z", "2025-07-18T00:00:00Z"], "2025-07-17", "2025-07-17"),
        ("7d", ["2025-07-14T00:00:00Z", "2025-07-21T00:00:00Z"], "2025-07-14", "2025-07-20"),
        ("365d", ["9999-12-01T00:00:00Z", "9999-12-02T00:00:00Z"], "9999-12-01T00:00:00Z",
         "9999-12-31T23:59:58.999Z"),
    ],
)  # fmt: skip
def test_a_bar_asks_for_just_its_interval(
    interval: str, starts: list[str], since: str, until: str
) -> None:
    chart = bars_of(Histogram(interval, [Bucket(start, 1) for start in starts]), State({}))
    assert chart is not None
    assert (chart.bars[0].since, chart.bars[0].until) == (since, until)


def test_a_bar_does_not_reach_beyond_the_dates_that_are_asked_for() -> None:
    weeks = Histogram("7d", [Bucket("2025-07-14T00:00:00Z", 3), Bucket("2025-07-21T00:00:00Z", 1)])
    chart = bars_of(weeks, State({"from": ["2025-07-16"], "to": ["2025-07-24"]}))
    assert chart is not None
    assert [(bar.since, bar.until) for bar in chart.bars] == [
        ("2025-07-16", "2025-07-20"),
        ("2025-07-21", "2025-07-24"),
    ]


def test_the_highest_bar_is_whole_and_the_lowest_can_be_seen() -> None:
    counts = (1_000, 1, 0)
    days = [Bucket(f"2025-07-0{day}T00:00:00Z", n) for day, n in enumerate(counts, 1)]
    chart = bars_of(Histogram("1d", days), State({}))
    assert chart is not None
    assert [bar.height for bar in chart.bars] == [HEIGHT, LEAST, 0]


def test_one_bar_is_no_chart() -> None:
    assert bars_of(Histogram("1d", [Bucket("2025-07-01T00:00:00Z", 3)]), State({})) is None


def test_a_day_of_a_ticker_shows_what_is_measured_apart_from_what_is_stated() -> None:
    trend = Trend(
        symbol="SPY",
        window="24h",
        start=JULY,
        end=JULY + timedelta(days=1),
        articles=2,
        mean_sentiment=-0.5,
        stated_sentiments={"bullish": 1},
        entities=[],
    )
    chart = days_of("SPY", JULY, [(JULY, trend), (JULY + timedelta(days=1), None)])
    first, second = chart.days
    assert (first.mean, first.height, dict(first.stated)) == (-0.5, 25.0, {"bullish": 1})
    assert (second.mean, second.bar.articles, second.height) == (None, 0, 0)
    assert first.bar.url == "/?ticker=SPY&from=2025-07-01&to=2025-07-01"
    assert (chart.total, chart.most, chart.until) == (2, 2, JULY + timedelta(days=2))

"""Windows of time, and the arithmetic of trends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipeline.trends import Contribution, Tally, Window, window_at, windows_with

moments = st.floats(1e7, 4e9).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
NOON = datetime(2025, 7, 17, 12, tzinfo=UTC)
DAY = Window("24h", NOON, NOON + timedelta(hours=24))


@given(moments)
def test_a_moment_falls_into_six_windows_of_an_hour_and_twenty_four_of_a_day(
    moment: datetime,
) -> None:
    windows = list(windows_with(moment))
    assert [window.name for window in windows] == ["1h"] * 6 + ["24h"] * 24
    assert all(window.start <= moment < window.end for window in windows)
    assert len(set(windows)) == 30


@given(moments)
def test_windows_are_as_long_as_their_name_says_and_aligned(moment: datetime) -> None:
    for window in windows_with(moment):
        hours, minutes = (1, 10) if window.name == "1h" else (24, 60)
        assert window.end - window.start == timedelta(hours=hours)
        assert (window.start - datetime(1970, 1, 1, tzinfo=UTC)) % timedelta(minutes=minutes) == (
            timedelta(0)
        )


@given(moments)
def test_the_window_that_is_asked_for_is_the_one_that_ends_first(moment: datetime) -> None:
    windows = list(windows_with(moment))
    for name in ("1h", "24h"):
        expected = min((w for w in windows if w.name == name), key=lambda window: window.end)
        assert window_at(name, moment) == expected


def test_a_trend_counts_articles_and_what_they_say() -> None:
    tally = Tally()
    for contribution in [
        Contribution(symbol="SPY", id="a", revision=1, score=0.5, stated="bullish", people=["Ann"]),
        Contribution(symbol="SPY", id="b", revision=1, score=-0.1, places=["Japan"]),
        Contribution(symbol="SPY", id="c", revision=1, stated="bullish", places=["Japan"]),
    ]:
        tally.add(contribution)
    trend = tally.trend("SPY", DAY)
    assert (trend.articles, trend.mean_sentiment) == (3, 0.2)
    assert trend.stated_sentiments == {"bullish": 2}
    assert [(e.type, e.name, e.count) for e in trend.entities] == [
        ("place", "Japan", 2),
        ("person", "Ann", 1),
    ]


def test_without_a_measured_sentiment_there_is_no_mean() -> None:
    tally = Tally()
    tally.add(Contribution(symbol="SPY", id="a", revision=1))
    assert tally.trend("SPY", DAY).mean_sentiment is None


def test_merged_tallies_count_as_one() -> None:
    said = [
        Contribution(symbol="SPY", id=str(n), revision=1, score=n / 10, places=["Japan"])
        for n in range(9)
    ]
    one, parts = Tally(), (Tally(), Tally())
    for number, contribution in enumerate(said):
        one.add(contribution)
        parts[number % 2].add(contribution)
    parts[0].merge(parts[1])
    assert parts[0].trend("SPY", DAY) == one.trend("SPY", DAY)

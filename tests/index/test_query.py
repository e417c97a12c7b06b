"""What people type becomes one query model."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ConfigurationError
from pipeline.index.query import (
    MAX_TERMS,
    Phrase,
    Recency,
    TextQuery,
    decode_offset,
    encode_offset,
    parse_day,
    parse_span,
    parse_text,
    recency_of,
)


def p(*terms: str) -> Phrase:
    return Phrase(terms)


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("", TextQuery()),
        ("tariffs japan", TextQuery(((p("tariff"),), (p("japan"),)))),
        ('"trade talks"', TextQuery(((p("trade", "talk"),),))),
        ("japan -steel", TextQuery(((p("japan"),),), (p("steel"),))),
        ('-"trade talks"', TextQuery((), (p("trade", "talk"),))),
        ("gold OR oil", TextQuery(((p("gold"), p("oil")),))),
        ("gold OR oil OR gas price", TextQuery(((p("gold"), p("oil"), p("gas")), (p("price"),)))),
        ("re-open", TextQuery(((p("re", "open"),),))),
        ("OR gold", TextQuery(((p("or"),), (p("gold"),)))),
        ("gold OR", TextQuery(((p("gold"),), (p("or"),)))),
        ("gold or oil", TextQuery(((p("gold"),), (p("or"),), (p("oil"),)))),
        ('"trade talks', TextQuery(((p("trade", "talk"),),))),
        ("- & * ?", TextQuery()),
        ("title:gold^3 AND [a TO b]", parse_text("title gold 3 AND a TO b")._replace()),
    ],
)
def test_a_text_is_parsed(text: str, parsed: TextQuery) -> None:
    flat = [phrase.terms for phrase in parse_text(text).phrases]
    if text.startswith("title"):
        assert [t for terms in flat for t in terms] == [
            t for phrase in parsed.phrases for t in phrase.terms
        ]
    else:
        assert parse_text(text) == parsed


def test_a_query_with_too_many_words_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="more than"):
        parse_text("word " * (MAX_TERMS + 1))


@given(st.text(max_size=200))
def test_no_text_whatever_breaks_the_parser(text: str) -> None:
    with suppress(ConfigurationError):
        parse_text(text)


def test_the_last_day_of_a_range_belongs_to_it() -> None:
    assert parse_day("2025-07-17") == datetime(2025, 7, 17, tzinfo=UTC)
    assert parse_day("2025-07-17", last=True) == datetime(2025, 7, 18, tzinfo=UTC)


def test_a_moment_keeps_its_zone() -> None:
    assert parse_day("2025-07-17T09:00:00+09:00") == datetime(2025, 7, 17, tzinfo=UTC)


@pytest.mark.parametrize("value", ["yesterday", "2025-02-30", "17.7.2025"])
def test_what_is_no_date_is_refused(value: str) -> None:
    with pytest.raises(ConfigurationError, match="no date"):
        parse_day(value)


@pytest.mark.parametrize(
    ("value", "hours"), [("12h", 12), ("7d", 168), ("4W", 672), (" 1.5d ", 36), ("400d", 9600)]
)
def test_a_span_is_a_number_and_a_unit(value: str, hours: float) -> None:
    assert parse_span(value) == timedelta(hours=hours)


@pytest.mark.parametrize("value", ["", "7", "d", "0d", "-1d", "1y", "9999999d", "0.5h", "٧d"])
def test_what_is_no_span_is_refused(value: str) -> None:
    with pytest.raises(ConfigurationError, match="expected a number and h, d or w"):
        parse_span(value)


def test_recency_is_reckoned_from_the_end_of_the_query_or_of_today() -> None:
    end = datetime(2025, 7, 17, tzinfo=UTC)
    assert recency_of("7d", end) == Recency(timedelta(days=7), end)
    reference = recency_of("7d", None).reference
    assert timedelta() < reference - datetime.now(UTC) <= timedelta(days=1)


@pytest.mark.parametrize("offset", [0, 10, 9999])
def test_next_says_where_the_following_page_begins(offset: int) -> None:
    assert decode_offset(encode_offset(offset)) == offset


@given(st.text(max_size=20))
def test_any_other_next_is_refused(text: str) -> None:
    with suppress(ConfigurationError):
        assert 0 <= decode_offset(text) <= 99_999

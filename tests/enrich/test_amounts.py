"""Money and percentages: each notation, what it comes to, and what only looks like one."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.enrich.amounts import (
    _PERCENT,
    _PREFIXED,
    _SUFFIXED,
    _matches,
    _number_places,
    _symbol_places,
    find_money,
    find_percents,
)

PIECES = [
    "5", "-", "7", "%", " percent", " ", "$", "€", "1,000", ".5", " million", "bn", " to ", "a ",
    " dollars", "half a ", "USD", "two and a half ", "½", "٣", "\n", "+", "−",
]  # fmt: skip


def money(text: str) -> list[tuple[str, float | object, str | object]]:
    return [(m.text, m.amount, m.unit) for m in find_money(text, "text")]


def percents(text: str) -> list[tuple[str, float | object]]:
    return [(m.text, m.amount) for m in find_percents(text, "text")]


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("25%", 25), ("3.5 percent", 3.5), ("25 per cent", 25), ("3 pct", 3), ("-2%", -2),
        ("−2%", -2), ("+4.1%", 4.1), ("1,234.5%", 1234.5), ("1,5%", 1.5), (".5%", 0.5),
        ("2½%", 2.5), ("3 %", 3), ("five percent", 5), ("twenty-five percent", 25),
        ("two and a half percent", 2.5), ("half a percent", 0.5), ("25-percent", 25),
    ],
)  # fmt: skip
def test_a_percentage_is_found_with_its_number(written: str, amount: float) -> None:
    assert percents(f"Sales rose ({written}) in a year.") == [(written, amount)]


@pytest.mark.parametrize(
    "text", ["5-7%", "5–7%", "5 to 7%", "5 or 7%", "between 5 and 7%", "5% to 7%", "5%-7%"]
)
def test_both_ends_of_a_range_are_percentages(text: str) -> None:
    assert [amount for _, amount in percents(text)] == [5, 7]


@pytest.mark.parametrize(
    "text",
    ["0.5 percentage points", "half a percentage point", "2%-points", "percent", "%", "1.2.3%",
     "2019-20%", "v5%"],
)  # fmt: skip
def test_what_is_no_percentage_is_not_found(text: str) -> None:
    assert percents(text) == []


@pytest.mark.parametrize(
    ("written", "amount", "unit"),
    [
        ("$5", 5, "USD"), ("$1.2 billion", 1.2e9, "USD"), ("$3.5bn", 3.5e9, "USD"),
        ("$450M", 450e6, "USD"), ("$2.3m", 2.3e6, "USD"), ("$5k", 5e3, "USD"),
        ("$1,234.56", 1234.56, "USD"), ("$.50", 0.5, "USD"), ("-$5 million", -5e6, "USD"),
        ("US$5", 5, "USD"), ("U.S.$3", 3, "USD"), ("HK$12", 12, "HKD"), ("A$3", 3, "AUD"),
        ("C$2", 2, "CAD"), ("NZ$1", 1, "NZD"), ("S$4", 4, "SGD"), ("R$5 billion", 5e9, "BRL"),
        ("€5 million", 5e6, "EUR"), ("£300m", 300e6, "GBP"), ("¥2.5 trillion", 2.5e12, "JPY"),
        ("CN¥15", 15, "CNY"), ("₹5,00,000", 500000, "INR"), ("Rs 500 crore", 5e9, "INR"),
        ("Rs. 1.2 lakh crore", 1.2e12, "INR"), ("CHF 3 million", 3e6, "CHF"),
        ("USD 5 million", 5e6, "USD"), ("EUR5bn", 5e9, "EUR"), ("USD$5m", 5e6, "USD"),
        ("5 million dollars", 5e6, "USD"), ("5-million-dollar", 5e6, "USD"),
        ("20 billion euros", 20e9, "EUR"), ("1.5m euros", 1.5e6, "EUR"), ("300 yen", 300, "JPY"),
        ("5€", 5, "EUR"), ("5 million USD", 5e6, "USD"), ("5 crore rupees", 5e7, "INR"),
        ("200 million pounds", 200e6, "GBP"), ("5 pounds sterling", 5, "GBP"),
        ("5 trillion won", 5e12, "KRW"), ("500 South Korean won", 500, "KRW"),
        ("100 Canadian dollars", 100, "CAD"), ("10 Swiss francs", 10, "CHF"),
        ("50 cents", 0.5, "USD"), ("12 euro cents", 0.12, "EUR"), ("50 pence", 0.5, "GBP"),
        ("a million dollars", 1e6, "USD"), ("half a billion dollars", 5e8, "USD"),
        ("five hundred million dollars", 500e6, "USD"), ("two dollars", 2, "USD"),
        ("two and a half million euros", 2.5e6, "EUR"), ("TRY 5 million", 5e6, "TRY"),
    ],
)  # fmt: skip
def test_a_sum_is_found_with_its_full_amount_and_currency(
    written: str, amount: float, unit: str
) -> None:
    assert money(f"It paid ({written}) for it.") == [(written, amount, unit)]


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("$5-$7 million", [5e6, 7e6]),
        ("$5-7 million", [5e6, 7e6]),
        ("$5 to $7 billion", [5e9, 7e9]),
        ("$5 to 7 million", [5e6, 7e6]),
        ("between $5 and $7 million", [5e6, 7e6]),
        ("5 to 7 million euros", [5e6, 7e6]),
        ("between 640 and 660 million euros", [640e6, 660e6]),
        ("sold 640 and 660 million euros' worth", [660e6]),
        ("$10-15 a share", [10, 15]),
        ("from $500,000 to $7 million", [500e3, 7e6]),
        ("$5 and $7 million", [5, 7e6]),
        ("paid $10 to 15 people", [10]),
        ("$5 to 7% more", [5]),
    ],
)
def test_both_ends_of_a_range_are_sums_and_share_a_magnitude(
    text: str, amounts: list[float]
) -> None:
    assert [amount for _, amount, _ in money(text)] == amounts


@pytest.mark.parametrize(
    "text",
    ["$AAPL", "$5G", "3 won the race", "200 pounds", "PHP 8", "COP 29", "a dollar", "5 million",
     "the U.S. dollar", "$", "$1.2.3", "ABC$5", "5 eurosceptics"],
)  # fmt: skip
def test_what_is_no_money_is_not_found(text: str) -> None:
    assert money(text) == []


def test_mentions_say_which_field_they_are_in() -> None:
    assert {m.field for m in find_money("$5", "title") + find_percents("5%", "title")} == {"title"}


@given(st.text() | st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_offsets_fit_and_mentions_are_in_order(text: str) -> None:
    for mentions in (find_money(text, "text"), find_percents(text, "text")):
        assert all(text[m.start : m.end] == m.text != "" for m in mentions)
        assert all(a.end <= b.start for a, b in pairwise(mentions))
        assert all(isinstance(m.amount, float) for m in mentions)


@pytest.mark.parametrize(
    "piece", ["1", "1,", "$1-", "1 to ", "a ", "five ", "5 million ", "-", "."]
)
def test_the_time_grows_no_faster_than_the_text(piece: str) -> None:
    def seconds(size: int) -> float:
        text = f"$5 dollars 5% {(piece * size)[:size]}"
        start = time.process_time()
        find_money(text, "text")
        find_percents(text, "text")
        return time.process_time() - start

    # A hundred times the text; what takes the square of the time would take ten thousand times.
    assert seconds(200_000) < 1000 * max(seconds(2_000), 0.001)


AMOUNTS = [
    "$5", "US$1.5 billion", "–$3", "U.S.$7", "A$.5", "EUR 20", "RMB5", "Rs. 10", "5%", "-.5%", "a",
    "+3", "half a million", "dollars", "seventy-seven", "percent", "5 to 7", "€", "1,000", "½",
    "(2.5", ")", "and", "million", "USD", "X", "$$", "CN¥8", "between", "2½", "..5", "-", "euro",
    "cents", "won", "to",
]  # fmt: skip


@given(st.lists(st.sampled_from(AMOUNTS), max_size=12), st.sampled_from([" ", "", "-", "\n"]))
def test_amounts_begin_where_they_are_looked_for(parts: list[str], between: str) -> None:
    text = between.join(parts)
    for pattern, places in (
        (_PREFIXED, _symbol_places),
        (_SUFFIXED, _number_places),
        (_PERCENT, _number_places),
    ):
        everywhere = [match.span() for match in pattern.finditer(text)]
        assert [match.span() for match in _matches(pattern, text, places(text))] == everywhere

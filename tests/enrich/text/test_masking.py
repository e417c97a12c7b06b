"""Hiding and re-casing what a recogniser of names would stumble over, with every offset kept."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.enrich.text.casing import is_headline, repair_case
from pipeline.enrich.text.masking import mask


@pytest.mark.parametrize(
    "hidden",
    [
        "desk@example.com",
        "first.last+tag@mail.example.co.uk",
        "newsroom[at]example[dot]com",
        "desk [at] example [dot] com",
        "desk(at)example(dot)com",
        "https://example.com/a?b=c#d",
        "www.example.com/news",
        "example.com/about",
        "@some_trader",
        "#Earnings",
    ],
)
def test_addresses_and_handles_are_hidden(hidden: str) -> None:
    text = f"Mail Dana at {hidden} for more"
    masked, spans = mask(text, [])
    start = text.index(hidden)
    assert spans == [(start, start + len(hidden))]
    assert masked == text.replace(hidden, " " * len(hidden))


@pytest.mark.parametrize("text", ["Dana met Ola at noon.", "AT&T and Yum! rose 3% @ close", "A/B"])
def test_plain_text_stays(text: str) -> None:
    assert mask(text, []) == (text, [])


def test_tickers_are_hidden_where_the_caller_says() -> None:
    masked, spans = mask("Quillmark (QMLB) rose", [(10, 16)])
    assert masked == "Quillmark        rose"
    assert spans == [(10, 16)]


def test_overlapping_spans_become_one() -> None:
    text = "see https://example.com/QMLB now"
    assert mask(text, [(24, 28)])[1] == [(4, 28)]


def test_a_headline_in_capitals_is_written_as_prose() -> None:
    text = "WHITLOCK SAYS QUILLMARK TO LEAVE JAPAN AS U.S. GDP FALLS"
    assert repair_case(text) == "Whitlock says Quillmark to leave Japan as U.S. GDP falls"


def test_a_place_in_capitals_is_capitalised_in_a_dateline() -> None:
    assert repair_case("TOKYO (Reuters) - Shares fell.") == "Tokyo (Reuters) - Shares fell."


@pytest.mark.parametrize("text", ["Shares of IBM and AT&T rose.", "NATO met.", "The WHO said so."])
def test_abbreviations_in_prose_stay(text: str) -> None:
    assert repair_case(text) == text


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Whitlock Says Quillmark Labs Will Leave Japan", True),
        ("Whitlock says that Quillmark will leave Japan", False),
        ("Quillmark Leaves", False),
    ],
)
def test_a_headline_is_known_by_its_capitals(sentence: str, expected: bool) -> None:
    assert is_headline(sentence) is expected


@given(st.text(), st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50))))
def test_the_masked_text_is_as_long_as_the_text(text: str, bounds: list[tuple[int, int]]) -> None:
    tickers = [(min(pair), max(pair)) for pair in bounds if max(pair) <= len(text)]
    masked, spans = mask(text, tickers)
    assert len(masked) == len(text)
    assert spans == sorted(spans)
    assert all(masked[start:end].isspace() for start, end in spans if end > start)


@given(st.text(alphabet="ABÇİßŞΣ ǅ.'", max_size=80))
def test_casing_keeps_the_length_in_every_alphabet(text: str) -> None:
    assert len(repair_case(text)) == len(text)


@pytest.mark.parametrize(
    "piece", ["a", "A", "a.", "a@", "www.", "[at]", "http://", "a-", "@", "A "]
)
def test_hostile_text_takes_linear_time(piece: str) -> None:
    # A quadratic pattern would need minutes for this.
    began = time.process_time()
    mask(piece * (300_000 // len(piece)), [])
    assert time.process_time() - began < 10

"""Where sentences begin and end."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.enrich.text.sentences import sentences

PIECES = ["One", "two", ".", "?", "…", " ", "\n", '"', "”", "(", "Mr", "U.S", "Inc", "A", "1"]


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One rose. Two fell! Three? Yes.", ["One rose.", "Two fell!", "Three?", "Yes."]),
        ("Mr. Smith of Acme Inc. said so.", ["Mr. Smith of Acme Inc. said so."]),
        ("He works for Acme Inc. The firm grew.", ["He works for Acme Inc.", "The firm grew."]),
        ("J. P. Doe met U.S. officials.", ["J. P. Doe met U.S. officials."]),
        ("It is in the U.S. However, it grew.", ["It is in the U.S.", "However, it grew."]),
        ("It rose 2.5 percent. It fell.", ["It rose 2.5 percent.", "It fell."]),
        ("“It rose.” He smiled.", ["“It rose.”", "He smiled."]),
        ("A headline\n\nA text", ["A headline", "A text"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_sentences_end_at_stops_and_empty_lines(text: str, expected: list[str]) -> None:
    assert split(text) == expected


@given(st.text() | st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_sentences_are_in_order_and_hold_all_that_is_not_white(text: str) -> None:
    spans = sentences(text)

    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert spans == sorted(spans)
    assert "".join("".join(split(text)).split()) == "".join(text.split())


@pytest.mark.parametrize("piece", [".", "?", ". ", " ", '."', ". '", "\n", " \n"])
def test_the_time_grows_no_faster_than_the_text(piece: str) -> None:
    def seconds(size: int) -> float:
        text = (piece * size)[:size]
        start = time.process_time()
        sentences(text)
        return time.process_time() - start

    # A hundred times the text; what takes the square of the time would take ten thousand times.
    assert seconds(200_000) < 1000 * max(seconds(2_000), 0.001)

"""What a word is, and how words become terms: the same for documents, queries and highlights."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.index.analysis import analyzer, prepare, words


def terms(text: str) -> list[str]:
    return [word.term for word in words(text)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tariffs", "Tariff"),
        ("rising", "rise"),
        ("Japan's", "japan"),
        ("Japan’s", "japan"),
        ("JAPAN'S", "japan"),
        ("café", "CAFE"),
        ("Zürich", "Zurich"),
        ("U.S.", "u.s"),
        ("AT&T", "at&t"),
        ("BRK.B", "brk.b"),
        ("O’Brien", "O'Brien"),
        ("1,000.5", "1,000.5"),
    ],
)
def test_these_are_one_and_the_same_term(one: str, other: str) -> None:
    assert len(terms(one)) == 1
    assert terms(one) == terms(other)


def test_initials_ampersands_and_numbers_stay_one_word() -> None:
    text = "The U.S. S&P 500, AT&T and BRK.B rose 1,000.5 points."
    shown = [text[w.start : w.end] for w in words(text)]
    assert shown == [
        "The",
        "U.S",
        "S&P",
        "500",
        "AT&T",
        "and",
        "BRK.B",
        "rose",
        "1,000.5",
        "points",
    ]


def test_hyphens_slashes_and_commas_part_words() -> None:
    assert terms("re-confirm and/or a,b") == ["re", "confirm", "and", "or", "a", "b"]


def test_han_and_hiragana_have_a_word_a_character() -> None:
    text = "東京でApple"
    assert [text[w.start : w.end] for w in words(text)] == ["東", "京", "で", "Apple"]


def assigned(text: str) -> str:
    return "".join(c for c in text if unicodedata.category(c) != "Cn")


@given((st.text() | st.text(alphabet="aS'’.&,1 ʼñß東ा²Ⓐ_-İ")).map(assigned))
def test_words_are_what_the_index_finds_in_prepared_text(text: str) -> None:
    assert terms(text) == analyzer().analyze(prepare(text))


@given(st.text(alphabet="aS'’.&,1 東é"))
def test_spans_fit_the_text_and_do_not_overlap(text: str) -> None:
    end = 0
    for word in words(text):
        assert end <= word.start < word.end <= len(text)
        end = word.end

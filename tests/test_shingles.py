"""Shingles: runs of words, and how much of them two texts have in common."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.shingles import jaccard, shingles


def test_the_similarity_is_the_share_of_common_runs_of_three_words() -> None:
    one = shingles("The board of Example Corp. met on Friday.")
    other = shingles("the board of Example Corp met, on Monday")
    # The, board, of, Example, Corp, met, on: five runs, and one of each alone.
    assert jaccard(one, other) == 5 / 7


def test_letter_case_punctuation_and_space_do_not_count() -> None:
    assert jaccard(shingles("A B-C d"), shingles("a  b, c\nD")) == 1.0


def test_japanese_runs_are_of_characters() -> None:
    assert len(shingles("東京の株式市場")) == 5


def test_a_text_of_two_words_has_nothing_in_common_with_any() -> None:
    assert jaccard(shingles("two words"), shingles("two words")) == 0.0


@given(st.text(), st.text())
def test_it_is_the_same_from_both_sides_and_one_with_itself(one: str, other: str) -> None:
    first, second = shingles(one), shingles(other)
    assert jaccard(first, second) == jaccard(second, first)
    assert jaccard(first, first) == (1.0 if len(first) else 0.0)

"""Phrases: the longest at each place, none overlapping."""

from __future__ import annotations

from pipeline.enrich.phrases import find_phrases, index_phrases

INDEX = index_phrases([(["trade"], 1), (["trade", "deal"], 2), (["deal", "maker"], 3)])


def test_the_longest_phrase_at_a_place_wins() -> None:
    assert list(find_phrases(["a", "trade", "deal"], INDEX)) == [(1, 3, 2)]


def test_a_shorter_phrase_is_found_where_the_longer_one_is_not() -> None:
    assert list(find_phrases(["trade", "talks"], INDEX)) == [(0, 1, 1)]


def test_phrases_do_not_overlap() -> None:
    assert list(find_phrases(["trade", "deal", "maker"], INDEX)) == [(0, 2, 2)]


def test_a_phrase_that_is_cut_off_at_the_end_is_not_found() -> None:
    assert list(find_phrases(["deal"], INDEX)) == []

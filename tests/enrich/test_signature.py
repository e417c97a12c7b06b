"""Signatures: near-duplicates share a band, and articles of different stories none."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.enrich.signature import BANDS, MIN_WORDS, ROWS, signature
from pipeline.shingles import jaccard, shingles
from pipeline.sources.generator import generate

TEXT = " ".join(f"word{number}" for number in range(60))


@pytest.fixture(scope="module")
def bodies() -> list[str]:
    return [article.body for article in generate(300, 21)]


def test_a_signature_is_one_short_hexadecimal_hash_for_each_band_and_one_for_all_words() -> None:
    bands = signature(TEXT)
    assert len(bands) == BANDS + 1
    assert all(len(band) == 12 and int(band, 16) >= 0 for band in bands)


def test_a_signature_stays_the_same_for_ever() -> None:
    # Signatures of stored articles are compared with new ones: other hashes would part them.
    assert signature(TEXT)[:2] == ["a05eeb8c2642", "3990e11dcbaa"]
    assert signature(TEXT)[-1] == "34aa86eed604"


def test_letter_case_punctuation_and_space_do_not_count() -> None:
    assert signature(TEXT.upper().replace(" ", ",\n ")) == signature(TEXT)


def test_where_all_hashes_are_equal_all_words_are() -> None:
    # A word that comes again changes no shingle but the one that it is in.
    twice = f"{TEXT} {TEXT}"
    thrice = f"{TEXT} {TEXT} {TEXT}"
    assert signature(twice)[:-1] == signature(thrice)[:-1]
    assert signature(twice) != signature(thrice)


def test_a_text_of_too_few_words_has_no_signature() -> None:
    assert signature(" ".join(TEXT.split()[: MIN_WORDS - 1])) == []
    assert signature(" ".join(TEXT.split()[:MIN_WORDS])) != []


def test_a_language_without_spaces_is_compared_by_characters() -> None:
    text = "東京の株式市場では日経平均株価が大きく上昇し、取引を終えた。"
    text += "自動車への関税が下がることが決まった。"
    assert set(signature(text)) & set(signature(text.replace("大きく", "")))


def test_pairs_at_jaccard_eight_tenths_are_found(bodies: list[str]) -> None:
    rng = random.Random(5)
    pairs = [(body, _edited(body, 0.8, rng)) for body in bodies * 2]
    found = sum(bool(set(signature(one)) & set(signature(other))) for one, other in pairs)
    assert found / len(pairs) > 0.95


def test_a_pair_is_found_as_often_as_the_formula_says(bodies: list[str]) -> None:
    rng = random.Random(6)
    for wanted in (0.7, 0.5, 0.3):
        pairs = [(body, _edited(body, wanted, rng)) for body in bodies]
        found = sum(bool(set(signature(one)) & set(signature(other))) for one, other in pairs)
        assert found / len(pairs) == pytest.approx(1 - (1 - wanted**ROWS) ** BANDS, abs=0.08)


def test_different_articles_share_no_band(bodies: list[str]) -> None:
    bands = [band for body in bodies for band in signature(body)]
    assert len(bands) == len(set(bands))


def test_a_syndicated_story_is_found_after_small_edits(bodies: list[str]) -> None:
    words = bodies[0].split()
    other = " ".join(["CHICAGO", "-", *words[:40], "reportedly", *words[41:], "(Wire", "service)"])
    assert set(signature(bodies[0])) & set(signature(other))


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    assert len(signature(text * 5)) in (0, BANDS + 1)


def test_a_text_of_a_megabyte_takes_no_longer_than_a_few_seconds() -> None:
    start = time.process_time()
    for text in (
        "a " * 500_000,
        "x" * 1_000_000,
        " ".join(map(str, range(150_000))),
        "京" * 300_000,
    ):
        signature(text)
    assert time.process_time() - start < 10


def _edited(text: str, wanted: float, rng: random.Random) -> str:
    """The text with words replaced until its similarity has fallen to what is wanted."""
    words = text.split()
    before = shingles(text)
    while jaccard(before, shingles(" ".join(words))) > wanted:
        words[rng.randrange(len(words))] = f"other{rng.randrange(10**6)}"
    return " ".join(words)

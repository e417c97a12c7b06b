"""The gazetteer: one canonical name and id for each of the spellings that news uses."""

from __future__ import annotations

import re

import pytest

from pipeline.enrich.names.gazetteer import Known, lookup, matches, tokens


def found(text: str) -> list[tuple[str, Known]]:
    words = tokens(text)
    return [
        (text[words[match.first].start : words[match.last].end], match.known)
        for match in matches(text, words)
    ]


@pytest.mark.parametrize("name", ["U.S.", "US", "U.S", "USA", "U.S.A.", "United States", "America"])
def test_the_united_states_are_one_place(name: str) -> None:
    known = lookup(name)
    assert known is not None
    assert (known.type, known.name, known.id) == ("place", "United States", "US")


@pytest.mark.parametrize(
    ("name", "kind", "canonical", "code"),
    [
        ("UK", "place", "United Kingdom", "GB"),
        ("Britain", "place", "United Kingdom", "GB"),
        ("U.A.E.", "place", "United Arab Emirates", "AE"),
        ("Czechia", "place", "Czech Republic", "CZ"),
        ("Türkiye", "place", "Turkey", "TR"),
        ("TOKYO", "place", "Tokyo", None),
        ("Texas", "place", "Texas", None),
        ("EU", "organization", "European Union", None),
        ("Fed", "organization", "Federal Reserve", None),
        ("BOJ", "organization", "Bank of Japan", None),
        ("Japanese", "group", "Japanese", None),
        ("Britons", "group", "British", None),
        ("GOP", "group", "Republicans", None),
        ("Zelensky", "person", "Volodymyr Zelenskyy", None),
        ("S&P 500", None, "S&P 500", None),
        ("GDP", None, "GDP", None),
    ],
)
def test_a_spelling_gives_the_canonical_name(
    name: str, kind: str | None, canonical: str, code: str | None
) -> None:
    known = lookup(name)
    assert known is not None
    assert (known.type, known.name, known.id) == (kind, canonical, code)


@pytest.mark.parametrize("name", ["us", "japan", "Costa. Rica", "Atlantis", "", "...", "CA"])
def test_other_words_are_not_known(name: str) -> None:
    assert lookup(name) is None


@pytest.mark.parametrize("name", ["Jordan", "Chad", "Phoenix", "Target", "Time"])
def test_a_name_that_is_also_a_word_or_a_person_is_not_sure(name: str) -> None:
    known = lookup(name)
    assert known is not None
    assert not known.sure


def test_the_longest_name_is_found() -> None:
    text = "The Bank of Japan, South Korea and the New York Stock Exchange closed."
    assert [name for name, _ in found(text)] == [
        "Bank of Japan",
        "South Korea",
        "New York Stock Exchange",
    ]


def test_a_state_is_abbreviated_only_behind_a_comma() -> None:
    assert [known.name for _, known in found("Palo Alto, Calif., is far.")] == [
        "Palo Alto",
        "California",
    ]
    assert [known.name for _, known in found("Sen. Ana Ruiz, D-Calif., spoke.")] == ["California"]
    assert found("It was OK to say HI, and ME too, IN short.") == []


def test_a_name_does_not_reach_over_a_line() -> None:
    assert [name for name, _ in found("He left Hong\n\nKong")] == []


def test_every_country_has_a_code_of_two_letters() -> None:
    for name in ("Japan", "Kosovo", "South Sudan", "Hong Kong", "Namibia"):
        known = lookup(name)
        assert known is not None
        assert re.fullmatch("[A-Z]{2}", known.id or "")


def test_words_keep_their_place_and_lose_their_dots() -> None:
    text = "U.S.-China talks, AT&T's Q3"
    assert [(text[t.start : t.end], t.key) for t in tokens(text)] == [
        ("U.S.", "US"),
        ("China", "China"),
        ("talks", "talks"),
        ("AT", "AT"),
        ("T", "T"),
        ("s", "s"),
        ("Q3", "Q3"),
    ]

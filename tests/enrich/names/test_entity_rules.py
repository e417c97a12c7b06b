"""The rules for names, over spans that are given: nothing here depends on a model."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.article import Entity, TextField
from pipeline.enrich.names.entities import find_entities, mask
from pipeline.enrich.names.linking import slug
from pipeline.enrich.recognizer.fast_ner import Span
from pipeline.enrich.tickers.tickers import symbol_of_company


def names(entities: Sequence[Entity], kind: str) -> list[str]:
    return [entity.name for entity in entities if entity.type == kind]


@pytest.mark.parametrize("label", ["PERSON", "ORG", "GPE", "NORP", "PRODUCT", None])
def test_a_bare_surname_is_the_person_whatever_the_recogniser_calls_it(label: str | None) -> None:
    text = "Dana Whitlock spoke. Later, Whitlock left."
    spans = [Span(0, 13, "PERSON")] + ([Span(28, 36, label)] if label else [])
    [entity] = find_entities({"text": text}, {"text": spans}, {}, (), lambda _: None)
    assert (entity.type, entity.id, entity.count) == ("person", "dana-whitlock", 2)


@pytest.mark.parametrize(
    "text",
    [
        "The Brannigan administration objected.",
        "President Brannigan objected.",
        "Mr. Brannigan objected.",
    ],
)
def test_a_role_makes_a_person_of_what_seemed_an_organization(text: str) -> None:
    start = text.index("Brannigan")
    spans: dict[TextField, list[Span]] = {"text": [Span(start, start + 9, "ORG")]}
    [entity] = find_entities({"text": text}, spans, {}, (), lambda _: None)
    assert (entity.type, entity.name) == ("person", "Brannigan")


def test_with_two_bearers_a_surname_is_the_one_named_more_often() -> None:
    text = "Robert Hayes rose. Anna Hayes fell. Robert Hayes won. Later, Hayes wept."
    spans = [Span(0, 12, "PERSON"), Span(19, 29, "PERSON"), Span(36, 48, "PERSON")]
    entities = find_entities({"text": text}, {"text": spans}, {}, (), lambda _: None)
    assert [(e.name, e.count) for e in entities] == [("Robert Hayes", 2), ("Anna Hayes", 1)]
    recognised = find_entities(
        {"text": text}, {"text": [*spans, Span(61, 66, "PERSON")]}, {}, (), lambda _: None
    )
    assert [(e.name, e.count) for e in recognised] == [("Robert Hayes", 3), ("Anna Hayes", 1)]


def test_a_surname_that_is_a_word_is_left_alone_at_the_start_of_a_sentence() -> None:
    text = "Laura Price spoke. Price rises hurt. On Friday Price left."
    [entity] = find_entities(
        {"text": text}, {"text": [Span(0, 11, "PERSON")]}, {}, (), lambda _: None
    )
    assert [m.start for m in entity.mentions] == [0, text.rindex("Price")]


def test_a_surname_in_a_longer_name_is_not_the_person() -> None:
    text = "Laura Benson spoke. She lives in Benson Heights. Mount Benson slept."
    [entity] = find_entities(
        {"text": text}, {"text": [Span(0, 12, "PERSON")]}, {}, (), lambda _: None
    )
    assert entity.count == 1


def test_a_person_may_bear_the_name_of_a_place() -> None:
    text = "Denzel Washington flew to Paris. Washington waved."
    spans = [Span(0, 17, "PERSON"), Span(26, 31, "GPE"), Span(33, 43, "PERSON")]
    entities = find_entities({"text": text}, {"text": spans}, {}, (), lambda _: None)
    assert names(entities, "person") == ["Denzel Washington"]
    assert names(entities, "place") == ["Paris"]


def test_a_name_has_one_type_in_an_article() -> None:
    text = "Zentrix rose. Zentrix fell. Zentrix won."
    spans = [Span(0, 7, "GPE"), Span(14, 21, "ORG"), Span(28, 35, "ORG")]
    [entity] = find_entities({"text": text}, {"text": spans}, {}, (), lambda _: None)
    assert (entity.type, entity.count) == ("organization", 3)


def test_the_gazetteer_wins_over_the_recogniser() -> None:
    spans: dict[TextField, list[Span]] = {"text": [Span(0, 5, "ORG"), Span(9, 16, "PERSON")]}
    entities = find_entities({"text": "Japan or Reuters"}, spans, {}, (), lambda _: None)
    assert [(e.name, e.type) for e in entities] == [("Japan", "place"), ("Reuters", "organization")]


@pytest.mark.parametrize(
    "junk", ["x", "42", "the", "Q3", "Monday", "President", "so they say", "Inc.", "A"]
)
def test_junk_is_dropped(junk: str) -> None:
    text = f"and {junk} then"
    for label in ("ORG", "PERSON", "GPE", "PRODUCT", "EVENT"):
        spans: dict[TextField, list[Span]] = {"text": [Span(4, 4 + len(junk), label)]}
        assert find_entities({"text": text}, spans, {}, (), lambda _: None) == []


def test_a_span_over_two_lines_ends_with_its_line() -> None:
    text = "Laura Benson\n\nTokyo"
    spans: dict[TextField, list[Span]] = {"text": [Span(0, len(text), "PERSON")]}
    entities = find_entities({"text": text}, spans, {}, (), lambda _: None)
    assert [entity.name for entity in entities] == ["Laura Benson", "Tokyo"]


def test_a_span_over_a_line_of_wrapped_prose_is_one_name() -> None:
    text = "It was on a cold and rainy Monday in November that Laura\nBenson left."
    start = text.index("Laura")
    spans: dict[TextField, list[Span]] = {"text": [Span(start, start + 12, "PERSON")]}
    [entity] = find_entities({"text": text}, spans, {}, (), lambda _: None)
    assert (entity.name, entity.mentions[0].text) == ("Laura Benson", "Laura\nBenson")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Société Générale", "societe-generale"),
        ("AT&T", "at-and-t"),
        ("U.S. Treasury", "us-treasury"),
        ("Moody’s", "moodys"),
        ("東京", "東京"),
        ("--", "name"),
    ],
)
def test_a_slug_is_plain_and_never_empty(name: str, expected: str) -> None:
    assert slug(name) == expected


WORDS = (
    "Laura_Benson Benson U.S. Japan's Apple_Inc. (AAPL) $SPY the said . , & “ ’s İ ß Mr. Jr. TOKYO "
    "Secretary State of ETF von_der Bank (BOJ) a@b.com Georgia \ud800 \n \n\n"
)
PIECES = st.sampled_from([word.replace("_", " ") for word in WORDS.split(" ")])
SPANS = st.lists(
    st.tuples(
        st.integers(-5, 80),
        st.integers(0, 40),
        st.sampled_from(["PERSON", "ORG", "GPE", "NORP", "FAC", "DATE", "EVENT", "?"]),
    )
)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=25).map(" ".join)), SPANS)
def test_no_text_and_no_spans_raise_and_offsets_fit(
    text: str, raw: list[tuple[int, int, str]]
) -> None:
    spans = [Span(start, start + length, label) for start, length, label in raw]
    masked, hidden = mask(text, [])
    entities = find_entities(
        {"title": text[:20], "text": text},
        {"text": spans, "title": spans},
        {"text": hidden},
        {"Apple Inc.", "SPDR S&P 500 ETF Trust"},
        symbol_of_company,
    )
    assert len(masked) == len(text)
    fields = {"title": text[:20], "text": text}
    for entity in entities:
        assert entity.name.strip()
        assert entity.id
        assert entity.count == len(entity.mentions) > 0
    mentions = sorted((m.field, m.start, m.end, m.text) for e in entities for m in e.mentions)
    assert all(fields[field][start:end] == text for field, start, end, text in mentions)
    for left, right in itertools.pairwise(mentions):
        assert left[0] != right[0] or left[2] <= right[1]


@pytest.mark.parametrize("piece", ["Inc. ", "Ab & Co. ", "Ann Lee and ", "By Ann Lee, ", "Ab, "])
def test_a_name_does_not_grow_with_the_text(piece: str) -> None:
    text = piece * 400
    entities = find_entities({"text": text}, {"text": []}, {}, (), lambda _: None)
    assert all(len(mention.text) < 200 for entity in entities for mention in entity.mentions)

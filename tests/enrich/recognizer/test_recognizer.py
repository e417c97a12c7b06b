"""The recogniser: right offsets on any text, however long or odd."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.enrich.recognizer.recognizer import CHUNK, Recognizer, chunks


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer()


def names(recognizer: Recognizer, text: str) -> list[tuple[str, str]]:
    return [(text[s.start : s.end], s.label) for s in recognizer.recognize([text])[0]]


def test_people_and_places_are_found_with_their_offsets(recognizer: Recognizer) -> None:
    found = names(recognizer, "Angela Merkel flew from Berlin to France on Monday.")
    assert ("Angela Merkel", "PERSON") in found
    assert ("Berlin", "GPE") in found
    assert ("France", "GPE") in found


def test_each_text_of_a_batch_gets_its_own_spans(recognizer: Recognizer) -> None:
    texts = ["Berlin is large.", "", "nothing here", "Paris and Madrid are cities."]
    spans = recognizer.recognize(texts)
    assert len(spans) == 4
    assert [texts[0][s.start : s.end] for s in spans[0]] == ["Berlin"]
    assert spans[1] == []
    assert [texts[3][s.start : s.end] for s in spans[3]] == ["Paris", "Madrid"]


def test_no_texts_give_no_spans(recognizer: Recognizer) -> None:
    assert recognizer.recognize([]) == []


def test_a_batch_gives_what_single_texts_give(recognizer: Recognizer) -> None:
    texts = [f"Minister number {n} of Norway met Angela Merkel in Oslo." for n in range(20)]
    assert recognizer.recognize(texts) == [recognizer.recognize([text])[0] for text in texts]


def test_names_far_into_a_long_text_have_the_right_offsets(recognizer: Recognizer) -> None:
    text = "It rained again, and nothing else happened there. " * 700 + "Angela Merkel left Berlin."
    assert len(text) > 3 * CHUNK
    assert ("Angela Merkel", "PERSON") in names(recognizer, text)
    assert ("Berlin", "GPE") in names(recognizer, text)


def test_a_lone_surrogate_does_not_hide_the_names_beside_it(recognizer: Recognizer) -> None:
    assert ("Berlin", "GPE") in names(recognizer, "\ud800 Angela Merkel left Berlin.")


@pytest.mark.parametrize("mark", ["(", "$", "😀", '"', "a-", "http://"])
def test_a_long_run_without_blanks_takes_no_quadratic_time(
    recognizer: Recognizer, mark: str
) -> None:
    # 200,000 brackets in one run would take the tokenizer longer than the test may.
    assert recognizer.recognize([mark * (200_000 // len(mark))]) == [[]]


def test_the_model_is_named_with_its_version(recognizer: Recognizer) -> None:
    assert recognizer.name.startswith("en_core_web_sm 3.")


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(max_size=300), max_size=4))
def test_no_text_raises_and_spans_fit(texts: list[str]) -> None:
    recognized = _SHARED.recognize(texts)
    for text, spans in zip(texts, recognized, strict=True):
        end = 0
        for span in spans:
            assert end <= span.start < span.end <= len(text)
            end = span.end


_SHARED = Recognizer()


@pytest.mark.parametrize(
    ("filler", "separator"),
    [("word ", "\n\n"), ("word ", "\n"), ("word. ", ""), ("word ", ""), ("x", "")],
)
def test_chunks_cover_the_text_and_are_bounded(filler: str, separator: str) -> None:
    text = (filler * 300 + separator) * 40
    pieces = list(chunks(text))
    assert "".join(piece for _, piece in pieces) == text
    assert all(len(piece) <= CHUNK for _, piece in pieces)
    assert all(text.startswith(piece, start) for start, piece in pieces)


def test_chunks_are_cut_between_paragraphs_when_there_are_any() -> None:
    text = ("word. " * 300 + "\n\n") * 20
    pieces = [piece for _, piece in chunks(text)]
    assert len(pieces) > 1
    assert all(piece.endswith("\n\n") for piece in pieces)

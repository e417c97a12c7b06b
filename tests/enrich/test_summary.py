"""Summaries: two or three sentences of the article, word for word."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.enrich.summary import MAX_SENTENCES, summarize
from pipeline.enrich.text.sentences import sentences
from pipeline.sources.generator import generate
from tests.conftest import GOLDEN

LEAD = "Norvane Robotics will build a second plant for sorting robots near the city of Graz."
STORY = " ".join(
    [
        LEAD,
        "It rained.",
        "The plant for sorting robots will employ 240 people, Norvane said in a note on Monday.",
        "A brass band played for the guests of the mayor in the town hall until late in the night.",
        "Norvane expects the plant near Graz to double its output of robots within four years.",
        "Nobody has seen the fox that lives behind the old railway station since early last week.",
        "Its robots sort parcels in 14 countries, and orders rose by a fifth in the first half.",
        "Is that a good sign for everyone who lives and works in this part of Austria today?",
    ]
)


def test_the_summary_begins_with_the_lead() -> None:
    assert _summary(STORY).startswith(LEAD)


def test_the_summary_leaves_asides_out() -> None:
    summary = _summary(STORY)
    assert "fox" not in summary
    assert "brass band" not in summary
    assert "sorting robots will employ" in summary


def test_questions_are_left_out() -> None:
    assert "?" not in _summary(STORY)


def test_a_note_that_it_is_fiction_is_no_lead() -> None:
    assert _summary("Fiction: all people and companies here are invented. " + STORY).startswith(
        LEAD
    )


def test_stated_retail_sentiment_is_no_news() -> None:
    story = STORY + " On Stocktwits, retail sentiment on robots and Norvane's plant was bullish."
    story += " The mood about robots and Norvane's plant near Graz was in 'bearish' territory."
    assert "Stocktwits" not in _summary(story)
    assert "territory" not in _summary(story)


@pytest.mark.parametrize(
    "sentence",
    [
        "She called robots near Graz the best robots of all, and the plant her life's work.",
        "After her long speech about robots the plant near Graz was open to all guests.",
        "But the plant for robots near Graz may open a year later than planned.",
        '"Guests at Norvane always ask for robots and for nothing else all night."',
        '"Guests at Norvane always ask for robots until late, and for nothing else.',
    ],
)
def test_a_sentence_that_needs_another_one_is_left_out(sentence: str) -> None:
    band = "A brass band played for the guests of the mayor until late in the night."
    fox = "Nobody has seen the fox that lives behind the old railway station since then."
    assert _summary(f"{LEAD} {band} {sentence} {fox}") == f"{LEAD} {band}"


def test_a_sentence_may_lean_on_the_one_before_it() -> None:
    band = "A brass band played for the guests of the mayor until late in the night."
    follower = "It will be the largest of its kind, and robots will carry parcels through Graz."
    assert _summary(f"{LEAD} {follower} {band}") == f"{LEAD} {follower}"


def test_a_sentence_that_only_repeats_another_is_left_out() -> None:
    again = LEAD.replace("will build", "is to build")
    assert again not in _summary(f"{LEAD} {again} {STORY.removeprefix(LEAD)}")


def test_a_short_text_is_its_own_summary() -> None:
    assert _summary("Oil rose.") == "Oil rose."


def test_an_empty_text_has_an_empty_summary() -> None:
    assert summarize("", []) == ""


def test_a_text_of_one_endless_sentence_gives_its_beginning() -> None:
    summary = _summary("word " * 5000)
    assert 0 < len(summary) <= 700
    assert summary.endswith("word")


def test_japanese_is_summarized_too() -> None:
    text = "石破茂首相は二十一日の記者会見で続投する考えを示した。\n\n"
    text += "東京の株式市場では日経平均株価が大きく上昇した。"
    assert _summary(text).startswith("石破茂首相")


def test_the_golden_sample_has_a_summary_of_its_first_and_later_sentences() -> None:
    text = GOLDEN.read_text("utf-8").removeprefix(" date 2025-07-17 ")
    summary = _summary(text)
    assert summary.startswith("Tokyo and Washington are stepping up diplomatic engagement")
    assert "Stocktwits" not in summary


@pytest.mark.parametrize("number", range(5))
def test_a_summary_is_made_of_sentences_in_their_order(number: int) -> None:
    text = list(generate(5, 31))[number].body
    parts = [text[start:end] for start, end in sentences(text)]
    chosen = [part for part in parts if part in _summary(text)]
    assert 2 <= len(chosen) <= MAX_SENTENCES
    assert _summary(text) == " ".join(chosen)


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    summarize(text, sentences(text))


def test_a_text_of_a_megabyte_is_summarized_at_once() -> None:
    texts = ["Ab cd. " * 140_000, "word " * 200_000, "a" * 1_000_000]
    spans = [sentences(text) for text in texts]
    start = time.process_time()
    for text, found in zip(texts, spans, strict=True):
        summarize(text, found)
    assert time.process_time() - start < 2


def _summary(text: str) -> str:
    return summarize(text, sentences(text))

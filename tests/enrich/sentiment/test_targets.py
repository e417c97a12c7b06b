"""Sentiment of several targets of one sentence: each has what is said of it."""

from __future__ import annotations

import re
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.targets import accuracy, answers, labels, load, truth
from pipeline.enrich.sentiment.measured import open_model
from pipeline.enrich.sentiment.targets import Named, clauses, read

MODEL = open_model("fast")
SIGNS = {"positive": "+", "neutral": "0", "negative": "-"}

LISTS = st.lists(st.tuples(st.integers(-3, 60), st.integers(0, 12), st.integers(0, 3)), max_size=8)
VOCABULARY = """
Norvane Pellworth Tarn shares its analysts fell rose beat was hit said sending lower losers up 3%
and while , ; : by to of with at which unlike respectively
"""
WORDS = st.lists(st.sampled_from(VOCABULARY.split()), max_size=40).map(" ".join)


def signs(text: str, *targets: str) -> str:
    """A sign for each target."""
    return "".join(SIGNS[label] for label in labels(MODEL, text, targets))


def places(text: str, *targets: str) -> list[Named]:
    return [
        Named(match.start(), match.end(), number)
        for number, target in enumerate(targets)
        for match in re.finditer(target, text)
    ]


def test_the_tuning_half_has_a_floor() -> None:
    rows = load("tuning")
    assert len(rows) >= 90
    assert accuracy(truth(rows), answers(MODEL, rows)) >= 0.85


def test_the_frozen_half_is_as_large_as_promised() -> None:
    rows = load("frozen")
    assert len(rows) >= 90
    assert all(len(row["targets"]) >= 2 for row in rows)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # clauses
        ("Norvane rose while Pellworth fell.", "+-"),
        ("Norvane rose and Pellworth fell.", "+-"),
        ("Norvane and Pellworth rose 3%.", "++"),
        ("Although Norvane rose 3%, Pellworth fell 2%.", "+-"),
        ("Norvane jumped; Pellworth tumbled.", "+-"),
        ("Norvane fell 3%, Pellworth 2%.", "--"),
        ("Norvane climbed, as did Pellworth.", "++"),
        ("Unlike Norvane, Pellworth surged.", "-+"),
        ("Norvane and Pellworth rose 3% and fell 2%, respectively.", "+-"),
        ("Norvane, a rival of Pellworth, fell 3%.", "-0"),
        ("Norvane praised Pellworth, whose shares rose 3%.", "0+"),
        ("Losers included Norvane and Pellworth.", "--"),
        ("Gainers: Norvane, Pellworth", "++"),
        ("Norvane up 3%, Pellworth down 2%", "+-"),
        ("Shares of Norvane closed sharply lower as those of Pellworth were up 2%.", "-+"),
        ("Norvane and Pellworth are stepping up their talks.", "00"),
        # sources and bystanders
        ("Norvane fell 5%, analysts at Pellworth said.", "-0"),
        ("According to Norvane, shares of Pellworth fell 4%.", "0-"),
        ("Norvane rose 3% on a deal with Pellworth.", "+0"),
        ("Norvane jumped 3% on the Pellworth exchange.", "+0"),
        ("Sales in Pellworth plunged, Norvane said.", "0-"),
        # headlines
        ("$Norvane - Pellworth jumps 3%", "++"),
        ("Norvane +3% after Pellworth upgrade", "+0"),
        ("Norvane sinks 3%: Pellworth", "-0"),
        # roles
        ("Norvane outperformed Pellworth.", "+-"),
        ("Norvane was outperformed by Pellworth.", "-+"),
        ("Norvane lost market share to Pellworth.", "-+"),
        ("Norvane sued Pellworth.", "0-"),
        ("Norvane was sued by Pellworth.", "-0"),
        ("Norvane raised its stake in Pellworth.", "0+"),
        ("Norvane cut its price target on Pellworth.", "0-"),
        ("Norvane cut Pellworth's rating to sell.", "0-"),
        ("Investors left Norvane for Pellworth.", "-+"),
        ("Norvane fell 3%, dragging Pellworth lower.", "--"),
        ("Norvane fell, with the insolvent broker Pellworth.", "--"),
    ],
)
def test_each_target_has_what_is_said_of_it(text: str, expected: str) -> None:
    assert signs(text, "Norvane", "Pellworth") == expected


def test_a_company_and_its_ticker_are_one() -> None:
    text = "Norvane (NVR) rose 3%, while Pellworth (NYSE: PLW) fell 2%."
    assert signs(text, "Norvane", "NVR", "Pellworth", "PLW") == "++--"


@pytest.mark.parametrize("text", ["Norvane rose while stocks fell.", "Norvane (NVR) rose 3%."])
def test_a_sentence_with_one_target_is_read_as_a_whole(text: str) -> None:
    assert read(text, places(text, "Norvane", "NVR")) == {}


@pytest.mark.parametrize(
    "text",
    [
        "Shares of chipmakers fell, analysts at Norvane said.",
        "According to Norvane, oil demand will collapse.",
        "Oil demand will collapse, according to Norvane.",
        "The crash will get worse, economists at Norvane wrote.",
        "Norvane analysts expect a recession.",
        "The minister told Norvane that the economy was in a recession.",
    ],
)
def test_a_source_has_no_sentiment_though_it_is_the_only_target(text: str) -> None:
    assert signs(text, "Norvane") == "0"


@pytest.mark.parametrize(
    "text",
    [
        "Norvane missed what analysts had expected.",
        "Norvane fell, analysts said.",
        "Analysts at banks downgraded Norvane.",
        "Sales fell, Norvane told analysts.",
    ],
)
def test_a_target_that_analysts_talk_about_is_no_source(text: str) -> None:
    assert read(text, places(text, "Norvane")) == {}


def test_clauses_are_where_the_subject_changes() -> None:
    text = "Norvane rose 3% and raised its outlook, while Pellworth, a rival, fell."
    spans = clauses(text, places(text, "Norvane", "Pellworth"))
    assert [text[start:end] for start, end in spans] == [
        "Norvane rose 3% and raised its outlook,",
        "while Pellworth, a rival, fell.",
    ]


@given(st.text() | WORDS, LISTS)
def test_clauses_hold_all_words_of_any_text(text: str, named: list[tuple[int, int, int]]) -> None:
    names = [Named(start, start + length, target) for start, length, target in named]
    spans = clauses(text, names)
    assert all(start < end for start, end in spans)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    outside = list(text)
    for start, end in spans:
        outside[start:end] = " " * (end - start)
    assert not re.search(r"[^\W_]", "".join(outside))


@given(st.text() | WORDS, LISTS)
def test_each_place_is_read_within_its_text(text: str, named: list[tuple[int, int, int]]) -> None:
    names = [Named(start, start + length, target) for start, length, target in named]
    readings = read(text, names)
    assert readings == read(text, list(reversed(names)))
    assert not readings or set(readings) == {
        name.target for name in names if 0 <= name.start < name.end <= len(text)
    }
    for of_target in readings.values():
        assert of_target
        for reading in of_target:
            assert bool(reading.spans) == (reading.says in ("same", "opposite"))
            assert all(0 <= start < end <= len(text) for start, end in reading.spans)


@given(WORDS)
def test_the_same_text_has_the_same_sentiment(text: str) -> None:
    targets = [name for name in ("Norvane", "Pellworth", "Tarn") if name in text]
    assert labels(MODEL, text, targets) == labels(MODEL, text, targets)


@pytest.mark.parametrize(
    "piece",
    [
        "Norvane, ",
        "Norvane: ",
        "and ",
        "Norvane fell and ",
        "beat Norvane ",
        ", which ",
        "Norvane was hit by ",
        "Norvane, Norvane said, ",
        ", Norvane said",
        "blow to Norvane ",
    ],
)
def test_time_and_what_is_measured_grow_with_length(piece: str) -> None:
    text = "Pellworth rose " + piece * 4_000
    start = time.process_time()
    readings = read(text, places(text, "Norvane", "Pellworth"))
    assert time.process_time() - start < 5
    measured = {reading.text(text) for said in readings.values() for reading in said}
    assert sum(map(len, measured)) < 20 * len(text)

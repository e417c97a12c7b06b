"""Topics: what an article is about, and nothing it only touches."""

from __future__ import annotations

import re
import time
import tomllib
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.topics import load, measure
from pipeline.enrich.topics import find_topics
from tests.conftest import GOLDEN

TABLE = tomllib.loads(files("pipeline.enrich").joinpath("data/topics.toml").read_text("utf-8"))

ROWS = (Path(__file__).parent / "data" / "topics.tsv").read_text("utf-8").splitlines()
EXAMPLES = [tuple(row.split("\t")) for row in ROWS if not row.startswith("#")]


@pytest.mark.parametrize(
    ("topic", "title", "text"), EXAMPLES, ids=[example[0] for example in EXAMPLES]
)
def test_a_plain_example_has_its_topic(topic: str, title: str, text: str) -> None:
    assert topic in find_topics(title, text)


def test_topics_of_the_tuning_part_are_precise() -> None:
    quality = measure(load("tuning"))
    assert quality.precision > 0.9
    assert quality.recall > 0.7


def test_the_frozen_part_has_every_topic_and_passages_without_any() -> None:
    passages = load("frozen")
    counts = Counter(topic for passage in passages for topic in passage.topics)
    assert set(counts) == set(TABLE)
    assert min(counts.values()) >= 3
    assert sum(not passage.topics for passage in passages) >= 8


def test_every_topic_has_an_example() -> None:
    assert {topic for topic, _, _ in EXAMPLES} == set(TABLE)


def test_there_are_at_least_twenty_topics_with_slugs() -> None:
    assert len(TABLE) >= 20
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", topic) for topic in TABLE)


def test_each_list_has_a_known_strength_and_no_phrase_twice() -> None:
    for topic, lists in TABLE.items():
        assert set(lists) == {"sure", "likely", "hint"}, topic
        phrases = [phrase for strength in lists.values() for phrase in strength]
        assert len(phrases) == len(set(phrases)), topic


def test_the_golden_sample_is_about_trade() -> None:
    assert find_topics(None, GOLDEN.read_text("utf-8"))[0] == "trade"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The weather in Graz was fine on Monday, and the museum was full.",
        "She fed up the dog with bread and walked along the bond between two gardens.",
        "The bank of the river was green, and a yield of apples hung over the debt-free farm.",
        "Trade between neighbors in the village is lively, as an old saying goes.",
    ],
)
def test_a_text_about_something_else_has_no_topic(text: str) -> None:
    assert find_topics(None, text) == []


def test_one_passing_mention_gives_no_topic() -> None:
    story = "The town of Graz opened a new swimming pool for children on Monday. " * 5
    assert find_topics("New pool in Graz", story + "Tariffs were not discussed.") == []


def test_a_repeated_phrase_counts_once() -> None:
    assert find_topics(None, "He collects coffee mugs. " * 20 + "Oil was there. " * 9) == []


def test_letter_case_and_curly_apostrophes_do_not_count() -> None:
    text = "The People’s Bank of China cut its KEY RATE. CENTRAL BANKS watch inflation."
    assert "central-banks" in find_topics(None, text)


def test_the_clearest_topic_comes_first() -> None:
    text = (
        "Bitcoin, stablecoins and other digital assets rose. Tariffs and trade talks were a risk."
    )
    assert find_topics("Crypto week", text)[0] == "crypto"


@given(st.none() | st.text(), st.text())
def test_no_text_breaks_it(title: str | None, text: str) -> None:
    assert set(find_topics(title, text)) <= set(TABLE)


def test_a_text_of_a_megabyte_takes_no_time() -> None:
    start = time.process_time()
    for text in ("trade talks " * 80_000, "a" * 1_000_000, "a'" * 500_000, "." * 1_000_000):
        find_topics(text[:1000], text)
    assert time.process_time() - start < 2

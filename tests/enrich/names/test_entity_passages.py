"""Entities of our own labelled passages: how many are right, and that each group of rules counts.

Plain facts of well-known companies and officials, and invented ones, marked as fiction.
"""

from __future__ import annotations

import json
from collections.abc import Set

import pytest

from benchmarks.entities import KINDS, PASSAGES, annotate, own_passages, score, surfaces_of_entities
from pipeline.enrich.names.entities import find_entities
from pipeline.enrich.names.rules import ALL_RULES, Rule
from pipeline.enrich.recognizer.fast_ner import Span
from pipeline.enrich.recognizer.recognizer import Recognizer

RECOGNIZER = Recognizer()
TUNING, FROZEN = own_passages(PASSAGES)


def f1(texts: list[str], wanted: list[set[tuple[str, str]]]) -> float:
    found = [surfaces_of_entities(entities) for entities in annotate(RECOGNIZER, texts)]
    return score(wanted, found, KINDS)[2]


def test_the_halves_are_of_forty_passages_and_every_label_stands_in_its_text() -> None:
    passages = [json.loads(line) for line in PASSAGES.read_text("utf-8").splitlines()]
    assert len(TUNING.texts) == len(FROZEN.texts) == 40
    for passage in passages:
        for kind in KINDS:
            assert all(name in passage["text"] for name in passage[kind]), passage["text"]


def test_the_tuning_half_is_nearly_right() -> None:
    assert f1(TUNING.texts, TUNING.wanted) >= 0.97


def test_the_frozen_half_does_not_get_worse_than_it_was_measured() -> None:
    assert f1(FROZEN.texts, FROZEN.wanted) >= 0.95


# A text, and what a recogniser finds in it: each is read otherwise without the group of rules.
TELLING: dict[Rule, tuple[str, list[tuple[str, str]]]] = {
    Rule.GAZETTEER: ("Talks of Ofgem and Norsk Hydro went on, officials of Sindh said.", []),
    Rule.EDGES: ("Talks with Visa and Block Inc. went on.", [("Visa and Block Inc", "ORG")]),
    Rule.DROPPING: ("Quotes are late, traders said.", [("Quotes", "PERSON")]),
    Rule.TITLES: ("The Brannigan administration objected.", [("Brannigan", "ORG")]),
    Rule.FIRST_NAMES: ("Guests saw Thandiwe Quillo leave.", []),
    Rule.BYLINES: ("A quarrel over docks\nBy Orrel Tarnwick\nThe mill closed on Monday.", []),
    Rule.CONTEXT: ("He moved to Palm Beach, Florida.", []),
    Rule.COMPANY_FORMS: ("Clients of Quillmark Labs Inc. left.", []),
    Rule.LISTINGS: ("On Monday Quillmark Labs (QMLB) rose.", []),
    Rule.FUNDS: ("The Vanguard Total Stock Market ETF rose.", [("Vanguard Total Stock", "ORG")]),
    Rule.CONSISTENCY: ("Mr. Oduya waits. Friends of Oduya agree.", []),
    Rule.JOINING: (
        "Dana Whitlock spoke. Friends say Whitlock left.",
        [("Dana Whitlock", "PERSON"), ("Whitlock left", "ORG")],
    ),
    Rule.CASING: ("BARCLAYS AND DANSKE BANK OPEN OFFICES\n\nThe branches are small.", []),
}


def read(
    text: str, given: list[tuple[str, str]], rules: Set[Rule] = ALL_RULES
) -> list[tuple[str, str, list[str]]]:
    spans = [
        Span(start, start + len(name), label)
        for name, label in given
        for start in [text.rindex(name)]
    ]
    ticker = text.find(" (QMLB)")
    masked = [(ticker, ticker + 7)] if ticker >= 0 else []
    entities = find_entities(
        {"text": text},
        {"text": spans},
        {"text": masked},
        {"Quillmark Labs Inc."},
        lambda _: None,
        rules,
    )
    return [(e.type, e.id, [mention.text for mention in e.mentions]) for e in entities]


@pytest.mark.parametrize("rule", Rule)
def test_each_group_of_rules_counts(rule: Rule) -> None:
    text, given = TELLING[rule]
    assert read(text, given) != read(text, given, ALL_RULES - {rule})


def test_with_no_rules_the_spans_of_the_recogniser_are_left() -> None:
    given = [("Laura Benson", "PERSON"), ("London", "GPE")]
    assert read("Laura Benson left London.", given, frozenset()) == [
        ("person", "laura-benson", ["Laura Benson"]),
        ("place", "london", ["London"]),
    ]

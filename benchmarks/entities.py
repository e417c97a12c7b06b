"""Measures the entities of news: plain spaCy `ner` beside ours, and each group of rules.

    python -m benchmarks.entities [finer-ord-validation.csv]

On our own labelled passages, the half that rules were tuned on and the frozen half, and on
FiNER-ORD's articles when the file is given. Each mention counts once an article by its type and
surface text, compared exactly but for white space, so that tokenisation does not matter.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import NamedTuple

from benchmarks.table import show
from pipeline.article import Entity, TextField
from pipeline.enrich.names.entities import find_entities, mask
from pipeline.enrich.names.rules import ALL_RULES, Rule
from pipeline.enrich.recognizer.fast_ner import Span
from pipeline.enrich.recognizer.recognizer import Recognizer
from pipeline.enrich.tickers.tickers import find_tickers, symbol_of_company

PASSAGES = Path(__file__).parent.parent / "tests" / "enrich" / "data" / "entities.jsonl"
KINDS = ("person", "place", "organization")
TUNING, FROZEN = "own, tuned on", "own, frozen"
PLAIN = {"PERSON": "person", "GPE": "place", "LOC": "place", "ORG": "organization"}

Row = tuple[str, str, int]
Surface = tuple[str, str]

_NO_BLANK_BEFORE = set(".,;:!?)]}%'’”…") | {"'s", "’s", "n't", "n’t"}
_NO_BLANK_AFTER = set("([{$£€“‘#@")


class Labelled(NamedTuple):
    """Texts and the mentions in each of them."""

    name: str
    texts: list[str]
    wanted: list[set[Surface]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "data",
        type=Path,
        nargs="?",
        help="FiNER-ORD as CSV: document_id, sentence_id, token, label",
    )
    parser.add_argument(
        "--errors",
        action="store_true",
        help="also list what is missed and wrong, but for the frozen half",
    )
    arguments = parser.parse_args()

    sets = list(own_passages(PASSAGES))
    if arguments.data is not None:
        articles = read(arguments.data)
        texts = [join(rows) for rows in articles]
        sets.insert(0, Labelled("FiNER-ORD", texts, [gold(rows) for rows in articles]))
    recognizer = Recognizer()
    recognizer.recognize(["Warm up."])
    found = {labelled.name: _compare(recognizer, labelled) for labelled in sets}
    _ablate(recognizer, sets, found)
    if arguments.errors:
        for labelled in sets:
            if labelled.name != FROZEN:
                _list_errors(labelled, found[labelled.name])


def own_passages(path: Path) -> Iterable[Labelled]:
    """The two halves of our passages: odd lines were tuned on, even lines are frozen."""
    passages = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for name, half in ((TUNING, passages[0::2]), (FROZEN, passages[1::2])):
        wanted = [
            {(kind, _bare(text)) for kind in KINDS for text in passage[kind]} for passage in half
        ]
        yield Labelled(name, [passage["text"] for passage in half], wanted)


def _compare(recognizer: Recognizer, labelled: Labelled) -> list[set[Surface]]:
    """Prints how spaCy and we fare on a set; what we found in each text."""
    texts = labelled.texts
    began = time.perf_counter()
    plain = [
        surfaces_of_spans(text, spans)
        for text, spans in zip(texts, recognizer.recognize(texts), strict=True)
    ]
    plain_time = time.perf_counter() - began
    began = time.perf_counter()
    ours = [surfaces_of_entities(entities) for entities in annotate(recognizer, texts)]
    our_time = time.perf_counter() - began
    rows = []
    for name, found, seconds in (("spaCy ner", plain, plain_time), ("ours", ours, our_time)):
        cells = [
            f"{value:.3f}"
            for kinds in (*((kind,) for kind in KINDS), KINDS)
            for value in score(labelled.wanted, found, kinds)
        ]
        rows.append([name, *cells, f"{seconds:.2f}"])
    heads = [(f"{kind} P", "R", "F1") for kind in ("person", "place", "org.", "all")]
    show(
        f"{labelled.name}: {len(texts)} texts, {sum(map(len, texts)):,} characters, "
        f"{sum(map(len, labelled.wanted))} mentions",
        ["", *itertools.chain(*heads), "s"],
        rows,
    )
    return ours


def _ablate(
    recognizer: Recognizer, sets: Sequence[Labelled], full: Mapping[str, list[set[Surface]]]
) -> None:
    """Prints the F1 of each set with each group of rules switched off, and with all of them off."""
    rows = []
    for name, rules in (
        ("all rules", ALL_RULES),
        *((f"without {rule}", ALL_RULES - {rule}) for rule in Rule),
        ("no rules", frozenset[Rule]()),
    ):
        cells = []
        for labelled in sets:
            found = (
                full[labelled.name]
                if rules == ALL_RULES
                else [
                    surfaces_of_entities(entities)
                    for entities in annotate(recognizer, labelled.texts, rules)
                ]
            )
            cells.append(f"{score(labelled.wanted, found, KINDS)[2]:.3f}")
        rows.append([name, *cells])
    show(
        "F1 with each group of rules switched off",
        ["", *(labelled.name for labelled in sets)],
        rows,
    )


def _list_errors(labelled: Labelled, found: Sequence[set[Surface]]) -> None:
    for number, (expected, given) in enumerate(zip(labelled.wanted, found, strict=True)):
        if expected != given:
            print(f"\n{labelled.name} {number}: missed {sorted(expected - given)}")
            print(f"{labelled.name} {number}: wrong {sorted(given - expected)}")


def read(path: Path) -> list[list[Row]]:
    """The articles of the file, each a list of (sentence, token, label)."""
    articles: dict[str, list[Row]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            articles.setdefault(row["document_id"], []).append(
                (row["sentence_id"], row["token"], int(row["label"]))
            )
    return list(articles.values())


def join(rows: Sequence[Row]) -> str:
    """The tokens as text is written, a sentence a line."""
    text, previous, last, quoted = "", "", None, False
    for sentence, token, _ in rows:
        blank = "" if not text else " " if sentence == last else "\n"
        if sentence != last:
            quoted = False
        if token == '"':
            blank = "" if quoted else blank
            quoted = not quoted
        elif blank == " " and (
            token in _NO_BLANK_BEFORE or previous in _NO_BLANK_AFTER or (previous == '"' and quoted)
        ):
            blank = ""
        text += blank + token
        previous, last = token, sentence
    return re.sub(r"(?<=\w) ([-/]) (?=\w)", r"\1", text)


def gold(rows: Sequence[Row]) -> set[Surface]:
    """The labelled mentions: odd labels begin one, the even label behind it goes on."""
    found: set[Surface] = set()
    tokens: list[str] = []
    current = 0
    for _, token, label in [*rows, ("", "", 0)]:
        if tokens and label != current + 1:
            found.add((KINDS[current // 2], "".join(tokens)))
            tokens = []
        if label % 2:
            tokens, current = [token], label
        elif label and tokens:
            tokens.append(token)
    return found


def annotate(
    recognizer: Recognizer, texts: Sequence[str], rules: Set[Rule] = ALL_RULES
) -> Iterable[list[Entity]]:
    """Our entities of each text."""
    tickers = [find_tickers(text) for text in texts]
    masks = [
        mask(
            text,
            [(ticker.mask_start, ticker.mask_end) for ticker in found],
            casing=Rule.CASING in rules,
        )
        for text, found in zip(texts, tickers, strict=True)
    ]
    spans = recognizer.recognize([masked for masked, _ in masks])
    for text, found, (_, hidden), named in zip(texts, tickers, masks, spans, strict=True):
        fields: Mapping[TextField, str] = {"text": text}
        names = {ticker.name for ticker in found}
        yield find_entities(
            fields, {"text": named}, {"text": hidden}, names, symbol_of_company, rules
        )


def surfaces_of_spans(text: str, spans: Sequence[Span]) -> set[Surface]:
    return {
        (PLAIN[span.label], _bare(text[span.start : span.end]))
        for span in spans
        if span.label in PLAIN
    }


def surfaces_of_entities(entities: Sequence[Entity]) -> set[Surface]:
    return {
        (entity.type, _bare(mention.text))
        for entity in entities
        if entity.type in KINDS
        for mention in entity.mentions
    }


def _bare(text: str) -> str:
    return "".join(text.split())


def score(
    wanted: Sequence[set[Surface]], found: Sequence[set[Surface]], kinds: Sequence[str]
) -> tuple[float, float, float]:
    """Precision, recall and F1 over all articles."""
    hits = expected = given = 0
    for right, ours in zip(wanted, found, strict=True):
        right = {surface for surface in right if surface[0] in kinds}
        ours = {surface for surface in ours if surface[0] in kinds}
        hits += len(right & ours)
        expected += len(right)
        given += len(ours)
    return hits / max(given, 1), hits / max(expected, 1), 2 * hits / max(given + expected, 1)


if __name__ == "__main__":
    main()

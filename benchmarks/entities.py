"""Measures the entities of news against FiNER-ORD: plain spaCy `ner` beside ours.

    python -m benchmarks.entities finer-ord-validation.csv

Each mention counts once an article by its type and surface text, compared exactly but for white
space, so that tokenisation does not matter.
"""

from __future__ import annotations

import argparse
import csv
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pipeline.article import Entity, TextField
from pipeline.enrich.entities import find_entities, mask
from pipeline.enrich.fast_ner import Span
from pipeline.enrich.recognizer import Recognizer
from pipeline.enrich.tickers import find_tickers, symbol_of_company

KINDS = ("person", "place", "organization")
PLAIN = {"PERSON": "person", "GPE": "place", "LOC": "place", "ORG": "organization"}

Row = tuple[str, str, int]
Surface = tuple[str, str]

_NO_BLANK_BEFORE = set(".,;:!?)]}%'’”…") | {"'s", "’s", "n't", "n’t"}
_NO_BLANK_AFTER = set("([{$£€“‘#@")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "data", type=Path, help="FiNER-ORD as CSV: document_id, sentence_id, token, label"
    )
    parser.add_argument("--errors", action="store_true", help="also list what is missed and wrong")
    arguments = parser.parse_args()

    articles = read(arguments.data)
    texts = [join(rows) for rows in articles]
    wanted = [gold(rows) for rows in articles]
    recognizer = Recognizer()
    recognizer.recognize(["Warm up."])

    began = time.perf_counter()
    plain = [
        surfaces_of_spans(text, spans)
        for text, spans in zip(texts, recognizer.recognize(texts), strict=True)
    ]
    plain_time = time.perf_counter() - began
    began = time.perf_counter()
    ours = [surfaces_of_entities(entities) for entities in annotate(recognizer, texts)]
    our_time = time.perf_counter() - began

    print(f"{len(texts)} articles, {sum(map(len, texts)):,} characters\n")
    print(f"{'':14}{'person':>22}{'place':>22}{'organization':>22}{'all':>22}{'s':>7}")
    print(f"{'':14}" + 4 * f"{'P':>8}{'R':>7}{'F1':>7}")
    for name, found, seconds in (("spaCy ner", plain, plain_time), ("ours", ours, our_time)):
        cells = "".join(
            "{:8.3f}{:7.3f}{:7.3f}".format(*score(wanted, found, kinds))
            for kinds in (*((kind,) for kind in KINDS), KINDS)
        )
        print(f"{name:14}{cells}{seconds:7.2f}")
    if arguments.errors:
        for number, (expected, given) in enumerate(zip(wanted, ours, strict=True)):
            print(f"\n{number}: missed {sorted(expected - given)}")
            print(f"{number}: wrong {sorted(given - expected)}")


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


def annotate(recognizer: Recognizer, texts: Sequence[str]) -> Iterable[list[Entity]]:
    """Our entities of each text."""
    tickers = [find_tickers(text) for text in texts]
    masks = [
        mask(text, [(ticker.mask_start, ticker.mask_end) for ticker in found])
        for text, found in zip(texts, tickers, strict=True)
    ]
    spans = recognizer.recognize([masked for masked, _ in masks])
    for text, found, (_, hidden), named in zip(texts, tickers, masks, spans, strict=True):
        fields: Mapping[TextField, str] = {"text": text}
        names = {ticker.name for ticker in found}
        yield find_entities(fields, {"text": named}, {"text": hidden}, names, symbol_of_company)


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

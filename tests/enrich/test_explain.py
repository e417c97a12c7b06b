"""Every label has a reason, and the reason is the one that gave it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.article import EnrichedArticle, RawArticle
from pipeline.enrich import Enricher
from pipeline.enrich.explain import Reason, telling_words
from pipeline.enrich.sentiment.fast import FastModel
from pipeline.errors import Rejected
from pipeline.profiles import load_profiles
from tests.conftest import GOLDEN, SAMPLES
from tests.test_cli import newsloom

ENRICHER = Enricher(load_profiles(None))
DAY = datetime(2025, 7, 17, tzinfo=UTC)


def raw(body: str, title: str | None = None, source: str = "wire") -> RawArticle:
    return RawArticle(id="a", source=source, title=title, body=body, ingested_at=DAY)


def labelled(article: RawArticle) -> tuple[EnrichedArticle, list[Reason]]:
    (enriched,) = ENRICHER.enrich([article])
    assert isinstance(enriched, EnrichedArticle)
    return enriched, ENRICHER.explain(article)


def bodies() -> list[RawArticle]:
    texts = [path.read_text("utf-8") for path in sorted(SAMPLES.glob("*.txt"))]
    return [raw(text, source="stocktwits") for text in texts]


@pytest.mark.parametrize("article", bodies(), ids=lambda article: article.body[:30])
def test_every_label_of_the_samples_has_a_reason(article: RawArticle) -> None:
    enriched, reasons = labelled(article)
    given = {(reason.label, reason.value) for reason in reasons}
    assert all(reason.by for reason in reasons)
    wanted: set[tuple[str, str]] = {(entity.type, entity.name) for entity in enriched.entities}
    wanted |= {("ticker", symbol) for symbol in enriched.symbols}
    wanted |= {("topic", topic) for topic in enriched.topics}
    wanted |= {("related symbol", symbol) for symbol in enriched.related_symbols}
    wanted |= {("stated sentiment", pair.replace(":", ": ")) for pair in enriched.ticker_sentiments}
    wanted |= {
        ("stated message volume", pair.replace(":", ": "))
        for pair in enriched.ticker_message_volumes
    }
    assert wanted <= given
    labels = {label for label, _ in given}
    assert ("language" in labels) is (enriched.language is not None)
    assert ("published at" in labels) is (enriched.published_at is not None)
    assert ("sentiment" in labels) is (enriched.sentiment is not None)
    # And no reason for what is no label.
    kinds = {entity.type for entity in enriched.entities}
    assert {pair for pair in given if pair[0] in {*kinds, "topic", "ticker"}} <= wanted


def test_names_have_the_rules_that_found_and_changed_them() -> None:
    body = (
        "Shares of Quillmark Labs Inc. rose. Ada Oduya said so in Geneva. Mr. Oduya is its"
        " chairman, and Quillmark Labs pays her well."
    )
    by = {reason.value: reason.by for reason in ENRICHER.explain(raw(body))}
    assert "joining" in by["Ada Oduya"]
    assert "gazetteer" in by["Geneva"]
    assert "recogniser" in by["Ada Oduya"]
    assert by["Quillmark Labs"]


def test_a_stated_sentiment_is_given_with_its_sentence() -> None:
    reasons = ENRICHER.explain(raw(GOLDEN.read_text("utf-8"), source="stocktwits"))
    (found,) = [r for r in reasons if (r.label, r.value) == ("stated sentiment", "DIA: bearish")]
    assert len(found.words) == 1
    assert "‘bearish’ for the SPDR Dow Jones" in found.words[0]


def test_a_target_has_its_clause_or_its_role() -> None:
    reasons = ENRICHER.explain(raw("Nvidia rose 3% while Intel fell sharply on Monday."))
    of = {
        reason.value.split(":")[0]: reason for reason in reasons if reason.label == "sentiment of"
    }
    assert of["Nvidia"].value.startswith("Nvidia: positive")
    assert of["Intel"].value.startswith("Intel: negative")
    assert of["Nvidia"].by != "fast-2" or "Intel" not in of["Nvidia"].words[0]


def test_the_telling_words_are_those_that_make_the_score() -> None:
    words = telling_words(FastModel(), "Quarterly profit fell sharply, the company said")
    assert "fell" in words
    assert telling_words(FastModel(), "") == []


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ("The bank said that it will pay its dividend in June.", "fastText"),
        ("Quarterly profit rises again", "headlines"),
    ],
)
def test_a_language_has_what_says_so(text: str, by: str) -> None:
    (reason,) = [r for r in ENRICHER.explain(raw(text)) if r.label == "language"]
    assert by in reason.by


def test_what_is_rejected_has_no_reasons() -> None:
    with pytest.raises(Rejected):
        ENRICHER.explain(raw("<p></p>"))


def test_the_command_prints_them_for_people_and_for_programs(tmp_path: Path) -> None:
    good, bad = tmp_path / "a.txt", tmp_path / "b.txt"
    good.write_text("Apple (AAPL) rose 3% on Monday after it raised its dividend.", "utf-8")
    bad.write_text("<p></p>", "utf-8")
    shown = newsloom("annotate", "--explain", str(good))
    assert shown.status == 0
    assert "in brackets; listed as Apple Inc." in " ".join(shown.out.split())
    printed = newsloom("annotate", "--explain", "--json", str(good), str(bad))
    assert printed.status == 1
    assert json.loads(printed.err)["reason"] == "empty_body"
    (line,) = printed.out.splitlines()
    assert {"label", "value", "by"} <= json.loads(line)["reasons"][0].keys()

"""The whole Enricher: the golden sample, variations of it, and whatever text there is."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.article import Clock, EnrichedArticle, Rejection, Submission, settle
from pipeline.enrich import Enricher
from pipeline.profiles import load_profiles
from tests.conftest import GOLDEN


@pytest.fixture(scope="module")
def enricher() -> Enricher:
    return Enricher(load_profiles())


@pytest.fixture(scope="module")
def golden(enricher: Enricher) -> EnrichedArticle:
    return enrich(enricher, GOLDEN.read_text("utf-8"))


def enrich(enricher: Enricher, body: str, **fields: Any) -> EnrichedArticle:
    (result,) = enrich_any(enricher, body, **fields)
    assert isinstance(result, EnrichedArticle), result
    return result


def enrich_any(enricher: Enricher, body: str, **fields: Any) -> list[EnrichedArticle | Rejection]:
    source = load_profiles().source_of(fields.get("url"), body)
    submission = Submission(body=body, **fields)
    raw = settle(submission, source=source, clock=Clock(), max_body_bytes=1_000_000)
    return enricher.enrich([raw])


def assert_offsets_fit(article: EnrichedArticle) -> None:
    fields = {"title": article.title or "", "text": article.text}
    labelled = [e.mentions for e in article.entities] + [t.mentions for t in article.tickers]
    for mentions in labelled:
        assert mentions
        for mention in mentions:
            assert fields[mention.field][mention.start : mention.end] == mention.text


def stated(article: EnrichedArticle) -> dict[str, tuple[str, str | None, str | None]]:
    return {
        t.symbol: (t.name, t.stated_sentiment, t.stated_message_volume) for t in article.tickers
    }


def test_the_golden_sample_has_no_title_and_its_date(golden: EnrichedArticle) -> None:
    assert golden.title is None
    assert golden.source == "stocktwits"
    assert golden.language == "en"
    assert golden.published_at == datetime(2025, 7, 17, tzinfo=UTC)


def test_the_golden_sample_begins_and_ends_with_what_was_written(golden: EnrichedArticle) -> None:
    assert golden.text.startswith("Tokyo and Washington are stepping up")
    assert golden.text.endswith("with message volume ‘normal’ across all four.")


def test_the_golden_sample_has_its_people(golden: EnrichedArticle) -> None:
    people = ["Ryosei Akazawa", "Howard Lutnick", "Donald Trump", "Shigeru Ishiba", "Scott Bessent",
              "Marco Rubio"]  # fmt: skip
    assert [name for name in golden.people if "Biden" not in name] == people


def test_the_golden_sample_has_its_organizations_and_no_false_one(golden: EnrichedArticle) -> None:
    found = set(golden.organizations)
    assert found >= {"Reuters", "Stocktwits"}
    assert found <= {"Reuters", "Stocktwits", "U.S. Treasury"}


def test_the_golden_sample_has_its_places_and_no_other(golden: EnrichedArticle) -> None:
    assert set(golden.places) == {"Tokyo", "Washington", "Japan", "United States"}
    assert [e.name for e in golden.entities if e.type == "group"] == ["Japanese"]


def test_the_golden_sample_has_its_tickers(golden: EnrichedArticle) -> None:
    assert stated(golden) == {
        "EWJ": ("iShares MSCI Japan ETF", "bullish", "normal"),
        "SPY": ("SPDR S&P 500 ETF Trust", "neutral", "normal"),
        "QQQ": ("Invesco QQQ Trust", "neutral", "normal"),
        "DIA": ("SPDR Dow Jones Industrial Average ETF Trust", "bearish", "normal"),
    }
    assert golden.ticker_sentiments == ["EWJ:bullish", "SPY:neutral", "QQQ:neutral", "DIA:bearish"]


def test_the_golden_sample_has_its_dates_and_percentage(golden: EnrichedArticle) -> None:
    dates = {
        (mention.text.lower(), mention.value)
        for entity in golden.entities
        if entity.type == "date"
        for mention in entity.mentions
    }
    assert {
        ("thursday", "2025-07-17"),
        ("friday", "2025-07-18"),
        ("august 1", "2025-08-01"),
        ("last week", "2025-W28"),
    } <= dates
    percents = [m for e in golden.entities if e.type == "percent" for m in e.mentions]
    assert {(m.amount, m.unit) for m in percents} == {(25.0, "percent")}


def test_mentions_of_one_entity_are_joined(golden: EnrichedArticle) -> None:
    trump = next(entity for entity in golden.entities if entity.name == "Donald Trump")
    assert [mention.text for mention in trump.mentions] == ["Donald Trump", "Trump"]
    states = next(entity for entity in golden.entities if entity.name == "United States")
    assert states.id == "US"
    assert {mention.text for mention in states.mentions} == {"U.S."}


def test_offsets_of_the_golden_sample_fit(golden: EnrichedArticle) -> None:
    assert_offsets_fit(golden)


PEOPLE = [("Hiroto Tanabe", "Tanabe"), ("Claire Dubois", "Dubois"), ("Pedro Almeida", "Almeida"),
          ("Anna Kowalska", "Kowalska"), ("Lars Nyström", "Nyström"),
          ("Omar Haddad", "Haddad")]  # fmt: skip
COUNTRIES = [("France", "Paris", "French", "FR"), ("Brazil", "Brasilia", "Brazilian", "BR"),
             ("Poland", "Warsaw", "Polish", "PL"),
             ("Sweden", "Stockholm", "Swedish", "SE")]  # fmt: skip
FUNDS = [("VOO", "Vanguard S&P 500 ETF"), ("IWM", "iShares Russell 2000 ETF"),
         ("GLD", "SPDR Gold Shares"), ("TLT", "iShares 20+ Year Treasury Bond ETF")]  # fmt: skip
LEVELS = ["extremely bearish", "bearish", "neutral", "bullish", "extremely bullish"]
VOLUMES = ["extremely low", "low", "normal", "high", "extremely high"]


@pytest.mark.parametrize("seed", range(12))
def test_other_names_tickers_dates_and_orders_are_read_by_the_same_rules(
    enricher: Enricher, seed: int
) -> None:
    """Fiction in the manner of the golden sample."""
    chance = random.Random(seed)
    (minister, short), (envoy, _) = chance.sample(PEOPLE, 2)
    country, capital, adjective, code = chance.choice(COUNTRIES)
    (first, first_name), (second, second_name) = chance.sample(FUNDS, 2)
    levels, volume = chance.sample(LEVELS, 2), chance.choice(VOLUMES)
    day = chance.randint(1, 28)
    paragraphs = [
        f"{country}’s trade minister {minister} and U.S. envoy {envoy} held a call on the tariffs.",
        f"{short} told Reuters that {adjective} goods and {capital} were hit by the 25% duty.",
    ]
    chance.shuffle(paragraphs)
    if paragraphs[0].startswith(short):
        paragraphs[0] = paragraphs[0].replace(short, minister, 1)
    body = "\n\n".join(
        [
            f"date 2025-09-{day:02} {paragraphs[0]}",
            paragraphs[1],
            (
                f"On Stocktwits, retail sentiment was ‘{levels[0]}’ for the {first_name} ({first}) "
                f"and ‘{levels[1]}’ for the {second_name} ({second}), with message volume "
                f"‘{volume}’ for both."
            ),
            "For updates and corrections, email newsroom[at]stocktwits[dot]com.<",
        ]
    )
    article = enrich(enricher, body)
    assert article.published_at == datetime(2025, 9, day, tzinfo=UTC)
    assert set(article.people) == {minister, envoy}
    assert set(article.organizations) == {"Reuters", "Stocktwits"}
    assert set(article.places) == {country, capital, "United States"}
    assert code in {entity.id for entity in article.entities if entity.type == "place"}
    assert adjective in {entity.name for entity in article.entities if entity.type == "group"}
    underscored = [level.replace(" ", "_") for level in levels]
    assert stated(article) == {
        first: (first_name, underscored[0], volume.replace(" ", "_")),
        second: (second_name, underscored[1], volume.replace(" ", "_")),
    }
    assert article.text.endswith("for both.")
    assert_offsets_fit(article)


def test_an_impossible_leading_date_stays_text(enricher: Enricher) -> None:
    article = enrich(enricher, "date 2025-02-30 Tokyo and Washington resumed their talks.")
    assert article.published_at is None
    assert article.text.startswith("date 2025-02-30 Tokyo")


def test_the_record_s_date_wins_over_the_text_s(enricher: Enricher) -> None:
    article = enrich(enricher, "date 2025-07-17 Talks resumed in Tokyo.", published_at="2025-07-20")
    assert article.published_at == datetime(2025, 7, 20, tzinfo=UTC)
    assert article.text == "Talks resumed in Tokyo."


def test_other_languages_have_no_entities_or_sentiment_but_their_tickers(
    enricher: Enricher,
) -> None:
    article = enrich(
        enricher,
        "Die Europäische Zentralbank hat ihre Leitzinsen am Donnerstag nicht verändert. "
        "Der Fonds EWG (NYSEARCA: EWG) stieg in New York um zwei Prozent.",
    )
    assert article.language == "de"
    assert article.sentiment is None
    assert article.entities == []
    assert article.symbols == ["EWG"]


def test_an_analyst_being_bullish_is_no_stated_sentiment(enricher: Enricher) -> None:
    text = "Analyst Jane Example of Carrow & Pell, an invented broker, is bullish on Apple (AAPL)."
    assert enrich(enricher, text).ticker_sentiments == []


def test_measured_and_stated_sentiment_do_not_mix(enricher: Enricher) -> None:
    text = (
        "Profit of Apple (AAPL) plunged and the shares slumped after a terrible warning. "
        "On Stocktwits, retail sentiment was ‘extremely bullish’ for Apple (AAPL)."
    )
    (apple,) = enrich(enricher, text).tickers
    assert apple.stated_sentiment == "extremely_bullish"
    assert apple.sentiment is not None
    assert apple.sentiment.label == "negative"


def test_a_listed_company_that_is_only_named_is_related(enricher: Enricher) -> None:
    article = enrich(enricher, "Microsoft said on Tuesday that its revenue rose.")
    assert article.symbols == []
    assert article.related_symbols == ["MSFT"]


def test_what_is_empty_when_cleaned_is_rejected(enricher: Enricher) -> None:
    (result,) = enrich_any(enricher, "<p>\u200b</p>")
    assert isinstance(result, Rejection)
    assert result.reason == "empty_body"


def test_results_do_not_depend_on_the_batch(enricher: Enricher) -> None:
    bodies = [
        GOLDEN.read_text("utf-8"),
        "Talks resumed in Tokyo.",
        "Apple (AAPL) rose 3% on Friday.",
    ]
    profiles, clock = load_profiles(), Clock()
    raw = [
        settle(
            Submission(body=body),
            source=profiles.source_of(None, body),
            clock=clock,
            max_body_bytes=10_000,
        )
        for body in bodies
    ]

    def labels(results: list[EnrichedArticle | Rejection]) -> list[dict[str, Any]]:
        return [msgspec.to_builtins(result) | {"enriched_at": None} for result in results]

    together = labels(enricher.enrich(raw))
    assert together == labels([result for one in raw for result in enricher.enrich([one])])


def test_oddities_inside_a_body_are_cleaned_and_the_article_is_labelled(enricher: Enricher) -> None:
    article = enrich(enricher, "Apple\x00 (AAPL)\u202e rose\u200b 3% in Tokyo.\ufeff\ud800")
    assert article.text == "Apple (AAPL) rose 3% in Tokyo."
    assert article.symbols == ["AAPL"]


NASTY = st.text(
    alphabet=st.sampled_from(
        list("$()[]<>&;:'‘’“”.,%-–@/\\\n\t aAZ09é東\u0000\u202e\u200b\ud800€𝒯")
    ),
    max_size=300,
)
PIECES = """Apple (AAPL) $SPY U.S. Trump retail sentiment ‘bullish’ message volume August 1 last 25%
$1.2 Thursday billion date 2025-02-30 <p> Inc. newsroom[at]x[dot]com https://a.example/b CAPS
’s ( and both respectively Mr. Sen. Q2"""
WORDS = st.lists(st.sampled_from(PIECES.split()), max_size=60).map(" ".join)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(title=st.none() | NASTY, body=NASTY | WORDS | st.text())
def test_no_text_whatever_breaks_it_and_offsets_always_fit(title: str | None, body: str) -> None:
    for result in enrich_any(_shared(), "x" + body, title=title, language="en"):
        if isinstance(result, EnrichedArticle):
            assert_offsets_fit(result)
            msgspec.json.encode(result)


_SHARED: list[Enricher] = []


def _shared() -> Enricher:
    if not _SHARED:
        _SHARED.append(Enricher(load_profiles()))
    return _SHARED[0]

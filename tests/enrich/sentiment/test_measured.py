"""Sentiment of articles, entities and tickers, from the sentences that mention them."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.article import Entity, EntityType, Mention, Sentiment, TextField, Ticker
from pipeline.enrich.sentiment.lexicon import LexiconModel
from pipeline.enrich.sentiment.measured import attach, states_sentiment
from pipeline.enrich.sentiment.model import Floats, SentimentModel
from pipeline.enrich.text.sentences import sentences
from tests.conftest import GOLDEN

GOOD, BAD, NONE = [0.85, 0.1, 0.05], [0.05, 0.1, 0.85], [0.05, 0.9, 0.05]


class WordModel(SentimentModel):
    """Says what a text says itself: "good", "bad" or nothing; notes what it was asked."""

    name = "words"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def chances(self, texts: Sequence[str]) -> Floats:
        self.asked += texts
        found = [GOOD if "good" in text else BAD if "bad" in text else NONE for text in texts]
        return np.array(found, np.float32)


def test_an_entity_has_the_sentiment_of_the_sentences_that_mention_it() -> None:
    text = "Norvane has good news. Pellworth has bad news. Graz is a city."
    found = [_entity(text, name) for name in ("Norvane", "Pellworth", "Graz")]
    _attach({"text": text}, found)
    assert [e.sentiment and e.sentiment.label for e in found] == ["positive", "negative", "neutral"]


def test_an_entity_in_good_and_bad_sentences_is_in_between() -> None:
    text = "Norvane has good news. Norvane has bad news."
    entity = _entity(text, "Norvane")
    _attach({"text": text}, [entity])
    assert entity.sentiment
    assert abs(entity.sentiment.score) < 0.1


def test_a_sentence_counts_once_however_often_it_mentions_an_entity() -> None:
    text = "Norvane, good Norvane, dear Norvane. Norvane had bad luck."
    entity = _entity(text, "Norvane")
    _attach({"text": text}, [entity])
    assert entity.sentiment
    assert abs(entity.sentiment.score) < 0.1


def test_a_mention_in_the_title_counts() -> None:
    fields: dict[TextField, str] = {"title": "Norvane has good news", "text": "It rained."}
    entity = _entity(fields["title"], "Norvane", field="title")
    _attach(fields, [entity])
    assert entity.sentiment
    assert entity.sentiment.label == "positive"


def test_a_ticker_gets_its_measured_sentiment() -> None:
    text = "Shares of the fund (EWJ) had a bad day."
    ticker = Ticker(symbol="EWJ", name="x", mentions=_mentions(text, "EWJ", "text"))
    _attach({"text": text}, [], [ticker])
    assert ticker.sentiment
    assert ticker.sentiment.label == "negative"


@pytest.mark.parametrize("kind", ["date", "money", "percent"])
def test_amounts_and_dates_have_no_sentiment(kind: EntityType) -> None:
    text = "A good 25% was it."
    entity = _entity(text, "25%", kind=kind)
    _attach({"text": text}, [entity])
    assert entity.sentiment is None


def test_stated_sentiment_does_not_count_into_the_measured_one() -> None:
    text = "The fund rose. On Stocktwits, retail sentiment was ‘bad’ for the fund (EWJ)."
    ticker = Ticker(symbol="EWJ", name="x", mentions=_mentions(text, "EWJ", "text"))
    model = WordModel()
    article = attach(model, {"text": text}, {"text": sentences(text)}, [], [ticker])
    assert article.label == "neutral"
    assert ticker.sentiment
    assert ticker.sentiment.label == "neutral"
    assert not any("Stocktwits" in asked for asked in model.asked)


@pytest.mark.parametrize(
    "sentence",
    [
        "On Stocktwits, retail sentiment was ‘bullish’ for the fund (EWJ).",
        "Retail sentiment about $EWJ flipped to 'bearish' from 'bullish' a day ago.",
        "Message volume was ‘high’ for both.",
        "Sentiment on the stock was 'extremely bearish'.",
        "The mood stayed in extremely bullish territory over the past 24 hours.",
        "For the gold fund it was neutral, with low message volume.",
    ],
)
def test_a_sentence_that_states_retail_sentiment_is_known(sentence: str) -> None:
    assert states_sentiment(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "An analyst at Carrow & Pell said that he was bullish on bonds.",
        "Consumer sentiment improved in June.",
        "Trading volume was low on Friday.",
        "Market sentiment soured after the report.",
    ],
)
def test_other_opinions_are_measured(sentence: str) -> None:
    assert not states_sentiment(sentence)


def test_each_distinct_sentence_is_scored_once() -> None:
    text = "A good day. It rained. A good day. It rained."
    model = WordModel()
    attach(model, {"text": text}, {"text": sentences(text)}, [], [])
    assert sorted(model.asked) == ["", "A good day.", "It rained."]


def test_a_slow_model_scores_title_and_lead_and_its_rest_the_others() -> None:
    model = WordModel()
    model.rest = WordModel()
    text = "One. A good day. Three. Four is a bad day. Five. One."
    attach(
        model, {"title": "Zero", "text": text}, {"title": [(0, 4)], "text": sentences(text)}, [], []
    )
    assert sorted(model.asked) == ["", "A good day.", "One.", "Three.", "Zero"]
    assert sorted(model.rest.asked) == ["Five.", "Four is a bad day."]


def test_title_and_lead_weigh_more_than_the_rest() -> None:
    text = "A good day. " + " ".join(f"A bad day of {day}." for day in range(1, 4))
    fields: dict[TextField, str] = {"title": "A good day", "text": text}
    assert _attach(fields, []).label == "positive"


def test_neutral_sentences_do_not_drown_the_news() -> None:
    text = "Here is good news. " + " ".join(f"It is day {day}." for day in range(30))
    assert _attach({"text": text}, []).label == "positive"


def test_probabilities_of_one_sentence_are_those_of_its_model() -> None:
    article = _attach({"text": "A good day."}, [])
    assert (article.label, article.score, article.confidence) == ("positive", 0.8, 0.85)


def test_an_empty_article_is_neutral() -> None:
    assert _attach({"text": ""}, []).label == "neutral"


def test_the_golden_sample_gets_a_sentiment_that_its_stated_one_has_no_part_in() -> None:
    text = GOLDEN.read_text("utf-8")
    model = LexiconModel()
    whole = attach(model, {"text": text}, {"text": sentences(text)}, [], [])
    other = text.replace("‘bullish’", "‘bearish’")
    assert attach(model, {"text": other}, {"text": sentences(other)}, [], []) == whole


@given(st.text(), st.text(), st.integers(0, 50))
def test_no_text_breaks_it(title: str, text: str, start: int) -> None:
    fields: dict[TextField, str] = {"title": title, "text": text}
    mention = Mention(field="text", start=start, end=start + 1, text="x")
    entity = Entity(type="place", id="x", name="x", count=1, mentions=[mention])
    spans = {field: sentences(value) for field, value in fields.items()}
    for sentiment in (attach(LexiconModel(), fields, spans, [entity], []), entity.sentiment):
        assert sentiment
        assert -1 <= sentiment.score <= 1
        assert 0.33 <= sentiment.confidence <= 1


@pytest.mark.parametrize(
    "text", ["sentiment " * 100_000, "neutral" + " " * 10**6, "mood\n" * 200_000]
)
def test_looking_for_stated_sentiment_is_linear(text: str) -> None:
    start = time.process_time()
    states_sentiment(text)
    assert time.process_time() - start < 5


def _attach(
    fields: dict[TextField, str], entities: list[Entity], tickers: Sequence[Ticker] = ()
) -> Sentiment:
    spans = {field: sentences(value) for field, value in fields.items()}
    return attach(WordModel(), fields, spans, entities, tickers)


def _mentions(text: str, name: str, field: TextField) -> list[Mention]:
    found = []
    start = text.find(name)
    while start >= 0:
        found.append(Mention(field=field, start=start, end=start + len(name), text=name))
        start = text.find(name, start + 1)
    return found


def _entity(
    text: str, name: str, *, kind: EntityType = "organization", field: TextField = "text"
) -> Entity:
    mentions = _mentions(text, name, field)
    return Entity(type=kind, id=name.lower(), name=name, count=len(mentions), mentions=mentions)

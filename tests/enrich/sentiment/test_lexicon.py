"""The lexicon model: direction rules, negation, clauses, and probabilities that fit."""

from __future__ import annotations

import time
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.enrich.sentiment.lexicon import LexiconModel

MODEL = LexiconModel()
WORDS = "profit loss fell rose not but despite +3.1% ? ; , up down 1,000 very 5% cut to sell"


@pytest.mark.parametrize(
    "text",
    [
        "Profit rose 12% in the second quarter.",
        "Losses narrowed to $5 million.",
        "Costs fell sharply.",
        "Jobless claims fell last week.",
        "Inflation eased to 2% in June.",
        "Debt fell to $2 billion.",
        "The company beat estimates.",
        "Price target raised to $40.",
        "It raised its price target to 58 euros from 49.",
        "The stock was upgraded to buy at Carrow & Pell.",
        "Shares were up 3% in early trading.",
        "Shares +4.5% premarket",
        "A rise in profit surprised investors.",
        "Norvane cuts costs.",
        "Despite weak demand, profit rose 10%.",
        "The company did not miss its estimates.",
    ],
)
def test_good_news_is_positive(text: str) -> None:
    assert MODEL.score([text])[0].label == "positive"


@pytest.mark.parametrize(
    "text",
    [
        "Profit fell 12% in the second quarter.",
        "Its net loss widened to $3 million.",
        "Costs rose sharply.",
        "Unemployment rose to 5%.",
        "The unemployment rate rose to 4.2%.",
        "Margins shrank.",
        "Quarterly sales missed estimates.",
        "The stock was cut to sell at Carrow & Pell.",
        "Analysts downgraded the stock.",
        "The firm cut its forecast for the year.",
        "Shares tumbled 18% on Friday.",
        "Shares −4.5% premarket",
        "A drop in sales hurt the company.",
        "Growth was weaker than expected.",
        "Profit rose, but the company slashed its outlook and warned of losses.",
    ],
)
def test_bad_news_is_negative(text: str) -> None:
    assert MODEL.score([text])[0].label == "negative"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The board meets on Tuesday in Omaha.",
        "Will the stock rise?",
        "She signed up for a course down the road.",
        "Edited transcript of the earnings conference call",
        "https://profit.example/rose-beats $BEAT #win",
    ],
)
def test_no_news_is_neutral(text: str) -> None:
    assert MODEL.score([text])[0].label == "neutral"


@pytest.mark.parametrize(
    ("weaker", "stronger"),
    [
        ("Revenue did not rise.", "Revenue did rise."),
        ("Shares rose slightly.", "Shares rose sharply."),
        ("Profit rose, but sales fell.", "Sales fell, but profit rose."),
        ("Will profit rise?", "Profit will rise."),
        ("Interest rates rose.", "Earnings rose."),
    ],
)
def test_context_decides_how_good_news_is(weaker: str, stronger: str) -> None:
    low, high = MODEL.score([weaker, stronger])
    assert low.score < high.score


def test_good_and_bad_news_at_once_is_not_sure_of_either() -> None:
    alone, both = MODEL.score(["Profit rose.", "Profit rose and sales fell."])
    assert abs(both.score) < alone.score


def test_each_text_has_its_answer_in_order() -> None:
    texts = ["Shares fell 3%.", "The board meets.", "Shares rose 3%."]
    assert [s.label for s in MODEL.score(texts)] == ["negative", "neutral", "positive"]


def test_every_entry_of_the_lexicon_has_kind_weight_and_forms_of_its_own() -> None:
    text = files("pipeline.enrich").joinpath("data/sentiment.tsv").read_text("utf-8")
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    assert all(len(row) == 3 and float(row[1]) is not None for row in rows)
    forms = [form for row in rows for form in row[2].split(", ")]
    assert len(forms) == len(set(forms)) > 700


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    _assert_fits(text)


@given(st.lists(st.sampled_from(WORDS.split())))
def test_no_sequence_of_its_words_breaks_it(words: list[str]) -> None:
    _assert_fits(" ".join(words))


def test_a_text_of_a_megabyte_takes_seconds_at_most() -> None:
    for text in ("falls not " * 100_000, "profit " * 140_000, "a-" * 500_000, "+1" * 500_000):
        start = time.process_time()
        MODEL.score([text])
        assert time.process_time() - start < 15


def _assert_fits(text: str) -> None:
    [sentiment] = MODEL.score([text])
    assert 1 / 3 <= sentiment.confidence <= 1
    assert -1 <= sentiment.score <= 1
    if sentiment.label == "positive":
        assert sentiment.score > 0
    if sentiment.label == "negative":
        assert sentiment.score < 0


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Operating profit was EUR 3.1 mn, compared with EUR 2.4 mn a year earlier.", "positive"),
        ("Operating profit was EUR 2.4 mn, compared with EUR 3.1 mn a year earlier.", "negative"),
        ("Net loss was EUR 3.1 mn, compared with EUR 2.4 mn a year earlier.", "negative"),
        ("Net loss was EUR 2.4 mn against EUR 3.1 mn.", "positive"),
        ("Sales totalled $1,200 million in 2019, against $900 million in 2018.", "positive"),
        ("Net loss narrowed to EUR 0.8 mn from EUR 4.1 mn.", "positive"),
    ],
)
def test_figures_that_are_compared_tell_a_direction(text: str, label: str) -> None:
    assert MODEL.score([text])[0].label == label


def test_equal_figures_and_years_tell_none() -> None:
    plain = MODEL.evidence("Sales totalled 900 million.")
    assert MODEL.evidence("Sales totalled 900 million, against 900 million.") == plain
    assert MODEL.evidence("Sales totalled 900 million, compared with 2018.") == plain

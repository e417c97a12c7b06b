"""The accurate model as it ships: what it knows, how it is chosen, and what it needs."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.article import EnrichedArticle, RawArticle
from pipeline.enrich import Enricher
from pipeline.enrich.sentiment.accurate import AccurateModel
from pipeline.enrich.sentiment.fast import FastModel
from pipeline.enrich.sentiment.measured import open_model
from pipeline.errors import ConfigurationError
from pipeline.profiles import load_profiles

MODEL = AccurateModel()


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Norvane's operating loss narrowed to EUR 0.8 mn from EUR 4.1 mn", "positive"),
        ("Kellworth was stripped of its banking licence", "negative"),
        ("The firm won its largest order in a decade", "positive"),
        ("Pellmere posted its first loss in a decade", "negative"),
        ("The annual general meeting takes place in Turku on 12 April", "neutral"),
        ("Orvane makes pumps and valves in nine countries", "neutral"),
    ],
)
def test_it_reads_what_no_word_tells_alone(text: str, label: str) -> None:
    assert MODEL.score([text])[0].label == label


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=200), max_size=12))
def test_any_text_has_probabilities_and_its_neighbours_do_not_count(texts: list[str]) -> None:
    chances = MODEL.chances(texts)
    assert chances.shape == (len(texts), 3)
    assert np.allclose(chances.sum(axis=1), 1, atol=1e-4)
    for text, row in zip(texts[:3], chances, strict=False):
        # A batch is quantised as a whole, so the last digits differ.
        assert np.allclose(MODEL.chances([text])[0], row, atol=0.1)


def test_more_texts_than_one_batch_come_back_in_order() -> None:
    texts = ["Profit fell sharply", "Profit rose sharply and the dividend was raised"] * 60
    labels = [sentiment.label for sentiment in MODEL.score(texts)]
    assert labels == ["negative", "positive"] * 60


def test_it_is_under_30_megabytes() -> None:
    data = files("pipeline.enrich").joinpath("data/sentiment_accurate.onnx").read_bytes()
    assert len(data) < 30_000_000


def test_it_is_chosen_by_name_and_leaves_all_but_the_lead_to_fast() -> None:
    model = open_model("accurate")
    assert isinstance(model, AccurateModel)
    assert isinstance(model.rest, FastModel)
    enricher = Enricher(load_profiles(None), model)
    day = datetime(2025, 7, 17, tzinfo=UTC)
    body = "Kellworth was stripped of its banking licence."
    (article,) = enricher.enrich([RawArticle(id="a", source="wire", body=body, ingested_at=day)])
    assert isinstance(article, EnrichedArticle)
    assert article.sentiment
    assert article.sentiment.label == "negative"
    assert article.provenance.models["sentiment"] == model.name


def test_without_onnxruntime_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigurationError, match=r"newsloom\[accurate\]"):
        open_model("accurate")


@pytest.mark.parametrize("data", [b"no model", b"\x08\x0a"])
def test_another_file_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no sentiment model"):
        AccurateModel(data)

"""An article passes filters exactly when a search with them finds it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.article import EnrichedArticle, Sentiment, Ticker
from pipeline.errors import ConfigurationError
from pipeline.index.matching import matcher
from pipeline.index.query import FACETS, Query
from pipeline.index.tantivy import TantivyIndex
from pipeline.index.tantivy.folder import following, point_to
from pipeline.index.tantivy.writer import TantivyWriter
from tests.conftest import enriched

_some = partial(st.lists, max_size=3, unique=True)
VALUES: dict[str, list[str]] = {
    "ticker": ["SPY", "DIA", "BRK.B"],
    "person": ["Ada Lovelace", "ÉMILE Zola"],
    "organization": ["Reuters", "AT&T"],
    "place": ["Japan", "United States"],
    "topic": ["trade", "tech"],
    "source": ["wire", "Wire"],
    "language": ["en", "de"],
    "sentiment": ["positive", "negative"],
    "stated_sentiment": ["bullish", "bearish"],
}


def article(number: int, has: dict[str, list[str]]) -> EnrichedArticle:
    """An article with these values of the facets."""
    levels = has.pop("stated_sentiment")
    pairs: list[tuple[str, Any]] = list(zip(has["ticker"], levels, strict=False))
    (label, *_), score = [*has.pop("sentiment"), "neutral"], 0.0
    (source, *_), (language, *_) = [*has.pop("source"), "x"], [*has.pop("language"), None]
    return enriched(
        str(number),
        source=source,
        language=language,
        sentiment=Sentiment(label=label, score=score, confidence=1),  # type: ignore[arg-type]
        tickers=[Ticker(symbol=s, name=s, mentions=[], stated_sentiment=v) for s, v in pairs],
        ticker_sentiments=[f"{symbol}:{level}" for symbol, level in pairs],
        **{FACETS[facet]: values for facet, values in has.items()},
    )


articles = st.fixed_dictionaries({f: _some(st.sampled_from(v)) for f, v in VALUES.items()})
filters = st.fixed_dictionaries(
    {}, optional={f: st.lists(st.sampled_from(v), max_size=2) for f, v in VALUES.items()}
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("index")


@settings(max_examples=60, deadline=None)
@given(st.lists(articles, min_size=1, max_size=5), filters)
def test_articles_pass_that_a_search_finds(
    folder: Path, made: list[dict[str, list[str]]], asked: dict[str, list[str]]
) -> None:
    documents = [article(number, has) for number, has in enumerate(made)]
    writer = TantivyWriter(path := following(folder))
    writer.add(documents)
    writer.commit()
    writer.close()
    point_to(path)
    found = TantivyIndex(folder).search(Query(filters=asked, size=10)).hits
    matches = matcher(asked)
    assert {hit.id for hit in found} == {d.id for d in documents if matches(d)}


@pytest.mark.parametrize(
    ("filters", "fields"),
    [
        ({"ticker": "$spy"}, {"symbols": ["SPY"]}),
        ({"person": ["ada lovelace"]}, {"people": ["Ada Lovelace"]}),
        ({"language": " EN "}, {"language": "en"}),
        ({"stated_sentiment": "Bullish", "ticker": "SPY"}, {"ticker_sentiments": ["SPY:bullish"]}),
    ],
)
def test_values_are_taken_as_people_type_them(
    filters: dict[str, Any], fields: dict[str, Any]
) -> None:
    assert matcher(filters)(enriched(**({"symbols": ["SPY"]} | fields)))


def test_another_tickers_mood_does_not_count() -> None:
    matches = matcher({"ticker": "SPY", "stated_sentiment": "bullish"})
    assert not matches(enriched(symbols=["SPY", "DIA"], ticker_sentiments=["DIA:bullish"]))


@pytest.mark.parametrize("filters", [{"author": "x"}, {"sentiment": "sad"}])
def test_what_can_never_match_is_an_error(filters: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        matcher(filters)

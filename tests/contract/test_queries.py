"""The bundled samples, asked the same questions on both indexes: the answers are equal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from pipeline.article import EnrichedArticle
from pipeline.index import Index, SearchResult
from pipeline.index.analysis import words
from pipeline.index.elasticsearch import ElasticsearchIndex
from pipeline.index.elasticsearch.setup import setup_index
from pipeline.index.elasticsearch.writer import ElasticsearchWriter
from pipeline.index.query import Query, Recency
from pipeline.index.tantivy import TantivyIndex
from pipeline.index.tantivy.writer import open_writer
from tests.samples import enriched_samples
from tests.servers.elasticsearch import ElasticsearchNode
from tests.servers.indices import FreshAlias, alias_of

JULY = datetime(2025, 7, 1, tzinfo=UTC)
AUGUST = datetime(2025, 8, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def samples() -> list[EnrichedArticle]:
    """The samples with their labels; a corrected one in all its versions."""
    return enriched_samples()


@pytest.fixture(scope="module")
def alias(elasticsearch_node: ElasticsearchNode) -> Iterator[FreshAlias]:
    with alias_of(elasticsearch_node) as fresh:
        setup_index(*fresh)
        yield fresh


@pytest.fixture(scope="module")
def both(
    samples: list[EnrichedArticle], alias: FreshAlias, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Index, Index]:
    """The samples in Tantivy and in Elasticsearch."""
    client, name = alias
    writer = ElasticsearchWriter(*alias)
    assert not writer.add(samples)
    writer.close()
    client.indices.refresh(index=name)
    folder = tmp_path_factory.mktemp("index")
    embedded, _ = open_writer(folder)
    embedded.add(samples)
    embedded.commit()
    embedded.close()
    return TantivyIndex(folder), ElasticsearchIndex(*alias)


def plain(result: SearchResult) -> dict[str, Any]:
    """All of an answer but how long it took; without order where the order is by relevance."""
    hits = [(hit.id, hit.highlights, hit.article) for hit in result.hits]
    if any(hit.score is not None for hit in result.hits):
        hits.sort(key=lambda hit: hit[0])
    return {
        "total": result.total,
        "hits": hits,
        "facets": result.facets,
        "histogram": result.histogram,
        "next": result.next,
    }


TEXTS = [
    "",
    "tariff",
    "tariffs",
    "TARIFFS",
    "trade",
    "trade tariffs",
    '"trade deal"',
    '"interest rates"',
    '"rates interest"',
    "fed OR ecb",
    "rate OR rates cut",
    "inflation -fed",
    '-"interest rates"',
    "-the",
    "the",
    "U.S.",
    "U.S",
    "S&P",
    '"S&P 500"',
    "AT&T",
    "Japan's",
    "Japan’s",
    "japanese election",
    "上院",
    "選挙",
    "Zinsen",
    "für",
    "café",
    "boeing",
    "boeing deliveries quarter",
    "2025",
    "2.5",
    "1,000",
    "million",
    "stocks fell",
    "robot",
    "organization OR organic",
    "international",
    "internal",
    "university OR universal",
    "emergency",
    "later OR lateral",
    "nowhere-to-be-found",
    "re-elected",
    "earnings (revenue) [profit]",
    'title:"trade"',
    "* ? ~ ^ \\ / { }",
    "AND OR NOT",
    "market* price~",
]

FILTERED: list[dict[str, Any]] = [
    {"filters": {"language": ["en"]}},
    {"filters": {"language": ["de", "ja"]}},
    {"filters": {"sentiment": ["negative"]}},
    {"filters": {"sentiment": ["negative"], "language": ["en"]}},
    {"filters": {"topic": ["trade"]}},
    {"filters": {"topic": ["trade", "markets"], "place": ["Japan"]}},
    {"filters": {"ticker": ["SPY"]}},
    {"filters": {"ticker": ["EWJ"], "stated_sentiment": ["bullish"]}},
    {"filters": {"stated_sentiment": ["bearish"]}},
    {"filters": {"stated_sentiment": ["bearish"], "ticker": ["SPY", "QQQ"]}},
    {"filters": {"person": ["Donald Trump"]}},
    {"filters": {"organization": ["nobody"]}},
    {"filters": {"source": ["stocktwits"]}},
    {"since": JULY, "until": AUGUST},
    {"since": JULY},
    {"until": JULY},
    {"text": "tariffs", "filters": {"place": ["Japan"]}, "since": JULY},
    {"text": "rates", "until": AUGUST, "filters": {"language": ["en"]}},
    {"text": "tariffs", "size": 2},
    {"size": 3, "after": "bzM"},
    {"size": 0},
]


@pytest.mark.parametrize("sort", ["newest", "oldest"])
@pytest.mark.parametrize("text", TEXTS)
def test_a_text_finds_the_same(both: tuple[Index, Index], text: str, sort: Any) -> None:
    query = Query(text=text, sort=sort, size=100)
    one, other = (plain(index.search(query)) for index in both)
    assert one == other


@pytest.mark.parametrize("fields", FILTERED, ids=str)
def test_filters_and_pages_give_the_same(both: tuple[Index, Index], fields: dict[str, Any]) -> None:
    asked: dict[str, Any] = {"size": 100, "sort": "newest"} | fields
    query = Query(**asked)
    one, other = (plain(index.search(query)) for index in both)
    assert one == other


@pytest.mark.parametrize("text", TEXTS)
def test_by_relevance_the_same_articles_are_found(both: tuple[Index, Index], text: str) -> None:
    one, other = (plain(index.search(Query(text=text, size=100))) for index in both)
    assert one == other


@pytest.mark.parametrize("number", [0, 1], ids=["embedded", "servers"])
@pytest.mark.parametrize("recency", [None, Recency(timedelta(days=30), AUGUST)])
@pytest.mark.parametrize("collapse", [False, True])
@pytest.mark.parametrize("text", ["", "tariffs", "market OR rates", "nowhere-to-be-found"])
def test_a_page_has_the_articles_of_a_search(
    both: tuple[Index, Index], number: int, recency: Recency | None, collapse: bool, text: str
) -> None:
    index = both[number]
    query = Query(text=text, recency=recency, collapse=collapse, until=AUGUST)
    found = [hit.article for hit in index.search(structs.replace(query, size=100)).hits]
    pages = [index.page(structs.replace(query, size=3))]
    while (after := pages[-1].next) is not None:
        pages.append(index.page(structs.replace(query, size=3, after=after)))
    assert [article for page in pages for article in page.articles] == found
    assert all(len(page.articles) == 3 for page in pages[:-1])


@pytest.mark.parametrize("fields", FILTERED, ids=str)
def test_filters_hold_for_pages_too(both: tuple[Index, Index], fields: dict[str, Any]) -> None:
    asked: dict[str, Any] = {"size": 100, "sort": "newest"} | fields
    query = Query(**asked)
    for index in both:
        assert index.page(query).articles == [hit.article for hit in index.search(query).hits]


def test_most_texts_find_something(both: tuple[Index, Index]) -> None:
    found = [text for text in TEXTS if both[0].search(Query(text=text)).total]
    assert len(found) > 30


@pytest.mark.parametrize("prefix", ["", "j", "Ja", "SP", "united s", "u.s", "(", "é", "x" * 2000])
def test_suggestions_are_the_same(both: tuple[Index, Index], prefix: str) -> None:
    one, other = (index.suggest(prefix, 20) for index in both)
    assert one == other


def test_every_article_comes_back_the_same(
    both: tuple[Index, Index], samples: list[EnrichedArticle]
) -> None:
    for article in samples:
        assert both[0].get(article.id) == both[1].get(article.id) is not None
    assert both[0].count() == both[1].count() == len({article.id for article in samples})


def terms_of_server(alias: FreshAlias, text: str) -> list[str]:
    client, name = alias
    answer = client.indices.analyze(index=name, analyzer="news", text=text)
    return [token["token"] for token in answer["tokens"]]


def test_the_server_makes_the_same_terms_of_the_samples(
    alias: FreshAlias, samples: list[EnrichedArticle]
) -> None:
    for article in samples:
        for text in (article.title or "", article.text):
            assert terms_of_server(alias, text) == [word.term for word in words(text)]


@pytest.mark.parametrize(
    "text",
    [
        "organized organizations, organs; international interns, internal intervals",
        "universities universal emergencies emergent evenings later lateral",
        "a biologist and two psychologists, vying",
        "İstanbul ẞ ﬁnance ǅ ½ ² Ⅳ",
        "𝒯’s 𝒯.𝒯 😀.A _’s",
        "U.S.’s Trump's.Then it's'",
    ],
)
def test_the_server_makes_the_same_terms_of_hard_words(alias: FreshAlias, text: str) -> None:
    assert terms_of_server(alias, text) == [word.term for word in words(text)]


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(alphabet="aS'’.&,1 ʼñß東ा²Ⓐ_-İアé𝒯😀", min_size=1))
def test_the_server_makes_the_same_terms_of_whatever_is_written(
    alias: FreshAlias, text: str
) -> None:
    assert terms_of_server(alias, text) == [word.term for word in words(text)]

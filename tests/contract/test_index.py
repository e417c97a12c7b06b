"""What people find, whichever index holds the documents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.article import EnrichedArticle, Sentiment, Ticker
from pipeline.errors import ConfigurationError
from pipeline.index import Aged, Index, SearchResult
from pipeline.index.elasticsearch import ElasticsearchIndex
from pipeline.index.elasticsearch.setup import setup_index
from pipeline.index.elasticsearch.writer import ElasticsearchWriter
from pipeline.index.query import MAX_RESULTS, Query, Recency
from pipeline.index.tantivy import TantivyIndex
from pipeline.index.tantivy.writer import open_writer
from tests.conftest import as_published, enriched
from tests.servers.indices import FreshAlias

Fill = Callable[..., Index]


@pytest.fixture(params=["tantivy", "elasticsearch"])
def fill(request: pytest.FixtureRequest) -> Fill:
    """Writes articles, batch by batch, and gives the index."""
    name = f"fill_{request.param}"
    chosen: Fill = request.getfixturevalue(name)
    return chosen


@pytest.fixture
def fill_tantivy(tmp_path: Path) -> Fill:
    def write(*batches: Sequence[EnrichedArticle]) -> Index:
        writer, _ = open_writer(tmp_path / "index")
        for batch in batches:
            writer.add(batch)
            writer.commit()
        writer.close()
        return TantivyIndex(tmp_path / "index")

    return write


@pytest.fixture
def fill_elasticsearch(fresh_alias: FreshAlias) -> Fill:
    client, alias = fresh_alias

    def write(*batches: Sequence[EnrichedArticle]) -> Index:
        setup_index(client, alias)
        writer = ElasticsearchWriter(client, alias)
        for batch in batches:
            assert not writer.add(batch)
            writer.commit()
        writer.close()
        client.indices.refresh(index=alias)
        return ElasticsearchIndex(client, alias)

    return write


def day(number: int, hour: int = 0) -> datetime:
    return datetime(2025, 7, number, hour, tzinfo=UTC)


def ids(result: SearchResult) -> list[str]:
    return [hit.id for hit in result.hits]


def found(index: Index, text: str = "", **fields: Any) -> set[str]:
    return set(ids(index.search(Query(text=text, size=100, **fields))))


NEWS = [
    enriched("talks", text="Tokyo and Washington resumed trade talks over rising tariffs.",
             title="Tariff talks", published_at=day(3), places=["Japan", "United States"]),
    enriched("steel", text="Steel tariffs hit the U.S. market; AT&T and BRK.B fell.",
             published_at=day(1), symbols=["T", "BRK.B"], source="other"),
    enriched("café", text="A café in Zürich raised its prices, its owner's statement said.",
             published_at=day(2), language="de"),
    enriched("index", text="The S&P 500 closed higher. Talks about trade went on.",
             published_at=day(4), symbols=["SPY"]),
    enriched("tokyo", text="東京で会談が行われた。", published_at=None, language="ja"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {"talks", "steel", "café", "index", "tokyo"}),
        ("tariff", {"talks", "steel"}),
        ("TARIFFS", {"talks", "steel"}),
        ("tariff talks", {"talks"}),
        ('"trade talks"', {"talks"}),
        ('"talks trade"', set()),
        ("trade -tokyo", {"index"}),
        ('talks -"trade talks"', {"index"}),
        ("steel OR café", {"steel", "café"}),
        ("tariffs steel OR tokyo", {"talks", "steel"}),
        ("cafe zurich", {"café"}),
        ("owner", {"café"}),
        ("U.S.", {"steel"}),
        ("S&P 500", {"index"}),
        ("AT&T", {"steel"}),
        ("BRK.B", {"steel"}),
        ("東京", {"tokyo"}),
        ("京東", set()),
        ("-tariffs", {"café", "index", "tokyo"}),
        ("nowhere", set()),
        ("title:talks*", set()),
        ("&", set()),
        ("!!!", set()),
    ],
)
def test_a_query_finds(fill: Fill, text: str, expected: set[str]) -> None:
    assert found(fill(NEWS), text) == expected


def test_a_word_in_the_title_counts_more(fill: Fill) -> None:
    in_text = enriched("text", title="Other matters", text="Tariffs are due. " + "And so on. " * 5)
    in_title = enriched("title", title="Tariffs", text="They are due. " + "And so on. " * 5)
    assert ids(fill([in_text, in_title]).search(Query(text="tariffs"))) == ["title", "text"]


def test_filters_take_any_of_their_values_and_all_of_each_other(fill: Fill) -> None:
    index = fill(NEWS)
    assert found(index, filters={"ticker": ["SPY", "T"]}) == {"steel", "index"}
    assert found(index, filters={"ticker": ["SPY", "T"], "source": ["other"]}) == {"steel"}
    assert found(index, filters={"place": ["Japan"]}) == {"talks"}


def test_dates_include_the_first_and_leave_out_the_end(fill: Fill) -> None:
    index = fill(NEWS)
    assert found(index, since=day(2), until=day(4)) == {"talks", "café"}
    assert found(index, since=day(3)) == {"talks", "index"}
    assert found(index, until=day(2)) == {"steel"}


def test_stated_sentiment_with_a_ticker_is_that_of_the_ticker(fill: Fill) -> None:
    def article(name: str, spy: str, qqq: str) -> EnrichedArticle:
        stated = [("SPY", spy), ("QQQ", qqq)]
        return enriched(
            name,
            symbols=["SPY", "QQQ"],
            tickers=[Ticker(symbol=s, name=s, mentions=[], stated_sentiment=v) for s, v in stated],  # type: ignore[arg-type]
            ticker_sentiments=[f"{s}:{v}" for s, v in stated],
        )

    index = fill([article("a", "bullish", "bearish"), article("b", "bearish", "bullish")])
    assert found(index, filters={"stated_sentiment": ["bullish"]}) == {"a", "b"}
    assert found(index, filters={"stated_sentiment": ["bullish"], "ticker": ["SPY"]}) == {"a"}
    result = index.search(Query(filters={"stated_sentiment": ["bullish"], "ticker": ["SPY"]}))
    assert {v.value: v.count for v in result.facets["stated_sentiment"]} == {
        "bullish": 1,
        "bearish": 1,
    }
    assert {v.value: v.count for v in result.facets["ticker"]} == {"SPY": 2, "QQQ": 2}


def test_a_facet_counts_without_its_own_filter_but_with_the_others(fill: Fill) -> None:
    index = fill(NEWS)
    facets = index.search(Query(filters={"source": ["other"], "ticker": ["SPY", "T"]})).facets
    assert {v.value: v.count for v in facets["source"]} == {"other": 1, "wire": 1}
    assert {v.value: v.count for v in facets["ticker"]} == {"BRK.B": 1, "T": 1}


def test_facets_are_ordered_by_count_then_name(fill: Fill) -> None:
    articles = [
        enriched(str(n), people=names)
        for n, names in enumerate([["B", "A"], ["B"], ["C", "A"], ["A"]])
    ]
    values = fill(articles).search(Query()).facets["person"]
    assert [(v.value, v.count) for v in values] == [("A", 3), ("B", 2), ("C", 1)]


def test_sentiment_is_a_facet(fill: Fill) -> None:
    bad = Sentiment(label="negative", score=-0.5, confidence=0.6)
    index = fill([enriched("bad", sentiment=bad), enriched("none")])
    assert found(index, filters={"sentiment": ["negative"]}) == {"bad"}


def test_by_date_the_undated_come_last(fill: Fill) -> None:
    index = fill(NEWS[:3], NEWS[3:])
    assert ids(index.search(Query(sort="newest"))) == ["index", "talks", "café", "steel", "tokyo"]
    assert ids(index.search(Query(sort="oldest"))) == ["steel", "café", "talks", "index", "tokyo"]


def test_equal_dates_have_the_same_order_however_they_were_written(
    fill: Fill, fill_tantivy: Fill
) -> None:
    articles = [enriched(str(n)) for n in range(30)]
    forward = ids(fill_tantivy(articles).search(Query(size=30)))
    newer = [enriched(article.id, revision=2) for article in reversed(articles)]
    assert ids(fill(*([article] for article in newer)).search(Query(size=30))) == forward


def test_pages_follow_each_other_without_gap_or_repetition(fill: Fill) -> None:
    index = fill([enriched(str(n), text=f"tariff {n}") for n in range(25)])
    for text in ("tariff", ""):
        seen: list[str] = []
        after: str | None = None
        while True:
            page = index.search(Query(text=text, size=10, after=after))
            seen += ids(page)
            after = page.next
            if after is None:
                break
        assert sorted(seen) == sorted(str(n) for n in range(25))


WEEK = Recency(timedelta(days=7), day(17))


def scores(index: Index, text: str, **fields: Any) -> dict[str, float]:
    hits = index.search(Query(text=text, size=1000, **fields)).hits
    assert all(hit.score is not None for hit in hits)
    return {hit.id: hit.score or 0.0 for hit in hits}


def test_with_recency_the_newer_of_two_equal_articles_comes_first(fill: Fill) -> None:
    index = fill([enriched("new", published_at=day(9)), enriched("old", published_at=day(2))])
    assert list(scores(index, "tokyo", recency=WEEK)) == ["new", "old"]
    assert found(index, recency=WEEK) == {"new", "old"}


def test_a_score_is_halved_by_each_half_life(fill: Fill) -> None:
    ages = {"0": 0.0, "1": 1.0, "3.5": 3.5, "10": 10.0, "63": 63.0, "64": 64.0}
    articles = [
        enriched(name, published_at=day(17) - age * WEEK.half_life) for name, age in ages.items()
    ]
    others = {"future": 0.0, "ancient": 64.0, "undated": 64.0}
    articles += [
        enriched("future", published_at=day(18)),
        enriched("ancient", published_at=datetime(1, 1, 1, tzinfo=UTC)),
        enriched("undated", published_at=None),
    ]
    index = fill(articles)
    plain, faded = scores(index, "tokyo"), scores(index, "tokyo", recency=WEEK)
    for name, age in (ages | others).items():
        assert faded[name] == pytest.approx(plain[name] * 0.5**age, rel=1e-3), name


def mixed() -> list[EnrichedArticle]:
    """Articles of which the more relevant ones are older, and some the reverse."""
    return [
        enriched(
            f"{number:03}",
            text="tariff " * (1 + number % 7) + "and so on " * (number % 11),
            published_at=day(17) - timedelta(hours=37 * number),
        )
        for number in range(120)
    ]


def test_recency_changes_the_order_as_the_scores_say_however_deep_an_article_was(
    fill: Fill,
) -> None:
    index = fill(mixed())
    plain = scores(index, "tariff")
    age = {article.id: 37 * int(article.id) / (24 * 7) for article in mixed()}
    expected = sorted(plain, key=lambda name: -plain[name] * 0.5 ** age[name])
    assert list(scores(index, "tariff", recency=WEEK)) == expected != list(plain)
    top = index.search(Query(text="tariff", size=5, recency=WEEK))
    assert ids(top) == expected[:5]
    assert top.total == 120


def test_pages_by_recency_follow_each_other_whenever_they_are_asked_for(fill: Fill) -> None:
    index = fill(mixed())
    whole = list(scores(index, "tariff", recency=WEEK))
    seen: list[str] = []
    after: str | None = None
    moment = WEEK.reference
    while len(seen) < len(whole):
        later = Recency(WEEK.half_life, moment)
        page = index.search(Query(text="tariff", size=7, after=after, recency=later))
        seen += ids(page)
        after, moment = page.next, moment + timedelta(days=1)
    assert seen == whole
    assert after is None


def test_by_date_and_without_a_text_recency_changes_nothing(fill: Fill) -> None:
    index = fill(mixed())
    for fields in ({"sort": "oldest", "text": "tariff"}, {}):
        query = Query(size=120, **fields)  # type: ignore[arg-type]
        recent = msgspec.structs.replace(query, recency=WEEK)
        assert ids(index.search(recent)) == ids(index.search(query))


def test_names_are_filtered_in_whatever_case(fill: Fill) -> None:
    index = fill([enriched("a", people=["Ada Example"]), enriched("b", people=["Ada Examples"])])
    assert found(index, filters={"person": ["ada example"]}) == {"a"}
    assert found(index, filters={"person": ["ADA EXAMPLE", "nobody"]}) == {"a"}


def test_results_go_no_deeper_than_the_bound(fill: Fill) -> None:
    with pytest.raises(ConfigurationError, match="10,000"):
        fill([enriched()]).search(Query(size=MAX_RESULTS + 1))


def test_size_nought_gives_counts_alone(fill: Fill) -> None:
    result = fill(NEWS).search(Query(size=0))
    assert (result.total, result.hits, result.next) == (5, [], None)


def test_an_unknown_facet_is_refused(fill: Fill) -> None:
    with pytest.raises(ConfigurationError, match="no such facet"):
        fill([enriched()]).search(Query(filters={"colour": ["red"]}))


def test_highlights_show_the_matching_words_in_code_points(fill: Fill) -> None:
    article = enriched("a", title="Café tariffs", text="𝒯he Café’s owner fears new tariffs. " * 2)
    (hit,) = fill([article]).search(Query(text="cafe tariff")).hits
    assert {h.field for h in hit.highlights} == {"title", "text"}
    for passage in hit.highlights:
        marked = {passage.text[start:end].lower().rstrip("’s") for start, end in passage.spans}
        assert marked == {"café", "tariff"}


def test_a_phrase_is_highlighted_as_one_and_only_where_it_stands(fill: Fill) -> None:
    article = enriched("a", text="Talks on trade stalled. The trade talks resumed.")
    (hit,) = fill([article]).search(Query(text='"trade talks"')).hits
    ((passage,),) = [[h for h in hit.highlights if h.field == "text"]]
    assert [passage.text[start:end] for start, end in passage.spans] == ["trade talks"]


def test_without_a_query_nothing_is_highlighted(fill: Fill) -> None:
    assert all(not hit.highlights for hit in fill(NEWS).search(Query()).hits)


def test_the_histogram_counts_by_day(fill: Fill) -> None:
    histogram = fill([*NEWS, enriched("far", published_at=day(9))]).search(Query()).histogram
    assert histogram.interval == "1d"
    assert [(b.start, b.count) for b in histogram.buckets] == [
        (f"2025-07-{n:02}T00:00:00Z", int(n in (1, 2, 3, 4, 9))) for n in range(1, 10)
    ]


def test_the_histogram_counts_by_hour_when_all_is_close(fill: Fill) -> None:
    articles = [enriched(str(n), published_at=day(17, hour)) for n, hour in enumerate((3, 3, 20))]
    histogram = fill(articles).search(Query()).histogram
    assert histogram.interval == "1h"
    assert [(b.start, b.count) for b in histogram.buckets if b.count] == [
        ("2025-07-17T03:00:00Z", 2),
        ("2025-07-17T20:00:00Z", 1),
    ]
    assert len(histogram.buckets) == 18


def test_impossible_and_ancient_dates_do_not_break_the_histogram(fill: Fill) -> None:
    articles = [
        enriched("first", published_at=datetime(1, 1, 1, tzinfo=UTC)),
        enriched("last", published_at=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ]
    histogram = fill(articles).search(Query()).histogram
    assert sum(bucket.count for bucket in histogram.buckets) == 2


def test_a_newer_revision_replaces_and_an_older_or_equal_one_changes_nothing(fill: Fill) -> None:
    def version(revision: int, text: str) -> EnrichedArticle:
        return enriched("a", revision=revision, text=text)

    index = fill(
        [version(2, "second")], [version(1, "first"), version(2, "equal")], [version(3, "third")]
    )
    assert [hit.article.text for hit in index.search(Query()).hits] == ["third"]
    assert found(index, "second OR first OR equal") == set()


def test_of_several_versions_in_one_batch_the_newest_is_kept(fill: Fill) -> None:
    batch = [enriched("a", revision=r, text=f"version {r}") for r in (1, 3, 2)]
    article = fill(batch).get("a")
    assert article is not None
    assert article.revision == 3


def test_a_withdrawn_article_is_nowhere_and_its_older_version_stays_away(fill: Fill) -> None:
    old = enriched("a", people=["Ada Example"])
    withdrawn = enriched("a", revision=2, withdrawn=True, text="", published_at=None)
    index = fill([old, enriched("b")], [withdrawn], [old])
    assert found(index) == {"b"}
    assert index.get("a") is None
    assert index.count() == 1
    assert index.suggest("ada") == []


def test_an_article_comes_back_as_it_was_written(fill: Fill) -> None:
    index = fill(NEWS)
    found = index.get("talks")
    assert found is not None
    assert as_published(found) == NEWS[0]
    assert index.get("none") is None


def test_suggestions_are_names_and_tickers_by_prefix_most_frequent_first(fill: Fill) -> None:
    index = fill(
        [
            enriched("1", people=["Jane Example"], symbols=["JNJ"]),
            enriched("2", people=["Jane Example"], places=["Japan"]),
        ]
    )
    assert [(s.value, s.count) for s in index.suggest("ja")] == [("Jane Example", 2), ("Japan", 1)]
    assert [s.value for s in index.suggest("jn")] == ["JNJ"]


def test_a_name_in_several_fields_of_an_article_counts_once(fill: Fill) -> None:
    index = fill(
        [
            enriched("1", people=["Jordan"], places=["Jordan"], organizations=["Jordan"]),
            enriched("2", places=["Jordan", "Jorvik"]),
            enriched("3", places=["Jorvik"]),
        ]
    )
    assert [(s.value, s.count) for s in index.suggest("jor")] == [("Jordan", 2), ("Jorvik", 2)]


@pytest.mark.parametrize("prefix", ["élan", "ÉLAN", "Éla"])
def test_suggestions_know_capitals_beyond_ascii(fill: Fill, prefix: str) -> None:
    index = fill([enriched("1", organizations=["Élan Vital", "Elan"])])
    assert [s.value for s in index.suggest(prefix)] == ["Élan Vital"]


def test_old_articles_are_those_published_before_or_without_a_date_come_in_before(
    fill: Fill,
) -> None:
    dated = {
        "before": day(9, 23),
        "at": day(10),
        "after": day(11),
        "ancient": datetime(1, 1, 1, tzinfo=UTC),
    }
    articles = [
        enriched(name, published_at=moment, ingested_at=day(20)) for name, moment in dated.items()
    ]
    articles += [
        enriched("undated", published_at=None, ingested_at=day(9), source="other"),
        enriched("undated-at", published_at=None, ingested_at=day(10)),
        enriched("withdrawn", published_at=day(1), withdrawn=True, text=""),
    ]
    found = {aged.id: aged for aged in fill(articles).older_than(day(10))}
    assert found.keys() == {"before", "ancient", "undated"}
    assert found["undated"] == Aged("undated", "other", day(9))
    assert found["before"].ingested_at == day(20)


def test_all_old_articles_are_found_however_many_there_are(fill: Fill) -> None:
    names = {f"{number:04}" for number in range(2_300)}
    index = fill([enriched(name) for name in names])
    assert sorted(aged.id for aged in index.older_than(day(18))) == sorted(names)
    assert not list(index.older_than(day(17)))

"""An article matches a saved search when a search would find it: together, and one by one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline.alerts.matching import Matcher, reasons
from pipeline.alerts.records import SavedSearch
from pipeline.article import EnrichedArticle
from pipeline.index.analysis import words as words_of
from pipeline.index.document import facets
from pipeline.index.query import FACETS, MAX_TERMS, Query
from pipeline.index.tantivy import TantivyIndex
from pipeline.index.tantivy.writer import open_writer
from tests.conftest import enriched
from tests.contract.test_queries import FILTERED, TEXTS, samples

__all__ = ["samples"]

NOW = datetime(2025, 8, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def index(samples: list[EnrichedArticle], tmp_path_factory: pytest.TempPathFactory) -> TantivyIndex:
    folder = tmp_path_factory.mktemp("index")
    writer, _ = open_writer(folder)
    writer.add(samples)
    writer.commit()
    writer.close()
    return TantivyIndex(folder)


def saved(name: str = "s", **fields: Any) -> SavedSearch:
    return SavedSearch(name=name, created_at=NOW, **fields)


def matched(articles: Sequence[EnrichedArticle], *searches: SavedSearch) -> dict[str, set[str]]:
    """For each saved search the articles that match, all of them in one batch."""
    matcher = Matcher()
    matcher.take(searches)
    found: dict[str, set[str]] = {search.name: set() for search in searches}
    for match in matcher.match(articles):
        assert match.article.id not in found[match.search.name]
        found[match.search.name].add(match.article.id)
    return found


def one_by_one(articles: Sequence[EnrichedArticle], search: SavedSearch) -> set[str]:
    """The same, each article in a batch of its own, the newest version of each."""
    newest = {a.id: a for a in sorted(articles, key=lambda a: a.revision)}
    return {i for a in newest.values() for i in matched([a], search)[search.name]}


def found(index: TantivyIndex, search: SavedSearch) -> set[str]:
    return {hit.id for hit in index.search(Query(**{**as_dict(search), "size": 1000})).hits}


def as_dict(search: SavedSearch) -> dict[str, Any]:
    asked = search.asked
    return {"text": asked.text, "filters": asked.filters, "since": asked.since,
            "until": asked.until}  # fmt: skip


SEARCHES = [saved(f"text {number}", query=text) for number, text in enumerate(TEXTS)] + [
    saved(
        f"fields {number}",
        query=fields.get("text", ""),
        **{name: fields[name] for name in ("filters", "since", "until") if name in fields},
    )
    for number, fields in enumerate(FILTERED)
]
SEARCHES += [
    saved("a name in small letters", filters={"person": ["donald trump"], "place": ["JAPAN"]}),
    saved("one of two names", filters={"organization": ["reuters", "Boeing"]}),
    saved("only without", query="-tariffs -boeing"),
    saved("no value", filters={"place": []}),
]


def test_all_saved_searches_together_match_what_a_search_finds(
    samples: list[EnrichedArticle], index: TantivyIndex
) -> None:
    together = matched(samples, *SEARCHES)
    for search in SEARCHES:
        assert together[search.name] == found(index, search), search
    assert sum(map(bool, together.values())) > 50


@pytest.mark.parametrize("search", SEARCHES[::4], ids=lambda search: search.name)
def test_what_else_is_in_a_batch_does_not_matter(
    samples: list[EnrichedArticle], index: TantivyIndex, search: SavedSearch
) -> None:
    assert one_by_one(samples, search) == found(index, search)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_whatever_is_asked_the_answer_is_that_of_a_search(
    samples: list[EnrichedArticle], index: TantivyIndex, data: st.DataObject
) -> None:
    article = data.draw(st.sampled_from(samples))
    near = data.draw(st.sampled_from(samples))
    words = sorted({*(article.title or "").split(), *article.text.split(), *near.text.split()})
    word = st.sampled_from([word.replace('"', "") for word in words])
    phrase = st.lists(word, min_size=1, max_size=3).map(lambda some: f'"{" ".join(some)}"')
    run = st.integers(0, 50).map(lambda n: f'"{" ".join(article.text.split()[n : n + 3])}"')
    clause = word | phrase | run | word.map("-{}".format) | st.just("OR")
    query = " ".join(data.draw(st.lists(clause, max_size=4)))
    assume(sum(len(words_of(part)) for part in query.split()) <= MAX_TERMS)
    labels = {name: facets(article)[field] for name, field in FACETS.items()}
    filters = {
        name: data.draw(st.lists(st.sampled_from(values).map(_any_case(name)), max_size=2))
        for name, values in labels.items()
        if values and data.draw(st.integers(0, 4)) == 0
    }
    moment = st.none() | st.integers(-1500, 500).map(lambda hours: NOW + timedelta(hours=hours))
    search = saved(query=query, filters=filters, since=data.draw(moment), until=data.draw(moment))
    assert matched(samples, search)["s"] == found(index, search)


def _any_case(facet: str) -> Any:
    # Names alone are found in whatever case they are typed.
    return str.upper if facet in ("person", "organization", "place") else str


def test_of_several_versions_in_a_batch_the_newest_counts() -> None:
    first = enriched("a", revision=1, text="a tariff")
    second = enriched("a", revision=2, text="a levy")
    both = [saved("tariff", query="tariff"), saved("levy", query="levy")]
    assert matched([second, first], *both) == {"tariff": set(), "levy": {"a"}}


def test_a_withdrawn_article_matches_nothing() -> None:
    assert matched([enriched("a", withdrawn=True, source="wire")], saved(query="-x"))["s"] == set()


def test_near_duplicates_match_each_for_itself() -> None:
    text = "The central bank left its rate where it was, and said so in three long sentences."
    articles = [enriched(name, text=text, signature=["same"]) for name in "ab"]
    assert matched(articles, saved(query="bank"))["s"] == {"a", "b"}


def test_saved_searches_that_change_are_asked_as_they_are_now() -> None:
    matcher = Matcher()
    matcher.take([saved("x", query="tariff"), saved("y", query="levy")])
    matcher.take([saved("x", query="levy")])
    (match,) = matcher.match([enriched("a", text="a tariff, a levy")])
    assert match.search == saved("x", query="levy")
    matcher.take([])
    assert not list(matcher.match([enriched("a", text="a levy")]))


def test_a_search_that_can_not_be_translated_stops_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = saved("broken", filters={"planet": ["Mars"]})
    long = saved("long", query="word " * 100)
    assert matched([enriched("a", text="a levy")], broken, long, saved(query="levy"))["s"] == {"a"}
    assert "'broken': planet: no such facet" in caplog.text
    assert "'long': the query has more than 64 words" in caplog.text


def test_it_is_told_why_an_article_matched() -> None:
    search = saved(
        query='levy "trade deal" OR accord',
        filters={"place": ["japan", "Spain"], "ticker": ["EWJ"], "stated_sentiment": ["bullish"]},
    )
    article = enriched(
        "a",
        title="A levy",
        text="No trade deal, but a levy, in Japan.",
        places=["Japan", "France"],
        symbols=["EWJ", "SPY"],
        ticker_sentiments=["EWJ:bullish", "SPY:bullish"],
    )
    matcher = Matcher()
    matcher.take([search])
    (match,) = matcher.match([article])
    passages, labels = reasons(match)
    assert [(p.field, [p.text[start:end] for start, end in p.spans]) for p in passages] == [
        ("title", ["levy"]),
        ("text", ["trade deal", "levy"]),
    ]
    assert labels == {
        "place": ["Japan"],
        "ticker": ["EWJ"],
        "stated_sentiment": ["EWJ:bullish"],
    }


def test_moments_that_bound_a_search_are_as_exact_as_those_of_a_search() -> None:
    at = datetime(2025, 7, 17, 12, tzinfo=UTC)
    one = timedelta(milliseconds=1)
    article = enriched("a", published_at=at)
    for since, until, matches in [
        (at, None, True),
        (at + one, None, False),
        (None, at, False),
        (None, at + one, True),
    ]:
        assert bool(matched([article], saved(since=since, until=until))["s"]) is matches

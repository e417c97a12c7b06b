"""Near-duplicates, whichever index holds them: which articles are linked, and one of each shown."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from pipeline.article import EnrichedArticle
from pipeline.index import Index
from pipeline.index.query import Query
from tests.contract.test_index import Fill, fill, fill_elasticsearch, fill_tantivy, ids
from tests.stories import article, by_hand, links, wordings

__all__ = ["fill", "fill_elasticsearch", "fill_tantivy"]

JULY = datetime(2025, 7, 1, tzinfo=UTC)


def day(number: int) -> datetime:
    return JULY + timedelta(days=number - 1)


def story(name: str, *days: int, **fields: Any) -> list[EnrichedArticle]:
    """A story, its edition and that one's: the first and the last hang together by the second."""
    return [
        article(f"{name}-{number}", text, published_at=day(published), **fields)
        for number, (text, published) in enumerate(zip(wordings(name), days, strict=False))
    ]


def newer(old: EnrichedArticle, text: str | None = None, **fields: Any) -> EnrichedArticle:
    """The next version of an article."""
    text = old.text if text is None else text
    fields = {"published_at": old.published_at, "ingested_at": old.ingested_at, **fields}
    return article(old.id, text, revision=old.revision + 1, **fields)


def withdrawn(old: EnrichedArticle) -> EnrichedArticle:
    return newer(old, "", withdrawn=True, published_at=None)


# Links


def test_articles_are_linked_to_the_earliest_in_every_order(fill: Fill) -> None:
    # Each order is tried with a story of its own, all of them at the same time.
    orders = []
    expected: dict[str, str | None] = {}
    for number, order in enumerate(permutations(range(5))):
        name = f"order{number}"
        one, two, three, far = story(name, 3, 4, 2, 1)
        undated = article(f"{name}-undated", three.text, published_at=None, ingested_at=day(5))
        head = three.id
        expected |= {one.id: head, two.id: head, head: None, undated.id: head, far.id: None}
        orders.append([[one, two, three, far, undated][place] for place in order])
    batches = list(zip(*orders, strict=True))
    assert links(fill(*batches)) == expected


def test_of_equal_dates_the_smaller_id_is_the_earlier(fill: Fill) -> None:
    one, two, three, _ = story("a", 1, 1, 1, 1)
    assert links(fill([three], [two], [one])) == {one.id: None, two.id: one.id, three.id: one.id}


def test_an_article_without_a_date_counts_from_when_it_came_in(fill: Fill) -> None:
    text = wordings("a")[0]
    dated = article("dated", text, published_at=day(3))
    before = article("before", text, published_at=None, ingested_at=day(2))
    after = article("after", text, published_at=None, ingested_at=day(4))
    found = links(fill([after], [dated], [before]))
    assert found == {"before": None, "dated": "before", "after": "before"}


def test_texts_of_a_few_words_are_not_linked(fill: Fill) -> None:
    found = links(fill([article("a", "Shares fell."), article("b", "Shares fell.")]))
    assert found == {"a": None, "b": None}


def test_an_article_that_holds_two_groups_together_makes_one_of_them(fill: Fill) -> None:
    one, two, three = story("a", 3, 2, 1)
    copies = [
        article(f"{kind}-{number}", text, published_at=day(5))
        for kind, text in (("first", one.text), ("last", three.text))
        for number in range(3)
    ]
    apart = links(fill([one, three, *copies]))
    assert apart["first-1"] == one.id
    assert apart["last-1"] == three.id
    assert set(links(fill([two])).items()) == {
        (copy.id, three.id) for copy in (one, two, *copies)
    } | {(three.id, None)}


# Changes


def test_a_correction_of_what_holds_a_group_together_parts_it(fill: Fill) -> None:
    one, two, three = story("a", 2, 1, 3)
    assert links(fill([one, two, three])) == {one.id: two.id, two.id: None, three.id: two.id}
    changed = newer(two, wordings("b")[0])
    assert links(fill([changed])) == {one.id: None, two.id: None, three.id: None}
    back = newer(changed, two.text)
    assert links(fill([back])) == {one.id: two.id, two.id: None, three.id: two.id}


def test_a_correction_takes_an_article_from_one_group_to_another(fill: Fill) -> None:
    here, there = story("a", 2, 3, 4), story("b", 3, 4, 5)
    fill([*here, *there])
    moved = newer(here[0], there[0].text)
    expected = {
        here[1].id: None,
        here[2].id: here[1].id,
        moved.id: None,
        **{one.id: moved.id for one in there},
    }
    assert links(fill([moved])) == expected


def test_a_correction_of_the_date_gives_the_group_another_head(fill: Fill) -> None:
    one, two, three = story("a", 2, 1, 3)
    fill([one, two, three])
    late = newer(two, published_at=day(9))
    assert links(fill([late])) == {one.id: None, two.id: one.id, three.id: one.id}
    early = newer(three, published_at=day(1))
    assert links(fill([early])) == {one.id: three.id, two.id: three.id, three.id: None}


def test_a_version_with_other_labels_alone_keeps_its_links(fill: Fill) -> None:
    one, two, three = story("a", 2, 1, 3)
    fill([one, two, three])
    again = [newer(version, topics=["trade"]) for version in (one, two, three)]
    index = fill(again)
    assert links(index) == {one.id: two.id, two.id: None, three.id: two.id}
    assert index.search(Query(filters={"topic": ["trade"]})).total == 3


def test_a_withdrawn_article_leaves_its_group(fill: Fill) -> None:
    one, two, three = story("a", 2, 3, 4)
    copy = article("copy", three.text, published_at=day(5))
    fill([one, two, three, copy])
    assert links(fill([withdrawn(one)])) == {two.id: None, three.id: two.id, copy.id: two.id}
    assert links(fill([withdrawn(two)])) == {three.id: None, copy.id: three.id}
    assert links(fill([newer(withdrawn(two), two.text, published_at=day(3))])) == {
        two.id: None,
        three.id: two.id,
        copy.id: two.id,
    }


def test_an_older_version_changes_no_link(fill: Fill) -> None:
    one, two, three = story("a", 2, 1, 3)
    fill([one, newer(two, wordings("b")[0]), three])
    assert links(fill([two])) == {one.id: None, two.id: None, three.id: None}


@pytest.mark.parametrize("seed", range(3))
def test_after_any_changes_links_are_those_that_the_articles_alone_give(
    fill: Fill, seed: int
) -> None:
    rng = random.Random(seed)
    articles: dict[str, EnrichedArticle] = {}
    for revision in range(1, 8):
        batch = {}
        for _ in range(rng.choice((1, 5, 20))):
            name = f"{rng.randrange(25):02}"
            gone = rng.random() < 0.1
            batch[name] = article(
                name,
                "" if gone else rng.choice(wordings(rng.choice("abc"))),
                revision=revision,
                withdrawn=gone,
                published_at=None if gone else rng.choice([None, day(1), day(2)]),
                ingested_at=day(rng.randrange(1, 4)),
            )
        articles |= batch
        assert links(fill(list(batch.values()))) == by_hand(articles.values())


def test_one_batch_of_all_gives_the_same_links_as_many_batches(
    fill: Fill, fill_tantivy: Fill
) -> None:
    versions = [*story("a", 3, 2, 1, 4), *story("b", 1, 2, 3, 4)]
    versions += [newer(versions[1], wordings("b")[1]), withdrawn(versions[4])]
    newest = {version.id: version for version in versions}
    found = links(fill(*([version] for version in versions)))
    assert found == by_hand(newest.values())


def test_a_large_group_gets_one_more_copy_and_another_head(fill: Fill) -> None:
    text = wordings("a")[0]
    copies = [article(f"{n:05}", text, published_at=day(2)) for n in range(1, 1500)]
    index = fill(copies[:-1], copies[-1:])
    assert set(links(index).items()) == {
        ("00001", None),
        *((copy.id, "00001") for copy in copies[1:]),
    }
    first = article("first", text, published_at=day(1))
    assert set(links(fill([first])).items()) == {
        ("first", None),
        *((copy.id, "first") for copy in copies),
    }


# One of each


@pytest.fixture
def wire() -> Sequence[EnrichedArticle]:
    """Two stories in three and two versions, and two articles that are alone."""
    return [
        *story("rates", 3, 1, 5, source="wire", topics=["rates"]),
        *story("steel", 2, 6, source="other", topics=["steel"]),
        article("alone", wordings("alone")[0], published_at=day(4), source="wire"),
        article("short", "Steel rose.", published_at=None, source="other"),
    ]


def test_one_of_each_group_is_shown_the_first_in_the_order_that_is_asked_for(
    fill: Fill, wire: Sequence[EnrichedArticle]
) -> None:
    index = fill(wire)
    newest = index.search(Query(sort="newest", collapse=True))
    assert ids(newest) == ["steel-1", "rates-2", "alone", "short"]
    oldest = index.search(Query(sort="oldest", collapse=True))
    assert ids(oldest) == ["rates-1", "steel-0", "alone", "short"]
    assert (newest.total, oldest.total) == (4, 4)
    assert [hit.duplicates for hit in newest.hits] == [1, 2, 0, 0]
    assert [hit.article.duplicate_of for hit in newest.hits] == ["steel-0", "rates-1", None, None]


def test_the_best_of_a_group_is_shown(fill: Fill) -> None:
    text = wordings("a")[0]
    other = " ".join(["Steel", *text.split()[1:]])
    index = fill(
        [
            article("early", text, published_at=day(1)),
            article("better", other, published_at=day(2), title="Steel"),
            article("late", other, published_at=day(3)),
        ]
    )
    result = index.search(Query(text="steel", collapse=True))
    assert [(hit.id, hit.duplicates) for hit in result.hits] == [("better", 1)]
    assert result.total == 1


def test_only_what_is_found_is_counted_and_left_out(
    fill: Fill, wire: Sequence[EnrichedArticle]
) -> None:
    index = fill(wire)
    filters = {"source": ["wire"]}
    result = index.search(Query(collapse=True, until=day(4), filters=filters, sort="newest"))
    assert [(hit.id, hit.duplicates) for hit in result.hits] == [("rates-0", 1)]
    assert result.total == 1


def test_facets_and_histogram_count_articles(fill: Fill, wire: Sequence[EnrichedArticle]) -> None:
    index = fill(wire)
    each, all_of_them = index.search(Query(collapse=True)), index.search(Query())
    assert each.facets == all_of_them.facets
    assert each.histogram == all_of_them.histogram
    assert {value.value: value.count for value in each.facets["topic"]} == {"rates": 3, "steel": 2}


def test_without_it_no_hit_says_what_is_left_out(
    fill: Fill, wire: Sequence[EnrichedArticle]
) -> None:
    assert {hit.duplicates for hit in fill(wire).search(Query()).hits} == {None}


def test_pages_show_each_group_once(fill: Fill) -> None:
    copies = [
        article(f"{name}-{number}", wordings(f"p{name}")[0], published_at=day(1 + number))
        for number in range(4)
        for name in range(9)
    ]
    index = fill(copies)
    for query in (
        Query(sort="newest"),
        Query(sort="oldest"),
        Query(text=" OR ".join(wordings(f"p{name}")[0].split()[0] for name in range(9))),
    ):
        seen: list[str] = []
        after = None
        while True:
            page = index.search(
                Query(text=query.text, sort=query.sort, size=4, after=after, collapse=True)
            )
            assert page.total == 9
            seen += ids(page)
            after = page.next
            if after is None:
                break
        assert sorted(name.split("-")[0] for name in seen) == [str(name) for name in range(9)]


def test_pages_miss_no_group_of_many(fill: Fill) -> None:
    index = fill([article(f"{n}", wordings(f"many{n}")[0]) for n in range(400)])
    pages = [index.search(Query(size=100, collapse=True))]
    while (after := pages[-1].next) is not None:
        pages.append(index.search(Query(size=100, collapse=True, after=after)))
    seen = [name for page in pages for name in ids(page)]
    assert sorted(seen, key=int) == [f"{n}" for n in range(400)]
    assert {len(page.hits) for page in pages[:4]} == {100}
    assert {page.total for page in pages} == {400}


def test_size_nought_counts_the_groups(fill: Fill, wire: Sequence[EnrichedArticle]) -> None:
    result = fill(wire).search(Query(size=0, collapse=True))
    assert (result.total, result.hits, result.next) == (4, [], None)


def test_the_number_of_groups_is_exact_beyond_the_page(fill: Fill) -> None:
    texts = [wordings(f"many{number}")[0] for number in range(40)]
    index = fill([article(f"{n}", texts[n % 40]) for n in range(120)])
    assert index.search(Query(size=1, collapse=True)).total == 40


def test_an_article_says_what_it_is_a_duplicate_of(fill: Fill) -> None:
    one, two, _ = story("a", 2, 1, 3)
    index: Index = fill([one, two])
    found = index.get(one.id)
    assert found is not None
    assert found.duplicate_of == two.id


def test_an_article_has_its_near_duplicates_the_earliest_first(fill: Fill) -> None:
    one, two, three, far = story("near", 3, 4, 2, 1)
    gone = article("gone", two.text, published_at=day(5))
    index = fill([one, two, three, far, gone], [withdrawn(gone)])
    for asked, others in ((one, [three, two]), (two, [three, one]), (far, [])):
        document = index.get(asked.id)
        assert document is not None
        assert [a.id for a in index.near_duplicates(document)] == [a.id for a in others]

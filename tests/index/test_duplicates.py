"""Links of near-duplicates, held against the plainest way to find them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.index.duplicates import NEAR, Copy, Page, Wanted, relink
from pipeline.shingles import jaccard, shingles

DAY = datetime(2025, 7, 17, tzinfo=UTC)
PAGE = 3


class Memory:
    """A shelf of a few articles, with small pages."""

    def __init__(self) -> None:
        self.found: dict[str, Copy] = {}
        self.wording: dict[str, str] = {}
        self.read = 0

    def copies(self, ids: Collection[str]) -> list[Copy]:
        return [copy for copy in self.found.values() if copy.id in ids]

    def members(self, groups: Collection[str]) -> list[Copy]:
        members = [copy for copy in self.found.values() if copy.duplicate_of in groups]
        self.read += len(members)
        return members

    def sharing(self, wanted: Sequence[Wanted], without: Collection[str]) -> Iterator[Page]:
        copies = [
            copy
            for copy in self.found.values()
            if copy.id not in without
            and any(
                set(copy.signature) & set(some.hashes) and copy.group not in some.groups
                for some in wanted
            )
        ]
        starts = range(0, max(len(copies), 1), PAGE)
        for start in starts:
            self.read += len(copies[start : start + PAGE])
            yield Page(copies[start : start + PAGE], start == starts[-1])

    def texts(self, ids: Collection[str]) -> Mapping[str, str]:
        return {name: self.wording[name] for name in ids if name in self.wording}

    def put(self, batch: Mapping[str, tuple[Copy, str]]) -> dict[str, str | None]:
        """Takes a batch as a writer does; gives the links that were written."""
        walked = set()
        changed = {}
        for name, (copy, text) in batch.items():
            before = self.found.get(name)
            self.wording[name] = text
            if before is None or not before.is_same(copy):
                changed[name] = copy
                walked |= {before.group} if before else set()
        links = relink(self, changed, walked)
        self.found |= changed
        for name, link in links.items():
            copy = self.found[name]
            self.found[name] = Copy(name, copy.ingested_at, copy.published_at, copy.signature, link)
        return links


def text(story: int, edition: int) -> str:
    """Editions that follow each other are near-duplicates, those that are three apart are not."""
    words = [f"s{story}w{number}" for number in range(90)]
    for number in range(edition):
        words[number * 9 : number * 9 + 3] = [f"e{number}a", f"e{number}b", f"e{number}c"]
    return " ".join(words)


def by_hand(articles: Mapping[str, tuple[Copy, str]]) -> dict[str, str | None]:
    """What every article is a duplicate of: pairs, then what hangs together, then the earliest."""
    groups = [{name} for name in articles]
    for one, other in combinations(articles, 2):
        (first, wording), (second, other_wording) = articles[one], articles[other]
        if not set(first.signature) & set(second.signature):
            continue
        if jaccard(shingles(wording), shingles(other_wording)) < NEAR:
            continue
        joined = [group for group in groups if one in group or other in group]
        groups = [group for group in groups if group not in joined] + [set().union(*joined)]
    links: dict[str, str | None] = {}
    for group in groups:
        earliest = min((articles[name][0] for name in group), key=lambda copy: copy.key)
        links |= {name: None if name == earliest.id else earliest.id for name in group}
    return links


@st.composite
def versions(draw: st.DrawFn) -> dict[str, tuple[Copy, str]]:
    """A batch: versions of some articles, new, corrected or withdrawn (without a signature)."""
    batch = {}
    for name in draw(st.sets(st.sampled_from("abcdefgh"), min_size=1, max_size=4)):
        wording = text(draw(st.integers(0, 1)), draw(st.integers(0, 6)))
        bands = draw(st.sets(st.sampled_from("123"), max_size=3))
        copy = Copy(
            id=name,
            ingested_at=DAY + timedelta(hours=draw(st.integers(0, 3))),
            published_at=draw(st.sampled_from([None, DAY, DAY + timedelta(hours=2)])),
            signature=(*sorted(bands), wording) if bands else (),
        )
        batch[name] = (copy, wording)
    return batch


@settings(max_examples=150, deadline=None)
@given(st.lists(versions(), max_size=8))
def test_after_any_changes_links_are_those_that_the_articles_alone_give(
    batches: list[dict[str, tuple[Copy, str]]],
) -> None:
    shelf = Memory()
    articles: dict[str, tuple[Copy, str]] = {}
    for batch in batches:
        shelf.put(batch)
        articles |= batch
        links = {name: copy.duplicate_of for name, copy in shelf.found.items()}
        assert links == by_hand(articles)


@settings(max_examples=100, deadline=None)
@given(versions(), versions(), st.data())
def test_whatever_is_written_of_a_group_is_put_right_when_it_is_walked(
    one: dict[str, tuple[Copy, str]], other: dict[str, tuple[Copy, str]], data: st.DataObject
) -> None:
    # As a sink finds them that repeats what another has left half done.
    articles = one | other
    shelf = Memory()
    shelf.put(articles)
    right = {name: copy.duplicate_of for name, copy in shelf.found.items()}
    again = data.draw(st.sampled_from(sorted(articles)))
    group = {name for name in articles if (right[name] or name) == (right[again] or again)}
    for name in data.draw(st.sets(st.sampled_from(sorted(group)))):
        wrong = data.draw(st.sampled_from([None, *sorted(group - {name})]))
        copy = shelf.found[name]
        shelf.found[name] = Copy(name, copy.ingested_at, copy.published_at, copy.signature, wrong)
    copy = shelf.found[again]
    links = relink(shelf, {again: copy}, {copy.group})
    assert {name: copy.duplicate_of for name, copy in shelf.found.items()} | links == right


def wire(count: int, start: int = 0) -> dict[str, tuple[Copy, str]]:
    return {
        f"{number:05}": (
            Copy(f"{number:05}", DAY + timedelta(hours=number), None, ("1", text(0, number % 2))),
            text(0, number % 2),
        )
        for number in range(start, start + count)
    }


def test_one_more_copy_in_a_large_group_does_not_read_the_group() -> None:
    shelf = Memory()
    shelf.put(wire(500))
    shelf.read = 0
    assert shelf.put(wire(1, 500)) == {"00500": "00000"}
    assert shelf.read <= PAGE


def test_the_earliest_that_comes_last_becomes_the_head_of_all() -> None:
    shelf = Memory()
    shelf.put(wire(50, 1))
    links = shelf.put(wire(1))
    assert links == {f"{number:05}": "00000" for number in range(1, 51)}


def test_articles_alike_that_are_no_near_duplicates_are_not_linked() -> None:
    shelf = Memory()
    batch = {
        name: (Copy(name, DAY, None, ("1", text(0, edition))), text(0, edition))
        for name, edition in (("a", 0), ("b", 6))
    }
    assert shelf.put(batch) == {}


def test_a_link_to_a_group_in_which_an_article_has_no_neighbour_is_not_believed() -> None:
    # As when the neighbour that led there has left the group in the same moment.
    shelf = Memory()
    shelf.put(wire(3))
    other = text(1, 0)
    shelf.wording["stray"] = other
    shelf.found["stray"] = stray = Copy("stray", DAY, None, ("2", other), "00000")
    assert relink(shelf, {"stray": stray}) == {"stray": None}


def test_a_group_whose_head_is_none_any_more_is_not_believed() -> None:
    # As when another writer has begun to give the group another head.
    shelf = Memory()
    shelf.put(wire(4))
    head = shelf.found["00000"]
    shelf.found["00000"] = Copy(head.id, DAY + timedelta(days=1), None, head.signature, "00001")
    copy, wording = wire(1, 4)["00004"]
    shelf.wording[copy.id] = wording
    assert relink(shelf, {copy.id: copy}) == {
        "00001": None, "00002": "00001", "00003": "00001", "00004": "00001"
    }  # fmt: skip


def test_a_group_whose_head_is_gone_gets_another() -> None:
    shelf = Memory()
    shelf.put(wire(4))
    del shelf.found["00000"]
    copy, wording = wire(1, 4)["00004"]
    shelf.wording[copy.id] = wording
    assert relink(shelf, {copy.id: copy}) == {
        "00001": None, "00002": "00001", "00003": "00001", "00004": "00001"
    }  # fmt: skip

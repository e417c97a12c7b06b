"""Stories of our own making whose versions are near-duplicates of each other, or just not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import combinations, count
from typing import Any

from pipeline.article import EnrichedArticle
from pipeline.enrich.signature import signature
from pipeline.index import Index
from pipeline.index.duplicates import NEAR, copy_of
from pipeline.index.query import Query
from pipeline.shingles import jaccard, shingles
from tests.conftest import enriched


@cache
def wordings(name: str) -> tuple[str, str, str, str]:
    """A story, an edited one that is near to it, one near to that, and one far from the first.

    The first and the third are not near, and share no hash: only the second holds them together.
    The fourth shares one with the first, but too few words.
    """
    for attempt in count():
        words = [f"{name}x{attempt}w{number}" for number in range(100)]
        one, two = " ".join(words), " ".join(_edited(words, "a", range(5, 20, 5)))
        three = " ".join(_edited(two.split(), "b", range(50, 65, 5)))
        far = " ".join(_edited(words, "c", range(25, 100, 12)))
        if (
            _share(one, two)
            and _share(two, three)
            and not _share(one, three)
            and _share(one, far)
            and not near(two, far)
            and not near(three, far)
        ):
            assert (near(one, two), near(two, three), near(one, far)) == (True, True, False)
            return one, two, three, far
    raise AssertionError


def _edited(words: Sequence[str], mark: str, places: Iterable[int]) -> list[str]:
    edited = list(words)
    for place in places:
        edited[place] += mark
    return edited


def _share(one: str, other: str) -> bool:
    return bool(set(signature(one)) & set(signature(other)))


def near(one: str, other: str) -> bool:
    """Whether two texts are as similar as near-duplicates have to be."""
    return jaccard(shingles(one), shingles(other)) >= NEAR


def article(article_id: str, text: str, **fields: Any) -> EnrichedArticle:
    """An article with that text and its signature."""
    return enriched(article_id, text=text, signature=signature(text), **fields)


def links(index: Index) -> dict[str, str | None]:
    """What each article that can be found is a duplicate of."""
    found: dict[str, str | None] = {}
    query = Query(size=1000)
    while True:
        result = index.search(query)
        found |= {hit.id: hit.article.duplicate_of for hit in result.hits}
        if result.next is None:
            return found
        query = Query(size=1000, after=result.next)


def by_hand(articles: Iterable[EnrichedArticle]) -> dict[str, str | None]:
    """What each has to be a duplicate of: pairs, then what hangs together, then the earliest."""
    shown: Mapping[str, EnrichedArticle] = {a.id: a for a in articles if not a.withdrawn}
    groups = [{name} for name in shown]
    for one, other in combinations(shown.values(), 2):
        if set(one.signature) & set(other.signature) and near(one.text, other.text):
            joined = [group for group in groups if one.id in group or other.id in group]
            groups = [group for group in groups if group not in joined] + [set().union(*joined)]
    found: dict[str, str | None] = {}
    for group in groups:
        earliest = min(group, key=lambda name: copy_of(shown[name]).key)
        found |= {name: None if name == earliest else earliest for name in group}
    return found

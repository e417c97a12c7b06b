"""Near-duplicates: which articles belong together, and which one of them stands for the others.

Two articles are near-duplicates of each other when their signatures share a hash and their texts
have at least the Jaccard similarity `NEAR`. A group is what hangs together by such pairs, its head
the earliest of it by (`published_at`, id), where an article without a date counts from when it came
in. `duplicate_of` is the head's id; the head itself, and whoever is in no group, has none.

All of that follows from the articles alone, so it is the same in whatever order they came. What is
done for an article that changes follows from two facts:

- One that is new, or new to its neighbours, can only join groups. It is compared with one member of
  each until one is near enough; groups that it joins to one get the earlier head. A group that only
  grows is never read.
- One that leaves its group, or changes its date, can split it or give it another head. Such a group
  is walked: its members, their neighbours and the members of *their* groups, until nothing new is
  met, are put together again from their texts, whatever was written of them before.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

import msgspec

from pipeline.article import EnrichedArticle
from pipeline.shingles import Shingles, jaccard, shingles

NEAR = 0.8
"""From which Jaccard similarity on two texts are near-duplicates of each other."""

_TEXTS = 50
"""How many texts are fetched at a time, to be compared."""


class Copy(msgspec.Struct, frozen=True):
    """What has to be known of an article; `duplicate_of` as the index has it."""

    id: str
    ingested_at: datetime
    published_at: datetime | None = None
    signature: tuple[str, ...] = ()
    duplicate_of: str | None = None
    withdrawn: bool = False

    def __post_init__(self) -> None:
        """A withdrawn article is near to none."""
        if self.withdrawn:
            msgspec.structs.force_setattr(self, "signature", ())

    @property
    def key(self) -> tuple[datetime, str]:
        """What makes an article earlier than another."""
        return self.published_at or self.ingested_at, self.id

    @property
    def group(self) -> str:
        """The id of the group's head, which may be its own."""
        return self.duplicate_of or self.id

    def is_same(self, other: Copy) -> bool:
        """Whether all that links depend on is the same."""
        return (self.signature, self.key) == (other.signature, other.key)


def copy_of(article: EnrichedArticle, duplicate_of: str | None = None) -> Copy:
    """What has to be known of an article."""
    return Copy(
        article.id,
        article.ingested_at,
        article.published_at,
        tuple(article.signature),
        duplicate_of,
        article.withdrawn,
    )


class Wanted(NamedTuple):
    """Articles that have one of the `hashes` and are in none of the `groups`."""

    hashes: Collection[str]
    groups: Collection[str] = ()


class Page(NamedTuple):
    """Some of the articles that were asked for; `last`: there are no more."""

    copies: Sequence[Copy]
    last: bool


class Shelf(Protocol):
    """The articles of an index, as far as near-duplicates go. A group is named by its head's id."""

    def copies(self, ids: Collection[str]) -> Iterable[Copy]:
        """Those that there are of these ids."""
        ...

    def members(self, groups: Collection[str]) -> Iterable[Copy]:
        """All whose `duplicate_of` is one of these."""
        ...

    def sharing(self, wanted: Sequence[Wanted], without: Collection[str]) -> Iterator[Page]:
        """All that are wanted by any, but for those of the ids `without`; at least one page."""
        ...

    def texts(self, ids: Collection[str]) -> Mapping[str, str]:
        """The texts of these articles; one that is gone may be missing."""
        ...


def relink(
    shelf: Shelf, changed: Mapping[str, Copy], walked: Collection[str] = ()
) -> dict[str, str | None]:
    """What `duplicate_of` has to be, of all articles of which it has to be another one.

    Args:
        shelf: the index; what it has of the articles in `changed` does not count.
        changed: articles by id whose neighbours are to be found; with what `duplicate_of` they
            have. It counts as long as a neighbour in that group is found.
        walked: groups whose links are not believed, beside those that are found to be wrong.
    """
    wrong = set(walked)
    while True:
        attempt = _Attempt(shelf, changed)
        attempt.walk(wrong)
        attempt.join()
        if not (found := attempt.contradictions() - wrong):
            return attempt.links()
        wrong |= found


class _Attempt:
    """Articles and whole groups, joined to sets by near-duplicates that are found.

    An article that is at hand is named by its id; of those that are not, the group is, which is the
    id of its head. So a head and its group are the same.
    """

    def __init__(self, shelf: Shelf, changed: Mapping[str, Copy]) -> None:
        self._shelf = shelf
        self._changed = changed
        self._at_hand: dict[str, Copy] = {}
        self._walked: set[str] = set()
        self._joined: set[str] = set()
        self._heads: dict[str, Copy] = {}
        self._sets = _Sets()
        self._twins: dict[tuple[str, ...], str] = {}
        self._by_hash: defaultdict[str, list[str]] = defaultdict(list)
        self._shingles: dict[str, Shingles] = {}

    def walk(self, groups: Collection[str]) -> None:
        """Takes to hand all articles of the groups, and of all groups that these are near to."""
        asked: set[str] = set()
        while groups := set(groups) - asked:
            asked |= groups
            found = {copy.id: copy for copy in self._shelf.members(groups)}
            heads = groups - found.keys() - self._at_hand.keys()
            found |= {copy.id: copy for copy in self._shelf.copies(heads)}
            found |= {
                copy.id: copy
                for copy in self._changed.values()
                if copy.id in found or copy.id in groups or copy.group in groups
            }
            new = [copy for copy in found.values() if copy.id not in self._at_hand]
            self._walked.update(copy.id for copy in new)
            self._take(new)
            groups = self._joined | {copy.id for copy in new}

    def join(self) -> None:
        """Takes to hand the articles that changed, and finds the groups that they are near to."""
        self._take([copy for copy in self._changed.values() if copy.id not in self._at_hand])

    def contradictions(self) -> set[str]:
        """Groups that can't be as they are said to be: without a head, or with a stray member."""
        outside = self._joined - self._at_hand.keys()
        self._heads = {copy.id: copy for copy in self._shelf.copies(outside)}
        wrong = {
            group
            for group in outside
            if not (head := self._heads.get(group)) or head.duplicate_of or not head.signature
        }
        for copy in self._at_hand.values():
            group = copy.duplicate_of
            if group and copy.id not in self._walked and not self._sets.same(copy.id, group):
                wrong.add(group)
        return wrong

    def links(self) -> dict[str, str | None]:
        """See `relink`."""
        everyone = {**self._heads, **self._at_hand}
        earliest: dict[str, Copy] = {}
        for name, copy in everyone.items():
            found = self._sets.find(name)
            if found not in earliest or copy.key < earliest[found].key:
                earliest[found] = copy
        links: dict[str, str | None] = {}
        followed: dict[str, str] = {}
        for name, copy in everyone.items():
            head = earliest[self._sets.find(name)].id
            if head == name:
                wanted = None
            else:
                wanted = head
                if name not in self._walked:
                    followed[name] = head
            if wanted != copy.duplicate_of:
                links[name] = wanted
        if followed:
            for copy in self._shelf.members(followed.keys()):
                if copy.id not in everyone:
                    links[copy.id] = followed[copy.group]
        return links

    def _take(self, new: Sequence[Copy]) -> None:
        """Joins articles to those at hand, and to groups, that they are near to."""
        pairs: Counter[tuple[str, str]] = Counter()
        distinct = []
        for copy in new:
            self._at_hand[copy.id] = copy
            if not copy.signature:
                continue
            twin = self._twins.setdefault(copy.signature, copy.id)
            if twin != copy.id:
                self._sets.join(copy.id, twin)
                continue
            for hashed in copy.signature:
                if others := self._by_hash[hashed]:
                    pairs.update((copy.id, other) for other in others)
                others.append(copy.id)
            distinct.append(copy)
        self._compare(pairs, {})
        if distinct:
            self._look(distinct)

    def _look(self, new: Sequence[Copy]) -> None:
        """Joins articles to groups of the index that they are near to.

        The first page shows nearly always all. Where it does not, members of groups that were
        joined by it are left out from then on: a large group is not read.
        """
        hashes = {hashed for copy in new for hashed in copy.signature}
        without = self._changed.keys() | self._at_hand.keys()
        first = next(self._shelf.sharing([Wanted(hashes)], without))
        self._meet(first.copies)
        if first.last:
            return
        wanted: defaultdict[frozenset[str], set[str]] = defaultdict(set)
        for copy in new:
            joined = {group for group in self._joined if self._sets.same(copy.id, group)}
            wanted[frozenset(joined)].update(copy.signature)
        again = [Wanted(some, groups) for groups, some in wanted.items()]
        for page in self._shelf.sharing(again, without):
            self._meet(page.copies)

    def _meet(self, others: Sequence[Copy]) -> None:
        """Joins articles at hand to groups of the index by members of theirs."""
        pairs: Counter[tuple[str, str]] = Counter()
        met = {}
        for other in others:
            twin = self._twins.get(other.signature)
            if twin is not None:
                self._sets.join(twin, other.group)
                self._joined.add(other.group)
                continue
            met[other.id] = other.group
            for hashed in other.signature:
                pairs.update((one, other.id) for one in self._by_hash.get(hashed, ()))
        self._compare(pairs, met)

    def _compare(self, pairs: Counter[tuple[str, str]], groups: Mapping[str, str]) -> None:
        """Joins those pairs whose texts are near enough; those that share most hashes first.

        Args:
            pairs: one at hand and another, and how many hashes they share.
            groups: for those of the others that are not at hand, their group.
        """
        left = [pair for pair, _ in pairs.most_common()]
        for start in range(0, len(left), _TEXTS):
            some = [
                (one, other, groups.get(other, other))
                for one, other in left[start : start + _TEXTS]
                if not self._sets.same(one, groups.get(other, other))
            ]
            self._fetch({name for one, other, _ in some for name in (one, other)})
            for one, other, name in some:
                if not self._sets.same(one, name) and self._near(one, other):
                    self._sets.join(one, name)
                    if other in groups:
                        self._joined.add(name)

    def _near(self, one: str, other: str) -> bool:
        known = self._shingles
        return one in known and other in known and jaccard(known[one], known[other]) >= NEAR

    def _fetch(self, ids: set[str]) -> None:
        if missing := ids - self._shingles.keys():
            for article_id, text in self._shelf.texts(missing).items():
                self._shingles[article_id] = shingles(text)


class _Sets:
    """Disjoint sets of names (union-find, with path halving)."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}

    def find(self, name: str) -> str:
        """One name of the set that this one is in."""
        parents = self._parents
        while (parent := parents.get(name, name)) != name:
            parents[name] = parents.get(parent, parent)
            name = parent
        return name

    def same(self, one: str, other: str) -> bool:
        """Whether two names are in the same set."""
        return self.find(one) == self.find(other)

    def join(self, one: str, other: str) -> None:
        """Makes one set of the sets that the two are in."""
        self._parents[self.find(one)] = self.find(other)

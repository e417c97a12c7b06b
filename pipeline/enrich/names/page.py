"""One field of an article as the rules for names see it: its words, and what is hidden in it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass
from functools import cached_property

from pipeline.article import EntityType, TextField
from pipeline.enrich.names.gazetteer import Known, Match, Token, lookup, matches, text_tokens
from pipeline.enrich.names.rules import ALL_RULES, Rule
from pipeline.enrich.names.words import CALENDAR, FUNCTION_WORDS, HEADING_WORDS, ROLES
from pipeline.enrich.text.casing import is_headline, repair_case
from pipeline.enrich.text.sentences import sentences

_NEAR = 7
"""Characters in which another mention is a neighbour: ", and ", "; or "."""

_BEFORE_SENTENCES = frozenset('\n.!?:“"•–—|…')


@dataclass(slots=True)
class Found:
    """A mention on its way to an entity.

    Attributes:
        type: what it seems to be, until the whole article has been seen.
        name: its text in the casing of prose, later the canonical name.
        known: what the gazetteer says of it.
        label: the recogniser's label; empty when a rule found it.
        titled: a title stands before it, or it stands as a person's name does.
    """

    field: TextField
    start: int
    end: int
    type: EntityType
    name: str
    known: Known | None = None
    label: str = ""
    titled: bool = False


@dataclass
class Page:
    """A field's text, its words, and what is found in it, which never overlaps."""

    field: TextField
    text: str
    hidden: Sequence[tuple[int, int]]
    rules: Set[Rule] = ALL_RULES

    def __post_init__(self) -> None:
        self._taken = bytearray(len(self.text))
        self._by_start: dict[int, Found] = {}
        self._in_order: list[Found] | None = None

    @property
    def found(self) -> list[Found]:
        """The mentions, in the order of the text; later changes leave the list as it is."""
        if self._in_order is None:
            self._in_order = [self._by_start[start] for start in sorted(self._by_start)]
        return self._in_order

    def add(self, found: Found) -> None:
        """Keeps a mention, and its place from others."""
        self._by_start[found.start] = found
        self._in_order = None
        self._taken[found.start : found.end] = b"\1" * (found.end - found.start)

    def block(self, start: int, end: int) -> None:
        """Keeps mentions out of `text[start:end]`."""
        self._taken[start:end] = b"\1" * (end - start)

    def remove(self, found: Found) -> None:
        """Forgets a mention."""
        del self._by_start[found.start]
        self._in_order = None
        self._taken[found.start : found.end] = bytes(found.end - found.start)

    @cached_property
    def prose(self) -> str:
        """The text, its sentences in capitals written as prose; as long as the text."""
        return repair_case(self.text) if Rule.CASING in self.rules else self.text

    @cached_property
    def words(self) -> list[Token]:
        """The words of the text."""
        return text_tokens(self.prose)

    @cached_property
    def keys(self) -> list[str]:
        """The keys of the words."""
        return [word.key for word in self.words]

    @cached_property
    def distinct(self) -> set[str]:
        """The keys of the words, each once."""
        return set(self.keys)

    @cached_property
    def lower(self) -> set[str]:
        """The words that stand in lower case somewhere in the text."""
        return {key for key in self.distinct if key.islower()}

    def places(self, wanted: Collection[str]) -> list[int]:
        """The indices of the words whose keys are among the wanted ones."""
        if self.distinct.isdisjoint(wanted):
            return []
        return [index for index, key in enumerate(self.keys) if key in wanted]

    @cached_property
    def known(self) -> list[Match]:
        """The well-known names in the text."""
        return list(matches(self.prose, self.words)) if Rule.GAZETTEER in self.rules else []

    def lookup(self, name: str) -> Known | None:
        """The well-known thing that goes by exactly this name."""
        return lookup(name) if Rule.GAZETTEER in self.rules else None

    @cached_property
    def is_headline(self) -> bool:
        """Whether nearly every word is capitalised."""
        return self.field == "title" and is_headline(self.prose)

    @cached_property
    def _starts(self) -> list[int]:
        return [word.start for word in self.words]

    @cached_property
    def _hidden_starts(self) -> list[int]:
        return [start for start, _ in self.hidden]

    @cached_property
    def _known_words(self) -> set[int]:
        return {index for match in self.known for index in range(match.first, match.last + 1)}

    @cached_property
    def _known_by_first(self) -> dict[int, Match]:
        return {match.first: match for match in self.known}

    @cached_property
    def _ends(self) -> set[int]:
        return {end for _, end in sentences(self.prose)}

    def is_hidden(self, start: int, end: int) -> bool:
        """Whether some of `text[start:end]` is hidden."""
        index = bisect_left(self._hidden_starts, end)
        return index > 0 and self.hidden[index - 1][1] > start

    def word_at(self, offset: int) -> int:
        """The index of the first word that begins at `offset` or later."""
        return bisect_left(self._starts, offset)

    def words_in(self, start: int, end: int) -> range:
        """The indices of the words that begin in `text[start:end]`."""
        return range(bisect_left(self._starts, start), bisect_left(self._starts, end))

    def word_before(self, offset: int) -> int | None:
        """The index of the last word that begins before `offset`, if there is one."""
        index = bisect_right(self._starts, offset - 1) - 1
        return index if index >= 0 else None

    def is_free(self, start: int, end: int) -> bool:
        """Whether `text[start:end]` is neither hidden nor part of a mention."""
        return self._taken.find(1, start, end) < 0 and not self.is_hidden(start, end)

    def inside(self, start: int, end: int) -> list[Found]:
        """The mentions that share a character with `text[start:end]`."""
        if self._taken.find(1, start, end) < 0:
            return []
        first = start
        while first > 0 and self._taken[first] and first not in self._by_start:
            first -= 1
        within = (self._by_start.get(offset) for offset in range(first, end))
        return [found for found in within if found is not None and found.end > start]

    def before(self, start: int) -> Found | None:
        """The mention that ends within a few characters before `start`."""
        return next(reversed(self.inside(max(0, start - _NEAR), start)), None)

    def after(self, end: int) -> Found | None:
        """The mention that begins within a few characters behind `end`."""
        return next(iter(self.inside(end, min(len(self.text), end + _NEAR))), None)

    def known_at(self, index: int) -> Match | None:
        """The well-known name that begins with the word `index`."""
        return self._known_by_first.get(index)

    def ends_sentence(self, end: int) -> bool:
        """Whether a sentence or a line ends at `end`."""
        return self.prose[end : end + 1] in ("", "\n") or end in self._ends

    def begins_sentence(self, index: int) -> bool:
        """Whether the word is the first of a sentence, of a line or of a quotation."""
        if index == 0:
            return True
        gap = self.prose[self.words[index - 1].end : self.words[index].start]
        return not _BEFORE_SENTENCES.isdisjoint(gap)

    def stands_alone(self, first: int, last: int) -> bool:
        """Whether the words are no part of a longer name that nobody has recognised."""
        if self.is_headline:
            return True
        words = self.words
        if first > 0 and self.prose[words[first - 1].end : words[first].start] in {" ", "-", " & "}:
            before = words[first - 1]
            # "R-Maine": a senator's party.
            seems_name = len(before.key) > 1 and self._seems_name(first - 1)
            if seems_name and not self._taken[before.start]:
                return False
        if last + 1 < len(words) and self.prose[words[last].end : words[last + 1].start] in {
            " ",
            " & ",
        }:
            after = words[last + 1]
            if self._seems_name(last + 1) and not self._taken[after.start]:
                return False
        return True

    def _seems_name(self, index: int) -> bool:
        word = self.words[index].key
        return (
            word[0].isupper()
            and word not in ROLES
            and word not in CALENDAR
            and word not in HEADING_WORDS
            and word.lower() not in FUNCTION_WORDS
            and index not in self._known_words
        )

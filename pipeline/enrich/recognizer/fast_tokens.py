"""The tokens of a spaCy pipeline's tokenizer, each stretch between blanks tokenised once.

spaCy tokenises every stretch without white space by itself, and only afterwards looks whether
tokens side by side are one of its special cases (":-)"). So a stretch that was seen before has the
tokens it had before, unless tokens on both sides of a blank could be part of a special case: such a
text, which is rare, is left to spaCy as a whole.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

MOST_STRETCHES = 50_000
"""Stretches between blanks whose tokens are kept: some 20 MB."""

_RUN = re.compile(r"\S+|\s+")


class Tokens:
    """The tokens of a text: where they are in it, in code points, and the numbers of their words.

    Attributes:
        words: rows of `FastTokenizer.attributes`.
    """

    def __init__(self, stretches: Sequence[_Stretch], offsets: Iterable[int]) -> None:
        self._stretches = stretches
        self._offsets = offsets
        self.words = [word for stretch in stretches for word in stretch.words]

    # Only few tokens are asked for their places, and often none of a text.
    @cached_property
    def _bounds(self) -> list[tuple[int, int]]:
        return [
            (at + start, at + end)
            for at, stretch in zip(self._offsets, self._stretches, strict=False)
            for start, end in stretch.bounds
        ]

    @property
    def starts(self) -> list[int]:
        """Of each token."""
        return [start for start, _ in self._bounds]

    @property
    def ends(self) -> list[int]:
        """Of each token, exclusive."""
        return [end for _, end in self._bounds]

    def span(self, first: int, last: int) -> tuple[int, int]:
        """From the start of one token to the end of another."""
        return self._bounds[first][0], self._bounds[last][1]


class _Stretch(NamedTuple):
    """What is kept of a stretch: its tokens, and whether they could go on beyond the blanks.

    Attributes:
        bounds: of each token its start in the stretch and its end, exclusive.
        words: as in `Tokens`.
        first: tokens that it may begin with, as far as special cases go on with them.
        last: tokens that it may end with, as far as special cases go on behind them.
    """

    bounds: Sequence[tuple[int, int]]
    words: Sequence[int]
    first: frozenset[str] = frozenset()
    last: frozenset[str] = frozenset()


_BLANK = _Stretch((), ())
"""A blank between words, which is no token."""


class FastTokenizer:
    """Tokenises as a pipeline does.

    Args:
        nlp: the pipeline; what it learns of new words is forgotten at once.
        attributes: what is to be known of each token, as `Doc.to_array` takes it.
        alone: nothing else uses the pipeline, so that it need not find out more of new words.

    Attributes:
        attributes: for each word (a token's attributes) a row; those behind `size` have no sense.
        is_space: for each word whether it is white space.
        size: how many words there are.
    """

    def __init__(
        self, nlp: Language, attributes: Sequence[int | str], *, alone: bool = False
    ) -> None:
        self._nlp = nlp
        self._wanted = list(attributes)
        if alone:
            _learn_only(nlp, [*attributes, "IS_SPACE"])
        self._pairs = _pairs(nlp)
        self._firsts = {first for first, _ in self._pairs}
        self._seconds = {second for _, second in self._pairs}
        self._plain = _plain(nlp)
        own: Any = nlp.tokenizer
        self._special = frozenset(own.rules)
        self._stretches: dict[str, _Stretch] = {}
        self._going_on: set[str] = set()  # stretches that may go on with what is before them
        self._words: dict[bytes, int] = {}
        self.attributes = np.empty((1024, len(attributes)), np.uint64)
        self.is_space = np.zeros(1024, bool)

    @property
    def size(self) -> int:
        """How many words are known."""
        return len(self._words)

    @property
    def is_full(self) -> bool:
        """Whether it is time to clear it, so that memory is bounded."""
        return len(self._stretches) > MOST_STRETCHES

    def clear(self) -> None:
        """Forgets all words: their numbers are given anew."""
        self._stretches.clear()
        self._going_on.clear()
        self._words.clear()

    def __call__(self, texts: Sequence[str]) -> list[Tokens]:
        """The tokens of each text."""
        parted = [_RUN.findall(text) for text in texts]
        known = self._stretches
        distinct = dict.fromkeys(itertools.chain.from_iterable(parted))
        if new := [run for run in distinct if run not in known]:
            with self._nlp.memory_zone():
                for run in new:
                    known[run] = stretch = self._stretch(run)
                    if stretch.first:
                        self._going_on.add(run)
        return [self._assembled(text, runs) for text, runs in zip(texts, parted, strict=True)]

    def _assembled(self, text: str, runs: Sequence[str]) -> Tokens:
        stretches = list(map(self._stretches.__getitem__, runs))
        if text.startswith(" ") or (
            not self._going_on.isdisjoint(runs) and self._may_join(stretches)
        ):
            with self._nlp.memory_zone():
                return Tokens([_Stretch(*self._tokens(self._nlp.tokenizer(text)))], [0])
        return Tokens(stretches, itertools.accumulate(map(len, runs), initial=0))

    def _may_join(self, stretches: Sequence[_Stretch]) -> bool:
        """Whether tokens on both sides of a blank may be part of a special case."""
        tokens = [stretch for stretch in stretches if stretch.words]
        return any(
            not self._pairs.isdisjoint(itertools.product(before.last, stretch.first))
            for before, stretch in itertools.pairwise(tokens)
            if stretch.first
        )

    def _stretch(self, run: str) -> _Stretch:
        """What is kept of a run behind another one, all of white space or without any."""
        if run == " ":
            return _BLANK
        blank = run.startswith(" ")  # which is no part of a token
        if blank:
            run = run[1:]
        doc = self._nlp.tokenizer(run)
        # What is one token, and no special case, is one without special cases too.
        plain = doc if len(doc) == 1 and run not in self._special else self._plain(run)
        first = {doc[0].text, plain[0].text} & self._seconds
        last = {doc[-1].text, plain[-1].text} & self._firsts
        bounds, words = self._tokens(doc, offset=int(blank))
        return _Stretch(bounds, words, frozenset(first), frozenset(last))

    def _tokens(self, doc: Doc, offset: int = 0) -> tuple[list[tuple[int, int]], list[int]]:
        starts = [offset + token.idx for token in doc]
        bounds = [(start, start + len(token)) for start, token in zip(starts, doc, strict=True)]
        spaces = [token.is_space for token in doc]
        rows = np.ascontiguousarray(doc.to_array(self._wanted)).reshape(len(doc), -1)
        words = [self._word(*word) for word in zip(rows, spaces, strict=True)]
        return bounds, words

    def _word(self, row: npt.NDArray[np.uint64], space: bool) -> int:
        key = row.tobytes() + bytes([space])
        word = self._words.get(key)
        if word is None:
            word = self._words[key] = len(self._words)
            if word == len(self.is_space):
                self.attributes = np.concatenate([self.attributes, self.attributes])
                self.is_space = np.concatenate([self.is_space, self.is_space])
            self.attributes[word] = row
            self.is_space[word] = space
        return word


def _learn_only(nlp: Language, attributes: Sequence[int | str]) -> None:
    """Makes a pipeline find out nothing else of new words."""
    vocabulary: Any = nlp.vocab
    number = import_module("spacy.attrs").intify_attr
    for attribute in vocabulary.lex_attr_getters.keys() - set(map(number, attributes)):
        del vocabulary.lex_attr_getters[attribute]


def _plain(nlp: Language) -> Callable[[str], Doc]:
    """The pipeline's tokenizer without its special cases."""
    own: Any = nlp.tokenizer
    plain: Callable[[str], Doc] = type(own)(
        nlp.vocab,
        prefix_search=own.prefix_search,
        suffix_search=own.suffix_search,
        infix_finditer=own.infix_finditer,
        token_match=own.token_match,
        url_match=own.url_match,
    )
    return plain


def _pairs(nlp: Language) -> set[tuple[str, str]]:
    """The pairs of tokens side by side in the special cases, as they are before they are one."""
    own: Any = nlp.tokenizer
    plain = _plain(nlp)
    found: set[tuple[str, str]] = set()
    for case in own.rules:
        texts = [token.text for token in plain(case)]
        found |= set(itertools.pairwise(texts))
    return found

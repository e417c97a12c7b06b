"""The tokens of a spaCy pipeline's tokenizer, each stretch between blanks tokenised once.

spaCy tokenises every stretch without white space by itself, and only afterwards looks whether
tokens side by side are one of its special cases (":-)"). So a stretch that was seen before has the
tokens it had before, unless tokens on both sides of a blank could be part of a special case: such a
text, which is rare, is left to spaCy as a whole.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

MOST_STRETCHES = 50_000
"""Stretches between blanks whose tokens are kept: some 20 MB."""

_RUN = re.compile(r"\S+|\s+")


class Tokens(NamedTuple):
    """The tokens of a text: where they are in it, in code points, and the numbers of their words.

    Attributes:
        starts: of each token.
        ends: exclusive.
        words: rows of `FastTokenizer.attributes`.
    """

    starts: list[int]
    ends: list[int]
    words: list[int]


class _Stretch(NamedTuple):
    """What is kept of a stretch: its tokens, and whether they could go on beyond the blanks.

    Attributes:
        tokens: the first starts at 0.
        first: tokens that it may begin with, as far as special cases go on with them.
        last: tokens that it may end with, as far as special cases go on behind them.
    """

    tokens: Tokens
    first: tuple[str, ...]
    last: tuple[str, ...]


class FastTokenizer:
    """Tokenises as a pipeline does.

    Args:
        nlp: the pipeline; what it learns of new words is forgotten at once.
        attributes: what is to be known of each token, as `Doc.to_array` takes it.

    Attributes:
        attributes: for each word (a token's attributes) a row; those behind `size` have no sense.
        is_space: for each word whether it is white space.
        size: how many words there are.
    """

    def __init__(self, nlp: Language, attributes: Sequence[int | str]) -> None:
        self._nlp = nlp
        self._wanted = list(attributes)
        self._pairs = _pairs(nlp)
        self._firsts = {first for first, _ in self._pairs}
        self._seconds = {second for _, second in self._pairs}
        self._plain = _plain(nlp)
        own: Any = nlp.tokenizer
        self._special = frozenset(own.rules)
        self._stretches: dict[str, _Stretch] = {}
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
        self._words.clear()

    def __call__(self, texts: Sequence[str]) -> list[Tokens]:
        """The tokens of each text."""
        runs = [list(_runs(text)) for text in texts]
        known = self._stretches
        new = dict.fromkeys(run for found in runs for _, run in found if run not in known)
        if new:
            with self._nlp.memory_zone():
                for run in new:
                    known[run] = self._stretch(run)
        return [self._assembled(text, found) for text, found in zip(texts, runs, strict=True)]

    def _assembled(self, text: str, runs: Sequence[tuple[int, str]]) -> Tokens:
        starts: list[int] = []
        ends: list[int] = []
        words: list[int] = []
        before: tuple[str, ...] = ()
        for at, run in runs:
            tokens, first, last = self._stretches[run]
            if before and first and not self._pairs.isdisjoint(itertools.product(before, first)):
                with self._nlp.memory_zone():
                    return self._tokens(self._nlp.tokenizer(text))
            before = last
            if len(tokens.words) == 1:
                starts.append(at)
                ends.append(at + tokens.ends[0])
                words.append(tokens.words[0])
            else:
                starts += [at + start for start in tokens.starts]
                ends += [at + end for end in tokens.ends]
                words += tokens.words
        return Tokens(starts, ends, words)

    def _stretch(self, run: str) -> _Stretch:
        doc = self._nlp.tokenizer(run)
        # What is one token, and no special case, is one without special cases too.
        plain = doc if len(doc) == 1 and run not in self._special else self._plain(run)
        first = {doc[0].text, plain[0].text} & self._seconds
        last = {doc[-1].text, plain[-1].text} & self._firsts
        return _Stretch(self._tokens(doc), tuple(first), tuple(last))

    def _tokens(self, doc: Doc) -> Tokens:
        starts = [token.idx for token in doc]
        ends = [start + len(token) for start, token in zip(starts, doc, strict=True)]
        spaces = [token.is_space for token in doc]
        rows = np.ascontiguousarray(doc.to_array(self._wanted)).reshape(len(doc), -1)
        return Tokens(starts, ends, [self._word(*word) for word in zip(rows, spaces, strict=True)])

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


def _runs(text: str) -> Iterator[tuple[int, str]]:
    """The stretches that spaCy tokenises by themselves; the blank behind a word is none."""
    end = 0
    for run in _RUN.findall(text):
        at, end = end, end + len(run)
        if at and run[0] == " ":
            if run == " ":
                continue
            run, at = run[1:], at + 1
        yield at, run


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

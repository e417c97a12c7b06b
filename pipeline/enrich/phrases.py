"""Finding many phrases in a text at once, in one pass over its words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from typing import TypeVar

T = TypeVar("T")

PhraseIndex = dict[str, list[tuple[int, dict[tuple[str, ...], T]]]]
"""By a phrase's first word: how many others it has, the most first, and what those stand for."""


def index_phrases(phrases: Iterable[tuple[Sequence[str], T]]) -> PhraseIndex[T]:
    """An index of phrases, each its words with what it stands for."""
    by_first: dict[str, dict[int, dict[tuple[str, ...], T]]] = {}
    for (first, *rest), meaning in phrases:
        same_length = by_first.setdefault(first, {}).setdefault(len(rest), {})
        same_length.setdefault(tuple(rest), meaning)
    return {first: sorted(lengths.items(), reverse=True) for first, lengths in by_first.items()}


def find_phrases(words: list[str], index: PhraseIndex[T]) -> Iterator[tuple[int, int, T]]:
    """The phrases in `words`, the longest at each place, not overlapping: start, end, meaning."""
    done = 0
    for start in compress(range(len(words)), map(index.__contains__, words)):
        if start < done:
            continue
        for count, meanings in index[words[start]]:
            end = start + 1 + count
            rest = tuple(words[start + 1 : end])
            if rest in meanings:
                yield start, end, meanings[rest]
                done = end
                break

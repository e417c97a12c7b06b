"""Finding many phrases in a text at once, in one pass over its words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

PhraseIndex = dict[str, list[tuple[tuple[str, ...], T]]]
"""By a phrase's first word: its other words and what it stands for, the longest phrase first."""


def index_phrases(phrases: Iterable[tuple[Sequence[str], T]]) -> PhraseIndex[T]:
    """An index of phrases, each its words with what it stands for."""
    index: PhraseIndex[T] = {}
    for (first, *rest), meaning in phrases:
        index.setdefault(first, []).append((tuple(rest), meaning))
    for same_start in index.values():
        same_start.sort(key=lambda phrase: -len(phrase[0]))
    return index


def find_phrases(words: list[str], index: PhraseIndex[T]) -> Iterator[tuple[int, int, T]]:
    """The phrases in `words`, the longest at each place, not overlapping: start, end, meaning."""
    done = 0
    for start in [place for place, word in enumerate(words) if word in index]:
        if start < done:
            continue
        for rest, meaning in index[words[start]]:
            end = start + 1 + len(rest)
            if not rest or tuple(words[start + 1 : end]) == rest:
                yield start, end, meaning
                done = end
                break

"""Passages of an article that show why it was found, with the matching words' spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from pipeline.index.analysis import Word, words
from pipeline.index.query import TextQuery

PASSAGE = 240
"""How long a passage is, in code points, give or take a word."""

MAX_PASSAGES = 3
"""How many passages of one field are shown."""


class Highlight(msgspec.Struct, frozen=True):
    """A passage: `spans` are [start, end) in code points of `text`."""

    field: str
    text: str
    spans: list[tuple[int, int]]


class _Match(NamedTuple):
    terms: frozenset[str]
    start: int
    end: int


def highlight(query: TextQuery, fields: Mapping[str, str | None]) -> list[Highlight]:
    """The passages in which a query's words and phrases stand, field by field, in text order."""
    if not query.groups:
        return []
    singles = {phrase.terms[0] for phrase in query.phrases if len(phrase.terms) == 1}
    longer = [phrase.terms for phrase in query.phrases if len(phrase.terms) > 1]
    return [
        passage
        for field, text in fields.items()
        if text
        for passage in _passages(field, text, _matches(words(text), singles, longer))
    ]


def _matches(
    text_words: Sequence[Word], singles: set[str], longer: Sequence[tuple[str, ...]]
) -> list[_Match]:
    """What matches, in order; a phrase is one match, and matches that overlap are one."""
    found = [
        _Match(frozenset((word.term,)), word.start, word.end)
        for word in text_words
        if word.term in singles
    ]
    for terms in longer:
        for index, word in enumerate(text_words):
            if word.term == terms[0]:
                run = text_words[index : index + len(terms)]
                if tuple(other.term for other in run) == terms:
                    found.append(_Match(frozenset(terms), word.start, run[-1].end))
    found.sort(key=lambda match: match.start)
    merged: list[_Match] = []
    for match in found:
        if merged and match.start < merged[-1].end:
            last = merged.pop()
            match = _Match(last.terms | match.terms, last.start, max(last.end, match.end))
        merged.append(match)
    return merged


def _passages(field: str, text: str, matches: Sequence[_Match]) -> list[Highlight]:
    windows: list[list[_Match]] = []
    for match in matches:
        if not windows or match.end - windows[-1][0].start > PASSAGE * 2 // 3:
            windows.append([])
        windows[-1].append(match)
    # Most different terms first, earlier ones first among equals; then back in text order.
    windows.sort(
        key=lambda window: (-len(frozenset().union(*(m.terms for m in window))), window[0].start)
    )
    chosen = sorted(windows[:MAX_PASSAGES], key=lambda window: window[0].start)
    passages = []
    earliest = 0
    for position, window in enumerate(chosen):
        first, last = window[0].start, window[-1].end
        latest = chosen[position + 1][0].start if position + 1 < len(chosen) else len(text)
        margin = max(0, PASSAGE - (last - first)) // 2
        start = _word_edge(text, max(earliest, first - margin), first, 1)
        earliest = end = _word_edge(text, min(latest, last + margin), last, -1)
        while text[start].isspace():
            start += 1
        spans = [(match.start - start, match.end - start) for match in window]
        passages.append(Highlight(field, text[start:end].rstrip(), spans))
    return passages


def _word_edge(text: str, position: int, limit: int, step: int) -> int:
    """The nearest place towards `limit` that cuts no word in two."""
    while position != limit and 0 < position < len(text):
        if text[position - 1].isspace() or text[position].isspace():
            break
        position += step
    return position

"""Mentions that are dropped once the article has been seen: symbols, shouted and plain words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from pipeline.article import TextField
from pipeline.enrich.names.page import Found, Page

_MIN_PLAIN = 8
"""An article with fewer capitalised words is written in capitals as a whole."""


def drop_symbols(
    pages: Sequence[Page], masked: Mapping[TextField, Sequence[tuple[int, int]]]
) -> None:
    """Drops the symbols of the article's tickers where they were taken for names."""
    symbols = {
        symbol
        for page in pages
        for start, end in masked.get(page.field, ())
        if end - start < 40
        for symbol in re.findall(r"[A-Z]{1,6}", page.text[start:end])
    }
    for page in pages:
        for found in page.found:
            if page.text[found.start : found.end] in symbols and (
                found.known is None or not found.known.sure
            ):
                page.remove(found)


def drop_shouted(pages: Sequence[Page]) -> None:
    """Drops names in capitals that the rest of the article, if there is one, does not have."""
    if all(page.prose == page.text for page in pages):
        return
    plain: set[str] = set()
    for page in pages:
        for word in page.words:
            if not page.text[word.start : word.end].isupper() and word.key[0].isupper():
                plain.add(word.key)
    if len(plain) < _MIN_PLAIN:
        return
    for page in pages:
        for found in page.found:
            text = page.text[found.start : found.end]
            repaired = text != page.prose[found.start : found.end]
            if repaired and found.known is None and not found.titled and " " in text:
                words = [word.key for word in page.words[slice(*_bounds(page, found))]]
                if not plain.issuperset(words):
                    page.remove(found)


def _bounds(page: Page, found: Found) -> tuple[int, int]:
    return page.word_at(found.start), page.word_at(found.end)


def drop_words(pages: Sequence[Page], symbol_of: Callable[[str], str | None]) -> None:
    """Drops single words at the start of a sentence that the article also writes in lower case."""
    lower = lower_words(pages)
    for page in pages:
        for found in page.found:
            if (
                found.known is None
                and not found.titled
                and found.name.casefold() in lower
                and page.begins_sentence(page.word_at(found.start))
                and not symbol_of(found.name)
            ):
                page.remove(found)


def lower_words(pages: Sequence[Page]) -> set[str]:
    """The words that stand in lower case somewhere in an article."""
    return set().union(*(page.lower for page in pages))

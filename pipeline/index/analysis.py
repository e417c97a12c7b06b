"""How text becomes terms, for documents, queries and highlights alike.

A word is a run of letters and digits; an apostrophe, full stop or ampersand between two of them, or
a comma between digits, belongs to it: `U.S.`, `S&P`, `AT&T`, `BRK.B`, `1,000.5`, `O'Brien` are
one word each. Han and Hiragana, written without blanks, have a word a character and are found as
phrases. Words become terms by cut possessives, folded accents, lower case and Snowball English
(Porter2) stems; there are no stop words.

`prepare` puts text into a form in which the index's own tokenizer, which only knows letters and
others, finds these words: ten times as fast as a tokenizer made of a regular expression.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

import regex
import tantivy

ANALYZER = "news"
"""The analyzer's name in the index."""

_JOINER = "\N{MODIFIER LETTER APOSTROPHE}"
"""Stands for the marks inside a word: Unicode, and so the tokenizer, takes it for a letter."""

# An index that analyses text itself has the same patterns: elasticsearch/templates/text.json.
_POSSESSIVE = re.compile(r"['’](?<=[^\W_].)[sS](?!\w)")
_INSIDE = re.compile(r"['’.&,](?<=[^\W_].)(?=[^\W_])(?:(?<!,)|(?<=\d,)(?=\d))")
_UNSPACED = re.compile("[\u3040-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_RUN = regex.compile(r"[\p{Alphabetic}\p{N}]+")  # as the tokenizer's: Rust's char::is_alphanumeric


class Word(NamedTuple):
    """A word of a text: its term in the index, and its span in code points."""

    term: str
    start: int
    end: int


@cache
def analyzer() -> tantivy.TextAnalyzer:
    """The analyzer of the index, for text that went through `prepare`."""
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.ascii_fold())
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.stemmer("English"))
        .build()
    )


def prepare(text: str) -> str:
    """`text` with its words in a form that the tokenizer keeps whole."""
    joined = _INSIDE.sub(_JOINER, _POSSESSIVE.sub("  ", text))
    return joined if joined.isascii() else _UNSPACED.sub(r" \g<0> ", joined)


def words(text: str) -> list[Word]:
    """The words of `text`, in order."""
    prepared = prepare(text)
    found = [
        Word(term, run.start(), run.end())
        for run in _RUN.finditer(prepared)
        if (term := _term(run[0]))
    ]
    if len(prepared) == len(text):
        return found
    # Only single characters were set apart, by a blank on either side.
    origin: list[int] = []
    for position, character in enumerate(text):
        origin += [position] * (3 if _UNSPACED.match(character) else 1)
    return [Word(term, origin[start], origin[end - 1] + 1) for term, start, end in found]


@lru_cache(maxsize=100_000)
def _term(word: str) -> str:
    # None for a character that only one of the two Unicode versions knows.
    return next(iter(analyzer().analyze(word)), "")

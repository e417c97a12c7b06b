"""Gives sentences that are written in capitals the casing that a recogniser of names expects."""

from __future__ import annotations

import re

from pipeline.enrich.names.gazetteer import lookup
from pipeline.enrich.names.words import HEADLINE_WORDS
from pipeline.enrich.text.sentences import sentences

_WORD = re.compile(r"(?:[^\W\d_]\.){2,}|[^\W\d_]+")
_MIN_LETTERS = 12
# Every sentence in capitals has such a run: a quick look that spares counting letters.
_RUN = re.compile(r"[^\W\d_a-z][^a-z]{7}")


def repair_case(text: str) -> str:
    """`text`, as long as before, its sentences in capitals written with capitalised names instead.

    A word that is a known abbreviation stays, a common word becomes lower case, any other word
    might be a name and is capitalised. A well-known place in capitals ("TOKYO (Reuters)") is
    capitalised in any sentence.
    """
    if not _RUN.search(text):
        return _PLACE.sub(_lower_place, text)
    pieces: list[str] = []
    done = 0
    for start, end in sentences(text):
        sentence = text[start:end]
        pieces.append(text[done:start])
        if _is_upper(sentence):
            first = True

            def lower(match: re.Match[str]) -> str:
                nonlocal first
                word, first = _lower(match[0], first), False
                return word

            pieces.append(_WORD.sub(lower, sentence))
        else:
            pieces.append(_PLACE.sub(_lower_place, sentence))
        done = end
    pieces.append(text[done:])
    return "".join(pieces)


def is_headline(sentence: str) -> bool:
    """Whether nearly every longer word of `sentence` is capitalised, as in Many a Headline."""
    words = [word for word in _WORD.findall(sentence) if len(word) > 3]
    return len(words) >= 4 and sum(word[0].isupper() for word in words) >= 0.8 * len(words)


_PLACE = re.compile(r"[A-Z](?<![^\W_][A-Z])[A-Z]{3,}(?: [A-Z]{3,}){0,2}(?![^\W_])")


def _lower_place(match: re.Match[str]) -> str:
    known = lookup(match[0])
    if known is None or known.type != "place" or lookup(match[0].title()) != known:
        return match[0]
    return match[0].title()


def _is_upper(sentence: str) -> bool:
    if not _RUN.search(sentence):
        return False
    letters = [letter for letter in sentence if letter.isalpha()]
    if len(letters) < _MIN_LETTERS or len(_WORD.findall(sentence)) < 3:
        return False
    return sum(letter.isupper() for letter in letters) >= 0.85 * len(letters)


def _lower(word: str, first: bool) -> str:
    if "." in word:
        return word
    lower = "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in word)
    if lower in HEADLINE_WORDS:
        return word[0] + lower[1:] if first else lower
    known = lookup(word)
    if known is not None and len(word) <= 6 and lookup(word[0] + lower[1:]) is None:
        return word
    return word[0] + lower[1:]

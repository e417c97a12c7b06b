"""Well-known names: people, places, organizations, groups, and what is no entity.

The names stand in `data/*.tsv`, several for one thing separated by `|`. `~` before a name says that
it is also a word or a person's name: alone it proves nothing. The upper-case form of a place's name
counts too, since datelines are written so. An abbreviation of a state ("Calif.", "CA") counts only
behind a comma.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from itertools import accumulate, repeat
from typing import NamedTuple

from pipeline.article import EntityType
from pipeline.enrich.names.words import CAPITAL_INSIDE, GIVEN_NAMES, LEGAL_FORMS
from pipeline.enrich.tickers.listings import gazetteer, is_wordlike


class Known(NamedTuple):
    """A well-known name.

    Attributes:
        type: what it names; None for a name that is no entity, such as an index or "GDP".
        name: the canonical form.
        id: a country's ISO 3166 alpha-2 code, else None.
        sure: it names this wherever it stands; else only where something else says so too.
        abbreviation: it counts only behind a comma.
    """

    type: EntityType | None
    name: str
    id: str | None = None
    sure: bool = True
    abbreviation: bool = False


class Token(NamedTuple):
    """A word of a text: `text[start:end]`; `key` is the word without the dots of "U.S."."""

    start: int
    end: int
    key: str


class Match(NamedTuple):
    """The tokens `first` to `last`, both included, are a well-known name."""

    first: int
    last: int
    known: Known


# "U.S.", "a.m" or a plain word. What begins with a class of characters is found fastest.
_TOKEN = re.compile(r"([^\W_](?:\.(?<=[^\W\d_]\.)(?:(?:[^\W\d_]\.)+|[^\W\d_](?![^\W_]))|[^\W_]*))")
_PARTIES = {"D-", "R-", "I-"}
_STATE_CODE = re.compile(r"[A-Z]{2}")


def tokens(text: str) -> list[Token]:
    """The words of `text`, in order; "U.S." is one, "S&P" are two, "Japan's" are two."""
    # Gaps and words take turns; where one ends the next begins.
    pieces = _TOKEN.split(text)
    bounds = list(accumulate(map(len, pieces)))
    keys = [word.replace(".", "") for word in pieces[1::2]]
    fields = zip(bounds[:-1:2], bounds[1::2], keys, strict=True)
    return list(map(tuple.__new__, repeat(Token), fields))  # Token(…) takes three times as long


@lru_cache(maxsize=4)
def text_tokens(text: str) -> list[Token]:
    """As `tokens`; kept for the rules that look at the same text one after the other."""
    return tokens(text)


def matches(text: str, words: Sequence[Token]) -> Iterator[Match]:
    """Every well-known name in `text`, the longest at each place, not overlapping."""
    names = _names()
    lengths = _lengths()
    keys = [word.key for word in words]
    done = 0
    for index in [index for index, key in enumerate(keys) if key in lengths]:
        if index < done:
            continue
        for length in lengths[keys[index]]:
            known = names.get(tuple(keys[index : index + length]))
            last = index + length - 1
            if (
                known
                and last < len(words)
                and _is_joined(text, words, index, last)
                and _counts(text, words, index, last, known)
            ):
                yield Match(index, last, known)
                done = index + length
                break


@lru_cache(maxsize=10_000)
def lookup(name: str) -> Known | None:
    """The well-known thing that goes by exactly this name."""
    words = tokens(name)
    known = _names().get(tuple(word.key for word in words))
    if known is None or known.abbreviation or not _is_joined(name, words, 0, len(words) - 1):
        return None
    return known


def _is_joined(text: str, words: Sequence[Token], first: int, last: int) -> bool:
    # "Costa. Rica" and "Hong\n\nKong" are no names; "AT&T", "Guinea-Bissau", "St. Louis" are.
    for left, right in zip(words[first:last], words[first + 1 : last + 1], strict=True):
        gap = text[left.end : right.start]
        if len(gap) > 3 or "\n" in gap or not set(gap) <= set(" .&-'’,/"):
            return False
        if "." in gap and left.end - left.start > 3:
            return False
    return True


def _counts(text: str, words: Sequence[Token], first: int, last: int, known: Known) -> bool:
    if not known.abbreviation:
        return True
    word = words[last]
    start = words[first].start
    before = words[first - 1] if first else word
    named = text[before.start].isupper() and before.end == start - 2
    behind_comma = (named and text[start - 2 : start] == ", ") or text[
        start - 2 : start
    ] in _PARTIES
    written = _STATE_CODE.fullmatch(text[word.start : word.end]) or text[word.end - 1] == "."
    return behind_comma and bool(written or text[word.end : word.end + 1] == ".")


@cache
def _lengths() -> dict[str, list[int]]:
    """By a name's first word how many words the names that begin with it have, the most first."""
    lengths: dict[str, set[int]] = {}
    for key in _names():
        lengths.setdefault(key[0], set()).add(len(key))
    return {first: sorted(counts, reverse=True) for first, counts in lengths.items()}


@cache
def _names() -> dict[tuple[str, ...], Known]:
    names: dict[tuple[str, ...], Known] = {}
    # A name that two files hold is what the earlier one says.
    for line in _lines("not_entities.txt"):
        _add(names, [line], Known(None, line))
    for name, aliases in _rows("people.tsv"):
        _add(names, [name, *aliases.split("|")], Known("person", name.lstrip("~")))
    for code, name, aliases, demonyms, capital in _rows("countries.tsv"):
        country = Known("place", name.lstrip("~"), code)
        _add(names, [name, *aliases.split("|")], country, upper=True)
        _add_group(names, demonyms)
        _add(names, [capital], Known("place", capital.lstrip("~")), upper=True)
    for table in ("cities.tsv", "regions.tsv"):
        for name, aliases, demonyms in _rows(table):
            _add(names, [name, *aliases.split("|")], Known("place", name.lstrip("~")), upper=True)
            _add_group(names, demonyms)
    for name, aliases in _rows("organizations.tsv"):
        _add(names, [name, *aliases.split("|")], Known("organization", name.lstrip("~")))
    for name, aliases in _rows("groups.tsv"):
        _add(names, [name, *aliases.split("|")], Known("group", name.lstrip("~")))
    for name in _listed():
        _add(names, [name], Known("organization", name.lstrip("~")))
    return names


def _listed() -> Iterator[str]:
    """The names of listed companies without legal form.

    Single words are also surnames, places and words, unless a capital is inside ("PagerDuty"). A
    first name and another word ("Kenneth Cole") may be a person.
    """
    for line in gazetteer().values():
        name, _, kind, _, _ = line.split("\t", 4)
        if kind != "stock":
            continue
        words = name.replace(",", "").split()
        while len(words) > 1 and words[-1].rstrip(".") in LEGAL_FORMS | {"&", "Group", "Holdings"}:
            words.pop()
        if not words[0][0].isupper():
            continue
        if len(words) > 1:
            yield ("~" if words[0] in GIVEN_NAMES else "") + " ".join(words)
        elif CAPITAL_INSIDE.match(words[0]) and not is_wordlike(words[0].upper()):
            yield words[0]


def _add_group(names: dict[tuple[str, ...], Known], demonyms: str) -> None:
    spellings = demonyms.split("|")
    _add(names, spellings, Known("group", spellings[0].lstrip("~")))


def _add(
    names: dict[tuple[str, ...], Known], spellings: Iterable[str], known: Known, upper: bool = False
) -> None:
    for spelling in spellings:
        name = spelling.lstrip("~")
        if not name:
            continue
        state = known.type == "place" and known.id is None
        entry = known._replace(
            sure=not spelling.startswith("~"),
            abbreviation=state and (name.endswith(".") or bool(_STATE_CODE.fullmatch(name))),
        )
        names.setdefault(tuple(word.key for word in tokens(name)), entry)
        if upper and len(name) > 3:
            names.setdefault(tuple(word.key for word in tokens(name.upper())), entry)


def _rows(name: str) -> Iterator[list[str]]:
    for line in _lines(name)[1:]:
        yield line.split("\t")


def _lines(name: str) -> list[str]:
    return files("pipeline.enrich").joinpath("data", name).read_text("utf-8").splitlines()

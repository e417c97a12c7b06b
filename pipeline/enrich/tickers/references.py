"""Which tickers a text means where: by symbol, by name, as "the stock", as "both"."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pipeline.enrich.tickers.listings import LEGAL_FORMS, listing_of
from pipeline.enrich.tickers.tickers import TickerSpan


class Reference(NamedTuple):
    """A place in a text that means one ticker or several; offsets are code points.

    `named` is true for a symbol or a name, false for "the stock", "both", "all four".
    """

    start: int
    end: int
    symbols: tuple[str, ...]
    named: bool


_COUNTS = {"both": 2, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8}
_THINGS = r"(?:stocks?|shares|tickers?|ETFs?|funds?|trusts|companies|names|coins|tokens|securities)"
_NUMBER = r"(?:two|three|four|five|six|seven|eight)"
_GROUP = re.compile(
    rf"""
    (?:across|for|on|in|of|at|around|towards?)\s+
    (?: (?P<both>both)(?:\s+(?:of\s+)?(?:the\s+|them\b|these\s+)?{_THINGS}?)?
      | (?:all\s+(?:of\s+)?(?:the\s+|these\s+)?|the\s+|each\s+of\s+the\s+)
        (?P<count>{_NUMBER})\b(?:\s+{_THINGS})?
      | (?P<all>all(?:\s+of)?(?:\s+(?:the|these|them))?(?:\s+{_THINGS})?|the\s+board
        |each(?:\s+of\s+(?:them|the\s+{_THINGS}))?)
    )
    (?=\s*(?:[,.;:)]|$|\b(?:with|amid|and|while|as|but|on|was|is|remain|stay|turn|stood)))
    |
    \b(?:(?P<both_are>both)|all\s+(?P<count_are>{_NUMBER}))(?:\s+{_THINGS})?
    (?=\s+(?:with|amid|were|are|had|saw|drew|remain|stay|turn))
    """,
    re.X | re.I,
)
_ROLES = (
    r"stock|stocks|shares|company|firm|ticker|security|ETF|fund|trust|coin|token|crypto(?:currency)?|name|"
    r"bank|lender|retailer|airline|carrier|operator|developer|producer|miner|insurer|giant|startup|"
    r"platform\ company|supplier|provider|chain|manufacturer|builder|brewer|broker|group|\w+maker|"
    r"designer|player|vendor|owner|parent|explorer|driller|refiner|utility|brand|major|seller|counter"
)
_PRONOUN = re.compile(
    rf"\bthe\s+(?:(?:[\w’'-]+\s+)?(?:{_ROLES})|latter|(?P<former>former))\b", re.I
)


def find_references(text: str, tickers: Sequence[TickerSpan]) -> list[Reference]:
    """Every reference to the given tickers in `text`, in order, none overlapping another.

    A pronoun-like one ("the stock", "the chipmaker") means the ticker that was named last before,
    "both" and "all four" the two or four named last; "all" and "each" have no symbols of their own.
    """
    places: dict[int, tuple[int, str, str]] = {}
    for start, end, symbol in _named(text, tickers):
        places.setdefault(start, (end, symbol, "named"))
    for match in _GROUP.finditer(text):
        count = match["both"] or match["both_are"] or match["count"] or match["count_are"] or ""
        places.setdefault(match.start(), (match.end(), count.lower(), "group"))
    named = sorted(places)
    for match in _PRONOUN.finditer(text):
        # "The SPY ETF", "the index fund SPY": the symbol says it.
        following = bisect_left(named, match.start())
        if following < len(named) and named[following] <= match.end() + 1:
            continue
        what = "former" if match["former"] else ""
        places.setdefault(match.start(), (match.end(), what, "pronoun"))
    references: list[Reference] = []
    recent: list[str] = []
    end = 0
    for start, (stop, what, kind) in sorted(places.items()):
        if start < end:
            continue
        if kind == "named":
            symbols: tuple[str, ...] = (what,)
            if what in recent:
                recent.remove(what)
            recent.append(what)
        elif kind == "group":
            count = _COUNTS.get(what, 0)
            symbols = tuple(recent[-count:]) if 0 < count <= len(recent) else ()
        else:
            symbols = tuple(recent[-2:-1] if what == "former" else recent[-1:])
        references.append(Reference(start, stop, symbols, kind == "named"))
        end = stop
    return references


def _named(text: str, tickers: Sequence[TickerSpan]) -> Iterator[tuple[int, int, str]]:
    """Symbols in the text, and the names of the same companies and funds; longer ones first."""
    for span in tickers:
        yield span.mask_start, span.mask_end, span.symbol
    names: dict[str, str] = {}
    for symbol in dict.fromkeys(span.symbol for span in tickers):
        for name in _names(symbol):
            # What names two of them names neither.
            names[name.lower()] = "" if names.get(name.lower(), symbol) != symbol else symbol
    wanted = sorted((name for name, symbol in names.items() if symbol), key=len, reverse=True)
    if not wanted:
        return
    pattern = re.compile(rf"(?<![\w$])(?:{'|'.join(map(re.escape, wanted))})(?!\w)", re.I)
    for match in pattern.finditer(text):
        # Case-folding reaches characters that lower() leaves alone: such a match names nobody.
        meant = names.get(match[0].lower(), "")
        if meant and (match[0][0].isupper() or not match[0].isalpha()):
            yield match.start(), match.end(), meant


_NOT_IN_SHORT = LEGAL_FORMS | {"&", "and", "etf", "fund"}
_FIRST_WORD_TOO_COMMON = frozenset(
    ("american", "first", "general", "global", "international", "national", "new", "united")
)


def _names(symbol: str) -> Iterator[str]:
    """The forms in which a text may name the company or fund of a symbol."""
    listing = listing_of(symbol)
    words = listing.name.removeprefix("The ").split()
    while len(words) > 1 and words[-1].lower().strip(".,") in _NOT_IN_SHORT:
        words.pop()
    short = " ".join(words).rstrip(",")
    yield from (listing.name, short, *listing.aliases)
    first = words[0].rstrip(",")
    if listing.kind != "fund" and len(first) > 3 and first.lower() not in _FIRST_WORD_TOO_COMMON:
        yield first

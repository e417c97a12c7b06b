"""What all ways of writing a date share: names of days and months, and what is resolved."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

from pipeline.enrich.dates.values import Tense

Value = str | None | Literal[False]
"""An ISO 8601 value, None when there is nothing to resolve against, False when it is no date."""


@dataclass
class Setting:
    """What a date is resolved against.

    Attributes:
        text: what the date stands in.
        published: the day of publication, if it is known.
        anchor: the last day that is named before in the same sentence, if there is one.
        tense: tells the tense at an offset of the text.
    """

    text: str
    published: date | None
    anchor: date | None
    tense: Callable[[int], Tense | None]


Resolver = Callable[[re.Match[str], Setting], Value]


class Form(NamedTuple):
    """A way of writing dates.

    Attributes:
        pattern: what it looks like; the date is the group `date`, if there is one, else all of it.
        resolver: what it means.
        beginnings: a date's first words, as `beginning` gives them. The pattern is tried only
            there: looking words up is much faster.
        ahead: how many characters before that word the date begins, as with "'90s".
    """

    pattern: re.Pattern[str]
    resolver: Resolver
    beginnings: frozenset[str]
    ahead: int = 0


MONTH = (
    r"(?:Jan(?:uary|\.)?|Feb(?:ruary|\.)?|Mar(?:ch|\.)?|Apr(?:il|\.)?|May|Jun(?:e|\.)?|Jul(?:y|\.)?"
    r"|Aug(?:ust|\.)?|Sep(?:tember|t\.?|\.)?|Oct(?:ober|\.)?|Nov(?:ember|\.)?|Dec(?:ember|\.)?)"
)
WEEKDAY = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
YEAR = r"(?:1[5-9]|20)\d\d(?![\w%]|[.,]\d|-\d)"
DASH = r"\s?[-–—]\s?"

MONTHS = (
    "jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec|january|february|march|april|june|july"
    "|august|september|october|november|december"
)
WEEKDAYS = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
SHORT_WEEKDAYS = "mon|tue|tues|wed|thu|thur|thurs|fri|sat|sun"
"""Beginnings of forms."""

_ALIKE = re.compile(r"\d+|[^\W\d_]+")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def form(pattern: str, resolver: Resolver, beginnings: str, ahead: int = 0) -> Form:
    """A way of writing dates, in any case of letters, as words of their own.

    `beginnings` has "|" between them.
    """
    whole = rf"(?<![\w$@#])(?:{pattern})(?!\w)"
    firsts = frozenset(beginnings.split("|"))
    return Form(re.compile(whole, re.X | re.I), resolver, firsts, ahead)


def beginning(word: str) -> str:
    """What of a word tells which dates it may begin: its first letters, or a 0 for each digit.

    "May" is "may", "Q3" is "q", "2025" is "0000" and "3rd" is "0".
    """
    # Where case does not count, patterns take these for the letters i and s.
    lower = word.replace("İ", "i").replace("ı", "i").replace("ſ", "s").lower()
    match = _ALIKE.match(lower)
    begin = match[0] if match else ""
    return "0" * len(begin) if begin.isdecimal() else begin


def month_number(name: str) -> int | None:
    """1…12; None for a word in lower case that need not be a month."""
    if name.islower() and (len(name.rstrip(".")) <= 4 or name == "march"):
        return None
    return _MONTHS.index(name[:3].lower()) + 1


def weekday_number(name: str) -> int:
    """0, a Monday, to 6."""
    return _WEEKDAYS.index(name[:3].lower())


def full_year(digits: str) -> int:
    """Two digits are of 1969…2068, as POSIX reads them."""
    number = int(digits)
    return number if len(digits) == 4 else number + (2000 if number < 69 else 1900)


def day_of(year: int, month: int | None, day: str) -> date | None:
    """The day, None if there is no such day; `day` may be an ordinal ("1st")."""
    number = int("".join(filter(str.isdigit, day)))
    try:
        return date(year, month or 0, number)
    except ValueError:
        return None

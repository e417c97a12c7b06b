"""What all ways of writing a date share: names of days and months, and what is resolved."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

from pipeline.enrich.date_values import Tense

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
        hints: a date has one of these, in lower case, in it or right before it. Only what is near
            to one is searched: looking for words is much faster than the patterns.
    """

    pattern: re.Pattern[str]
    resolver: Resolver
    hints: tuple[str, ...]


MONTH = (
    r"(?:Jan(?:uary|\.)?|Feb(?:ruary|\.)?|Mar(?:ch|\.)?|Apr(?:il|\.)?|May|Jun(?:e|\.)?|Jul(?:y|\.)?"
    r"|Aug(?:ust|\.)?|Sep(?:tember|t\.?|\.)?|Oct(?:ober|\.)?|Nov(?:ember|\.)?|Dec(?:ember|\.)?)"
)
WEEKDAY = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
YEAR = r"(?:1[5-9]|20)\d\d(?![\w%]|[.,]\d|-\d)"
DASH = r"\s?[-–—]\s?"

MONTH_HINTS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_MONTHS = tuple(MONTH_HINTS.split("|"))
_MONTH_WORDS = frozenset(
    {
        *("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "sept", "oct", "nov"),
        *("dec", "january", "february", "march", "april", "june", "july", "august"),
        *("september", "october", "november", "december"),
    }
)
_BLANK = re.compile(r"\s")
_LETTERS = re.compile(r"[^\W\d_]*")
_REACH = 80
"""How far from one of its hints a date may begin or end: the longest has some 60 characters."""

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def form(pattern: str, resolver: Resolver, hints: str) -> Form:
    """A way of writing dates, in any case of letters, as words of their own.

    `hints` has "|" between them.
    """
    whole = rf"(?<![\w$@#])(?:{pattern})(?!\w)"
    return Form(re.compile(whole, re.X | re.I), resolver, tuple(hints.split("|")))


def windows(lower: str, hints: tuple[str, ...]) -> list[tuple[int, int]]:
    """The parts of a text that are near to a hint, in order, not overlapping.

    Args:
        lower: the text in lower case.
        hints: of a form.
    """
    found: list[tuple[int, int]] = []
    for place in sorted(_places(lower, hints)):
        begin, end = max(0, place - _REACH), place + _REACH
        # A part that ended within a word would show another one: "Mar" of "Mark".
        blank = _BLANK.search(lower, end, end + _REACH)
        end = blank.start() if blank else end + _REACH
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], end)
        else:
            found.append((begin, end))
    return found


def _places(lower: str, hints: tuple[str, ...]) -> Iterator[int]:
    """Where hints stand; those of months only where they are no part of another word."""
    of_months = hints == _MONTHS
    for hint in hints:
        place = lower.find(hint)
        while place >= 0:
            if not of_months or (
                not lower[place - 1 : place].isalpha()
                and _LETTERS.match(lower, place)[0] in _MONTH_WORDS  # type: ignore[index]
            ):
                yield place
            place = lower.find(hint, place + 1)


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

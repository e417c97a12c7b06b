"""Dates that name a place in the calendar: days of a month, months, quarters, years, decades."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Literal

from pipeline.enrich.dates import values
from pipeline.enrich.dates.forms import (
    DASH,
    MONTH,
    MONTHS,
    SHORT_WEEKDAYS,
    WEEKDAY,
    WEEKDAYS,
    YEAR,
    Form,
    Setting,
    Value,
    day_of,
    form,
    full_year,
    month_number,
    weekday_number,
)
from pipeline.enrich.dates.values import Period
from pipeline.enrich.dates.year_words import is_month, is_year

# Not a day of the month: "May 5,000", "July 2.5", "March 10%", "August 10 million".
_NO_AMOUNT = (
    r"(?![\d%]|[.:/]\d|,\d(?!\d{3}\b)|[\s-]?(?:%|percent|per\scent|[mb]illion|trillion|[ap]\.?m\b))"
)
_DAY = rf"(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?(?![^\W_]){_NO_AMOUNT}"
_ON_WEEKDAY = rf"(?:(?P<weekday>{WEEKDAY}|(?:Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)\.?),?\s)?"
_DAYS_OF_WEEK = f"{WEEKDAYS}|{SHORT_WEEKDAYS}"
_PART = r"(?:(?:early|mid|late|end)[\s-])?"
_PARTS = "early|mid|late|end"
_TO = rf"(?:{DASH}|\s(?:to|through)\s)"
_ORDINALS = {
    "first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4,
}  # fmt: skip


def _iso(match: re.Match[str], _: Setting) -> Value:
    day = day_of(int(match["y"]), int(match["m"]), match["d"])
    return day.isoformat() if day else False


def _numeric(match: re.Match[str], _: Setting) -> Value:
    """8/1/2025 as Americans write it; with a first number over 12 as others do."""
    first, second, year = match["a"], match["b"], full_year(match["y"])
    day = day_of(year, int(first), second)
    if day is None and len(match["y"]) == 4:
        day = day_of(year, int(second), first)
    return day.isoformat() if day else False


def _dotted(match: re.Match[str], _: Setting) -> Value:
    day = day_of(int(match["y"]), int(match["b"]), match["a"])
    return day.isoformat() if day else False


def _month_day(match: re.Match[str], setting: Setting) -> Value:
    month = month_number(match["month"])
    if month is None:
        return False
    if match["year"]:
        day = day_of(int(match["year"]), month, match["day"])
        return day.isoformat() if day else False
    if day_of(2000, month, match["day"]) is None:  # a leap year: has every possible day
        return False
    if setting.published is None:
        return None
    day = _nearest_day(setting.published, month, match["day"], match["weekday"])
    return day.isoformat() if day else None


def _nearest_day(published: date, month: int, day: str, weekday: str | None) -> date | None:
    """The day of the year that brings it nearest to publication, the earlier one of two.

    If a weekday is given, a year is preferred in which it is right.
    """
    days = [day_of(published.year + offset, month, day) for offset in range(-4, 5)]
    known = sorted((d for d in days if d), key=lambda d: (abs(d - published), d))
    if weekday and known:
        close = [d for d in known if abs(d.year - published.year) <= 1]
        right = [d for d in close if d.weekday() == weekday_number(weekday)]
        known = right or known
    return known[0] if known else None


def _days(match: re.Match[str], setting: Setting) -> Value:
    """July 3-5; July 30 to August 2, 2025."""
    groups = match.groupdict()
    last_month = groups.get("last_month")
    months = month_number(match["month"]), month_number(last_month or match["month"])
    if None in months:
        return False
    if match["year"]:
        start = day_of(int(match["year"]), months[0], match["day"])
    elif setting.published is None:
        return None
    else:
        start = _nearest_day(setting.published, months[0] or 0, match["day"], None)
    end = start and day_of(start.year, months[1], match["last"])
    if start and end and end < start and last_month:
        start, end = (
            (day_of(start.year - 1, months[0], match["day"]), end)
            if match["year"]
            else (start, day_of(start.year + 1, months[1], match["last"]))
        )
    if not start or not end or end <= start:
        return False
    return values.interval(Period(start, end))


def _month_year(match: re.Match[str], _: Setting) -> Value:
    month = month_number(match["month"])
    if month is None:
        return False
    return values.month(values.month_of(full_year(match["year"].lstrip("'’")), month).start)


def _month(match: re.Match[str], setting: Setting) -> Value:
    name, modifier = match["month"], (match["modifier"] or "").lower()
    month = None if name.islower() else month_number(name)
    start, end = match.span("month")
    if month is None or not (modifier or is_month(setting.text, start, end)):
        return False
    if setting.published is None:
        return None
    published = setting.published
    if modifier in ("last", "next", "this"):
        year = published.year
        if modifier == "last" and month >= published.month:
            year -= 1
        if modifier == "next" and month <= published.month:
            year += 1
        return values.month(values.month_of(year, month).start)
    period = _nearest(setting, match.start(), lambda year: values.month_of(year, month))
    return values.month(period.start) if period else None


def _month_quarter(match: re.Match[str], setting: Setting) -> Value:
    """The June quarter is the one that June ends."""
    month = month_number(match["month"]) or 0
    if match["year"]:
        return values.interval(values.part_of_year(int(match["year"]), month // 3, 4))
    return _nearest_interval(setting, match.start(), month // 3, 4)


def _nearest(setting: Setting, start: int, period_of: Callable[[int], Period]) -> Period | None:
    if setting.published is None:
        return None
    years = range(setting.published.year - 1, setting.published.year + 2)
    candidates = [period_of(year) for year in years if 1 <= year <= 9999]
    return values.nearest(candidates, setting.published, setting.tense(start))


def _nearest_interval(setting: Setting, start: int, part: int, parts: Literal[2, 4]) -> Value:
    period = _nearest(setting, start, lambda year: values.part_of_year(year, part, parts))
    return values.interval(period) if period else None


def _part_of_year(match: re.Match[str], setting: Setting) -> Value:
    """Q2 2025, the second quarter, the first half of last year; null for a fiscal year's."""
    found = {name: text for name, text in match.groupdict().items() if text}
    parts: Literal[2, 4] = 4 if "quarter" in found else 2
    number = (found.get("number") or found["other_number"]).lower()
    part = _ORDINALS.get(number) or int(number)
    year = found.get("year")
    around = setting.text[max(0, match.start() - 60) : match.end() + 60]
    if part > parts or (not year and _SPORT.search(around)):
        return False
    if found.keys() & {"fiscal", "fiscal_part", "fiscal_year"}:
        return None
    if year:
        return values.interval(values.part_of_year(full_year(year.lstrip("'’")), part, parts))
    if "which" in found:
        if setting.published is None:
            return None
        offset = {"last": -1, "next": 1}.get(found["which"].lower(), 0)
        return values.interval(values.part_of_year(setting.published.year + offset, part, parts))
    return _nearest_interval(setting, match.start(), part, parts)


# Games have halves and quarters, too.
_SPORT = re.compile(
    r"\b(?:goals?|match|kick|striker|midfielder|touchdown|coach|nba|nfl|halftime|scored|scoring)\b",
    re.I,
)


def _fiscal_year(_: re.Match[str], __: Setting) -> Value:
    """Every company has its own."""
    return None


def _years(match: re.Match[str], setting: Setting) -> Value:
    first, written = int(match["year"]), match["last"]
    last = int(written) if len(written) == 4 else first // 100 * 100 + int(written)
    before = setting.text[max(0, match.start() - 10) : match.start()].lower()
    joint = match["joint"].strip().lower()
    if joint in ("to", "through", "and") and not before.endswith(("from ", "between ")):
        return False
    is_span = first < last <= first + 150 and last <= 2100
    return values.interval(values.years_of(first, last)) if is_span else False


def _year(match: re.Match[str], setting: Setting) -> Value:
    start, end = match.span("year")
    return values.year(int(match["year"])) if is_year(setting.text, start, end) else False


def _decade(match: re.Match[str], _: Setting) -> Value:
    if match["decade"]:
        return values.interval(values.decade_of(int(match["decade"])))
    return values.interval(values.decade_of(1900 + int(match["short"])))


def _century(match: re.Match[str], _: Setting) -> Value:
    first = (int(match["number"]) - 1) * 100 + 1
    return values.interval(values.years_of(first, first + 99))


_OF_YEAR = rf"""
    (?: (?:\s|\sof\s) (?P<fiscal_year>(?:the\s|its\s)?(?:fiscal(?:\syear)?|FY)\s?)?
        (?:(?<=\s)|(?<=FY)) (?P<year>{YEAR})
      | \sof\s (?:the\s)? (?P<which>this|last|next|current)\s year
      | \sof\sthe\s year
    )?
"""

CALENDAR_FORMS: tuple[Form, ...] = (
    form(
        r"(?<![\d-])(?P<date>(?P<y>(?:1[5-9]|2[01])\d\d)(?P<by>[-/])(?P<m>\d\d)(?P=by)(?P<d>\d\d))(?![\d-])"
        r"(?:T[\d:.Z+-]{1,30})?",
        _iso,
        "0000",
    ),
    form(
        r"(?<![\d/.-])(?P<a>\d\d?)([/-])(?P<b>\d\d?)\2(?P<y>\d{4}|(?<=/)\d\d)(?![\d/-]|\.\d)",
        _numeric,
        "0|00",
    ),
    form(r"(?<![\d/.-])(?P<a>\d\d)\.(?P<b>\d\d)\.(?P<y>(?:19|20)\d\d)(?!\d|\.\d)", _dotted, "00"),
    form(
        rf"{_ON_WEEKDAY}(?P<month>{MONTH})\s(?:the\s)?(?P<day>{_DAY})(?:,?\s(?P<year>{YEAR}))?",
        _month_day,
        f"{_DAYS_OF_WEEK}|{MONTHS}",
    ),
    form(
        rf"{_ON_WEEKDAY}(?:the\s)?(?P<day>{_DAY})\s(?:of\s)?(?P<month>{MONTH})"
        rf"(?:,?\s(?P<year>{YEAR}))?",
        _month_day,
        f"{_DAYS_OF_WEEK}|the|0|00",
    ),
    form(
        rf"(?P<month>{MONTH})\s(?P<day>{_DAY}){_TO}(?:(?P<last_month>{MONTH})\s)?(?P<last>{_DAY})"
        rf"(?:,?\s(?P<year>{YEAR}))?",
        _days,
        MONTHS,
    ),
    form(
        rf"(?P<day>{_DAY}){_TO}(?P<last>{_DAY})\s(?P<month>{MONTH})(?:,?\s(?P<year>{YEAR}))?",
        _days,
        "0|00",
    ),
    form(
        rf"{_PART}(?P<month>{MONTH})(?:,?\s(?:of\s)?(?P<year>{YEAR}|['’]\d\d))",
        _month_year,
        f"{_PARTS}|{MONTHS}",
    ),
    form(
        rf"(?:(?P<modifier>last|next|this)\s)?{_PART}(?P<month>{MONTH})(?!\.?\s{_DAY})",
        _month,
        f"last|next|this|{_PARTS}|{MONTHS}",
    ),
    form(
        r"(?-i:(?P<month>March|June|September|December))[\s-]quarter"
        rf"(?:\s(?:of\s)?(?P<year>{YEAR}))?",
        _month_quarter,
        "march|june|september|december",
    ),
    form(
        r"(?P<fiscal>fiscal\s|FY\s?\d{2}(?:\d\d)?\s)?"
        r"(?P<quarter>(?<!Audi\s)Q(?P<number>[1-4])|(?P<other_number>[1-4])Q)(?!-[^\W\d])"
        r"(?:(?:\s|-|\sof\s)?(?P<fiscal_year>fiscal\s(?:year\s)?|FY\s?['’]?)?"
        rf"(?P<year>{YEAR}|['’]\d\d|(?<=Q)\d\d|(?<=FY)\d\d))?",
        _part_of_year,
        "fiscal|fy|q|0",
    ),
    form(rf"(?P<year>{YEAR})\sQ(?P<quarter>(?P<number>[1-4]))", _part_of_year, "0000"),
    form(
        r"(?:H(?P<number>[12])|(?P<other_number>[12])H)"
        rf"(?:(?:\s|\sof\s)?(?P<year>{YEAR}|['’]\d\d|(?<=H)\d\d))",
        _part_of_year,
        "h|0",
    ),
    form(
        r"(?:(?<=in\s)|(?<=for\s)|(?<=of\s)|(?<=during\s)|(?<=the\s))"
        r"(?:H(?P<number>[12])|(?P<other_number>[12])H)(?!-\w)",
        _part_of_year,
        "h|0",
    ),
    form(
        r"(?P<fiscal>fiscal[\s-])?(?P<number>first|second|third|fourth|1st|2nd|3rd|4th)[\s-]"
        r"(?P<fiscal_part>(?:fiscal|financial)[\s-])?(?:(?P<quarter>quarter)|half)"
        r"(?!-?final|-?back|-?mile|-?point|-time)"
        rf"{_OF_YEAR}(?!\sof\s(?:a|an|the|{MONTH})\b)",
        _part_of_year,
        "fiscal|first|second|third|fourth|0",
    ),
    form(
        r"(?:fiscal(?:\syear)?|FY)[\s-]?['’]?\d{2}(?:\d\d)?(?:[-/]\d\d(?:\d\d)?)?(?!\d|[.,]\d|%)",
        _fiscal_year,
        "fiscal|fy",
    ),
    form(
        r"(?P<year>(?:1[5-9]|20)\d\d)(?P<joint>[-–—/]|\s[-–—]\s|\s(?:to|through|and)\s)"
        rf"(?P<last>{YEAR}|(?<=[-–—/])\d\d(?![\w%-]|[.,]\d))",
        _years,
        "0000",
    ),
    form(rf"(?<![\d.,€£¥/–—-]){_PART}(?P<year>{YEAR})", _year, f"{_PARTS}|0000"),
    form(
        rf"{_PART}(?:(?P<decade>(?:1[5-9]|20)\d0)['’]?s|['’](?P<short>[1-9]0)s)",
        _decade,
        f"{_PARTS}|0000",
    ),
    form(r"(?P<decade>)['’](?P<short>[1-9]0)s", _decade, "00", ahead=1),
    form(r"(?P<number>1\d|2[01])(?:st|th)[\s-]century(?!\s(?-i:[A-Z]))", _century, "00"),
)

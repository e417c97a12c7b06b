"""Dates that are told from the day of publication: weekdays, yesterday, last week, a year ago."""

from __future__ import annotations

import re
from datetime import date, timedelta

from pipeline.enrich.dates import values
from pipeline.enrich.dates.forms import (
    WEEKDAY,
    WEEKDAYS,
    Form,
    Setting,
    Value,
    form,
    weekday_number,
)
from pipeline.enrich.dates.values import Period

_NUMBERS = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty"
)
_COUNTS = {word: number for number, word in enumerate(_NUMBERS.split(), 1)}
_COUNTS |= {"a": 1, "an": 1, "a couple of": 2}
_WORDS = "|".join(sorted(_COUNTS, key=len, reverse=True)).replace(" ", r"\s")
_COUNT = rf"(?P<count>{_WORDS}|\d{{1,3}})"
_COUNT_WORDS = "|".join([*_NUMBERS.split(), "a", "an", "0", "00", "000"])
_UNIT = r"(?P<unit>day|week|fortnight|month|quarter|year|decade)"

# "Black Friday", "Super Tuesday", "Sunday Times" are names.
_NAME_BEFORE = re.compile(
    r"\b(?:Ash|Black|Bloody|Cyber|Easter|Fat|Freaky|Giving|Good|Green|Holy|Palm|Ruby|Sheffield|Super"
    r"|Taco|Whit)\s\Z"
)
_NAME_AFTER = re.compile(
    r"\s(?:Times|Telegraph|Mail|Mirror|Express|Post|Herald|World|Night\s(?:Live|Football|Lights))\b"
)

# "It will pay 27% above Friday's close": only what is over has one.
_OVER = re.compile(
    r"['’]s\s(?:clos(?:e|ing)|price|level|loss(?:es)?|gains?|decline|drop|fall|rally|rout|session"
    r"|sell-?off|settlement|record)\b"
)


def _weekday(match: re.Match[str], setting: Setting) -> Value:
    start, end = match.span("weekday")
    if _NAME_BEFORE.search(setting.text, max(0, start - 12), start) or _NAME_AFTER.match(
        setting.text, end
    ):
        return False
    modifier = " ".join((match["modifier"] or "").lower().split())
    if setting.published is None or modifier == "following":
        return None
    number, published = weekday_number(match["weekday"]), setting.published
    back = timedelta(days=(published.weekday() - number) % 7)
    on = timedelta(days=(number - published.weekday()) % 7)
    if modifier in ("last", "past", "this past", "previous"):
        return (published - (back or timedelta(days=7))).isoformat()
    if modifier in ("next", "coming", "this coming"):
        return (published + (on or timedelta(days=7))).isoformat()
    tense = setting.tense(match.start()) or ("future" if modifier == "this" else "past")
    is_ahead = tense == "future" and not _OVER.match(setting.text, end)
    return (published + on if is_ahead else published - back).isoformat()


_NEAR_DAYS = {
    "today": 0, "tonight": 0, "this morning": 0, "this afternoon": 0, "this evening": 0,
    "yesterday": -1, "last night": -1, "the day before yesterday": -2,
    "tomorrow": 1, "the day after tomorrow": 2,
}  # fmt: skip


def _near_day(match: re.Match[str], setting: Setting) -> Value:
    if setting.text.startswith("USA ", match.start() - 4):
        return False
    if setting.published is None:
        return None
    offset = _NEAR_DAYS[" ".join(match[0].lower().split())]
    return (setting.published + timedelta(days=offset)).isoformat()


def _near_period(match: re.Match[str], setting: Setting) -> Value:
    """Last week, this month, next year, the current quarter."""
    if setting.published is None:
        return None
    which, unit = match["which"].lower(), match["unit"].lower()
    offset = {"last": -1, "previous": -1, "prior": -1, "next": 1, "coming": 1}.get(which, 0)
    after_the = setting.text[max(0, match.start() - 4) : match.start()].lower() == "the "
    if which in ("last", "next", "coming") and after_the:
        return _rolling(setting.published, offset, unit)
    if unit == "week":
        return values.week(values.add(setting.published, offset, unit))
    # From the first of a month, so that a month back from 31 March is February.
    first = values.month_of(setting.published.year, setting.published.month).start
    return values.at_scale(values.add(first, offset, unit), unit)


def _weekend(match: re.Match[str], setting: Setting) -> Value:
    if setting.published is None:
        return None
    which = (match["which"] or "").lower()
    this = values.weekend_of(setting.published)
    back, on = (values.weekend_of(setting.published + timedelta(days=d)) for d in (-7, 7))
    if which == "last":
        return values.interval(back)
    if which in ("next", "coming"):
        return values.interval(this if which == "coming" else on)
    is_past = setting.tense(match.start()) != "future"
    ahead = which == "this" and setting.published.weekday() > 0
    begun = this.start <= setting.published
    return values.interval(back if is_past and not ahead and not begun else this)


def _ago(match: re.Match[str], setting: Setting) -> Value:
    """Two days ago, a year earlier, three weeks later, two weeks from now."""
    count, unit = _count(match), match["unit"].lower()
    direction = " ".join(match["direction"].lower().split())
    if direction in ("ago", "from now", "hence"):
        start = setting.published
    elif unit in ("day", "week", "fortnight") or direction == "later":
        # Told from a day that the sentence names, else from publication; "later" needs the former.
        start = setting.anchor or (None if direction == "later" else setting.published)
    else:
        start = setting.published
    if start is None:
        return None
    ahead = direction in ("later", "from now", "hence")
    return values.at_scale(values.add(start, count if ahead else -count, unit), unit)


def _in_time(match: re.Match[str], setting: Setting) -> Value:
    if setting.published is None:
        return None
    unit = match["unit"].lower()
    return values.at_scale(values.add(setting.published, _count(match), unit), unit)


def _span(match: re.Match[str], setting: Setting) -> Value:
    """The past three months, the next two years: from or to the day of publication."""
    if setting.published is None:
        return None
    is_past = match["which"].lower() in ("past", "last", "previous", "preceding")
    count = _count(match) if match["count"] else 1
    return _rolling(setting.published, -count if is_past else count, match["unit"].lower())


def _rolling(published: date, count: int, unit: str) -> str:
    other = values.add(published, count, unit)
    return values.interval(Period(min(published, other), max(published, other)))


def _count(match: re.Match[str]) -> int:
    written = " ".join(match["count"].lower().split())
    return _COUNTS.get(written) or int(written)


_SPANS = "past|last|previous|preceding|next|coming|following"

RELATIVE_FORMS: tuple[Form, ...] = (
    form(
        r"(?:(?P<modifier>last|next|(?:this\s)?(?:past|coming)|this|previous|following)\s)?"
        rf"(?P<weekday>{WEEKDAY})",
        _weekday,
        f"last|next|this|past|coming|previous|following|{WEEKDAYS}",
    ),
    form(
        r"(?P<modifier>)(?<=\bon\s)(?-i:(?P<weekday>Mon|Tues?|Wed|Thu(?:rs?)?|Fri))\.?",
        _weekday,
        "mon|tue|tues|wed|thu|thur|thurs|fri",
    ),
    form(
        "|".join(_NEAR_DAYS).replace(" ", r"\s"),
        _near_day,
        "today|tonight|yesterday|tomorrow|last|this|the",
    ),
    form(
        r"(?P<which>last|this|next|previous|prior|current|coming)\s"
        r"(?P<unit>week|month|quarter|year|decade)(?!-|\sof\b|\s(?:ago|earlier)\b)",
        _near_period,
        "last|this|next|previous|prior|current|coming",
    ),
    form(
        r"(?:(?P<which>last|this|next|coming)|(?:over|during|at)\sthe)\sweekend",
        _weekend,
        "last|this|next|coming|over|during|at",
    ),
    form(
        rf"{_COUNT}\s{_UNIT}s?\s(?P<direction>ago|earlier|previously|prior(?!\sto)|later|from\snow"
        r"|hence|before(?=\s?(?:[.,;:)]|\Z)))",
        _ago,
        _COUNT_WORDS,
    ),
    form(rf"in\s{_COUNT}\s{_UNIT}(?:s['’]|['’]s)\stime", _in_time, "in"),
    form(rf"(?P<which>{_SPANS})\s{_COUNT}\s{_UNIT}s", _span, _SPANS),
    form(rf"(?P<which>past)(?P<count>)\s{_UNIT}(?!\s(?:ago|earlier)\b)", _span, "past"),
)

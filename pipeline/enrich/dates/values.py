"""Calendar arithmetic: days, weeks, months and longer periods as ISO 8601."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Literal, NamedTuple

Tense = Literal["past", "future"]


class Period(NamedTuple):
    """The days from `start` to `end`, both included."""

    start: date
    end: date

    def distance(self, day: date) -> int:
        """Days from `day` to the nearest day of the period; 0 within it."""
        return max((self.start - day).days, (day - self.end).days, 0)


def interval(period: Period) -> str:
    """ISO 8601 of any period: its first and last day."""
    return f"{period.start.isoformat()}/{period.end.isoformat()}"


def week(day: date) -> str:
    """The ISO week that `day` is in: 2025-W28."""
    year, number, _ = day.isocalendar()
    return f"{year:04}-W{number:02}"


def month(day: date) -> str:
    """The month that `day` is in: 2025-07."""
    return f"{day.year:04}-{day.month:02}"


def year(number: int) -> str:
    """The year: 2025.

    Raises:
        ValueError: it is not in 1…9999.
    """
    return f"{date(number, 1, 1).year:04}"


def month_of(number: int, month_number: int) -> Period:
    """A month of a year; `month_number` may be beyond 1…12 and counts on from that year."""
    number, month_number = number + (month_number - 1) // 12, (month_number - 1) % 12 + 1
    days = monthrange(number, month_number)[1]
    return Period(date(number, month_number, 1), date(number, month_number, days))


def part_of_year(number: int, part: int, parts: Literal[2, 4]) -> Period:
    """The first, second … half or quarter of a year; `part` may be beyond it and counts on."""
    months = 12 // parts
    return Period(
        month_of(number, (part - 1) * months + 1).start, month_of(number, part * months).end
    )


def years_of(first: int, last: int) -> Period:
    """From the beginning of one year to the end of another."""
    return Period(date(first, 1, 1), date(last, 12, 31))


def weekend_of(day: date) -> Period:
    """The weekend that ends the ISO week of `day`."""
    saturday = day + timedelta(days=5 - day.weekday())
    return Period(saturday, saturday + timedelta(days=1))


def add_months(day: date, count: int) -> date:
    """The same day of another month, or its last one if it is shorter."""
    target = month_of(day.year, day.month + count)
    return target.start.replace(day=min(day.day, target.end.day))


def add(day: date, count: int, unit: str) -> date:
    """`day` moved by `count` days, weeks, fortnights, months, quarters, years or decades."""
    if unit in _DAYS:
        return day + timedelta(days=count * _DAYS[unit])
    return add_months(day, count * _MONTHS[unit])


def at_scale(day: date, unit: str) -> str:
    """`day`, as precisely as a count of `unit`s tells it: "three weeks ago" is a week."""
    if unit == "day":
        return day.isoformat()
    if unit in _DAYS:
        return week(day)
    if unit == "month":
        return month(day)
    if unit == "quarter":
        return interval(part_of_year(day.year, (day.month + 2) // 3, 4))
    return year(day.year) if unit == "year" else interval(decade_of(day.year))


def decade_of(number: int) -> Period:
    """The decade that a year is in."""
    first = number // 10 * 10
    return years_of(max(first, 1), first + 9)


def nearest(candidates: Iterable[Period], day: date, tense: Tense | None) -> Period | None:
    """The candidate that is nearest to `day`, the earlier one of two.

    The tense decides between two that are far: in the past are those that have begun, in the
    future those that have not ended. What is said of a period just after its end ("expects
    second-quarter profit to rise") is not yet the past.
    """
    order = sorted(sorted(candidates), key=lambda period: period.distance(day))
    fitting = [
        period
        for period in order
        if tense is None or (period.start <= day if tense == "past" else period.end + _GRACE >= day)
    ]
    if fitting and fitting[0].distance(day) <= _FAR * order[0].distance(day):
        return fitting[0]
    return order[0] if order else None


_GRACE = timedelta(days=45)
# "It agreed in May to …" in July: next May, ten months ahead, is not meant, whatever the cue says.
_FAR = 4
_DAYS = {"day": 1, "week": 7, "fortnight": 14}
_MONTHS = {"month": 1, "quarter": 3, "year": 12, "decade": 120}

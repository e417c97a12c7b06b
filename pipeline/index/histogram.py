"""Articles over time: which interval is shown, and counts by day or hour made into it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

HOUR = 3_600_000
DAY = 24 * HOUR
"""In milliseconds."""

# The finest interval that gives at most this many buckets is shown.
_MAX_BUCKETS = 92
_INTERVALS = (
    ("1d", DAY, 0),
    ("7d", 7 * DAY, 4 * DAY),
    ("30d", 30 * DAY, 0),
    ("365d", 365 * DAY, 0),
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def wants_hours(days: Mapping[int, int]) -> bool:
    """Whether counts by day span so little that hours tell more."""
    return bool(days) and max(days) - min(days) <= 2 * DAY


def merge(days: Mapping[int, int]) -> tuple[str, list[tuple[str, int]]]:
    """Counts by day (milliseconds since 1970 → count) as interval and (ISO 8601 start, count)."""
    span = max(days) - min(days) if days else 0
    name, width, origin = next(
        (interval for interval in _INTERVALS if span // interval[1] < _MAX_BUCKETS), _INTERVALS[-1]
    )
    merged: dict[int, int] = {}
    for start, count in days.items():
        bucket = (start - origin) // width * width + origin
        merged[bucket] = merged.get(bucket, 0) + count
    return name, label(merged, width)


def label(counts: Mapping[int, int], width: int) -> list[tuple[str, int]]:
    """Counts in order of time, each start as ISO 8601, with noughts where there are none between.

    Dates from antiquity to science fiction leave more gaps than can be shown: these stay gaps. A
    start before the year 1 is the year 1.
    """
    if counts and (max(counts) - min(counts)) // width < 2 * _MAX_BUCKETS:
        starts = range(min(counts), max(counts) + 1, width)
        return [(_iso(start), counts.get(start, 0)) for start in starts]
    return [(_iso(start), count) for start, count in sorted(counts.items())]


def _iso(moment: int) -> str:
    try:
        return (_EPOCH + timedelta(milliseconds=moment)).strftime("%Y-%m-%dT%H:%M:%SZ")
    except OverflowError:
        return "0001-01-01T00:00:00Z"

"""What a look at one thing found: whether it is as it should be, and how to mend it."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import msgspec

Level = Literal["ok", "warning", "problem"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One finding of `newsloom doctor`.

    Attributes:
        about: what was looked at.
        level: a warning may become a problem; a problem keeps articles from being found.
        message: what was found.
        remedy: what to do, where something is to be done.
    """

    about: str
    level: Level
    message: str
    remedy: str | None = None


def ok(about: str, message: str) -> Finding:
    """It is as it should be."""
    return Finding(about=about, level="ok", message=message)


def warning(about: str, message: str, remedy: str) -> Finding:
    """It may become a problem."""
    return Finding(about=about, level="warning", message=message, remedy=remedy)


def problem(about: str, message: str, remedy: str) -> Finding:
    """It keeps articles from being found."""
    return Finding(about=about, level="problem", message=message, remedy=remedy)


MAX_SKEW = timedelta(seconds=5)
"""How far clocks may be apart before it is worth a word: they decide which version is newer."""


def clocks(about: str, ahead: timedelta) -> Finding:
    """What to say of a clock that is so much ahead of ours, or behind when it is negative."""
    seconds = ahead.total_seconds()
    if abs(ahead) <= MAX_SKEW:
        return ok(about, "its clock agrees with ours")
    side = "ahead of" if seconds > 0 else "behind"
    return warning(
        about,
        f"its clock is {abs(seconds):,.0f} s {side} ours; of two versions of an article the one"
        " with the later time counts",
        "synchronise the clocks (NTP)",
    )

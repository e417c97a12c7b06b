"""Dates: the one an article begins with, the one in its dateline, and those it mentions."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from datetime import date, datetime
from functools import cache

from pipeline.article import Mention, TextField
from pipeline.enrich.dates.calendar import CALENDAR_FORMS
from pipeline.enrich.dates.forms import (
    MONTH,
    Form,
    Resolver,
    Setting,
    beginning,
    day_of,
    month_number,
)
from pipeline.enrich.dates.relative import RELATIVE_FORMS
from pipeline.enrich.dates.tense import Cue, find_cues, tense_near
from pipeline.enrich.dates.values import Tense
from pipeline.enrich.memo import WordMemo
from pipeline.enrich.names.gazetteer import text_tokens

_FORMS: tuple[Form, ...] = CALENDAR_FORMS + RELATIVE_FORMS

_LEADING = re.compile(
    r"[\s\ufeff]*(?:date:?[ \t]+(?P<named>\d{4}-\d\d-\d\d)(?=\s|\Z)"
    r"|(?P<alone>\d{4}-\d\d-\d\d)[ \t]*(?=[\r\n]|\Z))\s*",
    re.I,
)

_NEAR_BEGINNING = 300
_DAY_IN_FULL = re.compile(
    rf"(?<!\w)(?:(?P<month>{MONTH})\s(?P<day>\d\d?),?\s(?P<year>\d{{4}})"
    rf"|(?P<day_first>\d\d?)\s(?P<month_second>{MONTH}),?\s(?P<year_last>\d{{4}}))(?!\w)",
    re.I,
)
_LONGEST_PLACE = 100
_SMALL_WORDS = frozenset(["al", "and", "da", "de", "del", "di", "do", "du", "la", "of", "the"])
_AGENCY_OR_DASH = re.compile(r"\s?(?:\([^()\n]{2,40}\)|/[^/\n]{2,40}/|[-–—]|:\s)|[ \t]*(?:\n|\Z)")


def leading_date(text: str) -> tuple[date | None, int]:
    """The date that `text` begins with, and the offset at which the text goes on.

    That is "date 2025-07-17" in any case and with or without a colon, or an ISO date that is all
    of the first line. Without one, or if there is no such day, (None, 0).
    """
    match = _LEADING.match(text)
    if match is None:
        return None, 0
    try:
        return date.fromisoformat(match["named"] or match["alone"]), match.end()
    except ValueError:
        return None, 0


def dateline(text: str) -> date | None:
    """The date in the dateline of `text`; only one with its year counts.

    "TOKYO, July 17, 2025 (Reuters) -", "NEW YORK--(BUSINESS WIRE)--July 17, 2025--", "Tokyo (July
    17, 2025)", or a line that ends with a place and a date.
    """
    for match in _DAY_IN_FULL.finditer(text, 0, _NEAR_BEGINNING):
        before = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
        in_brackets = before.endswith("(") and text.startswith(")", match.end())
        if _is_place(before) and (in_brackets or _AGENCY_OR_DASH.match(text, match.end())):
            month = month_number(match["month"] or match["month_second"])
            year = int(match["year"] or match["year_last"])
            return day_of(year, month, match["day"] or match["day_first"])
    return None


def _is_place(text: str) -> bool:
    """Whether it has nothing but names, such as those of a place and an agency."""
    words = re.split(r"[\s,/()–—-]+", text)
    return len(text) <= _LONGEST_PLACE and all(
        not word or word[0].isupper() or word in _SMALL_WORDS for word in words
    )


def find_dates(
    text: str,
    published_at: datetime | None,
    sentences: Sequence[tuple[int, int]],
    field: TextField,
) -> list[Mention]:
    """The dates that `text` mentions, in order, with an ISO 8601 `value` each.

    A value is a day, an ISO week, a month, a year, or an interval of two days that are both in
    it. What is told from the day of publication, such as a weekday, is null without
    `published_at`, and so is what a calendar does not tell, such as a fiscal year.

    Args:
        text: the title or the text of an article.
        published_at: when it was published; its date is the day of publication.
        sentences: the spans of the sentences of `text`.
        field: which of the two `text` is.
    """
    starts = [start for start, _ in sentences]

    def sentence_at(offset: int) -> int:
        return bisect_right(starts, offset) - 1

    @cache
    def cues_of(sentence: int) -> list[Cue]:
        return find_cues(text, *sentences[sentence]) if sentence >= 0 else []

    def tense(offset: int) -> Tense | None:
        return tense_near(cues_of(sentence_at(offset)), offset)

    published = published_at.date() if published_at else None
    setting = Setting(text=text, published=published, anchor=None, tense=tense)
    mentions: list[Mention] = []
    reached = last_sentence = -1
    for start, end, match, resolve in _candidates(text):
        if start < reached:
            continue
        if (sentence := sentence_at(start)) != last_sentence:
            setting.anchor, last_sentence = None, sentence
        try:
            value = resolve(match, setting)
        except (ValueError, OverflowError):  # before the year 1 or after 9999
            value = None
        if value is False:
            continue
        reached = end
        mentions.append(
            Mention(field=field, start=start, end=end, text=text[start:end], value=value)
        )
        if value and _DAY.fullmatch(value):
            setting.anchor = date.fromisoformat(value)
    return mentions


def explain_dates(text: str) -> dict[int, str]:
    """Where `text` may mention a date, and the name of the form in which it is written there."""
    names: dict[int, str] = {}
    for start, _, _, resolve in _candidates(text):
        names.setdefault(start, resolve.__name__.strip("_").replace("_", " "))
    return names


_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def _forms_at(word: str) -> list[int]:
    """Which forms of dates may begin with a word."""
    begin = beginning(word)
    return [number for number, form in enumerate(_FORMS) if begin in form.beginnings]


_FORMS_AT = WordMemo(_forms_at)


def _candidates(text: str) -> list[tuple[int, int, re.Match[str], Resolver]]:
    """All that may be a date: in order, and of those that begin at one place the longest first."""
    found = []
    done = [0] * len(_FORMS)
    for word in text_tokens(text):
        forms = _FORMS_AT[word.key]
        if not forms or text[word.start - 1 : word.start] == "$":  # a sum of money
            continue
        for number in forms:
            pattern, resolver, _, ahead = _FORMS[number]
            place = word.start - ahead
            if place < done[number]:
                continue
            match = pattern.match(text, place)
            if match is not None:
                start, end = match.span("date" if "date" in pattern.groupindex else 0)
                found.append((start, end, match, resolver))
                done[number] = match.end()
    return sorted(found, key=lambda candidate: (candidate[0], -candidate[1]))

"""What templates write of values: dates, numbers, levels, links."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from pipeline.article import EnrichedArticle
from pipeline.errors import ConfigurationError
from pipeline.index.query import parse_day

SIGNS = {
    "extremely_bullish": "▲▲",
    "bullish": "▲",
    "positive": "▲",
    "neutral": "•",
    "negative": "▼",
    "bearish": "▼",
    "extremely_bearish": "▼▼",
}
"""A sign for each level of sentiment, best first, so that none is told by its colour alone."""

TONES = {"bullish": "positive", "bearish": "negative"}

FACET_TITLES = {
    "sentiment": "Measured sentiment",
    "stated_sentiment": "Stated sentiment",
    "ticker": "Tickers",
    "topic": "Topics",
    "person": "People",
    "organization": "Organizations",
    "place": "Places",
    "source": "Sources",
    "language": "Languages",
}
"""Each facet's heading, in the order that they are shown in."""

KINDS = {
    "person": "People",
    "organization": "Organizations",
    "place": "Places",
    "group": "Groups",
    "product": "Products",
    "event": "Events",
    "money": "Money",
    "percent": "Percents",
    "date": "Dates",
}
"""The types of entities, as headings, in the order that they are shown in."""

_WEB_LINK = re.compile(r"https?://[^\s\x00-\x20\x7f]+", re.IGNORECASE)


class Link(NamedTuple):
    """Where an article was published: an address to go to, and the host to show."""

    url: str
    host: str


def web_link(url: str | None) -> Link | None:
    """An address that may be made a link: http or https with a host, and nothing else."""
    if not url or not _WEB_LINK.fullmatch(url):
        return None
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return None
    return Link(url, host) if host else None


def day(moment: datetime) -> str:
    """17 Jul 2025."""
    return f"{moment.day} {moment:%b} {moment.year}"


def moment(moment: datetime | None) -> str:
    """17 Jul 2025, 14:30; without a time of day where it is midnight."""
    if moment is None:
        return "undated"
    at_midnight = (moment.hour, moment.minute, moment.second) == (0, 0, 0)
    return day(moment) if at_midnight else f"{day(moment)}, {moment:%H:%M}"


def span(start: datetime, end: datetime) -> str:
    """The days from `start` up to, but not with, `end`; with hours where it is no whole days."""
    whole = start.time() == end.time() == datetime.min.time()
    last = end - timedelta(days=1) if whole else end
    if whole and last.date() <= start.date():
        return day(start)
    if not whole and end - start <= timedelta(hours=1):
        return f"{day(start)}, {start:%H:%M}"
    return f"{moment(start)} – {moment(last)}"


def parse_or_none(text: str, *, last: bool = False) -> datetime | None:
    """A day or moment of a user, null where it is none; with `last` the moment after it."""
    try:
        return parse_day(text, last=last)
    except ConfigurationError:
        return None


def from_iso(text: str) -> datetime:
    """A bucket's start."""
    return datetime.fromisoformat(text).astimezone(UTC)


def score(value: float) -> str:
    """+0.42, −0.10, 0.00: two digits, a true minus sign."""
    text = f"{value:+.2f}"
    return "0.00" if text in ("+0.00", "-0.00") else text.replace("-", "−")


def level(value: str) -> str:
    """A level, topic or language as words."""
    return value.replace("_", " ")


def tone(value: str) -> str:
    """The class of a level of sentiment: positive, neutral, negative."""
    return TONES.get(value.removeprefix("extremely_"), value)


def sign(value: str) -> str:
    """The sign of a level of sentiment."""
    return SIGNS[value]


def counted(number: int, one: str, many: str = "") -> str:
    """1 article, 2,000 articles."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def opening(article: EnrichedArticle, most: int = 280) -> str:
    """What a result shows of an article where no words were searched for."""
    text = article.summary or article.text
    if text and not article.title:
        text = article.text
    return shortened(text, most)


def headline(article: EnrichedArticle, most: int = 110) -> str:
    """The title, or the beginning of the text of an article that has none."""
    return shortened(article.title or article.text, most) or article.id


def shortened(text: str, most: int) -> str:
    """The beginning of a text on one line, cut between words."""
    line = " ".join(text[: most * 2].split())
    return line if len(line) <= most else line[: most - 1].rsplit(" ", 1)[0] + "…"


def article_url(article_id: str) -> str:
    """Where an article is shown."""
    return "/articles/" + quote(article_id, safe="")


def ticker_url(symbol: str) -> str:
    """Where a ticker is shown."""
    return "/tickers/" + quote(symbol, safe="")

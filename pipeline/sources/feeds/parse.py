"""The bytes of an RSS or Atom feed become its items. Nothing is fetched here."""

from __future__ import annotations

import html
import io
import re
from calendar import timegm
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urljoin

from pipeline.article import parse_time
from pipeline.errors import Rejected
from pipeline.sources.html import is_web_address

MOST_ITEMS = 10_000
"""So many items of a feed are read; feeds of news have some tens."""

_MARKUP = re.compile(r"<[a-z/!]", re.I)
_PAGE = re.compile(rb"^\s*(?:<!doctype\s+html|<html|<head|<body)\b", re.I)
_LINK = re.compile(rb"<link\b[^<>]*>", re.I)
_FEED_TYPE = re.compile(rb"type\s*=\s*[\"']?application/(?:rss|atom)\+xml", re.I)
_HREF = re.compile(rb"href\s*=\s*(?:\"([^\"<>]+)\"|'([^'<>]+)'|([^\s\"'<>]+))", re.I)


class Item(NamedTuple):
    """One item; `body` is HTML if `is_html`; `published_at` is text that `parse_time` takes."""

    body: str
    is_html: bool
    link: str | None
    guid: str | None
    title: str | None
    published_at: str | None
    author: str | None
    categories: list[str]


class Feed(NamedTuple):
    """What is in a feed; `ttl`: for how many seconds it asks not to be fetched again."""

    items: list[Item]
    ttl: float | None


def parse_feed(url: str, content_type: str, data: bytes) -> Feed:
    """The items of a feed, in its order; of a broken one those that can be read.

    Args:
        url: where it was fetched from: what relative links in it are relative to.
        content_type: the header that came with it; empty: none.
        data: the feed.

    Raises:
        Rejected: it is no feed; the message says what it is.
    """
    import feedparser

    # It is not told the address, against which it would resolve what is no link, like a guid.
    headers = {"content-type": content_type} if content_type else {}
    # A stream, since feedparser would fetch what looks like an address, and open what does like a
    # file's name. Links within a text do not outlive it, so they need not be made absolute.
    parsed = feedparser.parse(
        io.BytesIO(data), response_headers=headers, resolve_relative_uris=False, sanitize_html=False
    )
    if not parsed.get("version"):
        raise Rejected("not_a_feed", f"no feed: {_described(url, content_type, data)}")
    ttl = None
    with suppress(ValueError):
        ttl = float(parsed.feed.get("ttl") or "") * 60
    return Feed([_item(entry, url) for entry in parsed.entries[:MOST_ITEMS]], ttl)


def _item(entry: Any, url: str) -> Item:
    body, is_html = _body(entry)
    title = entry.get("title")
    if not body.strip() and title:
        # An item that is only a headline says what it says in that.
        body, is_html, title = title, bool(_MARKUP.search(title)), None
    link, guid = entry.get("link"), entry.get("id")
    if link == guid and not is_web_address(guid or ""):
        link = None  # a guid is taken for a link unless it says that it is none
    return Item(
        body=body,
        is_html=is_html,
        link=_absolute(url, link),
        guid=guid or None,
        title=title or None,
        published_at=_published_at(entry),
        author=entry.get("author") or None,
        categories=[term for tag in entry.get("tags", []) if (term := tag.get("term"))],
    )


def _body(entry: Any) -> tuple[str, bool]:
    """The longest of what an item has as its text, and whether that is HTML."""
    texts = [content for content in entry.get("content", []) if content.get("value")]
    if not texts and "summary_detail" in entry:
        texts = [entry["summary_detail"]]
    if not texts:
        return "", False
    text = max(texts, key=lambda content: len(content["value"]))
    value, kind = text["value"], text.get("type") or "text/html"
    if "html" not in kind:
        return value, False
    # RSS does not say whether it holds text or HTML: what has no tags may only have entities.
    return (value, True) if _MARKUP.search(value) else (html.unescape(value), False)


def _published_at(entry: Any) -> str | None:
    """When an item was published, else updated; None when that can't be understood."""
    for name in ("published", "updated"):
        if name not in entry:
            continue
        with suppress(Rejected):
            if parse_time(entry[name]) is not None:
                return str(entry[name])
        if parts := entry.get(f"{name}_parsed"):
            with suppress(ValueError, OverflowError, OSError):
                return datetime.fromtimestamp(timegm(parts), UTC).isoformat()
    return None


def _absolute(url: str, link: str | None) -> str | None:
    if not link:
        return None
    with suppress(ValueError):
        absolute = urljoin(url, link.strip())
        if is_web_address(absolute):
            return absolute
    return None


def _described(url: str, content_type: str, data: bytes) -> str:
    """What came in place of a feed."""
    kind = content_type.partition(";")[0].strip().lower()
    said = f" ({kind})" if kind else ""
    start = data.lstrip()[:1]
    if not start:
        return f"nothing came{said}"
    if _PAGE.match(data) or kind == "text/html":
        offered = _offered(url, data)
        return f"a web page came{said}" + (f"; it names {offered} as its feed" if offered else "")
    if start in b"{[":
        return f"JSON came{said}"
    return f"other XML came{said}" if start == b"<" else f"something else came{said}"


def _offered(url: str, data: bytes) -> str | None:
    """The address of a page's feed (RSS Advisory Board, "RSS Autodiscovery")."""
    for link in _LINK.findall(data[: 1 << 18]):
        if _FEED_TYPE.search(link) and (href := _HREF.search(link)):
            given = (href[1] or href[2] or href[3]).decode(errors="replace")
            return _absolute(url, html.unescape(given))
    return None

"""A result as a file: all its articles, page by page, as CSV for tables or JSON for programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import chain, islice

import msgspec

from pipeline.index import Index
from pipeline.index.document import Document
from pipeline.index.query import Query

PAGE = 500
"""How many articles are asked for at once."""

PART = 50
"""How many articles are sent at once."""

COLUMNS = (
    "id", "published_at", "source", "title", "url", "language", "sentiment", "sentiment_score",
    "tickers", "ticker_stated_sentiments", "ticker_stated_volumes", "topics", "people",
    "organizations", "places", "summary", "duplicate_of",
)  # fmt: skip

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def articles(index: Index, query: Query) -> Iterator[Document]:
    """All that a query finds, as deep as results go, from its first page on.

    The first page is asked for before this returns, so that an error is an answer of its own.
    """
    first = index.page(msgspec.structs.replace(query, size=PAGE, after=None))
    return chain(first.articles, _following(index, query, first.next))


def _following(index: Index, query: Query, after: str | None) -> Iterator[Document]:
    while after is not None:
        page = index.page(msgspec.structs.replace(query, size=PAGE, after=after))
        yield from page.articles
        after = page.next


def as_csv(found: Iterator[Document]) -> Iterator[bytes]:
    """UTF-8 with a byte-order mark, without which spreadsheets take it for something else."""
    yield "\ufeff".encode() + _line(COLUMNS)
    while some := list(islice(found, PART)):
        yield b"".join(_line(_cells(article)) for article in some)


def as_json(found: Iterator[Document]) -> Iterator[bytes]:
    """One array of articles as the commands print them, one a line."""
    encoder = msgspec.json.Encoder()
    separator = b"[\n"
    while some := list(islice(found, PART)):
        yield separator + b",\n".join(encoder.encode(article) for article in some)
        separator = b",\n"
    yield b"\n]\n" if separator == b",\n" else b"[]\n"


def guarded(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: such a one gets an apostrophe before it."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _cells(article: Document) -> list[str]:
    measured = article.sentiment
    words = (
        article.id,
        article.published_at.isoformat() if article.published_at else "",
        article.source,
        article.title or "",
        article.url or "",
        article.language or "",
        measured.label if measured else "",
    )
    lists = (
        article.symbols,
        article.ticker_sentiments,
        article.ticker_message_volumes,
        article.topics,
        article.people,
        article.organizations,
        article.places,
    )
    return [
        *map(guarded, words),
        f"{measured.score:.4f}" if measured else "",  # a number: its sign begins no formula
        *(guarded("; ".join(names)) for names in lists),
        guarded(article.summary),
        guarded(article.duplicate_of or ""),
    ]


def _line(cells: tuple[str, ...] | list[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue().encode(errors="replace")

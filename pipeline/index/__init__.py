"""Documents that people search: one protocol and one query model, whichever index holds them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

import msgspec

from pipeline.article import EnrichedArticle
from pipeline.config import Settings, path_of
from pipeline.errors import ConfigurationError
from pipeline.index.document import Document
from pipeline.index.highlight import Highlight
from pipeline.index.query import Query
from pipeline.trends import Trend, Window


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """An article that was found; `score` is null when the order is by date.

    `duplicates` is how many near-duplicates of it were found and left out, null where none are.
    """

    id: str
    score: float | None
    duplicates: int | None
    highlights: list[Highlight]
    article: Document


class FacetValue(msgspec.Struct, frozen=True):
    """A value and how many articles have it."""

    value: str
    count: int


class Bucket(msgspec.Struct, frozen=True):
    """How many articles were published from `start` (ISO 8601, UTC) on, for one interval."""

    start: str
    count: int


class Histogram(msgspec.Struct, frozen=True):
    """Articles over time; `interval` is fixed: 1h, 1d, 7d (from Mondays), 30d or 365d."""

    interval: str
    buckets: list[Bucket]


class SearchResult(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a query; `next` asks for the following page, null on the last one.

    `total` counts what hits are of: articles, or groups of near-duplicates where one of each is
    shown. Then it is an estimate where it is over MAX_RESULTS. Facets and histogram always count
    articles.
    """

    total: int
    took_ms: float
    hits: list[Hit]
    facets: dict[str, list[FacetValue]]
    histogram: Histogram
    next: str | None


class Page(NamedTuple):
    """Articles that a query finds, and the `after` of the query for those behind them.

    `next` is None behind the last page, which may be an empty one.
    """

    articles: list[Document]
    next: str | None


class Refusal(NamedTuple):
    """A document that the index will never take.

    `position` is its place among those that were handed in; `reason` is a word for programs.
    """

    position: int
    reason: str
    message: str


class Aged(msgspec.Struct, frozen=True):
    """An article that is older than was asked for: what it takes to withdraw it."""

    id: str
    source: str
    ingested_at: datetime


class Index(Protocol):
    """A view of the enriched topic that can be searched; sees what a writer has committed."""

    def search(self, query: Query) -> SearchResult:
        """The articles that a query finds; withdrawn ones never.

        Raises:
            ConfigurationError: the query can't be understood or goes too deep.
            IndexDamaged: the index can't be read.
        """
        ...

    def page(self, query: Query) -> Page:
        """The articles of `search`, in its order, without what it counts and highlights.

        Raises:
            ConfigurationError: the query can't be understood or goes too deep.
            IndexDamaged: the index can't be read.
        """
        ...

    def get(self, article_id: str) -> Document | None:
        """One article, unless it is unknown or withdrawn."""
        ...

    def near_duplicates(self, article: Document, size: int = 20) -> list[Document]:
        """The other articles of its group of near-duplicates, the earliest first."""
        ...

    def suggest(self, prefix: str, size: int = 10) -> list[FacetValue]:
        """Tickers and names that begin with `prefix`, in whatever case, most frequent first."""
        ...

    def trends(self, window: Window, symbols: Sequence[str], size: int = 10) -> list[Trend]:
        """What the articles of a window say of tickers.

        Args:
            window: the time that articles were published in.
            symbols: the tickers; empty: the `size` most frequent ones of the window.
            size: how many, where none is named.

        Returns:
            One for each ticker, also for one that no article names, in the order of `symbols`.
        """
        ...

    def older_than(self, moment: datetime) -> Iterator[Aged]:
        """Articles that were published before a moment, or came in before it if they have no date.

        What changes meanwhile may be among them or not.
        """
        ...

    def count(self) -> int:
        """How many articles there are, withdrawn ones not counted."""
        ...


class IndexWriter(Protocol):
    """The one process that changes an index."""

    def add(self, articles: Sequence[EnrichedArticle]) -> Sequence[Refusal]:
        """Writes documents; one whose revision is older than what the index has changes nothing.

        `duplicate_of` is set on these, and put right on all others that they are near to.

        Returns:
            Those that the index will never take; all others are taken.
        """
        ...

    def commit(self) -> None:
        """Makes what was added durable, and visible to all readers at once or within a second."""
        ...

    def close(self) -> None:
        """Lets another process write; what was not committed is given up."""
        ...


def open_index(settings: Settings) -> Index:
    """The index that the settings name, for reading.

    Raises:
        ConfigurationError: there is none, or of another kind.
        IndexDamaged: it can't be read.
    """
    if settings.index_url.startswith(("http://", "https://")):
        from pipeline.index.elasticsearch import ElasticsearchIndex
        from pipeline.index.elasticsearch.client import connect

        return ElasticsearchIndex(connect(settings))
    if not settings.index_url.startswith("tantivy:"):
        raise ConfigurationError("NEWSLOOM_INDEX: expected tantivy:///PATH or https://HOST:9200")
    from pipeline.index.tantivy import TantivyIndex

    return TantivyIndex(path_of(settings.index_url, "tantivy"))

"""One index for many threads, of which only so many are answered at a time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from pipeline.errors import ConfigurationError, IndexUnavailable
from pipeline.index import Aged, FacetValue, Index, Page, SearchResult
from pipeline.index.document import Document
from pipeline.index.query import Query, page_start, parse_text, selected
from pipeline.trends import Trend, Window

AT_A_TIME = 8
"""Questions that the index is asked at a time."""

WAITING = 16
"""Questions that wait for their turn; further ones are refused at once."""

PATIENCE_SECONDS = 5.0
"""How long they wait."""


class NoIndex(IndexUnavailable):
    """There is no index yet, or not where the settings say."""


class SharedIndex:
    """Implements `pipeline.index.Index` for many threads. Opens the index when it is first asked.

    Each question has a reader of its own: one reader follows an index that changes, which is not to
    happen in the middle of another thread's question.

    Args:
        open_index: opens a reader.
        at_a_time: how many there are.
        waiting: how many questions may wait for one.
        patience: for how many seconds.
    """

    def __init__(
        self,
        open_index: Callable[[], Index],
        *,
        at_a_time: int = AT_A_TIME,
        waiting: int = WAITING,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._open = open_index
        self._patience = patience
        self._admitted = threading.Semaphore(at_a_time + waiting)
        # The last one that was given back is the next one that is lent: its memory is warm.
        self._idle: queue.LifoQueue[Index | None] = queue.LifoQueue()
        for _ in range(at_a_time):
            self._idle.put(None)

    def search(self, query: Query) -> SearchResult:
        """See `Index.search`."""
        _check(query)
        with self._reader() as index:
            return index.search(query)

    def page(self, query: Query) -> Page:
        """See `Index.page`."""
        _check(query)
        with self._reader() as index:
            return index.page(query)

    def get(self, article_id: str) -> Document | None:
        """See `Index.get`."""
        with self._reader() as index:
            return index.get(article_id)

    def near_duplicates(self, article: Document, size: int = 20) -> list[Document]:
        """See `Index.near_duplicates`."""
        with self._reader() as index:
            return index.near_duplicates(article, size)

    def suggest(self, prefix: str, size: int = 10) -> list[FacetValue]:
        """See `Index.suggest`."""
        with self._reader() as index:
            return index.suggest(prefix, size)

    def trends(self, window: Window, symbols: Sequence[str], size: int = 10) -> list[Trend]:
        """See `Index.trends`."""
        with self._reader() as index:
            return index.trends(window, symbols, size)

    def older_than(self, moment: datetime) -> Iterator[Aged]:
        """See `Index.older_than`; a reader is lent until all were given."""
        with self._reader() as index:
            yield from index.older_than(moment)

    def count(self) -> int:
        """See `Index.count`."""
        with self._reader() as index:
            return index.count()

    @contextmanager
    def _reader(self) -> Iterator[Index]:
        """A reader for one question.

        Raises:
            NoIndex: there is none yet.
            IndexUnavailable: too many questions wait.
        """
        if not self._admitted.acquire(blocking=False):
            raise IndexUnavailable("too many searches at once; try again in a moment")
        try:
            index = self._idle.get(timeout=self._patience)
        except queue.Empty:
            self._admitted.release()
            raise IndexUnavailable("searches take too long now; try again in a moment") from None
        try:
            index = index or self._open()
            yield index
        except ConfigurationError as error:
            raise NoIndex(str(error)) from error
        finally:
            self._idle.put(index)
            self._admitted.release()


def _check(query: Query) -> None:
    """What is wrong with the query is said first; what goes wrong then is the index's."""
    page_start(query)
    parse_text(query.text)
    selected(query.filters)

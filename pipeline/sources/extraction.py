"""HTML and feeds are read in a process of their own: none can stop, fill or crash this one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import NamedTuple

from pipeline.article import Submission
from pipeline.errors import Rejected
from pipeline.sources.feeds.parse import Feed, parse_feed
from pipeline.sources.html import Page, extract, with_page
from pipeline.workers import GivenUp, Workers

SECONDS = 20.0
"""How long one page or feed may take. Of 1 MB, a page takes about one second."""

MEGABYTES = 1_000

LOOK_SECONDS = 1.0


class FeedBytes(NamedTuple):
    """A feed as it came: from where, as what, and what."""

    url: str
    content_type: str
    data: bytes


class _Refused(NamedTuple):
    """What a `Rejected` says; an error itself does not pass from one process to another."""

    reason: str
    message: str


_Result = Page | Feed | _Refused


def load() -> Callable[[Sequence[str | FeedBytes]], list[_Result]]:
    """What a process does: HTML becomes a page, the bytes of a feed become its items."""
    for chatty in ("trafilatura", "htmldate", "courlan", "charset_normalizer"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL)
    return lambda items: [_read(item) for item in items]


def _read(item: str | FeedBytes) -> _Result:
    try:
        return extract(item) if isinstance(item, str) else parse_feed(*item)
    except Rejected as error:
        return _Refused(error.reason, str(error))


class Extractor:
    """Reads HTML and feeds, one at a time, in a process that starts with the first of them."""

    def __init__(self) -> None:
        self._workers: Workers[str | FeedBytes, _Result] | None = None

    def __enter__(self) -> Extractor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._workers is not None:
            self._workers.__exit__(kind, error, traceback)
            self._workers = None

    def page(self, html: str) -> Page:
        """The article in HTML.

        Raises:
            Rejected: there is none, or it takes more time or memory than any article needs.
        """
        page = self._do(html)
        assert isinstance(page, Page)
        return page

    def submission(self, given: Submission) -> Submission:
        """A submission whose body is HTML, with the text of that, and what it says of itself.

        Raises:
            Rejected: as `page`.
        """
        return with_page(given, self.page(given.body))

    def feed(self, url: str, content_type: str, data: bytes) -> Feed:
        """The items of a feed.

        Raises:
            Rejected: it is none, or takes more time or memory than any feed needs.
        """
        feed = self._do(FeedBytes(url, content_type, data))
        assert isinstance(feed, Feed)
        return feed

    def _do(self, item: str | FeedBytes) -> Page | Feed:
        if self._workers is None:
            self._workers = Workers(load, 1, seconds=SECONDS, megabytes=MEGABYTES)
        self._workers.submit([item])
        while (results := self._workers.collect(LOOK_SECONDS)) is None:
            pass
        (result,) = results
        if isinstance(result, GivenUp):
            raise Rejected("unreadable_markup", f"the markup can't be read: {result.message}")
        if isinstance(result, _Refused):
            raise Rejected(result.reason, result.message)
        assert result is not None
        return result

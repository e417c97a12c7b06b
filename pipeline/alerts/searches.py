"""The saved searches, as their topic has them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from pipeline.alerts.records import MOST_SEARCHES, SavedSearch, check
from pipeline.article import SEARCHES, milliseconds
from pipeline.errors import ConfigurationError, NotFound
from pipeline.log import Log, Message, Record

POLL = 500

logger = logging.getLogger(__name__)

_decoder = msgspec.json.Decoder(SavedSearch)


class Searches:
    """The saved searches by name, those of the last `refresh`.

    Args:
        log: where their topic is.

    Attributes:
        version: another number whenever they have changed.
    """

    def __init__(self, log: Log) -> None:
        self.version = 0
        self._consumer = log.consume(SEARCHES)
        self._found: dict[str, SavedSearch] = {}
        self._saved_at: dict[str, datetime] = {}
        self.refresh()

    def __iter__(self) -> Iterator[SavedSearch]:
        return iter(self._found.values())

    def __len__(self) -> int:
        return len(self._found)

    def get(self, name: str) -> SavedSearch | None:
        """The saved search of that name, if there is one."""
        return self._found.get(name)

    def refresh(self) -> None:
        """Takes what was saved and removed meanwhile.

        Raises:
            StorageUnavailable: the topic can't be read.
        """
        while polled := self._consumer.poll(POLL, 0):
            self.version += 1
            for message in polled:
                self._found.pop(message.key or "", None)
                search = _search_of(message)
                if search is not None:
                    self._saved_at[search.name] = search.created_at
                    if not search.removed:
                        self._found[search.name] = search

    def next_moment(self, name: str) -> datetime:
        """When a search of that name is saved or removed: later than all that its topic has of it.

        That holds whatever became of this machine's clock meanwhile.
        """
        count = time.time_ns() // 1_000_000
        now = datetime.fromtimestamp(count // 1000, UTC) + timedelta(milliseconds=count % 1000)
        before = self._saved_at.get(name)
        return now if before is None else max(now, before + timedelta(milliseconds=1))

    def close(self) -> None:
        """Reads no more."""
        self._consumer.close()


def _search_of(message: Message) -> SavedSearch | None:
    """The saved search that a record holds, if it holds one."""
    if not message.value:
        return None
    try:
        search = _decoder.decode(message.value)
        if search.name != message.key:
            raise ConfigurationError(f"its key is {message.key!r}, its name {search.name!r}")
        if not search.removed:
            check(search)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ConfigurationError) as error:
        place = f"{message.topic}, partition {message.partition}, offset {message.offset}"
        logger.warning("%s: no saved search: %s; skipped", place, error)
        return None
    return search


def add(log: Log, wanted: SavedSearch) -> SavedSearch:
    """Saves a search, and gives it as it was saved.

    Args:
        log: where its topic is.
        wanted: the search; when it is saved is decided here.

    Raises:
        ConfigurationError: there is one of that name, there are too many, or it is not allowed.
        StorageUnavailable: the topic can't be read or written.
    """
    check(wanted)
    known = Searches(log)
    try:
        if known.get(wanted.name) is not None:
            raise ConfigurationError(
                f"there is a saved search {wanted.name!r} already: remove it, or take another name"
            )
        if len(known) >= MOST_SEARCHES:
            raise ConfigurationError(f"there are {MOST_SEARCHES:,} saved searches, the most")
        search = msgspec.structs.replace(wanted, created_at=known.next_moment(wanted.name))
    finally:
        known.close()
    _publish(log, search)
    return search


def remove(log: Log, name: str) -> None:
    """Removes a saved search, with its secret; it tells nothing more.

    Raises:
        NotFound: there is none of that name.
        StorageUnavailable: the topic can't be read or written.
    """
    known = Searches(log)
    try:
        if known.get(name) is None:
            raise NotFound(f"no saved search {name!r}; `newsloom alerts list` shows them")
        gone = SavedSearch(name=name, created_at=known.next_moment(name), removed=True)
    finally:
        known.close()
    _publish(log, gone)


def _publish(log: Log, search: SavedSearch) -> None:
    value = msgspec.json.encode(search)
    log.publish(SEARCHES, [Record(search.name, value, revision=milliseconds(search.created_at))])

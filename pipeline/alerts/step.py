"""The step from the enriched topic to the alerts topic: each alert once, see the package."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Protocol

import msgspec

from pipeline.alerts import MATCHERS
from pipeline.alerts.matching import Match, Matcher, reasons
from pipeline.alerts.records import Alert, alert_id
from pipeline.alerts.searches import Searches
from pipeline.article import (
    ALERTS,
    ARTICLES_ENRICHED,
    MAX_CLOCK_SKEW,
    EnrichedArticle,
    decode_enriched,
    to_utc,
)
from pipeline.errors import Rejected
from pipeline.log import Consumer, Log, Message, Outcome, Record, retention_of

POLL = 500
READ = 5_000
"""Records that are read at a time: of what is matched, and of what is remembered."""

PUBLISHED_AT_ONCE = 1_000
"""Alerts that are in the memory at a time."""


class Counts(Protocol):
    """How many alerts were published, sent, and could not be sent, since the start."""

    alerts: int
    sent: int
    unsent: int


class Memory:
    """Which alerts Kafka's topic has: of the embedded log's topic the log knows it.

    All members of the group know all alerts, so that one that is given another's partitions need
    only read what was published meanwhile. About 200 bytes are kept of each.

    Args:
        log: where the topic is.
        retention: for how long alerts are kept.
    """

    def __init__(self, log: Log, retention: timedelta) -> None:
        self._retention = retention
        since = datetime.now(UTC) - retention
        self._consumer = log.consume(ALERTS, since=int(since.timestamp() * 1000))
        self._published: dict[bytes, int] = {}
        self._next_forgetting = 0.0
        self.catch_up()

    def catch_up(self) -> None:
        """Reads the topic to its end.

        Raises:
            StorageUnavailable: it can't be read.
        """
        while polled := self._consumer.poll(READ, 0):
            for message in polled:
                if (key := _id_of(message)) is not None:
                    self._published[key] = message.timestamp
        if time.monotonic() >= self._next_forgetting:
            self._next_forgetting = time.monotonic() + 3600
            oldest = int((datetime.now(UTC) - self._retention).timestamp() * 1000)
            self._published = {k: at for k, at in self._published.items() if at >= oldest}

    def __contains__(self, alert: str) -> bool:
        return bytes.fromhex(alert) in self._published


class AlertStep:
    """Enriched topic → alerts topic.

    Args:
        log: where both are.
        retention_days: for how long records that are kept by time stay.
        counts: is kept up to date.
        remembers: whether the log itself refuses an alert that it has taken before.

    Attributes:
        done: how many articles were looked at.
    """

    def __init__(self, log: Log, retention_days: float, counts: Counts, *, remembers: bool) -> None:
        self.done = 0
        self._log = log
        retention = timedelta(days=retention_of(ALERTS, retention_days))
        # What came in an hour after its alert, by a clock that is wrong, is remembered as long.
        self._fresh = retention - MAX_CLOCK_SKEW
        self._counts = counts
        self._searches = Searches(log)
        self._version = -1
        self._matcher = Matcher()
        self._memory = None if remembers else Memory(log, retention)
        # Kafka wants to be asked often by who joins a group: the long reading comes before.
        self.consumer: Consumer = log.consume(ARTICLES_ENRICHED, MATCHERS)

    @property
    def idle(self) -> bool:
        """Whether all that the topic holds is matched."""
        return not self.consumer.lag()

    def advance(self, wait: float) -> None:
        """Takes what there is to take, publishes its alerts, commits; waits a little for it.

        After an error nothing is to be asked of this step any more: another one does again what
        this one did not commit.

        Raises:
            StorageUnavailable: a topic can't be read or written.
        """
        messages = self.consumer.poll(POLL, wait)
        if not messages:
            return
        # After the articles: a search that was saved before one of them came in is among these.
        self._searches.refresh()
        if self._version != self._searches.version:
            self._version = self._searches.version
            self._matcher.take(self._searches)
        if articles := self._news(messages):
            found = self._records(self._matcher.match(articles))
            while records := list(islice(found, PUBLISHED_AT_ONCE)):
                outcomes = self._log.publish(ALERTS, records)
                self._counts.alerts += sum(outcome is Outcome.APPENDED for outcome in outcomes)
        # The commit comes last: a crash before it repeats the batch, whose alerts are known then.
        self.consumer.commit(messages)
        self.done += len(messages)

    def _news(self, messages: Sequence[Message]) -> list[EnrichedArticle]:
        """The articles that came in after the first search was saved, and not too long ago."""
        if not len(self._searches):
            return []
        first = min(search.created_at for search in self._searches)
        oldest = max(first, datetime.now(UTC) - self._fresh)
        found = []
        for message in messages:
            try:
                arrival = _arrivals.decode(message.value)
                if to_utc(arrival.ingested_at) >= oldest and not arrival.withdrawn:
                    found.append(decode_enriched(message.value))
            except (Rejected, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue  # whoever indexes it buries it
        return found

    def _records(self, matches: Iterator[Match]) -> Iterator[Record]:
        """The alerts of what is news, and was not told before."""
        if self._memory is not None:
            self._memory.catch_up()
        now = datetime.now(UTC)
        for match in matches:
            search, article = match
            if to_utc(article.ingested_at) < search.created_at:
                continue
            key = alert_id(search.name, article.id)
            if self._memory is None or key not in self._memory:
                value = msgspec.json.encode(_alert(key, match, now))
                yield Record(search.name, value, digest=bytes.fromhex(key))


def _alert(key: str, match: Match, now: datetime) -> Alert:
    search, article = match
    highlights, labels = reasons(match)
    return Alert(
        id=key,
        search=search.name,
        query=search.query,
        article_id=article.id,
        revision=article.revision,
        source=article.source,
        url=article.url,
        title=article.title,
        published_at=article.published_at,
        ingested_at=article.ingested_at,
        summary=article.summary,
        highlights=highlights,
        labels=labels,
        alerted_at=now,
    )


def _id_of(message: Message) -> bytes | None:
    try:
        return bytes.fromhex(_ids.decode(message.value).id)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None  # of others


class _Id(msgspec.Struct):
    id: str


class _Arrival(msgspec.Struct):
    ingested_at: datetime
    withdrawn: bool = False


_ids = msgspec.json.Decoder(_Id)
_arrivals = msgspec.json.Decoder(_Arrival)

"""Looking after the embedded log and index: locks, retention; and withdrawing articles."""

from __future__ import annotations

import fcntl
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from itertools import chain, islice
from pathlib import Path

import msgspec

from pipeline.alerts import SENDERS
from pipeline.alerts.records import decode_alert
from pipeline.article import (
    ALERTS,
    ARTICLES_DEAD,
    ARTICLES_RAW,
    Clock,
    RawArticle,
    Submission,
    settle,
)
from pipeline.config import Settings, path_of
from pipeline.errors import (
    ConfigurationError,
    InUse,
    NotFound,
    StorageUnavailable,
)
from pipeline.index import open_index
from pipeline.log import Log, Record, messages, open_log, retention_of
from pipeline.log.sqlite import SqliteLog

ENRICHERS = "newsloom-enrich"
"""The consumer group of the enrichment."""

DAY_MILLISECONDS = 86_400_000

EXPIRED_AT_ONCE = 500
"""Withdrawals that are published together."""

logger = logging.getLogger(__name__)


def index_group(generation: Path) -> str:
    """The consumer group that fills this folder: each index has its own position in the topic."""
    return f"newsloom-index-{generation.name}"


def keep_house(log: Log, settings: Settings) -> None:
    """Removes records that are older than the settings' retention, and gives their room back."""
    if not isinstance(log, SqliteLog):
        return
    now = time.time_ns() // 1_000_000
    groups = {ARTICLES_RAW: ENRICHERS, ARTICLES_DEAD: None, ALERTS: SENDERS}
    removed = 0
    for topic, group in groups.items():
        days = retention_of(topic, settings.retention_days)
        removed += log.expire(topic, now - int(days * DAY_MILLISECONDS), consumed_by=group)
    if removed:
        log.release_space()
        logger.debug("%d expired records removed", removed)


@contextmanager
def service_lock(settings: Settings) -> Iterator[None]:
    """Held while a service works on a log.

    Raises:
        ConfigurationError: the log or the index is on servers, where other commands do the work.
        InUse: another process holds it.
    """
    if settings.log_url.startswith("kafka:") or settings.index_url.startswith("http"):
        raise ConfigurationError(
            "this is for a log and index in a folder; between Kafka and Elasticsearch"
            " `newsloom worker` and `newsloom sink` do its work"
        )
    path = path_of(settings.log_url, "sqlite")
    with lock(path.with_name(path.name + ".service"), "another newsloom service works on it"):
        yield


@contextmanager
def lock(path: Path, why: str) -> Iterator[None]:
    """Held on a file while the block runs.

    Raises:
        InUse: another process holds it; `why` says what that means.
        StorageUnavailable: the file can't be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    except OSError as error:
        raise StorageUnavailable(f"{path.parent}: {error.strerror}") from error
    with file:
        try:
            # The system lets go of it when the process ends, however it ends.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse(f"{path.parent}: {why}") from None
        yield


def withdraw(settings: Settings, article_id: str) -> None:
    """Publishes a withdrawal of an article: a version without text, newer than all others.

    The raw records of the article and the alerts of it are removed at once, the enriched record
    when the withdrawal takes its place; Kafka keeps raw records and alerts for their time.

    Raises:
        NotFound: neither the index nor the raw topic has such an article.
    """
    with closing(open_log(settings, create=False)) as log:
        known = _newest(settings, log, article_id)
        if known is None:
            raise NotFound(f"no article {article_id}; `newsloom search` shows ids")
        if isinstance(log, SqliteLog):
            log.forget(ARTICLES_RAW, article_id)
            log.remove(ALERTS, _alerts(log).get(article_id, ()))
        log.publish(ARTICLES_RAW, [_withdrawal(article_id, *known)])


def expire(
    settings: Settings,
    before: datetime,
    progress: Callable[[int], None],
    *,
    dry_run: bool = False,
) -> int:
    """Publishes a withdrawal of each article that was published before a moment.

    Of one without a date the moment counts at which it came in. It is as if each had been deleted:
    subscribers are told, and no older version comes back, not by a replay and not by a rebuild. A
    version that comes in later is a new one. To do the same again does no harm: what is withdrawn
    is not found any more, and a second withdrawal is like the first. Raw records go with the others
    of their age.

    Args:
        settings: where everything is.
        before: the first moment that is not too old.
        progress: called with how many there are so far.
        dry_run: only counts.

    Returns:
        How many there are.

    Raises:
        ConfigurationError: there is no index or no log.
        StorageUnavailable: the log did not answer; what was published stays so.
        IndexUnavailable: the index did not.
    """
    with closing(open_log(settings, create=False)) as log:
        aged = open_index(settings).older_than(before)
        told = _alerts(log) if isinstance(log, SqliteLog) and not dry_run else {}
        count = 0
        while some := list(islice(aged, EXPIRED_AT_ONCE)):
            if not dry_run:
                if isinstance(log, SqliteLog):
                    offsets = (told.get(one.id, ()) for one in some)
                    log.remove(ALERTS, chain.from_iterable(offsets))
                records = [_withdrawal(one.id, one.source, one.ingested_at) for one in some]
                log.publish(ARTICLES_RAW, records)
            count += len(some)
            progress(count)
    return count


def _withdrawal(article_id: str, source: str, ingested_at: datetime) -> Record:
    """A version of an article without text, newer than the one that came in then."""
    submission = Submission(id=article_id, source=source, withdrawn=True)
    raw = settle(submission, source=source, clock=Clock(after=ingested_at), max_body_bytes=1)
    return Record(raw.id, msgspec.json.encode(raw))


def _alerts(log: Log) -> dict[str, list[int]]:
    """Where the alerts of each article are on their topic."""
    found: dict[str, list[int]] = {}
    for message in messages(log, ALERTS):
        alert = decode_alert(message.value)
        if alert is not None:
            found.setdefault(alert.article_id, []).append(message.offset)
    return found


def _newest(settings: Settings, log: Log, article_id: str) -> tuple[str, datetime] | None:
    """The source and arrival of an article's newest version: indexed, or on its way."""
    found: tuple[str, datetime] | None = None
    with suppress(ConfigurationError):
        article = open_index(settings).get(article_id)
        found = (article.source, article.ingested_at) if article else None
    if found and not isinstance(log, SqliteLog):
        # Kafka's topic would have to be read from end to end; what is on its way came in before.
        return found
    for message in messages(log, ARTICLES_RAW):
        if message.key == article_id:
            with suppress(msgspec.DecodeError):
                raw = msgspec.json.decode(message.value, type=RawArticle)
                if found is None or raw.ingested_at >= found[1]:
                    found = None if raw.withdrawn else (raw.source, raw.ingested_at)
    return found

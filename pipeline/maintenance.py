"""Looking after the embedded log and index: locks, retention, withdrawals, rebuilding the index."""

from __future__ import annotations

import fcntl
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec

from pipeline.article import (
    ARTICLES_DEAD,
    ARTICLES_ENRICHED,
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
    Rejected,
    StorageUnavailable,
)
from pipeline.index import open_index
from pipeline.index.sink import Sink
from pipeline.index.tantivy import TantivyWriter, following, point_to, remove_older
from pipeline.log import Consumer, Log, Message, Record, messages, open_log
from pipeline.log.dead import bury
from pipeline.log.sqlite import SqliteLog

ENRICHERS = "newsloom-enrich"
"""The consumer group of the enrichment."""

DAY_MILLISECONDS = 86_400_000
REBUILD_POLL = 500

logger = logging.getLogger(__name__)


def index_group(generation: Path) -> str:
    """The consumer group that fills this folder: each index has its own position in the topic."""
    return f"newsloom-index-{generation.name}"


def keep_house(log: Log, settings: Settings) -> None:
    """Removes records that are older than the settings' retention, and gives their room back."""
    if not isinstance(log, SqliteLog):
        return
    before = time.time_ns() // 1_000_000 - int(settings.retention_days * DAY_MILLISECONDS)
    removed = log.expire(ARTICLES_RAW, before, consumed_by=ENRICHERS)
    removed += log.expire(ARTICLES_DEAD, before)
    if removed:
        log.release_space()
        logger.debug("%d expired records removed", removed)


@contextmanager
def service_lock(settings: Settings) -> Iterator[None]:
    """Held while a service works on a log.

    Raises:
        InUse: another process holds it.
    """
    path = path_of(settings.log_url, "sqlite")
    with _lock(path.with_name(path.name + ".service"), "another newsloom service works on it"):
        yield


@contextmanager
def _lock(path: Path, why: str) -> Iterator[None]:
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


def reindex(settings: Settings, progress: Callable[[int, int], None]) -> int:
    """Builds the index again from the enriched topic, beside the one in use, then switches to it.

    Searches are answered by the old one until the switch. A running service follows the pointer;
    its position in the topic is the new index's own, so that nothing published meanwhile is missed.

    Args:
        settings: where everything is.
        progress: called with how many records are done, and how many are left.

    Returns:
        How many articles the new index has.

    Raises:
        InUse: another process rebuilds this index.
    """
    folder = path_of(settings.index_url, "tantivy")
    log = open_log(settings, create=False)
    with _lock(folder / "reindex.lock", "another process rebuilds this index"):
        path = following(folder)
        writer = TantivyWriter(path)
        consumer = log.consume(ARTICLES_ENRICHED, index_group(path))
        done = _fill(consumer, Sink(writer, partial(_bury, log)), progress)
        writer.close()
        point_to(path)
        logger.debug("%s: %d records", path, done)
    # A running service removes the old one when it no longer writes to it.
    with suppress(InUse), service_lock(settings):
        remove_older(path)
    log.close()
    return open_index(settings).count()


def _bury(log: Log, message: Message, error: Rejected) -> None:
    letter = bury(message, error=error.reason, explanation=str(error), stage="index")
    log.publish(ARTICLES_DEAD, [letter])


def _fill(consumer: Consumer, sink: Sink[Message], progress: Callable[[int, int], None]) -> int:
    done, total = 0, consumer.lag()
    while polled := consumer.poll(REBUILD_POLL, 0):
        for message in polled:
            sink.add(message.value, message)
        done += len(polled)
        progress(done, max(0, total - done))
        if sink.due:
            sink.flush()
            consumer.commit(polled)
        last = polled
    sink.flush()
    if done:
        consumer.commit(last)
    return done


def withdraw(settings: Settings, article_id: str) -> None:
    """Publishes a withdrawal of an article: a version without text, newer than all others.

    The raw records of the article are removed at once, the enriched one when the withdrawal takes
    its place.

    Raises:
        NotFound: neither the index nor the raw topic has such an article.
    """
    log = open_log(settings, create=False)
    known = _newest(settings, log, article_id)
    if known is None:
        raise NotFound(f"no article {article_id}; `newsloom search` shows ids")
    source, ingested_at = known
    submission = Submission(id=article_id, source=source, withdrawn=True)
    raw = settle(submission, source=source, clock=Clock(after=ingested_at), max_body_bytes=1)
    if isinstance(log, SqliteLog):
        log.forget(ARTICLES_RAW, raw.id)
    log.publish(ARTICLES_RAW, [Record(raw.id, msgspec.json.encode(raw))])
    log.close()


def _newest(settings: Settings, log: Log, article_id: str) -> tuple[str, datetime] | None:
    """The source and arrival of an article's newest version: indexed, or on its way."""
    found: tuple[str, datetime] | None = None
    with suppress(ConfigurationError):
        article = open_index(settings).get(article_id)
        found = (article.source, article.ingested_at) if article else None
    for message in messages(log, ARTICLES_RAW):
        if message.key == article_id:
            with suppress(msgspec.DecodeError):
                raw = msgspec.json.decode(message.value, type=RawArticle)
                if found is None or raw.ingested_at >= found[1]:
                    found = None if raw.withdrawn else (raw.source, raw.ingested_at)
    return found

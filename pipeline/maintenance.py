"""Looking after the embedded log and index: locks, retention, compaction, rebuilding the index."""

from __future__ import annotations

import fcntl
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.article import ARTICLES_DEAD, ARTICLES_ENRICHED, ARTICLES_RAW
from pipeline.config import Settings, path_of
from pipeline.errors import InUse, Rejected, StorageUnavailable
from pipeline.index import open_index
from pipeline.index.sink import Sink
from pipeline.index.tantivy import TantivyWriter, following, point_to, remove_older
from pipeline.log import Consumer, Log, Message, open_log
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
    """Compacts the enriched topic and expires the others by the settings' retention."""
    if not isinstance(log, SqliteLog):
        return
    before = time.time_ns() // 1_000_000 - int(settings.retention_days * DAY_MILLISECONDS)
    removed = log.compact(ARTICLES_ENRICHED)
    removed += log.expire(ARTICLES_RAW, before, consumed_by=ENRICHERS)
    removed += log.expire(ARTICLES_DEAD, before)
    if removed:
        log.release_space()
        logger.debug("%d superseded or expired records removed", removed)


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
        done = _fill(Sink(writer, _left_out), consumer, progress)
        writer.close()
        point_to(path)
        logger.debug("%s: %d records", path, done)
    # A running service removes the old one when it no longer writes to it.
    with suppress(InUse), service_lock(settings):
        remove_older(path)
    log.close()
    return open_index(settings).count()


def _left_out(message: Message, error: Rejected) -> None:
    logger.warning("record %d left out: %s", message.offset, error)


def _fill(sink: Sink[Message], consumer: Consumer, progress: Callable[[int, int], None]) -> int:
    done = 0
    last: list[Message] = []
    while messages := consumer.poll(REBUILD_POLL, 0):
        for message in messages:
            sink.add(message.value, message)
        last = messages[-1:]
        done += len(messages)
        progress(done, consumer.lag())
    sink.flush()
    consumer.commit(last)
    return done

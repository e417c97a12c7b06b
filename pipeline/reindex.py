"""Building the index anew from the enriched topic, while searches go on in the old one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from pipeline.article import ARTICLES_DEAD, ARTICLES_ENRICHED
from pipeline.config import Settings, path_of
from pipeline.errors import InUse, Rejected
from pipeline.index import open_index
from pipeline.index.batching import Batcher
from pipeline.index.tantivy import TantivyWriter, following, point_to, remove_older
from pipeline.log import Consumer, Log, Message, open_log
from pipeline.log.dead import bury
from pipeline.maintenance import index_group, lock, service_lock

REBUILD_POLL = 500

logger = logging.getLogger(__name__)


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
    with lock(folder / "reindex.lock", "another process rebuilds this index"):
        path = following(folder)
        writer = TantivyWriter(path)
        consumer = log.consume(ARTICLES_ENRICHED, index_group(path))
        done = _fill(consumer, Batcher(writer, partial(_bury, log)), progress)
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


def _fill(
    consumer: Consumer, batcher: Batcher[Message], progress: Callable[[int, int], None]
) -> int:
    done, total = 0, consumer.lag()
    while polled := consumer.poll(REBUILD_POLL, 0):
        for message in polled:
            batcher.add(message.value, message)
        done += len(polled)
        progress(done, max(0, total - done))
        if batcher.due:
            batcher.flush()
            consumer.commit(polled)
        last = polled
    batcher.flush()
    if done:
        consumer.commit(last)
    return done

"""Building the index anew from the enriched topic, while searches go on in the old one."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from functools import partial

from elasticsearch import Elasticsearch

from pipeline.article import ARTICLES_DEAD, ARTICLES_ENRICHED
from pipeline.config import Settings, path_of
from pipeline.errors import IndexUnavailable, InUse, Rejected
from pipeline.index import open_index
from pipeline.index.batching import Batcher
from pipeline.index.delivery import BATCH_SECONDS, Delivery
from pipeline.index.elasticsearch import ElasticsearchIndex
from pipeline.index.elasticsearch.client import connect
from pipeline.index.elasticsearch.rebuild import Rebuild, mend
from pipeline.index.elasticsearch.setup import setup_template
from pipeline.index.elasticsearch.writer import ElasticsearchWriter
from pipeline.index.tantivy.folder import following, point_to, remove_older
from pipeline.index.tantivy.writer import TantivyWriter
from pipeline.log import Consumer, Log, Message, open_log
from pipeline.log.dead import buried, bury
from pipeline.log.kafka import KafkaConsumption, KafkaLog
from pipeline.log.kafka_client import servers_of
from pipeline.log.kafka_groups import only_member
from pipeline.maintenance import index_group, lock, service_lock
from pipeline.retry import Trouble
from pipeline.sink import Stopped, require_servers, write

REBUILDERS = "newsloom-reindex"
"""The consumer group that a rebuild on servers is in, as the only one."""

REBUILD_POLL = 500
SLICE_SECONDS = 0.25

NEARLY = 1_000
"""So many records are left at most when sinks are made to wait for the rest."""

LOOK_SECONDS = 5.0
"""How often a rebuild makes sure that it is not taken for dead."""

RETIRE_SECONDS = 3.0
"""How long the old index stays after the switch: for searches that had begun in it."""

Progress = Callable[[int, int], None]

logger = logging.getLogger(__name__)


def reindex(settings: Settings, progress: Progress) -> int:
    """Builds the index again from the enriched topic, beside the one in use, then switches to it.

    Searches are answered by the old one until the switch. Embedded, a running service follows the
    pointer; its position in the topic is the new index's own, so that nothing published meanwhile
    is missed. On servers nobody may write to the old index at the very end, while the new one gets
    the last records; sinks wait for that moment, and go on in the new one.

    Args:
        settings: where everything is.
        progress: called with how many records are done, and how many are left.

    Returns:
        How many articles the new index has.

    Raises:
        ConfigurationError: the log is an embedded one and the index is not, or the reverse.
        InUse: another process rebuilds this index.
        IndexUnavailable: the index's servers can't do it now; nothing has changed.
    """
    if settings.log_url.startswith("kafka:"):
        return _on_servers(settings, progress)
    return _in_a_folder(settings, progress)


def _in_a_folder(settings: Settings, progress: Progress) -> int:
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


def _fill(consumer: Consumer, batcher: Batcher[Message], progress: Progress) -> int:
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


def _on_servers(settings: Settings, progress: Progress) -> int:
    require_servers(settings, "reindex")
    servers = servers_of(settings.log_url)
    why = f"Kafka at {', '.join(servers)}: another process rebuilds the index"
    with (
        closing(connect(settings)) as client,
        only_member(servers, ARTICLES_ENRICHED, REBUILDERS, why) as hold,
    ):
        for line in mend(client) + setup_template(client):
            logger.info("%s", line)
        rebuild = Rebuild(client)
        try:
            rebuild.begin()
            with closing(_Filling(servers, client, rebuild, hold, progress)) as filling:
                filling.until(lambda consumer: consumer.lag() <= NEARLY)
                rebuild.block()
                ends = filling.consumer.ends()
                filling.until(lambda consumer: consumer.has_passed(ends))
            replaced = rebuild.switch()
        except BaseException:
            with suppress(IndexUnavailable):
                rebuild.abandon()
            raise
        time.sleep(RETIRE_SECONDS if replaced else 0)
        rebuild.remove(replaced)
        return ElasticsearchIndex(client).count()


class _Filling:
    """The records of the enriched topic on their way into an index that is rebuilt."""

    def __init__(
        self,
        servers: Sequence[str],
        client: Elasticsearch,
        rebuild: Rebuild,
        hold: Callable[[], None],
        progress: Progress,
    ) -> None:
        self._rebuild = rebuild
        self._hold = hold
        self._progress = progress
        self._ended = threading.Event()
        self._writer = ElasticsearchWriter(
            client, rebuild.target, wait=self._pause, trouble=Trouble(logger)
        )
        self._letters = KafkaLog(servers)
        self._burying = threading.Lock()
        self._log = KafkaLog(servers)
        self.consumer = self._log.consume(ARTICLES_ENRICHED)
        self._delivery: Delivery[Message] = Delivery(self._settle, lambda m: len(m.value))
        self._done, self._total = 0, self.consumer.lag()
        self._looked = time.monotonic()

    def until(self, reached: Callable[[KafkaConsumption], bool]) -> None:
        """Takes records until that is so, and until all that were taken are written."""
        while True:
            polled: Sequence[Message] = ()
            if not self._delivery.full:
                polled = self.consumer.poll(REBUILD_POLL, BATCH_SECONDS)
                self._delivery.put(polled)
            self._note(SLICE_SECONDS if self._delivery.full else 0.0)
            if len(polled) < REBUILD_POLL and not self._delivery.full and reached(self.consumer):
                break
        self._delivery.flush()
        while self._delivery.in_hand:
            self._note(SLICE_SECONDS)

    def close(self) -> None:
        """Gives up what is on its way."""
        self._ended.set()
        self._delivery.close()
        self._log.close()
        self._letters.close()

    def _note(self, seconds: float) -> None:
        self._done += len(self._delivery.done(seconds))
        self._progress(self._done, max(0, self._total - self._done))
        if time.monotonic() >= self._looked + LOOK_SECONDS:
            self._hold()
            if not self._rebuild.alive:
                raise InUse("another rebuild took this one for dead, and its place")
            self._looked = time.monotonic()

    def _settle(self, messages: Sequence[Message]) -> None:
        """Writes; a record that can't be a document may be a dead letter since the sink had it."""
        if letters := write(messages, self._writer):
            with self._burying:
                known = buried(self._letters)
                new = [letter for letter in letters if letter.digest not in known]
                self._letters.publish(ARTICLES_DEAD, new)

    def _pause(self, seconds: float) -> None:
        if self._ended.wait(seconds):
            raise Stopped

"""`newsloom sink`: from Kafka's enriched topic to Elasticsearch; nothing is lost, nothing doubled.

A record is committed when its document is accepted by the index, or its dead letter acknowledged by
Kafka, and the same holds for all records before it. One thread reads and commits, and never waits
for the index longer than a moment, so that the group knows that this member lives. Others write.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

import msgspec

from pipeline.article import ARTICLES_DEAD, ARTICLES_ENRICHED
from pipeline.config import Settings
from pipeline.errors import ConfigurationError, Rejected, StorageUnavailable, Transient
from pipeline.index import IndexWriter
from pipeline.index.batching import Batcher
from pipeline.index.delivery import BATCH_SECONDS, Delivery
from pipeline.index.elasticsearch.client import connect
from pipeline.index.elasticsearch.setup import require_writable
from pipeline.index.elasticsearch.writer import ElasticsearchWriter
from pipeline.log import Message, Record
from pipeline.log.dead import bury
from pipeline.log.kafka import KafkaConsumption, KafkaLog, committed_and_end
from pipeline.log.kafka_client import servers_of
from pipeline.retry import Trouble, pauses
from pipeline.watchdog import Sight, guarded

GROUP = "newsloom-sink"
"""The consumer group that all sinks share."""

POLL = 500
COMMIT_SECONDS = 0.5

SLICE_SECONDS = 0.25
"""How long the index is waited for without a word to the group."""

STOP_SECONDS = 5.0
"""How long the end waits for the index to take what is in hand."""

logger = logging.getLogger(__name__)


class Counts(msgspec.Struct):
    """What became of the records since the start."""

    indexed: int = 0
    dead: int = 0


class Stopped(Exception):
    """Ends the waiting for a server, because the sink ends."""


class Sink:
    """Writes documents until it is stopped, or all are written.

    Args:
        settings: where everything is.

    Raises:
        ConfigurationError: the settings name no Kafka or no Elasticsearch.
    """

    def __init__(self, settings: Settings) -> None:
        require_servers(settings, "sink")
        self.counts = Counts()
        self._settings = settings
        self._servers = servers_of(settings.log_url)
        self._client = connect(settings)
        self._stopping = threading.Event()
        self._index_trouble = Trouble(logger)
        self._kafka_trouble = Trouble(logger)
        self._writer = ElasticsearchWriter(
            self._client, wait=self._pause, trouble=self._index_trouble
        )
        self._counting = threading.Lock()
        self._publishing = threading.Lock()
        self._letters = KafkaLog(self._servers)
        self._consumer: KafkaConsumption | None = None
        self._settled: dict[int, Message] = {}
        self._committed = time.monotonic()
        self._lag = 0

    def stop(self) -> None:
        """Ends the sink: it finishes what is in hand, if the index takes it, and commits."""
        self._stopping.set()

    def run(self, *, drain: bool = False, tick: Callable[[Counts], None] | None = None) -> bool:
        """Works until `stop`, or with `drain` until nothing is left; calls `tick` now and then.

        Returns:
            Whether it was stopped by its watchdog.

        Raises:
            ConfigurationError: there is no enriched topic, or no such address for /health.
        """
        settings = self._settings
        with guarded(
            self._look, self.stop, stall_seconds=settings.stall_seconds, health=settings.health
        ) as guard:
            log = KafkaLog(self._servers)
            delivery = Delivery(self._settle, _size)
            try:
                self._consumer = self._join(log)
                while self._consumer and not self._stopping.is_set():
                    drained = self._advance(self._consumer, delivery, drain=drain)
                    if tick is not None:
                        tick(self.counts)
                    if drained:
                        break
                if self._consumer:
                    self._finish(self._consumer, delivery)
            finally:
                delivery.close()
                log.close()
                self._close()
        return guard.stalled

    def _join(self, log: KafkaLog) -> KafkaConsumption | None:
        """A member of the group; None: the sink was stopped before Kafka answered."""
        waits = pauses()
        while not self._stopping.is_set():
            try:
                consumer = log.consume(ARTICLES_ENRICHED, GROUP)
            except StorageUnavailable as error:
                self._kafka_trouble.waits(str(error))
                self._stopping.wait(next(waits))
            else:
                self._kafka_trouble.over()
                return consumer
        return None

    def _advance(
        self, consumer: KafkaConsumption, delivery: Delivery[Message], *, drain: bool
    ) -> bool:
        """Takes what there is to take, commits what is settled.

        Returns:
            Whether nothing is left; only looked at with `drain`.
        """
        waits = pauses()
        while not self._stopping.is_set():
            try:
                if self._kafka_trouble.waiting_for:
                    consumer.lag()
                    self._kafka_trouble.over()
                idle = self._step(consumer, delivery)
                return drain and idle and not consumer.lag()
            except Stopped:
                break
            except StorageUnavailable as error:
                self._kafka_trouble.waits(str(error))
                self._stopping.wait(next(waits))
        return False

    def _step(self, consumer: KafkaConsumption, delivery: Delivery[Message]) -> bool:
        """Gives whether nothing came and nothing is in hand."""
        polled: Sequence[Message] = ()
        if not delivery.full:
            polled = consumer.poll(POLL, min(BATCH_SECONDS, delivery.due_in + 0.001))
            delivery.put(polled)
        elif consumer.joining or not self._note(delivery.done(SLICE_SECONDS)):
            consumer.wait(SLICE_SECONDS)
        self._note(delivery.done())
        if not delivery.in_hand or time.monotonic() >= self._committed + COMMIT_SECONDS:
            self._commit(consumer)
        return not polled and not delivery.in_hand

    def _finish(self, consumer: KafkaConsumption, delivery: Delivery[Message]) -> None:
        delivery.flush()
        deadline = time.monotonic() + STOP_SECONDS
        try:
            while delivery.in_hand and time.monotonic() < deadline:
                self._note(delivery.done(SLICE_SECONDS))
        except Stopped:
            logger.info("the index does not take what is in hand: the next sink begins with it")
        try:
            while self._settled and consumer.joining and time.monotonic() < deadline:
                consumer.wait(SLICE_SECONDS)
            self._commit(consumer)
        except StorageUnavailable as error:
            logger.warning("%s: what was not committed is done again", error)

    def _note(self, settled: Sequence[Message]) -> bool:
        for message in settled:
            self._settled[message.partition] = message
        return bool(settled)

    def _commit(self, consumer: KafkaConsumption) -> None:
        if consumer.joining:
            return  # nothing is ours until the group is divided; then part of it may be ours again
        if self._settled:
            consumer.commit(list(self._settled.values()))
            self._settled.clear()
        self._committed = time.monotonic()

    def _settle(self, messages: Sequence[Message]) -> None:
        """Sees to the fate of each record, in a thread of its own."""
        letters = write(messages, self._writer)
        if letters:
            self._publish(letters)
        with self._counting:
            self.counts.indexed += len(messages) - len(letters)
            self.counts.dead += len(letters)

    def _publish(self, letters: Sequence[Record]) -> None:
        waits = pauses()
        with self._publishing:
            while True:
                try:
                    self._letters.publish(ARTICLES_DEAD, letters)
                except StorageUnavailable as error:
                    self._kafka_trouble.waits(str(error))
                    self._pause(next(waits))
                else:
                    return

    def _pause(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise Stopped

    def _look(self) -> Sight:
        """What the watchdog sees, in its own thread."""
        answers = True
        waiting_for = self._index_trouble.waiting_for or self._kafka_trouble.waiting_for
        try:
            share = self._consumer.partitions if self._consumer else ()
            places = [(ARTICLES_ENRICHED, partition) for partition in share]
            committed, end = committed_and_end(self._servers, GROUP, places)
            self._lag = end - committed
            require_writable(self._client)
        except (ConfigurationError, Transient) as error:
            answers, waiting_for = False, waiting_for or str(error)
        progress = self.counts.indexed + self.counts.dead
        return Sight(self._lag, progress, answers, waiting_for)

    def _close(self) -> None:
        # A thread that still waits for Kafka has the lock, and ends with the process.
        if self._publishing.acquire(blocking=False):
            self._letters.close()
            self._publishing.release()
        self._client.close()


def require_servers(settings: Settings, command: str) -> None:
    """Refuses a command that only servers need.

    Raises:
        ConfigurationError: the log or the index is an embedded one.
    """
    if settings.log_url.startswith("sqlite:") or settings.index_url.startswith("tantivy:"):
        raise ConfigurationError(
            f"`newsloom {command}` works between Kafka and Elasticsearch (NEWSLOOM_LOG,"
            " NEWSLOOM_INDEX); for the log and index in a folder `newsloom up` does its work"
        )


def write(messages: Sequence[Message], writer: IndexWriter) -> list[Record]:
    """Writes the documents of enriched records; gives the dead letters of all others."""
    letters: list[Record] = []

    def refuse(message: Message, error: Rejected) -> None:
        letters.append(bury(message, error=error.reason, explanation=str(error), stage="index"))

    batcher = Batcher(writer, refuse)
    for message in messages:
        batcher.add(message.value, message)
    batcher.flush()
    return letters


def _size(message: Message) -> int:
    return len(message.value)

"""Every step in one process: the embedded service."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from pipeline.alerts.sending import Sender, WebhookStep
from pipeline.alerts.step import AlertStep
from pipeline.alerts.webhook import networks_of
from pipeline.article import ARTICLES_DEAD, ARTICLES_ENRICHED, ARTICLES_RAW, Rejection
from pipeline.config import Settings, path_of
from pipeline.enrich import records
from pipeline.enrichment import Enrichers, enrichers
from pipeline.errors import Rejected, Transient
from pipeline.index.batching import Batcher
from pipeline.index.tantivy.folder import current, remove_older
from pipeline.index.tantivy.writer import open_writer
from pipeline.log import Log, Message, Record, open_log
from pipeline.log.dead import bury
from pipeline.maintenance import ENRICHERS, index_group, keep_house, service_lock
from pipeline.producer import ProduceCounts, Producer
from pipeline.profiles import load_profiles
from pipeline.retry import pauses
from pipeline.sources import Located
from pipeline.workers import BATCH, GivenUp, batches

INDEX_POLL = 500
IDLE_SECONDS = 0.2
HOUSEKEEPING_SECONDS = 3600.0

STOP_SECONDS = 2.0
"""How long the end waits for the receivers of alerts to answer."""

logger = logging.getLogger(__name__)


class Counts(ProduceCounts):
    """What became of the inputs, and how many records each step has done since the start."""

    enriched: int = 0
    dead: int = 0
    indexed: int = 0
    alerts: int = 0
    sent: int = 0
    unsent: int = 0


class EnrichStep:
    """Raw topic → worker processes → enriched topic, or dead letters."""

    def __init__(self, log: Log, workers: Enrichers, counts: Counts) -> None:
        self._log = log
        self._workers = workers
        self._counts = counts
        self._consumer = log.consume(ARTICLES_RAW, ENRICHERS)
        self._in_hand: deque[list[Message]] = deque()

    @property
    def idle(self) -> bool:
        """Whether all that the topic holds is enriched."""
        return not self._in_hand and not self._consumer.lag()

    def advance(self) -> None:
        """Takes what there is to take, and publishes and commits what is done; waits a little."""
        if self._workers.wants_more:
            timeout = 0.0 if self._in_hand else IDLE_SECONDS
            messages = self._consumer.poll(BATCH, timeout)
            for batch in batches(messages, lambda message: len(message.value)):
                self._workers.submit([message.value for message in batch])
                self._in_hand.append(batch)
        self._finish(IDLE_SECONDS)

    def drain(self) -> None:
        """Finishes what is in hand, and takes nothing more."""
        while self._in_hand:
            self._finish(IDLE_SECONDS)

    def _finish(self, timeout: float) -> None:
        if (results := self._workers.collect(timeout)) is None:
            return
        batch = self._in_hand.popleft()
        done = [
            Record(result.id, result.value, revision=result.revision)
            for result in results
            if isinstance(result, records.EnrichedRecord)
        ]
        dead = [
            bury(message, error=result.reason, explanation=result.message, stage="enrich")
            for message, result in zip(batch, results, strict=True)
            if isinstance(result, (Rejection, GivenUp))
        ]
        # The commit comes last: a crash before it repeats the batch, which changes nothing.
        self._log.publish(ARTICLES_ENRICHED, done)
        self._log.publish(ARTICLES_DEAD, dead)
        self._consumer.commit(batch)
        self._counts.enriched += len(done)
        self._counts.dead += len(dead)


class IndexStep:
    """Enriched topic → index. Follows the pointer to the index in use, which `reindex` moves."""

    def __init__(self, log: Log, folder: Path, counts: Counts) -> None:
        self._log = log
        self._folder = folder
        self._counts = counts
        self._open()

    def _open(self) -> None:
        self._writer, self._path = open_writer(self._folder)
        remove_older(self._path)
        self._batcher = Batcher(self._writer, self._bury)
        self._consumer = self._log.consume(ARTICLES_ENRICHED, index_group(self._path))
        self._in_hand: list[Message] = []

    @property
    def idle(self) -> bool:
        """Whether all that the topic holds is indexed."""
        return not self._in_hand and not self._consumer.lag()

    def advance(self) -> None:
        """Takes what there is to take, and commits when it is time; waits a little."""
        if current(self._folder) != self._path:
            self._writer.close()
            self._open()
        messages = self._consumer.poll(INDEX_POLL, IDLE_SECONDS)
        self._take(messages)
        if self._batcher.due or (self._in_hand and not messages):
            self.flush()

    def flush(self) -> None:
        """Makes all that was taken durable and visible, then commits its offsets."""
        self._batcher.flush()
        if self._in_hand:
            self._consumer.commit(self._in_hand[-1:])
            self._counts.indexed += len(self._in_hand)
            self._in_hand.clear()

    def close(self) -> None:
        """Lets another process write."""
        self._writer.close()

    def _take(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._batcher.add(message.value, message)
            # Only where it stands is needed any more.
            self._in_hand.append(message._replace(value=b""))

    def _bury(self, message: Message, error: Rejected) -> None:
        letter = bury(message, error=error.reason, explanation=str(error), stage="index")
        self._log.publish(ARTICLES_DEAD, [letter])
        self._counts.dead += 1


class Service:
    """The embedded service: its steps run in threads until it is stopped, or all is done.

    Args:
        settings: where everything is.
        inputs: gives the articles to produce first; the service lives on the raw topic. It is
            called again when producing has to start again: what was published is then unchanged.
        follow: called with a producer and a stop event after `inputs`, to go on producing.
        rejected: is called with each input that can't become an article.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        inputs: Callable[[], Iterable[Located]] = list,
        follow: Callable[[Producer, threading.Event], None] | None = None,
        rejected: Callable[[Rejection], None],
    ) -> None:
        self.counts = Counts()
        self._settings = settings
        self._inputs = inputs
        self._follow = follow
        self._rejected = rejected
        self._stop = threading.Event()
        self._drain = False
        self._produced = threading.Event()
        self._enriched = threading.Event()
        self._alerted = threading.Event()
        self._failure: BaseException | None = None

    def stop(self) -> None:
        """Ends the service: it finishes and commits what is in hand."""
        self._stop.set()

    def run(self, *, drain: bool = False, tick: Callable[[Counts], None] | None = None) -> None:
        """Works until `stop`, or with `drain` until all is indexed; calls `tick` now and then.

        Raises:
            InUse: another service works on this log.
            NewsloomError: a step failed in a way that waiting does not mend.
        """
        self._drain = drain
        with service_lock(self._settings):
            threads = [
                threading.Thread(target=self._guard, args=(step,), name=step.__name__.strip("_"))
                for step in (self._produce, self._enrich, self._index, self._alert, self._send)
            ]
            for thread in threads:
                thread.start()
            try:
                while any(thread.is_alive() for thread in threads):
                    for thread in threads:
                        thread.join(IDLE_SECONDS)
                    if tick is not None:
                        tick(self.counts)
            finally:
                self._stop.set()
                for thread in threads:
                    thread.join()
        if self._failure is not None:
            raise self._failure

    def _guard(self, step: Callable[[], None]) -> None:
        """Runs a step again after what may pass; whatever else happens ends the service."""
        waits = pauses()
        while True:
            begun = time.monotonic()
            try:
                return step()
            except Transient as error:
                if time.monotonic() - begun > 60:
                    waits = pauses()
                pause = next(waits)
                logger.warning("%s; trying again in %.1f s", error, pause)
                if self._stop.wait(pause):
                    return None
            except BaseException as error:  # noqa: BLE001 - raised again in `run`
                self._failure = self._failure or error
                self._stop.set()
                return None

    def _produce(self) -> None:
        log = open_log(self._settings)
        producer = Producer(
            log, self._settings, load_profiles(self._settings.profiles), self.counts, self._rejected
        )
        try:
            producer.produce(self._until_stopped(self._inputs()))
            self._produced.set()
            if self._follow is not None and not self._drain:
                self._follow(producer, self._stop)
        finally:
            log.close()

    def _enrich(self) -> None:
        log = open_log(self._settings)
        next_housekeeping = 0.0
        try:
            with enrichers(self._settings) as workers:
                step = EnrichStep(log, workers, self.counts)
                while not self._stop.is_set():
                    if time.monotonic() >= next_housekeeping:
                        keep_house(log, self._settings)
                        next_housekeeping = time.monotonic() + HOUSEKEEPING_SECONDS
                    # Asked before the step: what is produced after counts as not yet produced.
                    produced = self._produced.is_set()
                    step.advance()
                    if self._drain and produced and step.idle:
                        break
                step.drain()
            self._enriched.set()
        finally:
            log.close()

    def _index(self) -> None:
        log = open_log(self._settings)
        step = IndexStep(log, path_of(self._settings.index_url, "tantivy"), self.counts)
        try:
            while not self._stop.is_set():
                enriched = self._enriched.is_set()
                step.advance()
                if self._drain and enriched and step.idle:
                    break
            step.flush()
        finally:
            step.close()
            log.close()

    def _alert(self) -> None:
        log = open_log(self._settings)
        try:
            step = AlertStep(log, self._settings.retention_days, self.counts, remembers=True)
            while not self._stop.is_set():
                enriched = self._enriched.is_set()
                step.advance(IDLE_SECONDS)
                if self._drain and enriched and step.idle:
                    break
            self._alerted.set()
        finally:
            log.close()

    def _send(self) -> None:
        networks = networks_of(self._settings.webhook_networks)
        log = open_log(self._settings)
        try:
            with closing(Sender(networks)) as sender:
                step = WebhookStep(log, sender, self.counts)
                while not self._stop.is_set():
                    alerted = self._alerted.is_set()
                    step.advance(IDLE_SECONDS)
                    if self._drain and alerted and step.idle:
                        break
                step.finish(STOP_SECONDS)
        finally:
            log.close()

    def _until_stopped(self, inputs: Iterable[Located]) -> Iterator[Located]:
        for located in inputs:
            if self._stop.is_set():
                return
            yield located

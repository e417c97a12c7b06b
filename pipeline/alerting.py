"""`newsloom alerts run`: from Kafka's enriched topic to its alerts topic, and on to webhooks.

Two threads, each with clients of its own: one matches, one calls webhooks. So a receiver that is
slow delays no alert. Each is a member of a consumer group, and begins anew, behind the group's last
commit, after Kafka was away: what it did not commit is read again, and what was told is known.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import closing

import msgspec

from pipeline.alerts import MATCHERS, SENDERS
from pipeline.alerts.sending import Sender, WebhookStep
from pipeline.alerts.step import AlertStep
from pipeline.alerts.webhook import networks_of
from pipeline.article import ALERTS, ARTICLES_ENRICHED
from pipeline.config import Settings
from pipeline.errors import ConfigurationError, Transient
from pipeline.log.kafka import KafkaConsumption, KafkaLog, committed_and_end
from pipeline.log.kafka_client import servers_of
from pipeline.retry import Trouble, pauses
from pipeline.watchdog import Sight, guarded

POLL_SECONDS = 0.2

STOP_SECONDS = 2.0
"""How long the end waits for receivers to answer."""

TICK_SECONDS = 0.2

logger = logging.getLogger(__name__)


class Counts(msgspec.Struct):
    """What was done since the start: alerts published, alerts sent, alerts that could not be."""

    alerts: int = 0
    sent: int = 0
    unsent: int = 0


class Alerting:
    """Matches and sends until it is stopped, or all is done.

    Args:
        settings: where everything is.

    Raises:
        ConfigurationError: the topics are not Kafka's.
    """

    def __init__(self, settings: Settings) -> None:
        if not settings.log_url.startswith("kafka:"):
            raise ConfigurationError(
                "`newsloom alerts run` works on Kafka's topics (NEWSLOOM_LOG);"
                " for the log in a folder `newsloom up` does its work"
            )
        self.counts = Counts()
        self._settings = settings
        self._servers = servers_of(settings.log_url)
        self._networks = networks_of(settings.webhook_networks)
        self._stopping = threading.Event()
        self._matched = threading.Event()
        self._trouble = {name: Trouble(logger) for name in ("match", "send")}
        self._failure: BaseException | None = None
        self._matching: AlertStep | None = None
        self._sending: WebhookStep | None = None
        self._sender: Sender | None = None
        self._lag = 0

    def stop(self) -> None:
        """Ends it: what is in hand is finished or not committed."""
        self._stopping.set()

    def run(self, *, drain: bool = False, tick: Callable[[Counts], None] | None = None) -> bool:
        """Works until `stop`, or with `drain` until nothing is left; calls `tick` now and then.

        Returns:
            Whether it was stopped by its watchdog.

        Raises:
            ConfigurationError: a topic is missing, or there is no such address for /health.
        """
        settings = self._settings
        with guarded(
            self._look, self.stop, stall_seconds=settings.stall_seconds, health=settings.health
        ) as guard:
            threads = [
                threading.Thread(target=self._run, args=(name, step, drain), name=name)
                for name, step in (("match", self._match), ("send", self._send))
            ]
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                for thread in threads:
                    thread.join(TICK_SECONDS)
                if tick is not None:
                    tick(self.counts)
        if self._failure is not None:
            raise self._failure
        return guard.stalled

    def _run(self, name: str, step: Callable[[bool], None], drain: bool) -> None:
        """Does a step again after what may pass; whatever else happens ends all."""
        waits = pauses()
        while not self._stopping.is_set():
            begun = time.monotonic()
            try:
                return step(drain)
            except Transient as error:
                if time.monotonic() - begun > 60:
                    waits = pauses()
                self._trouble[name].waits(str(error))
                self._stopping.wait(next(waits))
            except BaseException as error:  # noqa: BLE001 - raised again in `run`
                self._failure = self._failure or error
                self._stopping.set()
        return None

    def _match(self, drain: bool) -> None:
        with closing(KafkaLog(self._servers)) as log:
            days = self._settings.retention_days
            step = self._matching = AlertStep(log, days, self.counts, remembers=False)
            while not self._stopping.is_set():
                step.advance(POLL_SECONDS)
                self._trouble["match"].over()
                if drain and step.idle:
                    break
        self._matched.set()

    def _send(self, drain: bool) -> None:
        with closing(KafkaLog(self._servers)) as log, closing(Sender(self._networks)) as sender:
            self._sender = sender
            step = self._sending = WebhookStep(log, sender, self.counts)
            while not self._stopping.is_set():
                # Asked before the step: what is matched after counts as not yet matched.
                matched = self._matched.is_set()
                step.advance(POLL_SECONDS)
                self._trouble["send"].over()
                if drain and matched and step.idle:
                    break
            step.finish(STOP_SECONDS)

    def _look(self) -> Sight:
        """What the watchdog sees, in its own thread."""
        answers = True
        waiting_for = next((t.waiting_for for t in self._trouble.values() if t.waiting_for), None)
        try:
            self._lag = sum(
                self._behind(topic, group, step)
                for topic, group, step in (
                    (ARTICLES_ENRICHED, MATCHERS, self._matching),
                    (ALERTS, SENDERS, self._sending),
                )
            )
        except (ConfigurationError, Transient) as error:
            answers, waiting_for = False, waiting_for or str(error)
        matched = self._matching.done if self._matching else 0
        # A receiver that is away is no standstill, as long as it is tried.
        tried = self._sender.tries if self._sender else 0
        settled = self.counts.sent + self.counts.unsent
        return Sight(self._lag, matched + tried + settled, answers, waiting_for)

    def _behind(self, topic: str, group: str, step: AlertStep | WebhookStep | None) -> int:
        consumer = step.consumer if step else None
        share = consumer.partitions if isinstance(consumer, KafkaConsumption) else ()
        places = [(topic, partition) for partition in share]
        committed, end = committed_and_end(self._servers, group, places)
        return end - committed

"""Whoever matches or sends is killed, the broker too: no alert is lost, and none is doubled.

Enriched articles are published all the while. In the end each of them has one alert on the topic,
and the webhook has had each at least once, the same always with the same id.
"""

from __future__ import annotations

import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.alerts import MATCHERS, SENDERS
from pipeline.alerts.records import Alert, alert_id, new_search
from pipeline.alerts.searches import add
from pipeline.article import ALERTS, ARTICLES_ENRICHED, EnrichedArticle
from pipeline.config import Settings
from pipeline.errors import StorageUnavailable
from pipeline.log import Log, Record, messages, open_log
from pipeline.log.dead import letters
from pipeline.log.kafka import committed_and_end
from tests.alerts.receiver import LOOPBACK, Receiver, receiving
from tests.conftest import enriched
from tests.faults.cluster import NEWSLOOM, PARTITIONS, Cluster, kill, wait_for
from tests.faults.conftest import FEW, ROUNDS
from tests.faults.test_kills import start as start_embedded
from tests.servers.kafka import KafkaBroker

EACH = 20
"""Articles that are published at a time, ten times a second; half of them match."""


class Load:
    """Publishes articles, and again now and then one that was published before."""

    def __init__(self, log: Callable[[], Log]) -> None:
        self.matching: set[str] = set()
        self._log = log
        self._stop = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _run(self) -> None:
        moments = random.Random(1)
        before: list[EnrichedArticle] = []
        with closing(self._log()) as log:
            while not self._stop.wait(0.1):
                first = len(before)
                new = [article(number) for number in range(first, first + EACH)]
                again = moments.sample(before, 3) if before else []
                publish(log, [*new, *again])
                before += new
                self.matching |= {each.id for each in new if "levy" in each.text}


def article(number: int) -> EnrichedArticle:
    text = f"A levy, number {number}." if number % 2 else f"A tariff, number {number}."
    return enriched(f"{number:05}", text=text, ingested_at=datetime.now(UTC))


def publish(log: Log, articles: list[EnrichedArticle]) -> None:
    records = [Record(each.id, msgspec.json.encode(each)) for each in articles]
    while True:
        try:
            log.publish(ARTICLES_ENRICHED, records)
        except StorageUnavailable:
            time.sleep(0.2)  # it goes on when the broker is there again
        else:
            return


def save(log: Log, receiver: Receiver) -> None:
    for name, webhook in (("levies", receiver.url), ("also levies", None)):
        add(log, new_search(name, "levy", filters={}, webhook=webhook))


def check(log: Log, load: Load, receiver: Receiver) -> None:
    """Each alert is there once, and each one's webhook was called."""
    assert load.matching
    found = [msgspec.json.decode(m.value, type=Alert) for m in messages(log, ALERTS)]
    told = Counter((alert.search, alert.article_id) for alert in found)
    doubled = {key: count for key, count in told.items() if count > 1}
    assert not doubled
    assert told.keys() == {(n, i) for n in ("levies", "also levies") for i in load.matching}
    delivered = {request.article: set[str]() for request in receiver.requests}
    for request in receiver.requests:
        delivered[request.article].add(request.headers["Newsloom-Delivery"])
    assert delivered == {i: {alert_id("levies", i)} for i in load.matching}
    assert list(letters(log)) == []


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def alerting(cluster: Cluster) -> subprocess.Popen[bytes]:
    return cluster.start(*NEWSLOOM, "alerts", "run", NEWSLOOM_WEBHOOK_NETWORKS=LOOPBACK)


def lag(cluster: Cluster) -> int:
    behind = 0
    for topic, group in ((ARTICLES_ENRICHED, MATCHERS), (ALERTS, SENDERS)):
        places = [(topic, number) for number in range(PARTITIONS)]
        committed, end = committed_and_end([cluster.broker.address], group, places)
        behind += end - committed
    return behind


def goes_on(receiver: Receiver) -> None:
    before = len(receiver.requests)
    wait_for(lambda: len(receiver.requests) > before, 90)


def test_processes_that_share_the_work_are_killed(
    cluster: Cluster, receiver: Receiver, note: Any
) -> None:
    save(cluster.log, receiver)
    load = Load(lambda: cluster.log)
    moments = random.Random(5)
    running = [alerting(cluster), alerting(cluster)]
    with load.running():
        goes_on(receiver)
        for _ in range(ROUNDS):
            time.sleep(moments.uniform(0.0, 2.0))
            kill(running.pop(0))
            cluster.faults += 1
            running.append(alerting(cluster))
            goes_on(receiver)
    wait_for(lambda: lag(cluster) == 0, 120)
    note("articles", len(load.matching))
    check(cluster.log, load, receiver)


@pytest.mark.parametrize("end", [KafkaBroker.stop, KafkaBroker.kill])
def test_a_broker_goes_and_comes_again(
    cluster: Cluster, receiver: Receiver, end: Callable[[KafkaBroker], None], note: Any
) -> None:
    save(cluster.log, receiver)
    load = Load(lambda: cluster.log)
    alerting(cluster)
    with load.running():
        goes_on(receiver)
        for _ in range(FEW):
            end(cluster.broker)
            cluster.faults += 1
            time.sleep(2)
            cluster.broker.start()
            goes_on(receiver)
    wait_for(lambda: lag(cluster) == 0, 120)
    note("articles", len(load.matching))
    check(cluster.log, load, receiver)


def test_the_embedded_service_is_killed(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, note: Any
) -> None:
    monkeypatch.setenv("NEWSLOOM_WEBHOOK_NETWORKS", LOOPBACK)
    settings = Settings(data=tmp_path, processes=1)
    with closing(open_log(settings)) as log:
        save(log, receiver)
        load = Load(lambda: open_log(settings))
        moments = random.Random(6)
        with load.running():
            for _ in range(ROUNDS):
                service = start_embedded(settings, "up")
                try:
                    goes_on(receiver)
                    time.sleep(moments.uniform(0.0, 1.0))
                finally:
                    service.kill()
                    service.wait()
        assert start_embedded(settings, "up", "--drain").wait(240) == 0
        check(log, load, receiver)
    note("faults", ROUNDS)
    note("articles", len(load.matching))

"""Workers, producers and the broker are killed, stopped and paused under load: nothing is lost.

Each article that was accepted is on the enriched topic, in its newest version, or in the dead
letters. `NEWSLOOM_KILLS` sets the number of rounds: `make faults` plays many more than `make test`.
"""

from __future__ import annotations

import os
import random
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.article import ARTICLES_DEAD, ARTICLES_ENRICHED, ARTICLES_RAW, RawArticle
from pipeline.log import Record
from pipeline.log.dead import letters, retry
from pipeline.log.kafka_topics import LATEST
from tests.faults.cluster import Cluster, kill, wait_for
from tests.faults.conftest import ROUNDS
from tests.faults.stub import labelled
from tests.servers.fixtures import running
from tests.servers.kafka import KafkaBroker
from tests.servers.processes import free_ports

MANY = ROUNDS if ROUNDS >= 20 else 1
"""Rounds of what takes long, in `make test` and in `make faults`."""

TAKEOVER_SECONDS = 20
"""After a killed worker, work goes on within so long."""

START = datetime(2025, 7, 17, tzinfo=UTC)


@pytest.fixture(scope="module")
def broker() -> Iterator[KafkaBroker]:
    with running(KafkaBroker) as broker:
        yield broker


@pytest.fixture
def cluster(broker: KafkaBroker, tmp_path: Path, note: Any) -> Iterator[Cluster]:
    cluster = Cluster(broker, tmp_path)
    yield cluster
    note("articles", len(cluster.accepted))
    note("faults", cluster.faults)
    cluster.close()


def article(number: int, version: int = 0, **fields: Any) -> RawArticle:
    values: dict[str, Any] = {
        "id": f"a{number}",
        "source": "wire",
        "body": f"Article {number}, version {version}. " + "Nothing happened. " * 20,
        "published_at": START + timedelta(minutes=number),
        "ingested_at": START + timedelta(milliseconds=number + 1_000_000 * version),
        "metadata": {"symbols": ["SPY", "QQQ"][: number % 3]},
    }
    return RawArticle(**(values | fields))


def articles(count: int, first: int = 0) -> Iterator[RawArticle]:
    """Articles, and a correction behind every tenth."""
    for number in range(first, first + count):
        yield article(number)
        if number % 10 == 0:
            yield article(number, version=1)


def test_killed_workers_lose_and_double_nothing(cluster: Cluster) -> None:
    moments = random.Random(1)
    for number in range(ROUNDS):
        # So slow that the kill falls into the middle of its work.
        worker = cluster.worker(STUB_SECONDS="0.01")
        with cluster.feeding(articles(600, 600 * number), each=0.0):
            cluster.goes_on()
            time.sleep(moments.uniform(0, 1.5))
            kill(worker)
            cluster.faults += 1
    cluster.worker()
    cluster.done()
    cluster.check()


def test_after_a_killed_worker_work_goes_on_within_20_s(cluster: Cluster) -> None:
    first, _ = cluster.worker(), cluster.worker()
    with cluster.feeding(articles(3000), each=0.5):
        wait_for(lambda: cluster.committed() > 200)
        wait_for(lambda: cluster.members() == 2)
        kill(first)
        cluster.faults += 1
        killed = time.monotonic()
        stood = cluster.committed_by_partition()
        wait_for(
            lambda: all(
                now > before
                for now, before in zip(cluster.committed_by_partition(), stood, strict=True)
            )
        )
        assert time.monotonic() - killed < TAKEOVER_SECONDS
    cluster.done()
    cluster.check()


def test_workers_leave_and_join_under_load(cluster: Cluster) -> None:
    first, second = cluster.worker(), cluster.worker()
    with cluster.feeding(articles(2500 * -(-MANY // 4)), each=0.4):
        for _ in range(-(-MANY // 4)):
            wait_for(lambda: cluster.members() == 2 and cluster.committed() > 100)
            first.send_signal(signal.SIGTERM)
            cluster.faults += 1
            assert first.wait(30) == 0
            first, second = second, cluster.worker()
            wait_for(lambda: cluster.members() == 2)
    cluster.done()
    cluster.check()


def test_sigterm_finishes_what_is_in_hand(cluster: Cluster) -> None:
    worker = cluster.worker()
    with cluster.feeding(map(article, range(500)), each=0.05):
        wait_for(lambda: cluster.committed() > 100)
        worker.send_signal(signal.SIGTERM)
        cluster.faults += 1
        assert worker.wait(30) == 0
    # All that is on the enriched topic is committed: nothing is done twice.
    assert sum(map(len, cluster.enriched().values())) == cluster.committed()
    assert cluster.members() == 0


def test_a_broker_that_is_stopped_and_started_again_loses_nothing(cluster: Cluster) -> None:
    cluster.worker()
    with cluster.feeding(articles(2000 * MANY), each=0.4):
        for _ in range(MANY):
            cluster.goes_on()
            cluster.broker.stop()
            cluster.faults += 1
            time.sleep(2)
            cluster.broker.start()
            cluster.goes_on()
    cluster.done()
    cluster.check()


def test_a_broker_that_is_killed_loses_nothing(cluster: Cluster) -> None:
    cluster.worker()
    with cluster.feeding(articles(2000 * MANY), each=0.4):
        for _ in range(MANY):
            cluster.goes_on()
            cluster.broker.kill()
            cluster.faults += 1
            cluster.broker.start()
            cluster.goes_on()
    cluster.done()
    cluster.check()


def test_a_broker_that_is_paused_for_30_s_loses_nothing(cluster: Cluster) -> None:
    cluster.worker()
    with cluster.feeding(articles(1500), each=0.4):
        wait_for(lambda: cluster.committed() > 100)
        for _ in range(-(-MANY // 10)):
            cluster.broker.pause()
            cluster.faults += 1
            time.sleep(30)
            cluster.broker.resume()
            cluster.goes_on()
    cluster.done()
    cluster.check()


def test_poison_is_dead_lettered_and_stops_nobody(cluster: Cluster) -> None:
    kinds = ["die", "hang", "eat", "raise"]
    poisoned = {100 + 97 * number: kinds[number % 4] for number in range(2 * ROUNDS)}

    def mixed() -> Iterator[RawArticle]:
        for number in range(100 * 2 * ROUNDS + 100):
            if number in poisoned:
                yield article(number, metadata={"poison": poisoned[number]})
            else:
                yield article(number)

    worker = cluster.worker(NEWSLOOM_ENRICH_SECONDS="2", NEWSLOOM_ENRICH_MEGABYTES="300")
    cluster.feed(mixed())
    cluster.faults = len(poisoned)
    cluster.done()
    cluster.check(poisoned=[f"a{number}" for number in poisoned])
    assert worker.poll() is None
    dead = cluster.dead()
    for number, kind in poisoned.items():
        headers = dead[f"a{number}"]
        assert headers["newsloom.error.stage"] == "enrich"
        assert (
            headers["newsloom.error.type"]
            == {
                "die": "crashed",
                "hang": "crashed",
                "eat": "failed",
                "raise": "failed",
            }[kind]
        )


def test_records_that_are_no_articles_are_dead_lettered_unchanged(cluster: Cluster) -> None:
    log = cluster.log
    nonsense = [b"", b"no JSON", b'{"id": 5}', b"\xff\xfe", b"[" * 100_000]
    headers = (("trace", b"\xff1"),)
    log.publish(ARTICLES_RAW, [Record(f"n{n}", v, headers) for n, v in enumerate(nonsense)])
    log.publish(ARTICLES_RAW, [Record(None, b"no key either")])
    cluster.worker()
    cluster.feed(articles(50))
    cluster.done()
    letters = cluster.messages(ARTICLES_DEAD)
    assert sorted(letter.value for letter in letters) == sorted([*nonsense, b"no key either"])
    for letter in letters:
        if letter.key is not None:
            assert letter.value == nonsense[int(letter.key[1:])]
            assert letter.headers[:1] == headers
    assert len(cluster.enriched()) == 50


def test_a_stopped_worker_that_goes_on_leaves_no_older_version_behind_a_newer(
    cluster: Cluster,
) -> None:
    stopped, _ = cluster.worker(), cluster.worker()
    numbers = range(400)
    with cluster.feeding((article(n, v) for v in range(4) for n in numbers), each=0.2):
        for _ in range(-(-MANY // 4)):
            wait_for(lambda: cluster.members() == 2 and cluster.committed() > 50)
            os.kill(stopped.pid, signal.SIGSTOP)
            cluster.faults += 1
            wait_for(lambda: cluster.members() == 1)
            cluster.goes_on(100)
            os.kill(stopped.pid, signal.SIGCONT)
    cluster.done()
    wait_for(lambda: cluster.newest_is_last(), 30)
    cluster.check(strictly=False)


def test_what_another_publishes_behind_a_newer_version_is_put_right(cluster: Cluster) -> None:
    cluster.worker()
    cluster.feed([article(n, version=1) for n in range(20)])
    cluster.done()
    log = cluster.log
    older = [labelled(article(n)) for n in range(20)]
    log.publish(ARTICLES_ENRICHED, [Record(a.id, msgspec.json.encode(a)) for a in older])
    assert not cluster.newest_is_last()
    wait_for(cluster.newest_is_last, 30)
    cluster.check(strictly=False)
    # The worker remembers: what is produced again is not published again, nor after a restart.
    cluster.worker()
    cluster.feed([article(n) for n in range(20)])
    cluster.done()
    assert cluster.newest_is_last()


def test_work_that_stands_still_ends_the_worker_with_70(cluster: Cluster) -> None:
    (port,) = free_ports(1)
    worker = cluster.worker(
        NEWSLOOM_STALL_SECONDS="4",
        NEWSLOOM_ENRICH_SECONDS="3600",
        NEWSLOOM_HEALTH=f"127.0.0.1:{port}",
    )
    wait_for(lambda: health(port) == 200)
    cluster.feed([article(n, metadata={"poison": "hang"}) for n in range(12)])
    wait_for(lambda: health(port) == 503)
    assert worker.wait(30) == 70


def health(port: int) -> int | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def test_corrections_withdrawals_replays_and_retries_end_at_the_highest_revision(
    cluster: Cluster,
) -> None:
    chance = random.Random(7)
    newest = dict.fromkeys(range(120), 0)

    def mixed() -> Iterator[RawArticle]:
        for _ in range(400):
            number = chance.randrange(120)
            older = chance.random() < 0.4
            newest[number] += not older
            yield history(number, chance.randint(0, newest[number]) if older else newest[number])

    poisoned = [article(number, metadata={"poison": "raise"}) for number in range(900, 903)]
    cluster.feed(poisoned)
    for _ in range(ROUNDS):
        worker = cluster.worker()
        with cluster.feeding(mixed(), each=0.3):
            cluster.goes_on(chance.randint(1, 300))
            kill(worker)
            cluster.faults += 1
        log = cluster.log
        for letter in letters(log):
            retry(log, letter)
        log.close()
    cluster.worker()
    cluster.done()
    cluster.check(poisoned=[raw.id for raw in poisoned])
    for headers in cluster.dead().values():
        assert int(headers["newsloom.attempts"]) >= ROUNDS
    cluster.trends_are_right()
    before = cluster.newest()
    cluster.compact()
    assert cluster.newest() == before


def history(number: int, version: int) -> RawArticle:
    """A version of an article, the same whenever it is made: some are withdrawals."""
    chance = random.Random(1000 * number + version)
    if chance.random() < 0.2:
        return article(number, version, body="", withdrawn=True, metadata={})
    symbols = chance.sample(["SPY", "QQQ", "DIA", "EWJ"], chance.randint(0, 3))
    moved = START + timedelta(minutes=chance.randint(0, 3000))
    return article(number, version, metadata={"symbols": symbols}, published_at=moved)


def test_what_another_published_while_no_worker_ran_is_put_right_by_the_next(
    cluster: Cluster,
) -> None:
    worker = cluster.worker()
    cluster.feed([article(n, version=1) for n in range(40)])
    cluster.done()
    # Until a worker has noted how far it looked, the next one begins with what comes then.
    wait_for(lambda: any(m.key == "\0checked" for m in cluster.messages(LATEST)))
    kill(worker)
    cluster.faults += 1
    log = cluster.log
    older = [labelled(article(n)) for n in range(20)]
    log.publish(ARTICLES_ENRICHED, [Record(a.id, msgspec.json.encode(a)) for a in older])
    assert not cluster.newest_is_last()
    cluster.worker()
    cluster.feed([article(n, version=1) for n in range(20, 40)])
    wait_for(cluster.newest_is_last, 60)
    cluster.check(strictly=False)

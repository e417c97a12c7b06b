"""Of each article the newest version is the last one, whoever published what behind it."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import count

import msgspec

from pipeline.article import ARTICLES_ENRICHED, RawArticle
from pipeline.log import Record
from pipeline.log.dead import letters, retry
from pipeline.log.kafka_topics import LATEST
from tests.faults.articles import START, article
from tests.faults.cluster import Cluster, kill, wait_for
from tests.faults.conftest import MANY, ROUNDS
from tests.faults.stub import labelled


def test_a_stopped_worker_that_goes_on_leaves_no_older_version_behind_a_newer(
    cluster: Cluster,
) -> None:
    stopped, _ = cluster.worker(), cluster.worker()
    versions = (article(number, version) for version in count() for number in range(400))
    with cluster.feeding(versions, each=0.2, whole=False):
        for _ in range(MANY):
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
    sent_back: Counter[str] = Counter()
    for _ in range(ROUNDS):
        worker = cluster.worker()
        with cluster.feeding(mixed(), each=0.3):
            cluster.goes_on(chance.randint(1, 300))
            kill(worker)
            cluster.faults += 1
        log = cluster.log
        waiting = list(letters(log))
        for letter in waiting:
            retry(log, letter)
        sent_back.update({letter.key or "" for letter in waiting})
        log.close()
    cluster.worker()
    cluster.done()
    cluster.check(poisoned=[raw.id for raw in poisoned])
    for key, headers in cluster.dead().items():
        # A round whose worker died before it had read the letter again sent nothing back.
        assert sent_back[key] > 1
        assert int(headers["newsloom.attempts"]) >= sent_back[key]
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

"""Workers are killed, leave, join and stand still under load: nothing is lost.

Each article that was accepted is on the enriched topic, in its newest version, or in the dead
letters. `NEWSLOOM_KILLS` sets the number of rounds: `make faults` plays many more than `make test`.
"""

from __future__ import annotations

import random
import signal
import time
import urllib.error
import urllib.request

from tests.faults.articles import article, articles
from tests.faults.cluster import Cluster, kill, wait_for
from tests.faults.conftest import MANY, ROUNDS
from tests.servers.processes import free_ports

TAKEOVER_SECONDS = 20
"""After a killed worker, work goes on within so long."""


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
    with cluster.feeding(articles(), each=0.5, whole=False):
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
    with cluster.feeding(articles(), each=0.4, whole=False):
        for _ in range(MANY):
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

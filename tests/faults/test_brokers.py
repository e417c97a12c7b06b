"""The broker is stopped, killed and paused under load: nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.faults.articles import articles
from tests.faults.cluster import Cluster, wait_for
from tests.faults.conftest import FEW, MANY, ROUNDS
from tests.servers.kafka import KafkaBroker

PAUSE_SECONDS = 30 if ROUNDS >= 20 else 15
"""Longer than a session: the broker takes its workers for dead."""


@pytest.mark.parametrize("end", [KafkaBroker.stop, KafkaBroker.kill])
def test_a_broker_that_goes_and_comes_again_loses_nothing(
    cluster: Cluster, end: Callable[[KafkaBroker], None]
) -> None:
    cluster.worker()
    with cluster.feeding(articles(), each=0.4, whole=False):
        for _ in range(MANY):
            cluster.goes_on()
            end(cluster.broker)
            cluster.faults += 1
            time.sleep(2)
            cluster.broker.start()
            cluster.goes_on()
    cluster.done()
    cluster.check()


def test_a_broker_that_is_paused_loses_nothing(cluster: Cluster) -> None:
    cluster.worker()
    with cluster.feeding(articles(), each=0.4, whole=False):
        wait_for(lambda: cluster.committed() > 100)
        for _ in range(FEW):
            cluster.broker.pause()
            cluster.faults += 1
            time.sleep(PAUSE_SECONDS)
            cluster.broker.resume()
            cluster.goes_on()
    cluster.done()
    cluster.check()

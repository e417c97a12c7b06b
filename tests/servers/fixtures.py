"""The servers as fixtures: one of each for all tests, started when the first test needs it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn, TypeVar

import pytest

from tests.servers.elasticsearch import ElasticsearchNode
from tests.servers.kafka import KafkaBroker
from tests.servers.processes import Missing, ServerProcess

S = TypeVar("S", bound=ServerProcess)


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[KafkaBroker]:
    """A broker that all tests share: each uses topics of its own, or a broker of its own."""
    with running(KafkaBroker) as broker:
        yield broker


@pytest.fixture(scope="session")
def elasticsearch_node() -> Iterator[ElasticsearchNode]:
    """A node that all tests share: each uses indices of its own, or a node of its own."""
    with running(ElasticsearchNode) as node:
        yield node


def missing(what: str) -> NoReturn:
    """Skips a test, loudly, because of something that is not installed; in CI it fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must have all that tests need: {what}")
    pytest.skip(f"TESTED LESS: {what}")


@contextmanager
def running(kind: Callable[[], S]) -> Iterator[S]:
    """A server of its own for a test that stops or kills it; skips where it can't be had."""
    try:
        server = kind()
    except Missing as error:
        missing(str(error))
    try:
        server.start()
        yield server
    finally:
        server.close()

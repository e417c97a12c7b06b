"""Consumer groups of a Kafka cluster: who is in them, and one that only one process may be in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from kafka import errors as kafka_errors

from pipeline.errors import InUse
from pipeline.log.kafka import KafkaLog
from pipeline.log.kafka_client import ANSWER_SECONDS, SESSION_SECONDS, administrating

LAPSE_SECONDS = SESSION_SECONDS + 2.0
"""After how long a process that was killed is in no group any more."""

_PASSES = (
    kafka_errors.CoordinatorNotAvailableError,
    kafka_errors.CoordinatorLoadInProgressError,
    kafka_errors.NotCoordinatorError,
)
"""A cluster makes its topic of commits when it is first asked about a group; and it may move."""


def members(servers: Sequence[str], group: str) -> int:
    """How many processes are in a group now; one that was killed is for `SESSION_SECONDS` more.

    Raises:
        StorageUnavailable: no broker answers.
    """
    with administrating(servers, group) as admin:
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            try:
                return len(admin.describe_groups([group])[group]["members"])
            except _PASSES:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


def nobody_in(servers: Sequence[str], group: str) -> bool:
    """Whether no process is in a group; waits until one that was killed counts no more.

    Raises:
        StorageUnavailable: no broker answers.
    """
    deadline = time.monotonic() + LAPSE_SECONDS
    while members(servers, group):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


@contextmanager
def only_member(
    servers: Sequence[str], topic: str, group: str, why: str
) -> Iterator[Callable[[], None]]:
    """A lock that Kafka lets go of when the process ends, however it ends: a group of one member.

    Args:
        servers: brokers.
        topic: any topic of the cluster; nothing of it is read.
        group: the name of the lock.
        why: what it means that another process has it.

    Yields:
        What has to be called now and then; not to do so for minutes loses the lock.

    Raises:
        InUse: another process has it, or tries to get it at the same moment.
        StorageUnavailable: no broker answers.
    """
    if not nobody_in(servers, group):
        raise InUse(why)
    log = KafkaLog(servers)
    try:
        member = log.consume(topic, group)
        deadline = time.monotonic() + ANSWER_SECONDS
        while not member.partitions:
            if time.monotonic() > deadline:
                raise InUse(why)
            member.wait(0.1)
        # Of two who come at the same moment, the later one at least sees both.
        if members(servers, group) > 1:
            raise InUse(why)
        yield lambda: member.wait(0.01)
    finally:
        log.close()

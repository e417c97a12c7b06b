"""What `newsloom doctor` looks at on Kafka: brokers, topics, groups, the newest record's time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from typing import NamedTuple

from kafka import TopicPartition
from kafka.admin import OffsetSpec

from pipeline.alerts import MATCHERS, SENDERS
from pipeline.alerts.searches import Searches
from pipeline.article import ALERTS, ARTICLES_ENRICHED, ARTICLES_RAW
from pipeline.config import Settings
from pipeline.doctor.finding import MAX_SKEW, Finding, ok, problem, warning
from pipeline.errors import ConfigurationError, NewsloomError
from pipeline.log.kafka import KafkaLog, committed_and_end
from pipeline.log.kafka_client import administrating, servers_of
from pipeline.log.kafka_groups import members
from pipeline.log.kafka_topics import TopicChange, partition_count, setup_topics
from pipeline.maintenance import ENRICHERS
from pipeline.sink import GROUP as SINKS

ABOUT = "Kafka"

MOVE_SECONDS = 3.0
"""How long a group that has work is watched for a sign of progress."""


class _Group(NamedTuple):
    name: str
    topic: str
    command: str


_GROUPS = (
    _Group(ENRICHERS, ARTICLES_RAW, "newsloom worker"),
    _Group(SINKS, ARTICLES_ENRICHED, "newsloom sink"),
)

_ALERTING = (
    _Group(MATCHERS, ARTICLES_ENRICHED, "newsloom alerts run"),
    _Group(SENDERS, ALERTS, "newsloom alerts run"),
)


def look(settings: Settings) -> Iterator[Finding]:
    """Yields what is found of brokers, topics and groups."""
    try:
        servers = servers_of(settings.log_url)
        brokers = _brokers(servers)
    except NewsloomError as error:
        yield problem(ABOUT, str(error), "start the broker, or correct NEWSLOOM_LOG")
        return
    answers = f"{brokers} brokers answer" if brokers > 1 else "1 broker answers"
    yield ok(ABOUT, f"{', '.join(servers)}: {answers}")
    topics = list(_topics(settings, servers))
    yield from topics
    if any(finding.level == "problem" for finding in topics):
        return
    for group in (*_GROUPS, *_alerting(servers)):
        yield from _group(servers, group)
    yield from _times(servers)


def _alerting(servers: Sequence[str]) -> Sequence[_Group]:
    """The groups that work where there are saved searches."""
    with closing(KafkaLog(servers)) as log:
        return _ALERTING if len(Searches(log)) else ()


def _brokers(servers: Sequence[str]) -> int:
    with administrating(servers, "the cluster") as admin:
        return len(admin.describe_cluster()["brokers"])


def _topics(settings: Settings, servers: Sequence[str]) -> Iterator[Finding]:
    try:
        changes = setup_topics(
            servers,
            partitions=settings.partitions,
            replication=settings.replication,
            retention_days=settings.retention_days,
            check=True,
        )
    except NewsloomError as error:
        yield problem("topics", str(error), "see the message of the broker")
        return
    for change in changes:
        if change.setting != "partitions":
            yield _topic(change)
    if any(change.setting == "topic" for change in changes):
        return
    try:
        partitions = partition_count(servers)
    except ConfigurationError as error:
        yield problem(
            "topics",
            str(error),
            "give each as many as the one with the most has, while nothing runs",
        )
        return
    if partitions != settings.partitions:
        yield warning(
            "topics",
            f"they have {partitions} partitions, and NEWSLOOM_PARTITIONS is {settings.partitions}",
            f"set NEWSLOOM_PARTITIONS={partitions}: the number of a topic with records stays",
        )
    elif not changes:
        yield ok("topics", f"all are there, with {partitions} partitions each")


def _topic(change: TopicChange) -> Finding:
    about = f"topic {change.topic}"
    if change.before is None:
        return problem(about, "it is missing", "run `newsloom setup`")
    if change.setting == "replication":
        return warning(
            about,
            f"it is on {change.before} brokers, and NEWSLOOM_REPLICATION is {change.after}",
            "move it with kafka-reassign-partitions, or set NEWSLOOM_REPLICATION",
        )
    return warning(
        about,
        f"{change.setting} is {change.before}, and should be {change.after}",
        "run `newsloom setup`",
    )


def _group(servers: Sequence[str], group: _Group) -> Iterator[Finding]:
    about = f"group {group.name}"
    try:
        places = [(group.topic, number) for number in range(partition_count(servers))]
        count = members(servers, group.name)
        committed, end = committed_and_end(servers, group.name, places)
        moved = not count or end == committed or _moves(servers, group, places, committed)
    except NewsloomError as error:
        yield problem(about, str(error), "start the broker")
        return
    lag = end - committed
    work = f"{lag:,} record{'s' if lag != 1 else ''} of {group.topic} wait"
    if not count:
        level = problem if lag else warning
        yield level(about, f"no `{group.command}` runs; {work}", f"start `{group.command}`")
    elif not moved:
        yield warning(
            about,
            f"{work}, and nothing was done within {MOVE_SECONDS:g} s",
            f"see what `{group.command}` says it waits for: in its log, or at its GET /health",
        )
    else:
        yield ok(about, f"{count} of `{group.command}` run; {work}")


def _moves(
    servers: Sequence[str], group: _Group, places: Sequence[tuple[str, int]], committed: int
) -> bool:
    deadline = time.monotonic() + MOVE_SECONDS
    while time.monotonic() < deadline:
        time.sleep(MOVE_SECONDS / 10)
        if committed_and_end(servers, group.name, places)[0] != committed:
            return True
    return False


def _times(servers: Sequence[str]) -> Iterator[Finding]:
    """A record from the future was stamped by a producer whose clock is ahead."""
    with administrating(servers, ARTICLES_RAW) as admin:
        places = [
            TopicPartition(ARTICLES_RAW, number) for number in range(partition_count(servers))
        ]
        asked = dict.fromkeys(places, OffsetSpec.MAX_TIMESTAMP)
        found = admin.list_partition_offsets(asked).values()
    newest = max((place.timestamp for place in found), default=-1)
    ahead = timedelta(milliseconds=newest - time.time_ns() // 1_000_000)
    if ahead > MAX_SKEW:
        yield warning(
            "clocks",
            f"a raw article is of a time that is {ahead.total_seconds():,.0f} s ahead of our clock;"
            " corrections of it may look older than it is",
            "synchronise the clocks of the producers (NTP)",
        )

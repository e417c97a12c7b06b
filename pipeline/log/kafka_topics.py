"""The topics on a Kafka cluster as they should be: made, and their settings put right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource
from kafka.errors import UnknownTopicOrPartitionError

from pipeline.article import TICKER_TRENDS
from pipeline.errors import ConfigurationError
from pipeline.log import COMPACTED as COMPACTED_ANYWHERE
from pipeline.log import TOPICS, retention_of
from pipeline.log.kafka_client import MAX_REQUEST_BYTES, administrating

LATEST = "newsloom.articles.latest"
"""State of the enrichment: for each article the newest revision that was published."""

CONTRIBUTIONS = "newsloom.tickers.contributions"
"""State of the trends: what each article says about each of its tickers."""

ALL_TOPICS = (*TOPICS, TICKER_TRENDS, LATEST, CONTRIBUTIONS)
COMPACTED = COMPACTED_ANYWHERE | {TICKER_TRENDS, LATEST, CONTRIBUTIONS}


COMPACTION_LAG_SECONDS = 3600
"""So long a record stays although a later one has its key: time to put right what two workers did
to the same article, see `pipeline.stream.repair`."""


class TopicChange(NamedTuple):
    """Something about a topic that is not as it should be, and whether it is by now.

    Attributes:
        topic: the topic's name.
        setting: "topic" (it is missing), "partitions", "replication", or one of Kafka's own names.
        before: what it was; None when there was none.
        after: what it should be.
        made: false when only asked for, and for what can't be changed without moving records.
    """

    topic: str
    setting: str
    before: str | None
    after: str
    made: bool


def setup_topics(
    servers: Sequence[str],
    *,
    partitions: int,
    replication: int,
    retention_days: float,
    check: bool = False,
) -> list[TopicChange]:
    """Makes the topics, and those settings right that can be changed. Can be repeated.

    Partitions of an existing topic stay as they are: with another number the records of a key would
    be in two partitions, and neither order nor compaction would hold.

    Args:
        servers: `host:port` of brokers.
        partitions: how many each topic has: the most workers that can share the work.
        replication: on how many brokers each record is.
        retention_days: how long topics that are kept by time keep a record.
        check: only tell what would be changed.

    Returns:
        What was not as it should be; empty when all was.

    Raises:
        ConfigurationError: the cluster does not allow it, or has too few brokers.
        StorageUnavailable: no broker answers.
    """
    with administrating(servers, "topics") as admin:
        found = {
            topic["name"]: topic["partitions"]
            for topic in admin.describe_topics(list(ALL_TOPICS))
            if topic["error_code"] == 0
        }
        new = {
            topic: {
                "num_partitions": partitions,
                "replication_factor": replication,
                "configs": _configuration(topic, replication, retention_days),
            }
            for topic in ALL_TOPICS
            if topic not in found
        }
        if new and not check:
            admin.create_topics(new, wait_for_metadata=True)
        made = f"{partitions} partitions, replication {replication}"
        changes = [TopicChange(topic, "topic", None, made, made=not check) for topic in new]
        for topic, there in found.items():
            changes += _fixed(topic, "partitions", len(there), partitions)
            copies = len(there[0]["replica_nodes"])
            changes += _fixed(topic, "replication", copies, replication)
            wanted = _configuration(topic, replication, retention_days)
            changes += _configure(admin, topic, wanted, check=check)
        return changes


def partition_count(servers: Sequence[str]) -> int:
    """Into how many partitions each of the topics is divided.

    Raises:
        ConfigurationError: one is missing, or they differ.
        StorageUnavailable: no broker answers.
    """
    with administrating(servers, "topics") as admin:
        described = admin.describe_topics(list(ALL_TOPICS))
    missing = [topic["name"] for topic in described if topic["error_code"]]
    if missing:
        raise ConfigurationError(
            f"Kafka at {', '.join(servers)} has no topic {missing[0]}; `newsloom setup` makes it"
        )
    counts = {topic["name"]: len(topic["partitions"]) for topic in described}
    if len(set(counts.values())) > 1:
        shown = ", ".join(f"{name}: {count}" for name, count in sorted(counts.items()))
        raise ConfigurationError(f"all topics need the same number of partitions, not {shown}")
    return next(iter(counts.values()))


def _fixed(topic: str, setting: str, before: int, after: int) -> list[TopicChange]:
    if before == after:
        return []
    return [TopicChange(topic, setting, str(before), str(after), made=False)]


def _configuration(topic: str, replication: int, retention_days: float) -> dict[str, str]:
    common = {
        "max.message.bytes": str(MAX_REQUEST_BYTES),
        # With three replicas one broker may be away, and still no record is on one alone.
        "min.insync.replicas": str(max(replication - 1, 1)),
        "compression.type": "producer",
    }
    if topic in COMPACTED:
        return common | {
            "cleanup.policy": "compact",
            "retention.ms": "-1",
            "min.compaction.lag.ms": str(COMPACTION_LAG_SECONDS * 1000),
        }
    return common | {
        "cleanup.policy": "delete",
        "retention.ms": str(int(retention_of(topic, retention_days) * 86_400_000)),
    }


def _configure(
    admin: KafkaAdminClient, topic: str, wanted: Mapping[str, str], *, check: bool
) -> list[TopicChange]:
    asked = ConfigResource("TOPIC", topic, dict(wanted))
    answer = admin.describe_configs([asked], config_filter="all")["topic"][topic]
    if not answer:
        raise UnknownTopicOrPartitionError
    has = {name: answer[name]["value"] for name in wanted}
    wrong = {name: value for name, value in wanted.items() if has[name] != value}
    if wrong and not check:
        admin.alter_configs([ConfigResource("TOPIC", topic, wrong)])
    return [TopicChange(topic, name, has[name], wanted[name], made=not check) for name in wrong]

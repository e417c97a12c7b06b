"""newsloom's topics on a broker that tests share."""

from __future__ import annotations

import time

from kafka import KafkaAdminClient

from pipeline.log.kafka_topics import ALL_TOPICS, setup_topics
from tests.servers.kafka import KafkaBroker

DELETE_SECONDS = 20


def empty_topics(broker: KafkaBroker, *, partitions: int) -> None:
    """Makes newsloom's topics anew, without any group's commits."""
    delete_topics(broker)
    setup_topics([broker.address], partitions=partitions, replication=1, retention_days=30)


def delete_topics(broker: KafkaBroker) -> None:
    """Removes newsloom's topics and all groups; waits until the broker shows them no more."""
    admin = KafkaAdminClient(bootstrap_servers=broker.address)
    try:
        if old := sorted(set(ALL_TOPICS) & set(admin.list_topics())):
            admin.delete_topics(old)
        if groups := [group["group_id"] for group in admin.list_groups()]:
            admin.delete_groups(groups)
        deadline = time.monotonic() + DELETE_SECONDS
        while set(ALL_TOPICS) & set(admin.list_topics()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        admin.close()

"""newsloom's topics on a broker that tests share."""

from __future__ import annotations

from kafka import KafkaAdminClient

from pipeline.log import TOPICS
from pipeline.log.kafka_topics import setup_topics
from tests.servers.kafka import KafkaBroker


def empty_topics(broker: KafkaBroker, *, partitions: int) -> None:
    """Makes newsloom's topics anew, and forgets all groups' commits."""
    admin = KafkaAdminClient(bootstrap_servers=broker.address)
    try:
        if old := sorted(set(TOPICS) & set(admin.list_topics())):
            admin.delete_topics(old)
        if groups := [group["group_id"] for group in admin.list_groups()]:
            admin.delete_groups(groups)
    finally:
        admin.close()
    setup_topics([broker.address], partitions=partitions, replication=1, retention_days=30)

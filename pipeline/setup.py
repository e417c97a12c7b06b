"""`newsloom setup`: the topics and the index that servers must have, and what Kibana is given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import msgspec

from pipeline.config import Settings
from pipeline.index.elasticsearch.client import connect
from pipeline.index.elasticsearch.rebuild import mend
from pipeline.index.elasticsearch.setup import setup_index
from pipeline.kibana import setup_kibana
from pipeline.log.kafka_client import servers_of
from pipeline.log.kafka_groups import nobody_in
from pipeline.log.kafka_topics import TopicChange, setup_topics
from pipeline.reindex import REBUILDERS

_FIXED = {"partitions", "replication"}


class Change(msgspec.Struct, frozen=True):
    """Something that is not as the settings want it.

    `possible`: setting up changes it; otherwise that is for a person to do.
    """

    what: str
    possible: bool = True


def set_up(settings: Settings, *, check: bool = False) -> Iterator[Change]:
    """Makes what is missing and mends what can be mended. Can be repeated.

    Args:
        settings: where the servers are, and how topics should be; an embedded log or index makes
            itself, and nothing is done for it; without a Kibana nothing is done for that.
        check: only finds out what would be changed.

    Yields:
        Each change, when it is made.

    Raises:
        ConfigurationError: the servers do not allow it, or something of others is in the way.
        StorageUnavailable: no broker answers.
        IndexUnavailable: Elasticsearch does not answer or refuses our credentials.
        KibanaUnavailable: Kibana does not start, or refuses our credentials.
    """
    if settings.log_url.startswith("kafka:"):
        for change in setup_topics(
            servers_of(settings.log_url),
            partitions=settings.partitions,
            replication=settings.replication,
            retention_days=settings.retention_days,
            check=check,
        ):
            yield _topic_change(change)
    if settings.index_url.startswith(("http://", "https://")):
        with closing(connect(settings)) as client:
            if mend(client, check=True) and not _is_rebuilt(settings):
                yield from map(Change, mend(client, check=check))
            yield from map(Change, setup_index(client, check=check))
    if settings.kibana:
        yield from map(Change, setup_kibana(settings, check=check))


def _topic_change(change: TopicChange) -> Change:
    name = f"topic {change.topic}"
    if change.setting in _FIXED:
        return Change(
            f"{name}: has {change.setting} {change.before}, not {change.after}; that stays, since"
            " records would have to be moved",
            possible=False,
        )
    if change.before is None:
        return Change(f"{name}: created, {change.after}")
    return Change(f"{name}: {change.setting} changed from {change.before} to {change.after}")


def _is_rebuilt(settings: Settings) -> bool:
    if not settings.log_url.startswith("kafka:"):
        return False
    return not nobody_in(servers_of(settings.log_url), REBUILDERS)

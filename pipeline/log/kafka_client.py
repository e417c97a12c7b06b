"""How newsloom uses kafka-python: its settings, limits and errors, in one place."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka import errors as kafka_errors
from kafka.net.compat import KafkaNetClient

from pipeline.article import MAX_RECORD_BYTES
from pipeline.errors import ConfigurationError, StorageUnavailable, Terminal

MAX_REQUEST_BYTES = MAX_RECORD_BYTES + 500_000
"""What producers send, topics take and consumers fetch at once: a record, its key and headers."""

MAX_FETCH_BYTES = 16_000_000
"""Records, compressed, that a consumer fetches ahead of its polls."""

ANSWER_SECONDS = 10
"""How long the first answer of a broker, and one to a question about offsets, is waited for."""

DELIVERY_SECONDS = 60
"""How long a record may wait for its acknowledgement: longer than a broker takes to start again."""

SESSION_SECONDS = 10
"""A member of a group that is silent for so long is dead, and the others take over."""

POLL_SECONDS = 600
"""A member that does not poll for so long hangs, and the others take over."""

C = TypeVar("C", KafkaAdminClient, KafkaConsumer, KafkaProducer)

# It writes dozens of lines a second while a broker is away; what matters comes to us as an error.
logging.getLogger("kafka").setLevel(logging.CRITICAL)

_TOO_LARGE = (
    kafka_errors.MessageSizeTooLargeError,
    kafka_errors.RecordListTooLargeError,
    kafka_errors.InvalidRecordError,
)
_REFUSED = (
    kafka_errors.AuthorizationError,
    kafka_errors.InvalidConfigurationError,
    kafka_errors.InvalidPartitionsError,
    kafka_errors.InvalidReplicationFactorError,
    kafka_errors.PolicyViolationError,
    kafka_errors.SaslAuthenticationFailedError,
    kafka_errors.UnsupportedVersionError,
)


def servers_of(url: str) -> list[str]:
    """The bootstrap servers in `kafka://host:port[,host:port]`.

    Raises:
        ConfigurationError: it is no such URL.
    """
    servers = url.removeprefix("kafka://").split(",")
    if not url.startswith("kafka://") or not all(
        re.fullmatch(r"([\w.-]+|\[[0-9a-fA-F:]+\]):\d{1,5}", server) for server in servers
    ):
        raise ConfigurationError("NEWSLOOM_LOG: expected kafka://HOST:PORT[,HOST:PORT]")
    return servers


def connect_producer(servers: Sequence[str]) -> KafkaProducer:
    """A producer: what is acknowledged is on all in-sync replicas, once and in order."""
    return _connected(
        KafkaProducer,
        servers,
        allow_auto_create_topics=False,
        metrics_enabled=False,
        acks="all",
        enable_idempotence=True,
        compression_type="zstd",
        batch_size=256 * 1024,
        linger_ms=20,
        delivery_timeout_ms=DELIVERY_SECONDS * 1000,
        max_block_ms=ANSWER_SECONDS * 1000,
        max_request_size=MAX_REQUEST_BYTES,
    )


def connect_consumer(
    servers: Sequence[str], group: str | None = None, *, from_end: bool = False
) -> KafkaConsumer:
    """A consumer that commits only when told; a new group begins at the beginning or end."""
    consumer = _connected(
        KafkaConsumer,
        servers,
        allow_auto_create_topics=False,
        metrics_enabled=False,
        group_id=group,
        enable_auto_commit=False,
        session_timeout_ms=SESSION_SECONDS * 1000,
        heartbeat_interval_ms=SESSION_SECONDS * 1000 // 4,
        max_poll_interval_ms=POLL_SECONDS * 1000,
        # A broker answers a connection's questions in turn, this one after at most so long.
        fetch_max_wait_ms=200,
        fetch_max_bytes=MAX_FETCH_BYTES,
        max_partition_fetch_bytes=MAX_REQUEST_BYTES,
        auto_offset_reset="latest" if from_end else "earliest",
    )
    coordinator = consumer._coordinator  # noqa: SLF001
    need_rejoin = coordinator.need_rejoin
    # A leader that sees new partitions joins again; of itself (3.0.12) it gives that up when a poll
    # ends meanwhile, and then neither fetches nor sends heartbeats any more.
    coordinator.need_rejoin = lambda: coordinator.rejoining or need_rejoin()
    return consumer


@contextmanager
def administrating(servers: Sequence[str], what: str) -> Iterator[KafkaAdminClient]:
    """A client for what is done to a cluster; its errors become ours, as by `errors_named`."""
    with errors_named(servers, what):
        admin = _connected(KafkaAdminClient, servers)
        try:
            yield admin
        finally:
            admin.close()


def _connected(kind: Callable[..., C], servers: Sequence[str], **options: Any) -> C:
    """A client of kafka-python with the settings that all of ours share.

    Where it finds no broker nothing is left of it: of itself it would leave a thread, which goes on
    looking for one.
    """
    networks: list[KafkaNetClient] = []

    def network(**settings: Any) -> KafkaNetClient:
        networks.append(KafkaNetClient(**settings))
        return networks[-1]

    try:
        return kind(
            bootstrap_servers=list(servers),
            client_id="newsloom",
            bootstrap_timeout_ms=ANSWER_SECONDS * 1000,
            request_timeout_ms=15_000,
            # By default it waits up to 30 s before it looks whether the broker is there again.
            reconnect_backoff_max_ms=1000,
            kafka_client=network,
            **options,
        )
    except BaseException:
        for opened in networks:
            opened.close()
        raise


@contextmanager
def errors_named(servers: Sequence[str], what: str) -> Iterator[None]:
    """Errors of kafka-python become ours; `what` was asked of these servers."""
    try:
        yield
    except kafka_errors.KafkaError as error:
        raise_named(error, servers, what)


def raise_named(error: Exception, servers: Sequence[str], what: str) -> NoReturn:
    """Raises the error of ours that an error of kafka-python amounts to."""
    said = str(error) or type(error).__name__
    name = f"Kafka at {', '.join(servers)}"
    if isinstance(error, kafka_errors.UnknownTopicOrPartitionError):
        message = f"{name} has no topic {what}; `newsloom setup` makes it"
        raise ConfigurationError(message) from error
    if isinstance(error, _TOO_LARGE):
        raise Terminal(f"{what}: {said}") from error
    if isinstance(error, _REFUSED):
        raise ConfigurationError(f"{name}: {what}: {said}") from error
    raise StorageUnavailable(f"{name}: {what}: {said}") from error

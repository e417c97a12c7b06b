"""Topics that carry records between the steps: one protocol, whichever way they are stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import NamedTuple, Protocol

from pipeline.article import (
    ALERTS,
    ARTICLES_DEAD,
    ARTICLES_ENRICHED,
    ARTICLES_RAW,
    SEARCHES,
)
from pipeline.config import Settings, path_of
from pipeline.errors import ConfigurationError

TOPICS = (ARTICLES_RAW, ARTICLES_ENRICHED, ARTICLES_DEAD, ALERTS, SEARCHES)
"""The topics of both logs. Kafka has more: those that its processors publish for subscribers, and
those that they keep their state in."""

COMPACTED = frozenset({ARTICLES_ENRICHED, SEARCHES})
"""Topics that keep the last record of each key for ever; all others are kept by time."""

LEAST_ALERT_DAYS = 1.0
"""So long alerts are kept at least: the topic is the memory of what was told."""

Headers = tuple[tuple[str, bytes], ...]


class Record(NamedTuple):
    """What is published: a key, a value, headers.

    `digest` tells versions of a key apart: a version that the topic has taken before is not taken
    again. `revision` orders them: a topic takes none that is not newer than what it has. Only the
    embedded log looks at the two; see `pipeline.log.kafka`.
    """

    key: str | None
    value: bytes
    headers: Headers = ()
    digest: bytes | None = None
    revision: int | None = None


class Message(NamedTuple):
    """What is consumed: a record and where it stands. `timestamp` is milliseconds since 1970.

    Bytes of a key that are no UTF-8 are there as lone surrogates, as `surrogateescape` has it.
    """

    topic: str
    partition: int
    offset: int
    key: str | None
    value: bytes
    headers: Headers
    timestamp: int


class Outcome(Enum):
    """What became of a published record."""

    APPENDED = "appended"
    UNCHANGED = "unchanged"
    """The topic has taken this version of the key before."""
    SUPERSEDED = "superseded"
    """The topic has this revision of the key, or a newer one."""


class Consumer(Protocol):
    """A position in a topic. With a group it survives: it goes on behind the last commit."""

    def poll(self, limit: int, timeout: float) -> list[Message]:
        """Up to `limit` records in order of offset; waits up to `timeout` seconds for one."""
        ...

    def commit(self, messages: Sequence[Message]) -> None:
        """These and all before them are done with: call it when their results are durable."""
        ...

    def wait(self, seconds: float) -> None:
        """Sleeps without losing its place in the group, while records can't be taken."""
        ...

    def lag(self) -> int:
        """How many records stand behind the position."""
        ...

    def ends(self) -> dict[int, int]:
        """For each partition the offset behind its last record."""
        ...

    def has_passed(self, ends: Mapping[int, int]) -> bool:
        """Whether all records before these offsets have been polled."""
        ...

    def positions(self) -> dict[int, int]:
        """For each partition the offset behind what was polled: a place to begin `at` again."""
        ...

    def close(self) -> None:
        """Makes room for the next consumer of its group; what is not committed is read again."""
        ...


class Log(Protocol):
    """Topics. Not to be shared between threads: each opens its own."""

    def publish(self, topic: str, records: Sequence[Record]) -> list[Outcome]:
        """Appends records, in order, and gives each one's outcome. They are durable on return.

        Raises:
            StorageUnavailable: nothing was appended; the same call may work later.
        """
        ...

    def consume(
        self,
        topic: str,
        group: str | None = None,
        *,
        from_end: bool = False,
        since: int | None = None,
        at: Mapping[int, int] | None = None,
    ) -> Consumer:
        """A consumer: behind the group's last commit, else at the topic's beginning or end.

        Without a group it can begin at the first record that is not older than `since`, in
        milliseconds since 1970, or `at` the positions of an earlier consumer. A partition that has
        none is read from its beginning, and so is one that ends before it: it was made anew.
        """
        ...

    def read(self, topic: str, partition: int, offset: int) -> Message | None:
        """One record, if it is still there."""
        ...

    def close(self) -> None:
        """Frees what the log holds."""
        ...


def retention_of(topic: str, days: float) -> float:
    """For how many days a topic that is kept by time keeps a record, where `days` are set."""
    return max(days, LEAST_ALERT_DAYS) if topic == ALERTS else days


def messages(log: Log, topic: str) -> Iterator[Message]:
    """All that a topic holds now, in order."""
    consumer = log.consume(topic)
    while polled := consumer.poll(500, 0):
        yield from polled


def open_log(settings: Settings, *, create: bool = True) -> Log:
    """The log that the settings name.

    Raises:
        ConfigurationError: no such kind of log; or it does not exist and `create` is false.
        StorageUnavailable: it can't be opened or made.
    """
    if settings.log_url.startswith("kafka:"):
        from pipeline.log.kafka import KafkaLog
        from pipeline.log.kafka_client import servers_of

        return KafkaLog(servers_of(settings.log_url))
    from pipeline.log.sqlite import SqliteLog

    if not settings.log_url.startswith("sqlite:"):
        raise ConfigurationError("NEWSLOOM_LOG: expected sqlite:///PATH or kafka://HOST:PORT")
    return SqliteLog(path_of(settings.log_url, "sqlite"), create=create)

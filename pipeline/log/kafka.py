"""The distributed log: topics of a Kafka cluster, through kafka-python.

What is different from the embedded log:

- A topic can't be asked what it has of a key. So a record's `digest` and `revision` are not looked
  at, and each published record is appended. Producing the same again is harmless: it has the same
  id, and whoever enriches keeps the newest revision of each id and publishes none that is older.
- A publication that failed may have appended some of its records; trying it again appends them
  again. That is harmless for the same reason.
- Order holds for each key, not for a whole topic: a key's records are in one partition.
- The members of a group share the partitions. A consumer that does not poll for `POLL_SECONDS`, or
  whose process is dead for `SESSION_SECONDS`, loses its partitions to the others.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer, TopicPartition
from kafka import errors as kafka_errors
from kafka.structs import OffsetAndMetadata

from pipeline.article import MAX_RECORD_BYTES
from pipeline.errors import StorageUnavailable, Terminal
from pipeline.log import Message, Outcome, Record
from pipeline.log.kafka_client import (
    ANSWER_SECONDS,
    DELIVERY_SECONDS,
    connect_consumer,
    connect_producer,
    errors_named,
    raise_named,
)

MAX_UNACKNOWLEDGED_BYTES = 32_000_000
"""Values handed to the producer before the broker has acknowledged them: kafka-python itself would
hold any number."""

SLICE_SECONDS = 0.25
"""The longest wait that a signal does not interrupt."""

_FOREIGN_BYTES = "surrogateescape"
"""Keys that others made need not be UTF-8; a dead letter has to have the same bytes again."""

_logger = logging.getLogger(__name__)


class KafkaLog:
    """Implements `pipeline.log.Log`. Connects when it is first used.

    Args:
        servers: `host:port` of one or more brokers, through which the others are found.
    """

    def __init__(self, servers: Sequence[str]) -> None:
        self._servers = list(servers)
        self._producer: KafkaProducer | None = None
        self._reader: KafkaConsumer | None = None
        self._known: set[str] = set()
        self._consumers: list[KafkaConsumption] = []

    def publish(self, topic: str, records: Sequence[Record]) -> list[Outcome]:
        """See `Log.publish`; every in-sync replica has the records on return.

        Raises:
            Terminal: a record is too large or invalid; the message names it.
            ConfigurationError: there is no such topic.
            StorageUnavailable: no acknowledgement came; some records may have been appended.
        """
        for record in records:
            if len(record.value) > MAX_RECORD_BYTES:
                raise Terminal(
                    f"{topic}: the record {record.key} has {len(record.value):,} bytes,"
                    f" the most is {MAX_RECORD_BYTES:,}"
                )
        if records:
            self._require(topic)
        for batch in _bounded(records, MAX_UNACKNOWLEDGED_BYTES):
            self._deliver(topic, batch)
        return [Outcome.APPENDED] * len(records)

    def _deliver(self, topic: str, records: Sequence[Record]) -> None:
        try:
            with errors_named(self._servers, topic):
                producer = self._producer = self._producer or connect_producer(self._servers)
                sent = [
                    producer.send(
                        topic,
                        key=encode_key(record.key),
                        value=record.value,
                        headers=list(record.headers),
                    )
                    for record in records
                ]
                producer.flush(timeout=DELIVERY_SECONDS + ANSWER_SECONDS)
            for record, future in zip(records, sent, strict=True):
                if future.failed():
                    raise_named(
                        future.exception, self._servers, f"{topic}: the record {record.key}"
                    )
        except BaseException:
            # What it still holds would come after the records of the next try.
            if self._producer is not None:
                self._producer.close(timeout=0)
                self._producer = None
            raise

    def consume(
        self,
        topic: str,
        group: str | None = None,
        *,
        from_end: bool = False,
        since: int | None = None,
        at: Mapping[int, int] | None = None,
    ) -> KafkaConsumption:
        """See `Log.consume`. With a group, records from the end are those after the first poll.

        Raises:
            ConfigurationError: there is no such topic.
            StorageUnavailable: no broker answers.
        """
        consumer = KafkaConsumption(
            self._servers, topic, group, from_end=from_end, since=since, at=at
        )
        self._consumers = [other for other in self._consumers if not other.closed] + [consumer]
        return consumer

    def read(self, topic: str, partition: int, offset: int) -> Message | None:
        """See `Log.read`."""
        place = TopicPartition(topic, partition)
        with errors_named(self._servers, topic):
            reader = self._reader = self._reader or connect_consumer(self._servers)
            if partition not in _partitions(reader, topic):
                return None
            first = _offsets(reader.beginning_offsets, [place])[place]
            if not first <= offset < _offsets(reader.end_offsets, [place])[place]:
                return None
            reader.assign([place])
            reader.seek(place, offset)
            found = reader.poll(timeout_ms=ANSWER_SECONDS * 1000, max_records=1).get(place)
        if not found:
            raise StorageUnavailable(f"{topic} could not be read from Kafka")
        return message_of(found[0]) if found[0].offset == offset else None

    def close(self) -> None:
        """See `Log.close`."""
        for consumer in self._consumers:
            consumer.close()
        if self._reader is not None:
            self._reader.close()
        if self._producer is not None:
            self._producer.close(timeout=ANSWER_SECONDS)
        self._reader = self._producer = None

    def _require(self, topic: str) -> None:
        """A producer would wait long for a topic that is not there, or have it made in any way."""
        if topic not in self._known:
            with errors_named(self._servers, topic):
                reader = self._reader = self._reader or connect_consumer(self._servers)
                _partitions(reader, topic)
            self._known.add(topic)


class KafkaConsumption(ConsumerRebalanceListener):  # type: ignore[misc]
    """Implements `pipeline.log.Consumer`.

    Attributes:
        partitions: those that its group has given it.
        joining: its group is being divided. Only `poll` and `wait` see a division to its end, and
            they have to follow one another closely: kafka-python forgets a division that ended
            between two polls, and begins another one, for all members.
        closed: it gives nothing any more.
    """

    def __init__(
        self,
        servers: Sequence[str],
        topic: str,
        group: str | None,
        *,
        from_end: bool,
        since: int | None,
        at: Mapping[int, int] | None,
    ) -> None:
        self._servers = servers
        self._topic = topic
        self._group = group
        self.closed = False
        self.partitions: frozenset[int] = frozenset()
        self._done: dict[TopicPartition, int] = {}
        self.joining = group is not None
        self._answered = time.monotonic()
        with errors_named(servers, topic):
            self._consumer = connect_consumer(servers, group, from_end=from_end)
            try:
                self._begin(from_end, since, at)
            except BaseException:
                self._consumer.close()
                raise

    def _begin(self, from_end: bool, since: int | None, at: Mapping[int, int] | None) -> None:
        partitions = _partitions(self._consumer, self._topic)
        self._all = [TopicPartition(self._topic, number) for number in sorted(partitions)]
        if self._group is not None:
            self._consumer.subscribe([self._topic], listener=self)
            return
        self._consumer.assign(self._all)
        late = from_end or since is not None
        ask = self._consumer.end_offsets if late else self._consumer.beginning_offsets
        starts = _offsets(ask, self._all)
        if since is not None:
            times = dict.fromkeys(self._all, since)
            found = self._consumer.offsets_for_times(times, timeout_ms=ANSWER_SECONDS * 1000)
            starts |= {place: first.offset for place, first in found.items() if first}
        if at is not None:
            ends = _offsets(self._consumer.end_offsets, self._all)
            starts |= {
                place: at[place.partition]
                for place, first in starts.items()
                if first <= at.get(place.partition, -1) <= ends[place]
            }
        for place, offset in starts.items():
            self._consumer.seek(place, offset)

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """The group is divided anew: others may commit for these now."""
        self.joining = True
        for place in revoked:
            self._done.pop(place, None)
        self.partitions = frozenset()

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """The division is done; it may have given us nothing."""
        self.joining = False
        self.partitions = frozenset(place.partition for place in assigned)

    def poll(self, limit: int, timeout: float) -> list[Message]:
        """See `Consumer.poll`. With no time to wait it still gives what is there, if any is."""
        deadline = time.monotonic() + (timeout or ANSWER_SECONDS)
        with errors_named(self._servers, self._topic):
            while True:
                if not timeout and not self.joining and not self._behind():
                    return []
                wait = min(SLICE_SECONDS, deadline - time.monotonic())
                if wait <= 0:
                    break
                found = self._consumer.poll(timeout_ms=wait * 1000, max_records=limit)
                if found:
                    self._answered = time.monotonic()
                    return [message_of(record) for records in found.values() for record in records]
            if time.monotonic() - self._answered > ANSWER_SECONDS:
                self._behind()
        if not timeout:
            raise StorageUnavailable(f"{self._topic} could not be read from Kafka")
        return []

    def commit(self, messages: Sequence[Message]) -> None:
        """See `Consumer.commit`. What is another member's by now is done again."""
        behind: dict[TopicPartition, int] = {}
        for message in messages:
            place = TopicPartition(message.topic, message.partition)
            behind[place] = max(behind.get(place, 0), message.offset + 1)
        # Of a partition that is another's by now, more may be done than we know of.
        behind = {
            place: offset
            for place, offset in behind.items()
            if offset > self._done.get(place, 0) and place.partition in self.partitions
        }
        if not behind:
            return
        offsets = {place: OffsetAndMetadata(offset) for place, offset in behind.items()}
        with errors_named(self._servers, self._topic):
            try:
                self._consumer.commit(offsets, timeout_ms=DELIVERY_SECONDS * 1000)
            except (kafka_errors.CommitFailedError, kafka_errors.RebalanceInProgressError):
                _logger.info("%s: the group %s is divided anew", self._topic, self._group)
                return
        self._done |= behind

    def wait(self, seconds: float) -> None:
        """See `Consumer.wait`. A division of the group meanwhile is taken part in."""
        deadline = time.monotonic() + seconds
        with errors_named(self._servers, self._topic):
            try:
                while (left := deadline - time.monotonic()) > 0:
                    self._consumer.pause(*self._consumer.assignment())
                    wait = min(SLICE_SECONDS, left)
                    begun = time.monotonic()
                    early = self._consumer.poll(timeout_ms=wait * 1000)
                    for place, records in early.items():  # of partitions that came just now
                        self._consumer.seek(place, records[0].offset)
                    time.sleep(max(0, wait - (time.monotonic() - begun)))
            finally:
                self._consumer.resume(*self._consumer.paused())

    def lag(self) -> int:
        """See `Consumer.lag`; while the group is being divided, what stands behind its commits.

        Records that compaction has removed count too.
        """
        with errors_named(self._servers, self._topic):
            return self._behind()

    def ends(self) -> dict[int, int]:
        """See `Consumer.ends`."""
        with errors_named(self._servers, self._topic):
            places = list(self._consumer.assignment())
            ends = _offsets(self._consumer.end_offsets, places)
        return {place.partition: end for place, end in ends.items()}

    def has_passed(self, ends: Mapping[int, int]) -> bool:
        """See `Consumer.has_passed`."""
        with errors_named(self._servers, self._topic):
            positions = self._positions([TopicPartition(self._topic, number) for number in ends])
        return all(positions[place] >= ends[place.partition] for place in positions)

    def positions(self) -> dict[int, int]:
        """See `Consumer.positions`; of the partitions that the group has given it."""
        with errors_named(self._servers, self._topic):
            found = self._positions(list(self._consumer.assignment()))
        return {place.partition: offset for place, offset in found.items()}

    def close(self) -> None:
        """See `Consumer.close`."""
        self.closed = True
        self._consumer.close(autocommit=False, timeout_ms=ANSWER_SECONDS * 1000)

    def _behind(self) -> int:
        if self.joining and self._group is not None:
            # Our own questions to the group's coordinator would stand behind that of joining.
            committed, end = committed_and_end(self._servers, self._group, self._all)
            behind = end - committed
        elif places := list(self._consumer.assignment()):
            ends = _offsets(self._consumer.end_offsets, places)
            starts = self._positions(places)
            behind = sum(max(ends[place] - starts[place], 0) for place in places)
        else:
            return 0
        self._answered = time.monotonic()
        return behind

    def _positions(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        found = {p: self._consumer.position(p, timeout_ms=ANSWER_SECONDS * 1000) for p in places}
        if None in found.values():
            raise kafka_errors.KafkaTimeoutError("no position")
        return found


def committed_and_end(
    servers: Sequence[str], group: str, places: Iterable[tuple[str, int]]
) -> tuple[int, int]:
    """What a group has committed of partitions, and where they end: offsets, added up.

    Args:
        servers: brokers.
        group: the consumer group; it is not joined.
        places: topics and partitions.

    Raises:
        StorageUnavailable: no broker answers.
    """
    wanted = [TopicPartition(topic, partition) for topic, partition in places]
    with errors_named(servers, group):
        consumer = connect_consumer(servers, group)
        try:
            ends = _offsets(consumer.end_offsets, wanted)
            starts = _committed(consumer, wanted)
        finally:
            consumer.close(autocommit=False)
    return sum(starts.values()), sum(ends.values())


def _partitions(consumer: KafkaConsumer, topic: str) -> set[int]:
    partitions: set[int] | None = consumer.partitions_for_topic(topic)
    if not partitions:
        raise kafka_errors.UnknownTopicOrPartitionError
    return partitions


def _offsets(
    ask: Callable[..., dict[TopicPartition, int]], places: Sequence[TopicPartition]
) -> dict[TopicPartition, int]:
    return ask(places, timeout_ms=ANSWER_SECONDS * 1000)


def _committed(
    consumer: KafkaConsumer, places: Sequence[TopicPartition]
) -> dict[TopicPartition, int]:
    """Where a consumer's group goes on: its commits, else the beginning."""
    starts = _offsets(consumer.beginning_offsets, places)
    for place in places:
        committed = consumer.committed(place, timeout_ms=ANSWER_SECONDS * 1000)
        starts[place] = max(starts[place], committed or 0)
    return starts


def _bounded(records: Sequence[Record], most: int) -> Iterator[Sequence[Record]]:
    """`records` in runs whose values have together no more than `most` bytes."""
    begin = size = 0
    for number, record in enumerate(records):
        if size and size + len(record.value) > most:
            yield records[begin:number]
            begin, size = number, 0
        size += len(record.value)
    if begin < len(records):
        yield records[begin:]


def message_of(record: Any) -> Message:
    """A record as a client of Kafka gives it (ours, or the one that Faust uses), as a message."""
    return Message(
        record.topic,
        record.partition,
        record.offset,
        None if record.key is None else record.key.decode(errors=_FOREIGN_BYTES),
        record.value or b"",
        tuple((name, value or b"") for name, value in record.headers),
        record.timestamp,
    )


def encode_key(key: str | None) -> bytes | None:
    """The bytes of a key as they were."""
    return None if key is None else key.encode(errors=_FOREIGN_BYTES)

"""A log keeps what it took, in order, for every reader: the same whichever way it is stored."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.article import ARTICLES_ENRICHED, ARTICLES_RAW, MAX_RECORD_BYTES
from pipeline.log import Log, Outcome, Record
from pipeline.log.kafka import KafkaLog
from pipeline.log.sqlite import SqliteLog
from tests.servers.topics import empty_topics


@pytest.fixture(params=["sqlite", "kafka"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    """One of each kind, empty; Kafka's topics have one partition, so that order is total."""
    if request.param == "sqlite":
        opened: Log = SqliteLog(tmp_path / "log.db")
    else:
        broker = request.getfixturevalue("kafka_broker")
        empty_topics(broker, partitions=1)
        opened = KafkaLog([broker.address])
    yield opened
    opened.close()


@pytest.fixture
def embedded_log(tmp_path: Path) -> SqliteLog:
    """The one kind that knows what a topic has of a key."""
    return SqliteLog(tmp_path / "log.db")


def record(key: str, value: bytes = b"v", **fields: object) -> Record:
    return Record(key, value, **fields)  # type: ignore[arg-type]


def test_a_record_comes_out_as_it_went_in(log: Log) -> None:
    log.publish(ARTICLES_RAW, [Record("k", b"\x00value", (("h", b"\xff"),))])
    (message,) = log.consume(ARTICLES_RAW).poll(10, 0)
    assert (message.key, message.value, message.headers) == ("k", b"\x00value", (("h", b"\xff"),))
    assert log.read(ARTICLES_RAW, 0, message.offset) == message


def test_records_come_in_the_order_they_were_published(log: Log) -> None:
    for batch in (["a", "b"], ["c"], ["d", "e"]):
        log.publish(ARTICLES_RAW, [record(key) for key in batch])
    consumer = log.consume(ARTICLES_RAW)
    assert [m.key for m in consumer.poll(3, 0)] == ["a", "b", "c"]
    assert [m.key for m in consumer.poll(3, 0)] == ["d", "e"]
    assert consumer.poll(3, 0) == []


def test_a_group_goes_on_behind_its_last_commit(log: Log) -> None:
    log.publish(ARTICLES_RAW, [record(key) for key in "abcd"])
    consumer = log.consume(ARTICLES_RAW, "group")
    first = consumer.poll(2, 0)
    consumer.poll(1, 0)
    consumer.commit(first)
    consumer.close()
    assert [m.key for m in log.consume(ARTICLES_RAW, "group").poll(10, 0)] == ["c", "d"]
    assert [m.key for m in log.consume(ARTICLES_RAW, "other").poll(10, 0)] == ["a", "b", "c", "d"]


def test_a_commit_never_goes_back(log: Log) -> None:
    log.publish(ARTICLES_RAW, [record(key) for key in "abc"])
    consumer = log.consume(ARTICLES_RAW, "group")
    messages = consumer.poll(3, 0)
    consumer.commit(messages)
    consumer.commit(messages[:1])
    consumer.close()
    assert log.consume(ARTICLES_RAW, "group").poll(10, 0) == []


def test_a_consumer_from_the_end_sees_only_what_comes_after(log: Log) -> None:
    log.publish(ARTICLES_RAW, [record("old")])
    consumer = log.consume(ARTICLES_RAW, from_end=True)
    log.publish(ARTICLES_RAW, [record("new")])
    assert [m.key for m in consumer.poll(10, 0)] == ["new"]


def test_lag_is_what_stands_behind_the_position(log: Log) -> None:
    log.publish(ARTICLES_RAW, [record(key) for key in "abc"])
    consumer = log.consume(ARTICLES_RAW)
    consumer.poll(1, 0)
    assert consumer.lag() == 2


def test_a_poll_waits_for_a_record_no_longer_than_it_may(log: Log) -> None:
    consumer = log.consume(ARTICLES_RAW)
    begun = time.monotonic()
    assert consumer.poll(10, 0.3) == []
    assert 0.3 <= time.monotonic() - begun < 3


def test_a_consumer_that_waits_takes_nothing_and_loses_nothing(log: Log) -> None:
    log.publish(ARTICLES_RAW, [record(key) for key in "abc"])
    consumer = log.consume(ARTICLES_RAW, "group")
    consumer.poll(1, 0)
    begun = time.monotonic()
    consumer.wait(0.5)
    assert time.monotonic() - begun >= 0.5
    assert [m.key for m in consumer.poll(10, 0)] == ["b", "c"]


def test_a_consumer_can_begin_at_a_moment(log: Log) -> None:
    log.publish(ARTICLES_RAW, [record("before")])
    first = log.consume(ARTICLES_RAW).poll(1, 10)[0].timestamp
    while time.time_ns() // 1_000_000 <= first:
        time.sleep(0.001)
    moment = time.time_ns() // 1_000_000
    log.publish(ARTICLES_RAW, [record("after"), record("last")])
    consumer = log.consume(ARTICLES_RAW, since=moment)
    assert consumer.lag() == 2
    assert [m.key for m in consumer.poll(10, 0)] == ["after", "last"]
    assert len(log.consume(ARTICLES_RAW, since=0).poll(10, 0)) == 3
    later = log.consume(ARTICLES_RAW, since=moment + 3_600_000)
    assert later.poll(10, 0) == []
    log.publish(ARTICLES_RAW, [record("new")])
    assert [m.key for m in later.poll(10, 0)] == ["new"]


def test_a_consumer_knows_when_it_has_passed_what_was_there(log: Log) -> None:
    log.publish(ARTICLES_RAW, [record(key) for key in "abc"])
    consumer = log.consume(ARTICLES_RAW)
    ends = consumer.ends()
    assert not consumer.has_passed(ends)
    consumer.poll(2, 0)
    log.publish(ARTICLES_RAW, [record("d")])
    assert not consumer.has_passed(ends)
    consumer.poll(1, 0)
    assert consumer.has_passed(ends)
    assert not consumer.has_passed(consumer.ends())


def test_nothing_is_read_where_nothing_is(log: Log) -> None:
    log.publish(ARTICLES_RAW, [record("k")])
    assert log.read(ARTICLES_RAW, 0, 1000) is None
    assert log.read(ARTICLES_RAW, 7, 0) is None


def test_a_record_may_lack_a_key_and_have_an_empty_value(log: Log) -> None:
    log.publish(ARTICLES_RAW, [Record(None, b"", (("h", b""),))])
    (message,) = log.consume(ARTICLES_RAW).poll(10, 0)
    assert (message.key, message.value, message.headers) == (None, b"", (("h", b""),))


def test_the_largest_record_gets_through(log: Log) -> None:
    value = random.Random(0).randbytes(MAX_RECORD_BYTES)
    log.publish(ARTICLES_RAW, [record("large", value)])
    (message,) = log.consume(ARTICLES_RAW).poll(10, 0)
    assert message.value == value


def test_a_group_that_never_committed_begins_at_the_beginning(log: Log) -> None:
    log.publish(ARTICLES_RAW, [record("a")])
    consumer = log.consume(ARTICLES_RAW, "new")
    assert consumer.lag() == 1
    assert [m.key for m in consumer.poll(10, 0)] == ["a"]
    assert consumer.lag() == 0


def test_the_embedded_log_does_not_take_again_a_version_that_it_took_before(
    embedded_log: SqliteLog,
) -> None:
    first, second = record("k", digest=b"1"), record("k", digest=b"2")
    assert embedded_log.publish(ARTICLES_RAW, [first, first, second]) == [
        Outcome.APPENDED,
        Outcome.UNCHANGED,
        Outcome.APPENDED,
    ]
    # The first one again, although the second is the latest: both files are read again and again.
    assert embedded_log.publish(ARTICLES_RAW, [first, second]) == [Outcome.UNCHANGED] * 2
    assert embedded_log.publish(ARTICLES_RAW, [record("other", digest=b"1")]) == [Outcome.APPENDED]


def test_in_the_embedded_log_no_older_revision_stands_behind_a_newer_one(
    embedded_log: SqliteLog,
) -> None:
    outcomes = embedded_log.publish(
        ARTICLES_ENRICHED, [record("k", revision=r) for r in (5, 4, 5, 6)]
    )
    assert outcomes == [
        Outcome.APPENDED,
        Outcome.SUPERSEDED,
        Outcome.SUPERSEDED,
        Outcome.APPENDED,
    ]


def test_a_consumer_begins_where_another_one_stood(log: Log) -> None:
    log.publish(ARTICLES_RAW, [record(key) for key in "abc"])
    first = log.consume(ARTICLES_RAW)
    first.poll(2, 0)
    second = log.consume(ARTICLES_RAW, at=first.positions())
    assert [m.key for m in second.poll(10, 0)] == ["c"]
    log.publish(ARTICLES_RAW, [record("d")])
    assert [m.key for m in second.poll(10, 0)] == ["d"]


def test_a_consumer_that_has_polled_nothing_stands_where_it_began(log: Log) -> None:
    log.publish(ARTICLES_RAW, [record("a")])
    places = log.consume(ARTICLES_RAW, from_end=True).positions()
    log.publish(ARTICLES_RAW, [record("b")])
    assert [m.key for m in log.consume(ARTICLES_RAW, at=places).poll(10, 0)] == ["b"]


@pytest.mark.parametrize("at", [{}, {0: 100_000}, {0: -5}, {7: 1}])
def test_a_place_that_a_topic_does_not_have_is_its_beginning(log: Log, at: dict[int, int]) -> None:
    log.publish(ARTICLES_RAW, [record("a"), record("b")])
    assert [m.key for m in log.consume(ARTICLES_RAW, at=at).poll(10, 0)] == ["a", "b"]

"""A log keeps what it took, in order, for every reader: the same whichever way it is stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.article import ARTICLES_ENRICHED, ARTICLES_RAW
from pipeline.log import Log, Outcome, Record
from pipeline.log.sqlite import SqliteLog


@pytest.fixture(params=["sqlite"])
def log(tmp_path: Path) -> Log:
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
    assert [m.key for m in log.consume(ARTICLES_RAW, "group").poll(10, 0)] == ["c", "d"]
    assert [m.key for m in log.consume(ARTICLES_RAW, "other").poll(10, 0)] == ["a", "b", "c", "d"]


def test_a_commit_never_goes_back(log: Log) -> None:
    log.publish(ARTICLES_RAW, [record(key) for key in "abc"])
    consumer = log.consume(ARTICLES_RAW, "group")
    messages = consumer.poll(3, 0)
    consumer.commit(messages)
    consumer.commit(messages[:1])
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


def test_a_version_that_was_taken_before_is_not_taken_again(log: Log) -> None:
    first, second = record("k", digest=b"1"), record("k", digest=b"2")
    assert log.publish(ARTICLES_RAW, [first, first, second]) == [
        Outcome.APPENDED,
        Outcome.UNCHANGED,
        Outcome.APPENDED,
    ]
    # The first one again, although the second is the latest: both files are read again and again.
    assert log.publish(ARTICLES_RAW, [first, second]) == [Outcome.UNCHANGED] * 2
    assert log.publish(ARTICLES_RAW, [record("other", digest=b"1")]) == [Outcome.APPENDED]


def test_no_older_revision_stands_behind_a_newer_one(log: Log) -> None:
    outcomes = log.publish(ARTICLES_ENRICHED, [record("k", revision=r) for r in (5, 4, 5, 6)])
    assert outcomes == [
        Outcome.APPENDED,
        Outcome.SUPERSEDED,
        Outcome.SUPERSEDED,
        Outcome.APPENDED,
    ]

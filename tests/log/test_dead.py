"""Dead letters keep the original, say why, and can be sent back once."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.article import ARTICLES_DEAD, ARTICLES_ENRICHED, ARTICLES_RAW
from pipeline.errors import NotFound
from pipeline.log import Log, Message, Outcome, Record
from pipeline.log.dead import bury, find, letters, retry
from pipeline.log.sqlite import SqliteLog


@pytest.fixture
def log(tmp_path: Path) -> SqliteLog:
    return SqliteLog(tmp_path / "log.db")


def dead(log: Log, value: bytes = b"\xff broken", topic: str = ARTICLES_RAW) -> Message:
    log.publish(topic, [Record("k", value, (("trace", b"1"),))])
    message = log.consume(topic).poll(100, 0)[-1]
    log.publish(
        ARTICLES_DEAD, [bury(message, error="bad", explanation="it is bad", stage="enrich")]
    )
    return message


def test_a_letter_keeps_key_value_and_headers_and_says_what_happened(log: SqliteLog) -> None:
    message = dead(log)
    (buried,) = log.consume(ARTICLES_DEAD).poll(10, 0)
    assert (buried.key, buried.value) == (message.key, message.value)
    assert dict(buried.headers) == {
        "trace": b"1",
        "newsloom.error.type": b"bad",
        "newsloom.error.message": b"it is bad",
        "newsloom.error.stage": b"enrich",
        "newsloom.origin.topic": ARTICLES_RAW.encode(),
        "newsloom.origin.partition": b"0",
        "newsloom.origin.offset": str(message.offset).encode(),
        "newsloom.attempts": b"1",
    }


def test_a_letter_that_is_retried_goes_back_as_it_was_and_counts_its_attempts(
    log: SqliteLog,
) -> None:
    dead(log)
    (letter,) = letters(log)
    assert retry(log, letter) is Outcome.APPENDED
    again = log.consume(ARTICLES_RAW).poll(10, 0)[-1]
    assert (again.key, again.value) == ("k", b"\xff broken")
    assert dict(again.headers) == {"trace": b"1", "newsloom.attempts": b"1"}
    second = bury(again, error="bad", explanation="still", stage="enrich")
    assert dict(second.headers)["newsloom.attempts"] == b"2"


def test_a_letter_that_was_sent_back_is_no_longer_listed(log: SqliteLog) -> None:
    dead(log)
    (letter,) = letters(log)
    retry(log, letter)
    assert list(letters(log)) == []
    with pytest.raises(NotFound):
        find(log, letter.ref)


def test_a_retried_letter_is_not_put_behind_a_newer_revision(log: SqliteLog) -> None:
    dead(log, b'{"revision": 5}', ARTICLES_ENRICHED)
    log.publish(ARTICLES_ENRICHED, [Record("k", b'{"revision": 6}', revision=6)])
    (letter,) = letters(log)
    assert retry(log, letter) is Outcome.SUPERSEDED
    assert log.consume(ARTICLES_ENRICHED).poll(10, 0)[-1].value == b'{"revision": 6}'
    assert list(letters(log)) == []


def test_a_foreign_attempts_header_does_no_harm(log: SqliteLog) -> None:
    log.publish(ARTICLES_RAW, [Record("k", b"v", (("newsloom.attempts", b"many"),))])
    (message,) = log.consume(ARTICLES_RAW).poll(1, 0)
    buried = bury(message, error="bad", explanation="", stage="enrich")
    assert dict(buried.headers)["newsloom.attempts"] == b"1"


def test_a_letter_that_can_not_be_read_is_not_put_behind_any_revision(log: SqliteLog) -> None:
    dead(log, b"garbage", ARTICLES_ENRICHED)
    log.publish(ARTICLES_ENRICHED, [Record("k", b'{"revision": 6}', revision=6)])
    (letter,) = letters(log)
    assert retry(log, letter) is Outcome.SUPERSEDED
    assert log.consume(ARTICLES_ENRICHED).poll(10, 0)[-1].value == b'{"revision": 6}'


def test_the_same_record_dies_once(log: SqliteLog) -> None:
    message = dead(log)
    again = bury(message, error="bad", explanation="again", stage="enrich")
    assert log.publish(ARTICLES_DEAD, [again]) == [Outcome.UNCHANGED]

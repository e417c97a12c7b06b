"""What is the embedded log's own (see also tests/contract): retention, processes, disks."""

from __future__ import annotations

import multiprocessing
import sqlite3
from pathlib import Path

import pytest

from pipeline.article import (
    ALERTS,
    ARTICLES_DEAD,
    ARTICLES_ENRICHED,
    ARTICLES_RAW,
    SEARCHES,
)
from pipeline.errors import ConfigurationError, StorageUnavailable, Terminal
from pipeline.log import Outcome, Record
from pipeline.log.sqlite import MAX_POLL_BYTES, SqliteLog


@pytest.fixture
def log(tmp_path: Path) -> SqliteLog:
    return SqliteLog(tmp_path / "log.db")


def record(key: str, value: bytes = b"v", **fields: object) -> Record:
    return Record(key, value, **fields)  # type: ignore[arg-type]


def test_a_newer_revision_takes_the_place_of_the_older_one_and_leaves_nothing_of_it(
    log: SqliteLog, tmp_path: Path
) -> None:
    for revision, key in enumerate("abab", 1):
        value = b"secret" if revision < 3 else b"newer"
        log.publish(ARTICLES_ENRICHED, [record(key, value, revision=revision)])
    messages = log.consume(ARTICLES_ENRICHED).poll(10, 0)
    assert [(m.key, m.value, m.offset) for m in messages] == [
        ("a", b"newer", 3),
        ("b", b"newer", 4),
    ]
    log.release_space()
    log.close()
    assert b"secret" not in (tmp_path / "log.db").read_bytes()


def test_room_of_removed_records_is_given_back(log: SqliteLog, tmp_path: Path) -> None:
    for start in range(0, 5000, 500):
        log.publish(ARTICLES_DEAD, [record(str(n), b"x" * 2000) for n in range(start, start + 500)])
    assert log.expire(ARTICLES_DEAD, 10**15) == 5000
    log.release_space()
    assert (tmp_path / "log.db").stat().st_size < 200_000


def test_retention_keeps_what_the_group_has_not_committed(log: SqliteLog) -> None:
    log.publish(ARTICLES_RAW, [record(key) for key in "abc"])
    consumer = log.consume(ARTICLES_RAW, "group")
    consumer.commit(consumer.poll(2, 0))
    far_future = 10**15
    assert log.expire(ARTICLES_RAW, far_future, consumed_by="group") == 2
    assert [m.key for m in log.consume(ARTICLES_RAW).poll(10, 0)] == ["c"]


def test_retention_keeps_what_is_young(log: SqliteLog) -> None:
    log.publish(ARTICLES_DEAD, [record("a")])
    (message,) = log.consume(ARTICLES_DEAD).poll(1, 0)
    assert log.expire(ARTICLES_DEAD, message.timestamp) == 0
    assert log.expire(ARTICLES_DEAD, message.timestamp + 1) == 1


def test_offsets_are_not_given_again_after_retention(log: SqliteLog) -> None:
    log.publish(ARTICLES_DEAD, [record("a")])
    (first,) = log.consume(ARTICLES_DEAD).poll(1, 0)
    log.expire(ARTICLES_DEAD, 10**15)
    log.publish(ARTICLES_DEAD, [record("b")])
    (second,) = log.consume(ARTICLES_DEAD).poll(1, 0)
    assert second.offset > first.offset


def test_a_poll_is_bounded_in_bytes(log: SqliteLog) -> None:
    big = b"x" * (MAX_POLL_BYTES // 4)
    log.publish(ARTICLES_RAW, [record(str(n), big) for n in range(6)])
    assert len(log.consume(ARTICLES_RAW).poll(6, 0)) == 4


def _publish_many(path: Path, name: str) -> None:
    log = SqliteLog(path)
    for n in range(200):
        log.publish(ARTICLES_RAW, [Record(f"{name}-{n}", b"x" * 1000)])


def test_several_processes_write_and_read_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_publish_many, args=(path, f"w{n}")) for n in range(3)]
    for writer in writers:
        writer.start()
    seen: list[str | None] = []
    consumer = SqliteLog(path).consume(ARTICLES_RAW)
    while any(writer.is_alive() for writer in writers) or consumer.lag():
        seen += [message.key for message in consumer.poll(50, 0.1)]
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert len(seen) == len(set(seen)) == 600
    for name in ("w0", "w1", "w2"):
        assert [k for k in seen if k and k.startswith(name)] == [f"{name}-{n}" for n in range(200)]
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_batch_is_taken_whole_or_not_at_all(log: SqliteLog) -> None:
    with pytest.raises(Terminal):
        log.publish(ARTICLES_RAW, [record("a"), Record("b", None)])  # type: ignore[arg-type]
    assert log.consume(ARTICLES_RAW).lag() == 0


def test_a_log_that_does_not_exist_is_only_made_for_writers(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no articles here yet"):
        SqliteLog(tmp_path / "none" / "log.db", create=False)
    assert not (tmp_path / "none").exists()


def test_a_folder_that_can_not_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageUnavailable, match="file"):
        SqliteLog(tmp_path / "file" / "log.db")


def test_a_full_disk_is_transient_and_loses_nothing(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db")
    log.publish(ARTICLES_RAW, [record("a")])
    pages = log._db.execute("PRAGMA page_count").fetchone()[0]
    log._db.execute(f"PRAGMA max_page_count = {pages}")  # SQLite's own way to a full disk
    with pytest.raises(StorageUnavailable, match="full"):
        log.publish(ARTICLES_RAW, [record("b", b"x" * 100_000)])
    log._db.execute("PRAGMA max_page_count = 1000000")
    assert log.publish(ARTICLES_RAW, [record("b")]) == [Outcome.APPENDED]
    assert [m.key for m in log.consume(ARTICLES_RAW).poll(10, 0)] == ["a", "b"]


def test_a_file_that_is_no_database_is_terminal(tmp_path: Path) -> None:
    (tmp_path / "log.db").write_bytes(b"no database at all " * 100)
    with pytest.raises(Terminal, match=r"log\.db"):
        SqliteLog(tmp_path / "log.db")


def test_a_log_of_an_earlier_release_gets_the_topics_that_it_has_not(
    log: SqliteLog, tmp_path: Path
) -> None:
    log.publish(ARTICLES_RAW, [record("kept")])
    for topic in (ALERTS, SEARCHES):
        log._db.execute(f'DROP TABLE "{topic}"')
    log.close()
    later = SqliteLog(tmp_path / "log.db")
    assert later.publish(ALERTS, [record("new")]) == [Outcome.APPENDED]
    assert later.publish(SEARCHES, [record("new", revision=1)]) == [Outcome.APPENDED]
    assert later.publish(SEARCHES, [record("new", revision=1)]) == [Outcome.SUPERSEDED]
    assert [m.key for m in later.consume(ARTICLES_RAW).poll(10, 0)] == ["kept"]
    later.close()

"""The embedded steps: in which order results become durable, and what a crash between leaves."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.alerts import SENDERS
from pipeline.alerts.records import new_search
from pipeline.alerts.searches import add
from pipeline.article import (
    ALERTS,
    ARTICLES_DEAD,
    ARTICLES_ENRICHED,
    ARTICLES_RAW,
    Clock,
    RawArticle,
    Rejection,
    Submission,
    settle,
)
from pipeline.config import Settings
from pipeline.enrich.records import EnrichedRecord, Result
from pipeline.errors import InUse
from pipeline.index.query import Query
from pipeline.index.tantivy import TantivyIndex
from pipeline.local import Counts, EnrichStep, IndexStep, Service
from pipeline.log import Log, Outcome, Record
from pipeline.log.sqlite import SqliteLog
from pipeline.maintenance import ENRICHERS, keep_house, service_lock, withdraw
from pipeline.producer import ProduceCounts, Producer, settled
from pipeline.profiles import load_profiles
from pipeline.reindex import reindex
from pipeline.sources import Located
from pipeline.workers import GivenUp
from tests.conftest import enriched


class Crash(BaseException):
    """Stands for the end of the process at this very place."""


class CrashingLog:
    """A log at one of whose calls the process ends."""

    def __init__(self, log: Log, crash: tuple[str, str], *, after: bool) -> None:
        self._log, self._crash, self._after = log, crash, after

    def publish(self, topic: str, records: Sequence[Record]) -> list[Outcome]:
        here = self._crash == ("publish", topic)
        if here and not self._after:
            raise Crash
        outcomes = self._log.publish(topic, records)
        if here and self._after:
            raise Crash
        return outcomes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


class Upper:
    """Workers that answer at once: the body in capitals; "bad" is rejected."""

    wants_more = True

    def __init__(self) -> None:
        self._results: deque[list[Result | GivenUp]] = deque()

    def submit(self, values: Sequence[bytes]) -> None:
        self._results.append([self._one(msgspec.json.decode(value)) for value in values])

    def collect(self, timeout: float) -> list[Result | GivenUp] | None:
        return self._results.popleft() if self._results else None

    def _one(self, raw: dict[str, Any]) -> Result | GivenUp:
        if raw["body"] == "bad":
            return Rejection(reason="bad", message="it is bad")
        if raw["body"] == "poison":
            return GivenUp("crashed", "its worker process died")
        article = enriched(raw["id"], text=raw["body"].upper(), revision=raw.get("revision", 1))
        return EnrichedRecord(article.id, article.revision, msgspec.json.encode(article))


@pytest.fixture
def log(settings: Settings) -> SqliteLog:
    return SqliteLog(settings.data / "log.db")


def submit(log: Log, *bodies: str) -> None:
    clock = Clock()
    for body in bodies:
        raw = settle(Submission(body=body, id=body), source="s", clock=clock, max_body_bytes=100)
        log.publish(ARTICLES_RAW, [Record(raw.id, msgspec.json.encode(raw))])


def enrich_all(log: Log) -> Counts:
    counts = Counts()
    step = EnrichStep(log, Upper(), counts)  # type: ignore[arg-type]
    while not step.idle:
        step.advance()
    return counts


def keys(log: Log, topic: str) -> list[str | None]:
    return [message.key for message in log.consume(topic).poll(1000, 0)]


def test_each_article_ends_on_the_enriched_topic_or_with_the_dead(log: SqliteLog) -> None:
    submit(log, "a", "bad", "b", "poison", "c")
    counts = enrich_all(log)
    assert keys(log, ARTICLES_ENRICHED) == ["a", "b", "c"]
    assert keys(log, ARTICLES_DEAD) == ["bad", "poison"]
    assert (counts.enriched, counts.dead) == (3, 2)


@pytest.mark.parametrize("topic", [ARTICLES_ENRICHED, ARTICLES_DEAD])
@pytest.mark.parametrize("after", [False, True])
def test_a_crash_around_publishing_loses_nothing_and_doubles_nothing(
    log: SqliteLog, topic: str, after: bool
) -> None:
    submit(log, "a", "bad", "b")
    step = EnrichStep(CrashingLog(log, ("publish", topic), after=after), Upper(), Counts())  # type: ignore[arg-type]
    with pytest.raises(Crash):
        step.advance()
    assert log.committed(ARTICLES_RAW, ENRICHERS) == 0
    enrich_all(log)
    assert keys(log, ARTICLES_ENRICHED) == ["a", "b"]
    assert keys(log, ARTICLES_DEAD) == ["bad"]


def test_offsets_are_committed_only_behind_what_is_published(log: SqliteLog) -> None:
    submit(log, *"abcdef")
    enrich_all(log)
    assert log.committed(ARTICLES_RAW, ENRICHERS) == 6


def publish(log: Log, *articles: Any) -> None:
    for article in articles:
        value = msgspec.json.encode(article)
        log.publish(ARTICLES_ENRICHED, [Record(article.id, value, revision=article.revision)])


def index_all(log: Log, folder: Path) -> Counts:
    counts = Counts()
    step = IndexStep(log, folder, counts)
    while not step.idle:
        step.advance()
    step.close()
    return counts


def test_what_was_taken_but_not_committed_by_the_index_is_indexed_after_a_crash(
    log: SqliteLog, tmp_path: Path
) -> None:
    publish(log, enriched("a"), enriched("b"))
    step = IndexStep(log, tmp_path, Counts())
    step._take(step._consumer.poll(10, 0))
    step._batcher._write()
    step._writer._writer = None  # the process ends: nothing is committed
    del step
    index_all(log, tmp_path)
    assert TantivyIndex(tmp_path).count() == 2


def test_what_the_index_committed_but_not_the_consumer_is_not_doubled(
    log: SqliteLog, tmp_path: Path
) -> None:
    publish(log, enriched("a"), enriched("b"))
    step = IndexStep(log, tmp_path, Counts())
    step._take(step._consumer.poll(10, 0))
    step._batcher.flush()  # and the process ends before its offsets are committed
    step.close()
    index_all(log, tmp_path)
    assert TantivyIndex(tmp_path).count() == 2


def test_a_record_that_is_no_article_goes_to_the_dead_letters_and_stops_nobody(
    log: SqliteLog, tmp_path: Path
) -> None:
    log.publish(ARTICLES_ENRICHED, [Record("x", b"\xff not JSON"), Record("y", b"[" * 10_000)])
    publish(log, enriched("a"))
    counts = index_all(log, tmp_path)
    assert keys(log, ARTICLES_DEAD) == ["x", "y"]
    assert counts.dead == 2
    assert TantivyIndex(tmp_path).count() == 1


def test_an_index_that_was_removed_is_filled_again(log: SqliteLog, tmp_path: Path) -> None:
    publish(log, enriched("a"))
    index_all(log, tmp_path / "index")
    (tmp_path / "index").rename(tmp_path / "gone")
    index_all(log, tmp_path / "index")
    assert TantivyIndex(tmp_path / "index").count() == 1


def test_a_running_service_follows_a_rebuilt_index_and_misses_nothing(
    log: SqliteLog, settings: Settings
) -> None:
    folder = settings.data / "index"
    publish(log, enriched("a"))
    step = IndexStep(log, folder, Counts())
    while not step.idle:
        step.advance()
    reader = TantivyIndex(folder)
    assert reindex(settings, lambda done, left: None) == 1
    publish(log, enriched("b"))
    while not step.idle or reader.count() < 2:
        step.advance()
    step.close()
    assert {"a", "b"} == {hit.id for hit in reader.search(Query()).hits}
    assert len(list(folder.glob("0*"))) == 1


def test_two_services_can_not_share_a_data_folder(settings: Settings) -> None:
    with service_lock(settings), pytest.raises(InUse, match="another newsloom service"):
        Service(settings, rejected=print).run(drain=True)


def produce(log: Log, settings: Settings, *submissions: Submission) -> ProduceCounts:
    counts = ProduceCounts()
    producer = Producer(log, settings, load_profiles(), counts, lambda rejection: None)
    producer.produce(Located(value=s, input="-", line=None) for s in submissions)
    return counts


def test_producing_the_same_again_changes_nothing(log: SqliteLog, settings: Settings) -> None:
    first = Submission(body="One", url="https://news.example/1", source="s")
    second = Submission(body="One, corrected", url="https://news.example/1", source="s")
    assert produce(log, settings, first, second) == ProduceCounts(accepted=2)
    assert produce(log, settings, first, second) == ProduceCounts(unchanged=2)
    assert len(set(keys(log, ARTICLES_RAW))) == 1


def test_a_correction_in_the_same_millisecond_is_newer(log: SqliteLog, settings: Settings) -> None:
    versions = [Submission(body=f"v{n}", id="a") for n in range(50)]
    produce(log, settings, *versions)
    messages = log.consume(ARTICLES_RAW).poll(100, 0)
    # as times: their text leaves out a fraction of 0, and does not sort
    stamps = [msgspec.json.decode(m.value, type=RawArticle).ingested_at for m in messages]
    assert len(stamps) == 50
    assert stamps == sorted(set(stamps))


def test_a_withdrawal_is_newer_than_the_article_even_if_clocks_differ(
    log: SqliteLog, settings: Settings
) -> None:
    article = enriched("a", ingested_at=enriched().ingested_at.replace(year=2999))
    publish(log, article)
    index_all(log, settings.data / "index")
    withdraw(settings, "a")
    (message,) = log.consume(ARTICLES_RAW).poll(1, 0)
    raw = msgspec.json.decode(message.value)
    assert raw["withdrawn"] is True
    assert raw["body"] == ""
    assert raw["ingested_at"] > "2999"


def test_what_waits_behind_a_slow_pipe_is_published_soon(
    log: SqliteLog, settings: Settings
) -> None:
    more = threading.Event()

    def inputs() -> Iterator[Located]:
        yield Located(Submission(body="first"), "-", 1)
        more.wait(60)
        yield Located(Submission(body="second"), "-", 2)

    def produce_all() -> None:
        own = SqliteLog(settings.data / "log.db")
        counts = ProduceCounts()
        Producer(own, settings, load_profiles(), counts, lambda _: None).produce(inputs())

    producer = threading.Thread(target=produce_all)
    producer.start()
    consumer = log.consume(ARTICLES_RAW)
    assert len(consumer.poll(10, 30)) == 1
    more.set()
    assert len(consumer.poll(10, 30)) == 1
    producer.join()


WORDS = st.text(max_size=40)


@given(
    st.builds(
        Submission,
        body=WORDS,
        id=st.none() | WORDS,
        source=st.none() | WORDS,
        url=st.none() | WORDS | st.sampled_from(["http://[bad", "//", "http://a:b@c:99999999"]),
        title=st.none() | WORDS,
        published_at=st.none() | WORDS | st.floats() | st.integers(),
        ingested_at=st.none() | st.datetimes(timezones=st.timezones()),
        language=st.none() | WORDS,
        withdrawn=st.booleans(),
    )
)
def test_every_submission_becomes_an_article_or_a_rejection(submission: Submission) -> None:
    result = settled(Located(submission, "-", 1), Settings(), load_profiles(), Clock())
    assert isinstance(result, (RawArticle, Rejection))
    if isinstance(result, RawArticle):
        msgspec.json.encode(result)


def test_a_record_that_reindex_meets_first_is_not_lost(log: SqliteLog, settings: Settings) -> None:
    publish(log, enriched("a"))
    log.publish(ARTICLES_ENRICHED, [Record("x", b"not JSON")])
    assert reindex(settings, lambda done, left: None) == 1
    assert keys(log, ARTICLES_DEAD) == ["x"]
    assert reindex(settings, lambda done, left: None) == 1
    assert keys(log, ARTICLES_DEAD) == ["x"]


# Alerts


def test_alerts_of_an_article_that_is_withdrawn_are_removed(
    log: SqliteLog, settings: Settings
) -> None:
    add(log, new_search("levies", "levy", filters={}))
    now = datetime.now(UTC)
    publish(log, *(enriched(name, text="A levy.", ingested_at=now) for name in "abc"))
    Service(settings, rejected=print).run(drain=True)
    withdraw(settings, "b")
    told = [message.value for message in log.consume(ALERTS).poll(10, 0)]
    assert [msgspec.json.decode(value)["article_id"] for value in told] == ["a", "c"]


def test_alerts_are_kept_until_they_are_old_and_sent(log: SqliteLog, settings: Settings) -> None:
    log.publish(ALERTS, [Record("levies", b"1"), Record("levies", b"2")])
    log._db.execute(f'UPDATE "{ALERTS}" SET timestamp = 0')
    log.publish(ALERTS, [Record("levies", b"3")])
    left = lambda: [m.value for m in log.consume(ALERTS).poll(10, 0)]  # noqa: E731
    short = msgspec.structs.replace(settings, retention_days=0)
    keep_house(log, short)
    assert left() == [b"1", b"2", b"3"]
    consumer = log.consume(ALERTS, SENDERS)
    consumer.commit(consumer.poll(1, 0))
    keep_house(log, short)
    assert left() == [b"2", b"3"]
    consumer.commit(consumer.poll(10, 0))
    keep_house(log, short)
    assert left() == [b"3"]  # what was told is remembered for a day at least

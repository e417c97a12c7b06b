"""Each alert is told once, whichever way the log is stored, and whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from pipeline.alerting import Counts
from pipeline.alerts.recent import Recent
from pipeline.alerts.records import Alert, SavedSearch, alert_id, new_search
from pipeline.alerts.searches import Searches, add, remove
from pipeline.alerts.step import AlertStep
from pipeline.article import ALERTS, ARTICLES_ENRICHED, SEARCHES, EnrichedArticle
from pipeline.config import Settings
from pipeline.errors import ConfigurationError, NotFound
from pipeline.log import Log, Outcome, Record, messages, open_log
from pipeline.log.dead import ATTEMPTS
from tests.conftest import enriched
from tests.servers.topics import empty_topics

RETENTION_DAYS = 30.0
LEVY = {"text": "A levy on imports."}


class Crash(BaseException):
    """Stands for the end of the process at this very place."""


class Place:
    """A log, and what is done with it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.log = open_log(settings)
        self.remembers = settings.log_url.startswith("sqlite:")

    def save(self, name: str, query: str = "", **fields: Any) -> SavedSearch:
        fields = {"filters": {}} | fields
        return add(self.log, new_search(name, query, **fields))

    def publish(self, *articles: EnrichedArticle) -> None:
        records = [Record(a.id, msgspec.json.encode(a), revision=a.revision) for a in articles]
        self.log.publish(ARTICLES_ENRICHED, records)

    def step(self, log: Log, counts: Counts | None = None) -> AlertStep:
        return AlertStep(log, RETENTION_DAYS, counts or Counts(), remembers=self.remembers)

    def run(self) -> Counts:
        """A process that matches all there is, and ends."""
        counts = Counts()
        with closing(open_log(self.settings)) as log:
            step = self.step(log, counts)
            while not step.idle:
                step.advance(0.1)
        return counts

    def crash(self, where: str, *, after: bool) -> None:
        """A process that ends before or after it did something."""
        with closing(open_log(self.settings)) as log:
            step = self.step(CrashingLog(log, where, after=after))
            if where == "commit":
                step.consumer = CrashingLog(step.consumer, where, after=after)
            with pytest.raises(Crash):  # noqa: PT012
                while True:
                    step.advance(5)

    def alerts(self) -> list[Alert]:
        return [msgspec.json.decode(m.value, type=Alert) for m in messages(self.log, ALERTS)]

    def told(self) -> list[tuple[str, str]]:
        """Search and article of each alert on the topic."""
        return [(alert.search, alert.article_id) for alert in self.alerts()]


class CrashingLog:
    """Something at one of whose calls the process ends."""

    def __init__(self, inner: Any, where: str, *, after: bool) -> None:
        self._inner, self._where, self._after = inner, where, after

    def __getattr__(self, name: str) -> Any:
        if name != self._where:
            return getattr(self._inner, name)

        def call(*args: Any) -> Any:
            if self._after:
                getattr(self._inner, name)(*args)
            raise Crash

        return call


@pytest.fixture(params=["sqlite", "kafka"])
def place(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Place]:
    """One of each kind, empty; Kafka's topics have one partition, so that order is total."""
    if request.param == "kafka":
        broker = request.getfixturevalue("kafka_broker")
        empty_topics(broker, partitions=1)
        settings = Settings(log=broker.url)
    place = Place(settings)
    yield place
    place.log.close()


def fresh(article_id: str = "a", **fields: Any) -> EnrichedArticle:
    """An article that comes in now."""
    return enriched(article_id, **({"ingested_at": datetime.now(UTC)} | fields))


# What is told


def test_a_new_article_that_matches_is_told_with_all_that_a_receiver_needs(place: Place) -> None:
    place.save("levies", "levy", filters={"place": ["Japan"]})
    article = fresh(
        title="A levy", summary="It is new.", url="https://news.example/1", places=["Japan"], **LEVY
    )
    place.publish(article, fresh("b", **LEVY))
    assert place.run() == Counts(alerts=1)
    (message,) = messages(place.log, ALERTS)
    assert message.key == "levies"
    (alert,) = place.alerts()
    for name in ("revision", "source", "url", "title", "published_at", "ingested_at", "summary"):
        assert getattr(alert, name) == getattr(article, name)
    assert (alert.search, alert.query, alert.article_id) == ("levies", "levy", "a")
    assert alert.id == alert_id("levies", "a")
    assert alert.labels == {"place": ["Japan"]}
    assert [highlight.field for highlight in alert.highlights] == ["title", "text"]
    assert abs(alert.alerted_at - datetime.now(UTC)) < timedelta(minutes=5)


def test_each_saved_search_tells_for_itself(place: Place) -> None:
    place.save("one", "levy")
    place.save("two", "imports")
    place.save("three", "exports")
    place.publish(fresh(**LEVY), fresh("b", **LEVY))
    place.run()
    assert sorted(place.told()) == [("one", "a"), ("one", "b"), ("two", "a"), ("two", "b")]


def test_a_search_that_was_just_saved_tells_of_the_next_article(place: Place) -> None:
    with closing(open_log(place.settings)) as log:
        step = place.step(log)
        for number in range(3):
            place.save(f"search {number}", "levy")
            place.publish(fresh(f"{number}", **LEVY))
            while not step.idle:
                step.advance(0.1)
    assert sorted(place.told()) == [
        (f"search {search}", f"{article}") for search in range(3) for article in range(search, 3)
    ]


# What is silent


def test_a_new_search_is_silent_about_what_came_in_before(place: Place) -> None:
    search = place.save("levies", "levy")
    a_moment = timedelta(milliseconds=1)
    before = fresh("before", ingested_at=search.created_at - a_moment, **LEVY)
    just = fresh("just", ingested_at=search.created_at, **LEVY)
    place.publish(before, just)
    place.run()
    assert place.told() == [("levies", "just")]


def test_what_is_no_longer_remembered_is_not_told_again(place: Place) -> None:
    old = datetime.now(UTC) - timedelta(days=RETENTION_DAYS)
    search = place.save("levies", "levy")
    kept = msgspec.structs.replace(search, created_at=old - timedelta(days=100))
    place.log.publish(SEARCHES, [Record("levies", msgspec.json.encode(kept), revision=2**62)])
    place.publish(
        fresh("old", ingested_at=old, **LEVY),
        fresh("new", ingested_at=old + timedelta(hours=2), **LEVY),
    )
    place.run()
    assert place.told() == [("levies", "new")]


def test_corrections_and_newer_labels_of_what_was_told_are_silent(place: Place) -> None:
    place.save("levies", "levy")
    article = fresh(**LEVY)
    place.publish(article)
    place.run()
    place.publish(msgspec.structs.replace(article, revision=2))
    place.publish(fresh(revision=3, text="A levy, corrected."))
    assert place.run().alerts == 0
    assert len(place.told()) == 1


def test_a_correction_is_told_when_the_article_matches_for_the_first_time(place: Place) -> None:
    place.save("levies", "levy")
    place.publish(fresh(text="A tariff."))
    place.run()
    place.publish(fresh(revision=2, **LEVY))
    assert place.run().alerts == 1


def test_a_replay_is_silent(place: Place) -> None:
    place.save("levies", "levy")
    article = fresh(**LEVY)
    place.publish(article)
    place.run()
    # The same record again, as after a crash of whoever enriches.
    place.log.publish(ARTICLES_ENRICHED, [Record("a", msgspec.json.encode(article))])
    assert place.run().alerts == 0
    assert len(place.told()) == 1


def test_a_search_that_was_removed_is_silent(place: Place) -> None:
    place.save("levies", "levy")
    remove(place.log, "levies")
    place.publish(fresh(**LEVY))
    place.run()
    assert place.told() == []


def test_a_search_that_is_saved_again_is_silent_about_what_it_told_before(place: Place) -> None:
    place.save("levies", "levy")
    place.publish(fresh(**LEVY))
    place.run()
    remove(place.log, "levies")
    place.save("levies", "levy OR imports")
    place.publish(fresh(revision=2, **LEVY), fresh("b", **LEVY))
    place.run()
    assert place.told() == [("levies", "a"), ("levies", "b")]


def test_withdrawals_are_silent(place: Place) -> None:
    place.save("of a source", filters={"source": ["wire"]})
    place.publish(fresh(withdrawn=True, text=""))
    place.run()
    assert place.told() == []


# Crashes


@pytest.mark.parametrize("where", ["publish", "commit"])
@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_any_moment_loses_nothing_and_doubles_nothing(
    place: Place, where: str, after: bool
) -> None:
    place.save("levies", "levy")
    place.publish(*(fresh(f"{number}", **LEVY) for number in range(5)))
    place.crash(where, after=after)
    place.publish(fresh("5", **LEVY))
    place.run()
    assert sorted(place.told()) == [("levies", f"{number}") for number in range(6)]


def test_what_a_process_before_us_published_in_part_is_completed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.save("levies", "levy")
    place.publish(*(fresh(f"{number}", **LEVY) for number in range(5)))
    monkeypatch.setattr("pipeline.alerts.step.PUBLISHED_AT_ONCE", 2)
    place.crash("publish", after=True)
    assert len(place.told()) == 2
    assert place.run().alerts == 3
    assert sorted(place.told()) == [("levies", f"{number}") for number in range(5)]


def test_offsets_are_committed_when_the_alerts_are_on_the_topic_and_not_before(
    place: Place,
) -> None:
    place.save("levies", "levy")
    place.publish(fresh(**LEVY))
    calls: list[str] = []

    class Noting:
        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def __getattr__(self, name: str) -> Any:
            def call(*args: Any) -> Any:
                result = getattr(self._inner, name)(*args)
                calls.append(name)
                return result

            return call if name in ("publish", "commit") else getattr(self._inner, name)

    with closing(open_log(place.settings)) as log:
        step = place.step(Noting(log))
        step.consumer = Noting(step.consumer)
        while not step.done:
            step.advance(1)
    assert calls == ["publish", "commit"]


# Records of others


def test_records_that_are_no_articles_stop_nobody(place: Place) -> None:
    place.save("levies", "levy")
    naive = msgspec.to_builtins(fresh("naive", **LEVY)) | {"ingested_at": "2025-07-17T00:00:00"}
    broken = [b"", b"{", b"[" * 100_000, b"\xff", b"{}", msgspec.json.encode(naive)]
    broken.append(b'{"ingested_at": "2100-01-01T00:00:00Z"}')
    place.log.publish(ARTICLES_ENRICHED, [Record(f"{n}", v) for n, v in enumerate(broken)])
    place.publish(fresh(**LEVY))
    place.run()
    assert place.told() == [("levies", "a")]


def test_a_record_that_is_no_saved_search_stops_nobody(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    good = place.save("levies", "levy")
    other = {**msgspec.to_builtins(good), "name": "other"}
    broken = [
        b"{",
        b"\xff",
        b"[" * 100_000,
        b"{}",
        msgspec.json.encode(other),
        msgspec.json.encode(other | {"name": "x", "query": "word " * 65}),
        msgspec.json.encode(other | {"name": "x", "filters": {"planet": ["Mars"]}}),
        msgspec.json.encode(other | {"name": "x", "created_at": "2025-07-17T00:00:00"}),
        msgspec.json.encode(other | {"name": "x", "schema_version": 2}),
    ]
    place.log.publish(SEARCHES, [Record("x", value) for value in broken])
    place.publish(fresh(**LEVY))
    place.run()
    assert place.told() == [("levies", "a")]
    assert caplog.text.count("no saved search") >= len(broken)


def test_records_on_the_alerts_topic_that_are_none_stop_nobody(place: Place) -> None:
    values = [b"", b"{", b'{"id": "no hex"}', b'{"id": 1}', b"[" * 100_000]
    place.log.publish(ALERTS, [Record("x", value) for value in values])
    place.save("levies", "levy")
    place.publish(fresh(**LEVY))
    assert place.run().alerts == 1
    assert [alert.article_id for alert in Recent(place.log).latest(10)] == ["a"]


# Saving


def test_saved_searches_are_listed_until_they_are_removed(place: Place) -> None:
    one = place.save("one", "levy", webhook="https://example.com/hook")
    two = place.save("two", filters={"ticker": ["$spy"]})
    assert {search.name: search for search in Searches(place.log)} == {"one": one, "two": two}
    assert two.filters == {"ticker": ["SPY"]}
    assert place.log.publish(SEARCHES, [Record("two", b"")]) == [Outcome.APPENDED]
    assert [search.name for search in Searches(place.log)] == ["one"]
    remove(place.log, "one")
    assert len(Searches(place.log)) == 0


def test_a_name_that_is_taken_is_refused_and_free_again_after_its_removal(place: Place) -> None:
    place.save("one", "levy")
    with pytest.raises(ConfigurationError, match="there is a saved search 'one' already"):
        place.save("one", "tariff")
    remove(place.log, "one")
    with pytest.raises(NotFound, match="no saved search 'one'"):
        remove(place.log, "one")
    assert place.save("one", "tariff") in list(Searches(place.log))


def test_the_topic_has_nothing_more_to_say_of_a_search_that_was_removed(place: Place) -> None:
    place.save("one", "levy", webhook="https://example.com/hook", secret="s" * 20)
    remove(place.log, "one")
    *_, last = messages(place.log, SEARCHES)
    assert msgspec.json.decode(last.value, type=SavedSearch).removed
    assert b"levy" not in last.value
    assert b"ssss" not in last.value


def test_there_are_only_so_many(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.alerts.searches.MOST_SEARCHES", 2)
    place.save("one", "levy")
    place.save("two", "levy")
    with pytest.raises(ConfigurationError, match="2 saved searches, the most"):
        place.save("three", "levy")


# Looking at them


def test_the_latest_are_those_that_came_last_and_not_what_was_sent_again(place: Place) -> None:
    for name in ("one", "two"):
        place.save(name, "levy")
    recent = Recent(place.log)
    assert recent.latest(10) == []
    for number in range(3):
        place.publish(fresh(f"{number}", **LEVY))
        place.run()
    again, *_ = messages(place.log, ALERTS)
    place.log.publish(ALERTS, [again_of(again.key, again.value)])
    assert ids(recent.latest(3, "one")) == ["2", "1", "0"]
    assert ids(recent.latest(2)) == ["2", "2"]
    assert recent.latest(10, "three") == []


def again_of(key: str | None, value: bytes) -> Record:
    return Record(key, value, ((ATTEMPTS, b"1"),))


def ids(alerts: Sequence[Alert]) -> list[str]:
    return [alert.article_id for alert in alerts]

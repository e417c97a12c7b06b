"""A subscriber is given every article at least once, whichever way the log is stored."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

import pipeline
from pipeline import subscription
from pipeline.article import ARTICLES_ENRICHED, EnrichedArticle, Sentiment
from pipeline.config import Settings
from pipeline.errors import ConfigurationError
from pipeline.log import Record, open_log
from tests.conftest import enriched
from tests.servers.topics import empty_topics

GROUP = "subscriber"


class Place(NamedTuple):
    """Where a subscriber reads, and a way to publish there."""

    settings: Settings

    def publish(self, *articles: EnrichedArticle | bytes) -> None:
        log = open_log(self.settings)
        log.publish(ARTICLES_ENRICHED, [record(article) for article in articles])
        log.close()

    def read(self, group: str = GROUP, **options: object) -> list[str]:
        """The ids of what a group is given, up to the end of the topic; it is done with all."""
        with self.subscribe(group, **options) as articles:
            return [article.id for article in articles]

    def subscribe(self, group: str = GROUP, **options: object) -> pipeline.Subscription:
        options = {"follow": False, "settings": self.settings} | options
        return pipeline.subscribe("enriched", group, **options)  # type: ignore[arg-type]


def record(article: EnrichedArticle | bytes) -> Record:
    if isinstance(article, bytes):
        return Record("broken", article)
    return Record(article.id, msgspec.json.encode(article), revision=article.revision)


def several(count: int) -> list[EnrichedArticle]:
    return [enriched(str(number)) for number in range(count)]


@pytest.fixture(params=["sqlite", "kafka"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """One of each kind, empty; Kafka's topic has one partition, so that order is total."""
    if request.param == "sqlite":
        settings = Settings(data=tmp_path)
        open_log(settings).close()
    else:
        broker = request.getfixturevalue("kafka_broker")
        empty_topics(broker, partitions=1)
        settings = Settings(log=broker.url)
    return Place(settings)


def test_articles_come_typed_and_in_order(place: Place) -> None:
    articles = several(3)
    place.publish(*articles)
    with place.subscribe() as given:
        assert list(given) == articles


def test_a_group_goes_on_where_it_was_and_each_group_has_its_own_place(place: Place) -> None:
    place.publish(*several(3))
    assert place.read() == ["0", "1", "2"]
    place.publish(enriched("3"))
    assert place.read() == ["3"]
    assert place.read("another") == ["0", "1", "2", "3"]


def test_an_article_is_done_with_when_the_next_one_is_asked_for(place: Place) -> None:
    place.publish(*several(3))
    with place.subscribe() as articles:
        assert next(articles).id == "0"
    with place.subscribe() as articles:
        assert [next(articles).id, next(articles).id] == ["0", "1"]
    assert place.read() == ["1", "2"]


def test_an_article_at_which_the_program_fails_comes_again(place: Place) -> None:
    place.publish(*several(3))
    with pytest.raises(ZeroDivisionError), place.subscribe() as articles:  # noqa: PT012
        for article in articles:
            assert 1 / (int(article.id) - 1)
    assert place.read() == ["1", "2"]


def test_a_program_that_follows_waits_for_more(place: Place) -> None:
    place.publish(enriched("0"))
    with place.subscribe(follow=True) as articles:
        assert next(articles).id == "0"
        later = threading.Timer(0.3, place.publish, [enriched("1")])
        later.start()
        assert next(articles).id == "1"
        later.join()
    assert place.read() == ["1"]


def test_all_that_is_done_with_is_committed_while_waiting_for_more(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.publish(*several(5))
    with place.subscribe(follow=True) as articles:
        for _ in range(5):
            next(articles)
        later = threading.Timer(0.5, place.publish, [enriched("5")])
        later.start()
        next(articles)
        later.join()
        # As if the program had been killed here.
        monkeypatch.setattr(articles, "_commit", lambda: None)
    assert place.read() == ["5"]


def test_what_holds_no_article_is_skipped_told_and_counted(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    of_another_version = msgspec.json.encode(
        msgspec.to_builtins(enriched("2")) | {"schema_version": 2}
    )
    broken = [b"", b"{", b"[" * 100_000, b'"\xff"', of_another_version]
    place.publish(enriched("0"), *broken, enriched("1"))
    with place.subscribe() as articles:
        assert [article.id for article in articles] == ["0", "1"]
        assert articles.skipped == len(broken)
    assert caplog.text.count("skipped") == len(broken)
    assert f"{ARTICLES_ENRICHED}, partition 0, offset " in caplog.text
    with place.subscribe() as articles:
        assert list(articles) == []
        assert articles.skipped == 0


def test_fields_of_a_later_release_are_no_hindrance(place: Place) -> None:
    article = enriched("0", sentiment=Sentiment(label="neutral", score=0, confidence=1))
    fields = msgspec.to_builtins(article) | {"mood": {"a": [1]}}
    fields["sentiment"]["model"] = "new"
    place.publish(msgspec.json.encode(fields))
    with place.subscribe() as articles:
        assert list(articles) == [article]


def test_filters_are_those_of_a_search(place: Place) -> None:
    place.publish(
        enriched("0", symbols=["SPY", "DIA"], places=["Japan"]),
        enriched("1", symbols=["SPY"], places=["Peru"]),
        enriched("2", symbols=["EWJ"], places=["Japan"]),
    )
    filters = {"ticker": ["$spy", "QQQ"], "place": "japan"}
    assert place.read(filters=filters) == ["0"]
    assert place.read() == []


def test_withdrawals_pass_all_filters_but_the_one_for_their_source(place: Place) -> None:
    place.publish(enriched("0", withdrawn=True, text="", source="wire"))
    assert place.read("a", filters={"ticker": ["SPY"]}) == ["0"]
    assert place.read("b", filters={"ticker": ["SPY"], "source": ["wire"]}) == ["0"]
    assert place.read("c", filters={"source": ["other"]}) == []


def test_settings_come_from_the_environment(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.publish(enriched("0"))
    monkeypatch.setenv("NEWSLOOM_LOG", place.settings.log_url)
    with pipeline.subscribe(ARTICLES_ENRICHED, GROUP, follow=False) as articles:
        assert [article.id for article in articles] == ["0"]


PROGRAM = """
import sys, pipeline
with pipeline.subscribe("enriched", "subscriber", follow=False) as articles:
    with open(sys.argv[1], "a") as done:
        for article in articles:
            done.write(article.id + "\\n")
            done.flush()
"""


def test_killed_programs_skip_nothing(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kills = 3
    monkeypatch.setenv("NEWSLOOM_LOG", place.settings.log_url)
    place.publish(*several(5_000))
    done = tmp_path / "done"
    done.touch()
    moments = random.Random(5)
    for _ in range(kills):
        with start(done) as program:
            wait_for_lines(done, len(lines(done)) + moments.randrange(1, 1_000), program)
            program.send_signal(signal.SIGKILL)
            assert program.wait(60) == -signal.SIGKILL
    with start(done) as program:
        assert program.wait(60) == 0
    given = lines(done)
    assert set(given) == {str(number) for number in range(5_000)}
    assert len(given) - len(set(given)) <= kills * subscription.POLL
    assert first_times(given) == sorted(map(int, set(given)))


def start(done: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", PROGRAM, str(done)])


def lines(done: Path) -> list[str]:
    """Whole lines: the last one may be cut."""
    return done.read_text().split("\n")[:-1]


def first_times(given: Sequence[str]) -> list[int]:
    return [int(article) for article in dict.fromkeys(given)]


def wait_for_lines(done: Path, enough: int, program: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while len(lines(done)) < enough:
        assert program.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)


# Wrong usage


@pytest.fixture
def folder(tmp_path: Path) -> Settings:
    settings = Settings(data=tmp_path)
    open_log(settings).close()
    return settings


@pytest.mark.parametrize("topic", ["raw", "dead", "newsloom.articles.raw", "nowhere", ""])
def test_only_the_enriched_topic_has_articles_with_labels(folder: Settings, topic: str) -> None:
    with pytest.raises(ConfigurationError, match="enriched"):
        pipeline.subscribe(topic, GROUP, settings=folder)


@pytest.mark.parametrize("group", ["", "newsloom-enrich", "newsloom-sink"])
def test_the_groups_of_newsloom_itself_are_not_for_subscribers(
    folder: Settings, group: str
) -> None:
    with pytest.raises(ConfigurationError, match="group"):
        pipeline.subscribe("enriched", group, settings=folder)


def test_a_wrong_filter_is_named(folder: Settings) -> None:
    with pytest.raises(ConfigurationError, match="author: no such facet"):
        pipeline.subscribe("enriched", GROUP, filters={"author": ["x"]}, settings=folder)


def test_without_a_log_the_error_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="newsloom produce"):
        pipeline.subscribe("enriched", GROUP, settings=Settings(data=tmp_path))


def test_importing_the_package_imports_no_part_of_it() -> None:
    program = (
        "import sys, pipeline; before = set(sys.modules);"
        " assert not {'kafka', 'msgspec', 'pipeline.subscription'} & before;"
        " assert all(getattr(pipeline, name) for name in pipeline.__all__)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_package_has_nothing_else() -> None:
    with pytest.raises(AttributeError, match="'pipeline' has no attribute 'nothing'"):
        pipeline.nothing  # noqa: B018

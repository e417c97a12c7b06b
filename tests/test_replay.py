"""A replay has raw articles enriched again; the index ends up newer or the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from pipeline.article import (
    ARTICLES_ENRICHED,
    ARTICLES_RAW,
    Clock,
    EnrichedArticle,
    RawArticle,
    Submission,
    settle,
)
from pipeline.config import Settings
from pipeline.errors import ConfigurationError
from pipeline.index import open_index
from pipeline.index.query import Query
from pipeline.local import Service
from pipeline.log import Record, messages, open_log
from pipeline.maintenance import ENRICHERS
from pipeline.replay import replay
from tests.conftest import enriched
from tests.servers.kafka import KafkaBroker
from tests.servers.topics import empty_topics
from tests.test_cli import newsloom

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "kafka"])
def either(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    """Settings of a log of each kind, without records."""
    if request.param == "sqlite":
        return settings
    broker: KafkaBroker = request.getfixturevalue("kafka_broker")
    empty_topics(broker, partitions=3)
    return msgspec.structs.replace(settings, log=broker.url)


def raw(settings: Settings) -> list[tuple[str | None, bytes]]:
    log = open_log(settings)
    found = [(message.key, message.value) for message in messages(log, ARTICLES_RAW)]
    log.close()
    return found


def produce(settings: Settings, *bodies: str) -> None:
    clock = Clock()
    articles = [
        settle(Submission(id=body, body=body), source="s", clock=clock, max_body_bytes=1000)
        for body in bodies
    ]
    put(settings, [Record(a.id, msgspec.json.encode(a)) for a in articles])


def put(settings: Settings, records: list[Record]) -> None:
    log = open_log(settings)
    log.publish(ARTICLES_RAW, records)
    log.close()


def run(settings: Settings, since: datetime = LONG_AGO, until: datetime | None = None) -> int:
    return replay(settings, since, until, lambda done, left: None)


def test_articles_are_put_on_their_topic_once_more_as_they_are(either: Settings) -> None:
    produce(either, "a", "b", "c")
    before = raw(either)
    assert run(either) == 3
    assert sorted(raw(either)) == sorted(before * 2)


def test_only_those_of_the_range_are_replayed(either: Settings) -> None:
    produce(either, "a")
    log = open_log(either)
    (first,) = messages(log, ARTICLES_RAW)
    log.close()
    moment = datetime.fromtimestamp(first.timestamp / 1000, UTC)
    millisecond = timedelta(milliseconds=1)
    assert run(either, moment + millisecond) == 0
    assert run(either, LONG_AGO, moment) == 0
    assert run(either, moment, moment + millisecond) == 1
    assert run(either, moment + timedelta(hours=1)) == 0


def test_what_is_no_article_is_left_out(either: Settings) -> None:
    produce(either, "a")
    put(either, [Record("broken", b"{"), Record("empty", b"")])
    assert run(either) == 1


def test_without_a_log_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no articles here yet"):
        run(Settings(data=tmp_path / "none"))


def test_labels_of_the_same_model_change_nothing(settings: Settings) -> None:
    produce(settings, "Trade in Tokyo.", "Trade in Paris.")
    drain(settings)
    before = found(settings)
    assert run(settings) == 2
    drain(settings)
    assert found(settings) == before


def test_labels_of_a_newer_model_take_the_place_of_older_ones(settings: Settings) -> None:
    produce(settings, "Trade in Tokyo.")
    log = open_log(settings)
    consumer = log.consume(ARTICLES_RAW, ENRICHERS)
    (message,) = consumer.poll(10, 1)
    consumer.commit([message])
    raw = msgspec.json.decode(message.value, type=RawArticle)
    older = enriched(raw.id, revision=raw.revision - 1, text=raw.body, places=["Atlantis"])
    value = msgspec.json.encode(older)
    log.publish(ARTICLES_ENRICHED, [Record(raw.id, value, revision=older.revision)])
    log.close()
    drain(settings)
    assert found(settings)[raw.id].places == ["Atlantis"]
    assert run(settings) == 1
    drain(settings)
    assert found(settings)[raw.id].places != ["Atlantis"]


def drain(settings: Settings) -> None:
    Service(settings, rejected=lambda rejection: pytest.fail(str(rejection))).run(drain=True)


def found(settings: Settings) -> dict[str, EnrichedArticle]:
    return {hit.id: hit.article for hit in open_index(settings).search(Query()).hits}


def test_the_command_says_how_many(settings: Settings) -> None:
    produce(settings, "a", "b")
    answer = newsloom("replay", "--from", "2020-01-01", data=settings.data)
    assert (answer.status, answer.out) == (0, "2 articles sent to be enriched again\n")
    answer = newsloom("replay", "--from", "2020-01-01", "--to", "2020-12-31", "--json",
                      data=settings.data)  # fmt: skip
    assert (answer.status, answer.lines) == (0, [{"replayed": 0}])
    assert newsloom("replay", data=settings.data).status == 2
    assert newsloom("replay", "--from", "yesterday", data=settings.data).status == 2

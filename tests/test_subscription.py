"""What a subscriber on Kafka can rely on besides: sharing, slowness, an absent broker."""

from __future__ import annotations

import threading
import time

import msgspec
import pytest

import pipeline
from pipeline import subscription
from pipeline.article import ARTICLES_ENRICHED
from pipeline.config import Settings
from pipeline.log import Record
from pipeline.log import kafka_client as client
from pipeline.log.kafka import KafkaLog
from tests.conftest import enriched
from tests.servers.fixtures import running
from tests.servers.kafka import KafkaBroker
from tests.servers.topics import empty_topics


def publish(broker: KafkaBroker, *ids: str) -> None:
    log = KafkaLog([broker.address])
    values = {name: msgspec.json.encode(enriched(name)) for name in ids}
    log.publish(ARTICLES_ENRICHED, [Record(name, value) for name, value in values.items()])
    log.close()


def subscribe(broker: KafkaBroker, *, follow: bool = False) -> pipeline.Subscription:
    settings = Settings(log=broker.url)
    return pipeline.subscribe("enriched", "alerts", follow=follow, settings=settings)


def test_the_programs_of_a_group_share_the_articles(kafka_broker: KafkaBroker) -> None:
    empty_topics(kafka_broker, partitions=4)
    ids = {str(number) for number in range(400)}
    given: list[set[str]] = [set(), set()]

    def read(own: set[str]) -> None:
        with subscribe(kafka_broker, follow=True) as articles:
            for article in articles:
                own.add(article.id)
                if given[0] | given[1] == ids and all(given):
                    return

    programs = [threading.Thread(target=read, args=(own,), daemon=True) for own in given]
    for program in programs:
        program.start()
    deadline = time.monotonic() + 120
    while any(program.is_alive() for program in programs):
        assert time.monotonic() < deadline
        publish(kafka_broker, *ids)  # again and again, until both have had some
    assert given[0] | given[1] == ids


def test_a_slow_program_keeps_its_place_in_the_group(
    kafka_broker: KafkaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty_topics(kafka_broker, partitions=1)
    monkeypatch.setattr(client, "POLL_SECONDS", 2)
    monkeypatch.setattr(subscription, "PRESENCE_SECONDS", 0.5)
    publish(kafka_broker, *"abcd")
    with subscribe(kafka_broker) as articles:
        for _ in articles:
            time.sleep(1)  # its work
    with subscribe(kafka_broker) as articles:
        assert list(articles) == []


def test_an_absent_broker_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    with running(KafkaBroker) as broker:
        empty_topics(broker, partitions=1)
        publish(broker, *"ab")
        with subscribe(broker, follow=True) as articles:
            assert [next(articles).id, next(articles).id] == ["a", "b"]
            broker.kill()

            def come_back() -> None:
                broker.start()
                publish(broker, "c")

            back = threading.Timer(subscription.POLL_SECONDS, come_back)
            back.start()
            assert next(articles).id == "c"
            back.join()
        with subscribe(broker) as articles:
            assert [article.id for article in articles][-1:] == ["c"]

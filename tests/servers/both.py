"""Kafka and Elasticsearch together, for tests of what works between the two."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from pipeline.article import ARTICLES_ENRICHED, EnrichedArticle
from pipeline.config import Settings
from pipeline.index import open_index
from pipeline.index.elasticsearch.client import ALIAS, connect
from pipeline.index.query import Query
from pipeline.log import Record
from pipeline.log.dead import letters
from pipeline.log.kafka import KafkaLog, committed_and_end
from pipeline.log.kafka_client import servers_of
from pipeline.sink import GROUP, Sink
from tests.conftest import as_published, enriched
from tests.servers.elasticsearch import ElasticsearchNode
from tests.servers.indices import empty_index
from tests.servers.kafka import KafkaBroker
from tests.servers.topics import empty_topics

PARTITIONS = 4
PLACES = [(ARTICLES_ENRICHED, number) for number in range(PARTITIONS)]


@pytest.fixture
def on_servers(kafka_broker: KafkaBroker, elasticsearch_node: ElasticsearchNode) -> Settings:
    """Settings that name both servers, which have no records and no documents."""
    return emptied(kafka_broker, elasticsearch_node)


def emptied(broker: KafkaBroker, node: ElasticsearchNode) -> Settings:
    """Sets topics and index up anew; gives the settings that name them."""
    empty_topics(broker, partitions=PARTITIONS)
    empty_index(node)
    return Settings(log=broker.url, index=node.url, partitions=PARTITIONS)


def environment(settings: Settings, **others: str) -> Any:
    """Settings on servers as the variables that a command takes."""
    return {
        "NEWSLOOM_LOG": settings.log,
        "NEWSLOOM_INDEX": settings.index,
        "NEWSLOOM_PARTITIONS": str(settings.partitions),
        **others,
    }


def articles(count: int, **fields: Any) -> list[EnrichedArticle]:
    """So many different ones."""
    return [enriched(f"{number:04}", **fields) for number in range(count)]


def publish(settings: Settings, articles: Sequence[EnrichedArticle]) -> None:
    """Puts articles on the enriched topic."""
    put(settings, [Record(article.id, msgspec.json.encode(article)) for article in articles])


def put(settings: Settings, records: Sequence[Record], topic: str = ARTICLES_ENRICHED) -> None:
    """Puts records on a topic."""
    log = KafkaLog(servers_of(settings.log))
    log.publish(topic, records)
    log.close()


def lag(settings: Settings) -> int:
    """Enriched records that no sink has committed."""
    committed, end = committed_and_end(servers_of(settings.log), GROUP, PLACES)
    return end - committed


def indexed(settings: Settings) -> dict[str, EnrichedArticle]:
    """All articles that a search finds, by id."""
    with connect(settings) as client:
        client.indices.refresh(index=ALIAS)
    index = open_index(settings)
    found: dict[str, EnrichedArticle] = {}
    query = Query(size=1000)
    while True:
        result = index.search(query)
        found |= {hit.id: as_published(hit.article) for hit in result.hits}
        if result.next is None:
            return found
        query = msgspec.structs.replace(query, after=result.next)


def dead(settings: Settings) -> list[tuple[str | None, str]]:
    """Key and error of every dead letter."""
    log = KafkaLog(servers_of(settings.log))
    found = sorted((letter.key, letter.error) for letter in letters(log))
    log.close()
    return found


def drain(settings: Settings) -> Sink:
    """A sink that has done all there is to do."""
    sink = Sink(settings)
    assert not sink.run(drain=True)
    return sink


@contextmanager
def running_sink(settings: Settings) -> Iterator[Sink]:
    """A sink in a thread of its own until the end of the block."""
    sink = Sink(settings)
    failures: list[BaseException] = []

    def run() -> None:
        try:
            sink.run()
        except BaseException as error:  # noqa: BLE001 - found below
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield sink
    finally:
        sink.stop()
        thread.join(60)
        assert not thread.is_alive()
    assert not failures

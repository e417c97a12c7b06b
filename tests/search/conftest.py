"""Servers over the samples, on both indexes, and servers over an empty folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import msgspec
import pytest

from pipeline.article import ARTICLES_ENRICHED, EnrichedArticle
from pipeline.config import Settings
from pipeline.index import open_index
from pipeline.index.elasticsearch.client import ALIAS, connect
from pipeline.index.elasticsearch.writer import ElasticsearchWriter
from pipeline.index.query import Query
from pipeline.local import Service
from pipeline.log import Record, open_log
from pipeline.search.server import Server, serving
from pipeline.sources import read
from tests.conftest import SAMPLES, as_published
from tests.servers.elasticsearch import ElasticsearchNode
from tests.servers.indices import empty_index
from tests.servers.kafka import KafkaBroker
from tests.servers.topics import empty_topics


@pytest.fixture(scope="package")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """All samples, enriched and indexed; requests come as fast as they like."""
    settings = Settings(data=tmp_path_factory.mktemp("data"), processes=1, request_rate=0)
    Service(
        settings,
        inputs=lambda: read([SAMPLES], max_body_bytes=settings.max_body_bytes),
        rejected=lambda _: None,
    ).run(drain=True)
    return settings


@pytest.fixture(scope="module")
def server(indexed: Settings) -> Iterator[Server]:
    """Answers over the samples."""
    with serving(indexed, "127.0.0.1", 0) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    """Asks it."""
    with client_of(server) as asking:
        yield asking


@pytest.fixture(scope="module", params=["embedded", "servers"])
def either(request: pytest.FixtureRequest, indexed: Settings) -> Iterator[httpx.Client]:
    """Asks a server over the samples, in Tantivy and in Elasticsearch."""
    settings = indexed
    if request.param == "servers":
        node: ElasticsearchNode = request.getfixturevalue("elasticsearch_node")
        settings = msgspec.structs.replace(indexed, index=node.url)
        copy(indexed, settings, node)
    with serving(settings, "127.0.0.1", 0) as running, client_of(running) as asking:
        yield asking


def copy(indexed: Settings, settings: Settings, node: ElasticsearchNode) -> None:
    """Puts into Elasticsearch what is in the embedded index."""
    empty_index(node)
    hits = open_index(indexed).search(Query(size=1000)).hits
    with connect(settings) as connection:
        writer = ElasticsearchWriter(connection, ALIAS)
        assert not writer.add([as_published(hit.article) for hit in hits])
        writer.close()
        connection.indices.refresh(index=ALIAS)


@pytest.fixture(params=["sqlite", "kafka"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings whose topics are empty, in a folder and on Kafka, with several partitions."""
    settings = Settings(data=tmp_path / "data", request_rate=0)
    if request.param == "kafka":
        broker: KafkaBroker = request.getfixturevalue("kafka_broker")
        empty_topics(broker, partitions=3)
        settings = msgspec.structs.replace(settings, log=broker.url)
    return settings


def client_of(server: Server, **options: object) -> httpx.Client:
    """A client that waits as long as a busy machine takes."""
    return httpx.Client(base_url=server.url, timeout=30, **options)  # type: ignore[arg-type]


def publish(settings: Settings, *articles: EnrichedArticle) -> None:
    """Puts articles on the enriched topic."""
    records = [Record(a.id, msgspec.json.encode(a), revision=a.revision) for a in articles]
    with closing(open_log(settings)) as log:
        log.publish(ARTICLES_ENRICHED, records)

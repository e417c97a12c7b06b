"""The API over a real server on a free port."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from pipeline.config import Settings
from pipeline.index import open_index
from pipeline.index.query import Query, Recency
from pipeline.local import Service
from pipeline.search.server import serving
from pipeline.sources import read
from tests.conftest import SAMPLES


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """All samples, enriched and indexed."""
    settings = Settings(data=tmp_path_factory.mktemp("data"), processes=1)
    Service(
        settings,
        inputs=lambda: read([SAMPLES], max_body_bytes=settings.max_body_bytes),
        rejected=lambda _: None,
    ).run(drain=True)
    return settings


@pytest.fixture(scope="module")
def client(indexed: Settings) -> Iterator[httpx.Client]:
    with serving(indexed, "127.0.0.1", 0) as server, httpx.Client(base_url=server.url) as client:
        yield client


def test_a_search_gives_what_the_command_prints(client: httpx.Client, indexed: Settings) -> None:
    answer = client.get("/api/search", params={"q": "tariffs", "place": "Japan"}).json()
    found = open_index(indexed).search(Query(text="tariffs", filters={"place": ["Japan"]}))
    assert answer["total"] == found.total > 0
    assert [hit["id"] for hit in answer["hits"]] == [hit.id for hit in found.hits]


def test_recency_ranks_as_the_command_does(client: httpx.Client, indexed: Settings) -> None:
    asked = {"q": "tariffs", "recent": "2d", "to": "2025-07-31"}
    answer = client.get("/api/search", params=asked).json()
    end = datetime(2025, 8, 1, tzinfo=UTC)
    wanted = Query(text="tariffs", until=end, recency=Recency(timedelta(days=2), end))
    hits = open_index(indexed).search(wanted).hits
    assert [(hit["id"], hit["score"]) for hit in answer["hits"]] == [
        (hit.id, hit.score) for hit in hits
    ]
    assert client.get("/api/search", params={"recent": "soon"}).status_code == 422


def test_a_wrong_parameter_is_named(client: httpx.Client) -> None:
    answer = client.get("/api/search", params={"sort": "best"})
    assert answer.status_code == 422
    assert "sort" in answer.json()["detail"]

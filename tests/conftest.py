"""What all tests share: settings on a temporary folder, and articles of our own making."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.article import EnrichedArticle, Provenance
from pipeline.config import Settings
from pipeline.index.document import Document

pytest_plugins = ["tests.servers.fixtures", "tests.servers.indices", "tests.servers.both"]
ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "pipeline" / "samples"
GOLDEN = SAMPLES / "stocktwits-2025-07-17.txt"

LONGEST = ("faults", "deploy", "servers", "contract", "browser")
"""The folders whose tests take longest: they go first, so that two processes end together."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Orders tests by how long their folders take."""
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.parent.name, len(order)))


@pytest.fixture(autouse=True)
def no_connection_is_left() -> Iterator[None]:
    """A client of Kafka that is not closed has a thread, which looks for its broker for ever."""
    before = set(threading.enumerate())
    yield
    left = [
        thread
        for thread in threading.enumerate()
        if thread not in before and thread.name.startswith("kafka-")
    ]
    for thread in left:
        thread.join(10)  # on a busy machine its last poll takes a while
    assert not [thread.name for thread in left if thread.is_alive()]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An empty data folder, and two worker processes."""
    return Settings(data=tmp_path / "data", processes=2)


def enriched(article_id: str = "a", **fields: Any) -> EnrichedArticle:
    """An enriched article with the given fields, and sensible others."""
    day = datetime(2025, 7, 17, tzinfo=UTC)
    values: dict[str, Any] = {
        "revision": 1,
        "source": "wire",
        "published_at": day,
        "ingested_at": day,
        "enriched_at": day,
        "language": "en",
        "text": "Nothing in particular happened in Tokyo.",
        "provenance": Provenance(pipeline="0", models={}),
    }
    return EnrichedArticle(id=article_id, **(values | fields))


def as_published(document: Document) -> EnrichedArticle:
    """The article that a document was made of."""
    fields = {name: getattr(document, name) for name in EnrichedArticle.__struct_fields__}
    return EnrichedArticle(**fields)

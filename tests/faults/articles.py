"""Articles for tests of faults: the same number and version is the same article."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.article import RawArticle

START = datetime(2025, 7, 17, tzinfo=UTC)


def article(number: int, version: int = 0, **fields: Any) -> RawArticle:
    """A version of an article, at its own minute; a version is a thousand seconds later."""
    values: dict[str, Any] = {
        "id": f"a{number}",
        "source": "wire",
        "body": f"Article {number}, version {version}. " + "Nothing happened. " * 20,
        "published_at": START + timedelta(minutes=number),
        "ingested_at": START + timedelta(milliseconds=number + 1_000_000 * version),
        "metadata": {"symbols": ["SPY", "QQQ"][: number % 3]},
    }
    return RawArticle(**(values | fields))


def articles(most: int = 1_000_000, first: int = 0) -> Iterator[RawArticle]:
    """Articles, and a correction behind every tenth."""
    for number in range(first, first + most):
        yield article(number)
        if number % 10 == 0:
            yield article(number, version=1)

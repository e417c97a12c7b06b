"""A result as a file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.article import EnrichedArticle, Sentiment
from pipeline.errors import ConfigurationError
from pipeline.index.query import Query
from pipeline.index.tantivy import TantivyIndex
from pipeline.index.tantivy.writer import open_writer
from pipeline.search.page import export
from tests.conftest import enriched


def index_of(folder: Path, articles: Sequence[EnrichedArticle]) -> TantivyIndex:
    writer, _ = open_writer(folder)
    writer.add(articles)
    writer.commit()
    writer.close()
    return TantivyIndex(folder)


def rows(found: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(found.decode("utf-8-sig"))))


def test_a_file_has_all_articles_of_all_pages_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PAGE", 4)
    index = index_of(tmp_path, [enriched(f"a{number}") for number in range(10)])
    found = b"".join(export.as_csv(export.articles(index, Query())))
    assert sorted(row["id"] for row in rows(found)) == [f"a{number}" for number in range(10)]
    in_json = json.loads(b"".join(export.as_json(export.articles(index, Query()))))
    assert sorted(article["id"] for article in in_json) == [f"a{number}" for number in range(10)]


def test_a_file_of_nothing_is_whole(tmp_path: Path) -> None:
    index = index_of(tmp_path, [enriched("a")])
    nothing = Query(text="unheard")
    assert rows(b"".join(export.as_csv(export.articles(index, nothing)))) == []
    assert json.loads(b"".join(export.as_json(export.articles(index, nothing)))) == []


def test_an_error_comes_before_the_file(tmp_path: Path) -> None:
    index = index_of(tmp_path, [enriched("a")])
    with pytest.raises(ConfigurationError):
        export.articles(index, Query(text=" ".join(f"word{n}" for n in range(100))))


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_begins_a_formula(tmp_path: Path, begin: str) -> None:
    attack = f'{begin}HYPERLINK("http://evil.example","x")'
    article = enriched(
        "a", title=attack, source=attack, summary=attack, people=[attack], url=attack,
        sentiment=Sentiment(label="negative", score=-0.25, confidence=0.5),
    )  # fmt: skip
    index = index_of(tmp_path, [article])
    (row,) = rows(b"".join(export.as_csv(export.articles(index, Query()))))
    for column in ("title", "source", "summary", "people", "url"):
        assert row[column] == f"'{attack}"
    assert row["sentiment_score"] == "-0.2500"

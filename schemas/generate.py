"""Writes the schemas anew from pipeline/article.py: `python -m schemas.generate`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from pipeline.article import EnrichedArticle, RawArticle, Submission

FOLDER = Path(__file__).parent
RECORDS = {
    "articles.submission.v1.json": Submission,
    "articles.raw.v1.json": RawArticle,
    "articles.enriched.v1.json": EnrichedArticle,
}


def schemas() -> dict[str, bytes]:
    """The JSON Schema (draft 2020-12) of each record, by file name."""
    return {name: _file(name, record) for name, record in RECORDS.items()}


def _file(name: str, record: type) -> bytes:
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"newsloom/{name}",
        **msgspec.json.schema(record),
    }
    return msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"


if __name__ == "__main__":
    for file_name, content in schemas().items():
        (FOLDER / file_name).write_bytes(content)

"""What Elasticsearch is given of an article: its JSON, and what is needed to find and sort it."""

from __future__ import annotations

from typing import Any

import msgspec

from pipeline.article import EnrichedArticle
from pipeline.index import document
from pipeline.index.document import Document, order, stated_sentiments
from pipeline.index.query import FACETS

PATHS = {"sentiment": "sentiment.label"}
"""Where the document has a field of `pipeline.index.document.facets` that is within another."""

FIELDS = {name: PATHS.get(field, field) for name, field in FACETS.items()}
"""A facet's name, and the field of the document that it counts."""


def encode(article: EnrichedArticle, duplicate_of: str | None = None) -> bytes:
    """The document of an article, JSON on one line."""
    linked = link_fields(article.id, duplicate_of)
    if article.withdrawn:
        return document.encode(article, linked)
    own = {
        **linked,
        "stated_sentiments": stated_sentiments(article),
        "order": order(article),
    }
    return document.encode(article, own)


def link_fields(article_id: str, duplicate_of: str | None) -> dict[str, str | None]:
    """The fields of a document that say which near-duplicates it belongs to.

    `duplicate_group` is the same for all of a group, where `duplicate_of` is null for its head.
    """
    return {"duplicate_of": duplicate_of, "duplicate_group": duplicate_of or article_id}


def decode(source: dict[str, Any]) -> Document:
    """The article that a document was made of."""
    return msgspec.convert(source, Document)

"""What Elasticsearch is given of an article: its JSON, and what is needed to find and sort it."""

from __future__ import annotations

from typing import Any

import msgspec

from pipeline.article import EnrichedArticle
from pipeline.index.document import order, stated_sentiments
from pipeline.index.query import FACETS

PATHS = {"sentiment": "sentiment.label"}
"""Where the document has a field of `pipeline.index.document.facets` that is within another."""

FIELDS = {name: PATHS.get(field, field) for name, field in FACETS.items()}
"""A facet's name, and the field of the document that it counts."""

_encoder = msgspec.json.Encoder()


def encode(article: EnrichedArticle) -> bytes:
    """The document of an article, JSON on one line."""
    if article.withdrawn:
        return _encoder.encode(article)
    own = {
        "stated_sentiments": stated_sentiments(article),
        "order": order(article),
    }
    return _encoder.encode(article)[:-1] + b"," + _encoder.encode(own)[1:]


def decode(source: dict[str, Any]) -> EnrichedArticle:
    """The article that a document was made of."""
    return msgspec.convert(source, EnrichedArticle)

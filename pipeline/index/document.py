"""An article as an index has it, and the flat fields that it filters, counts and orders by."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec

from pipeline.article import EnrichedArticle, milliseconds

SUGGESTION_MARK = "\0"
_TIE_BITS = 25

_encoder = msgspec.json.Encoder()


class Document(EnrichedArticle, kw_only=True):
    """An article as an index has it.

    `duplicate_of` is the earliest of its near-duplicates, null where it is that itself or has none.
    """

    duplicate_of: str | None = None


def encode(article: EnrichedArticle, more: dict[str, Any]) -> bytes:
    """An article and further fields as one JSON object, on one line."""
    return _encoder.encode(article)[:-1] + b"," + _encoder.encode(more)[1:]


def facets(article: EnrichedArticle) -> dict[str, list[str]]:
    """The values of each field in `pipeline.index.query.FACETS`, and of `ticker_sentiments`."""
    return {
        "symbols": article.symbols,
        "people": article.people,
        "organizations": article.organizations,
        "places": article.places,
        "topics": article.topics,
        "source": [article.source],
        "language": [article.language] if article.language else [],
        "sentiment": [article.sentiment.label] if article.sentiment else [],
        "stated_sentiments": stated_sentiments(article),
        "ticker_sentiments": article.ticker_sentiments,
    }


def stated_sentiments(article: EnrichedArticle) -> list[str]:
    """The levels that the source states of any ticker, each once."""
    return sorted(
        {ticker.stated_sentiment for ticker in article.tickers if ticker.stated_sentiment}
    )


def suggestions(article: EnrichedArticle) -> list[str]:
    """What suggestions look up: each name in lower case, and the name as it is behind it."""
    return [
        f"{name.lower()}{SUGGESTION_MARK}{name}"
        for names in (article.symbols, article.people, article.organizations, article.places)
        for name in names
    ]


def id_hash(article_id: str) -> int:
    """A signed 64-bit number for an id."""
    return int.from_bytes(blake2b(article_id.encode(), digest_size=8).digest(), signed=True)


def order(article: EnrichedArticle) -> int | None:
    """What articles are sorted by: the second of publication, then a hash of the id.

    The hash makes the order the same wherever and in whatever sequence documents were written.
    """
    if article.published_at is None:
        return None
    seconds = milliseconds(article.published_at) // 1000
    return (seconds << _TIE_BITS) | (id_hash(article.id) & ((1 << _TIE_BITS) - 1))

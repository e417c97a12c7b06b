"""Enriched articles without the cost of enrichment, for measuring what comes after it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from pipeline.article import EnrichedArticle, Provenance, Sentiment
from pipeline.enrich.signature import signature
from pipeline.sources.generator import generate

_SYMBOL = re.compile(r"\((?:\w+: ?)?([A-Z]{2,5})\)")
_NAME = re.compile(r"\b[A-Z][a-z]+ [A-Z][a-z]+\b")
_PLACE = re.compile(r"\b(?:in|from|near) ([A-Z][a-z]+)\b")
_LABELS = ("positive", "neutral", "negative")


def enriched(count: int, seed: int = 0) -> Iterator[EnrichedArticle]:
    """`count` synthetic articles with labels that patterns find: as many as real ones have."""
    now = datetime.now(UTC)
    for number, article in enumerate(generate(count, seed)):
        names = sorted(set(_NAME.findall(article.body)))
        symbols = sorted(set(_SYMBOL.findall(article.body)))
        yield EnrichedArticle(
            id=article.id or "",
            revision=1,
            source=article.source or "",
            title=article.title,
            text=article.body,
            published_at=datetime.fromisoformat(str(article.published_at)),
            ingested_at=now,
            enriched_at=now,
            language="en",
            sentiment=Sentiment(label=_LABELS[number % 3], score=0.0, confidence=0.5),  # type: ignore[arg-type]
            people=names[::2],
            organizations=names[1::2],
            places=sorted(set(_PLACE.findall(article.body))),
            symbols=symbols,
            ticker_sentiments=[f"{symbol}:bullish" for symbol in symbols],
            signature=signature(article.body),
            provenance=Provenance(pipeline="0", models={}),
        )

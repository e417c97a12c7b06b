"""Enrichment of records as they stand in a topic: what a worker process does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from pipeline.article import MAX_RECORD_BYTES, EnrichedArticle, RawArticle, Rejection
from pipeline.enrich import Enricher
from pipeline.enrich.sentiment.measured import open_model
from pipeline.profiles import load_profiles

_decoder = msgspec.json.Decoder(RawArticle)
_encoder = msgspec.json.Encoder()


class EnrichedRecord(NamedTuple):
    """A record of the enriched topic: its key, its revision and its JSON."""

    id: str
    revision: int
    value: bytes


Result = EnrichedRecord | Rejection


def load(profiles: Path | None, sentiment: str) -> Callable[[Sequence[bytes]], list[Result]]:
    """A function that turns values of the raw topic into those of the enriched one.

    Args:
        profiles: a file of further source profiles.
        sentiment: the name or file of a sentiment model.

    Raises:
        ConfigurationError: a file can't be read.
    """
    enricher = Enricher(load_profiles(profiles), open_model(sentiment))

    def enrich(values: Sequence[bytes]) -> list[Result]:
        decoded = [_decode(value) for value in values]
        enriched = iter(enricher.enrich([raw for raw in decoded if isinstance(raw, RawArticle)]))
        return [raw if isinstance(raw, Rejection) else _encode(next(enriched)) for raw in decoded]

    return enrich


def _decode(value: bytes) -> RawArticle | Rejection:
    try:
        return _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Rejection(reason="malformed_record", message=f"not a RawArticle: {error}")


def _encode(result: EnrichedArticle | Rejection) -> Result:
    if isinstance(result, Rejection):
        return result
    value = _encoder.encode(result)
    if len(value) > MAX_RECORD_BYTES:
        message = f"with its labels the record has {len(value):,} bytes, over {MAX_RECORD_BYTES:,}"
        return Rejection(reason="record_too_large", message=message, id=result.id)
    return EnrichedRecord(result.id, result.revision, value)

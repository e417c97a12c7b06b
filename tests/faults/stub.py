"""A worker whose labels cost nothing and whose poison is real: `python -m tests.faults.stub`.

Faults are about records, not about labels: thousands of articles pass in the time that real
enrichment takes for a hundred, so that a kill falls into the middle of something.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence

import msgspec

from pipeline.article import EnrichedArticle, Provenance, RawArticle, Rejection, Sentiment
from pipeline.config import Settings, load_settings
from pipeline.enrich.records import EnrichedRecord, Result
from pipeline.enrichment import Enrichers
from pipeline.stream.worker import Worker
from pipeline.workers import Workers

SECONDS_EACH = float(os.environ.get("STUB_SECONDS", "0.001"))

OF_A_NEWER_RELEASE = {"reading_minutes": 3, "events": [{"kind": "merger", "certain": True}]}
"""Fields that this release does not know; they are added where STUB_NEWER is set."""


def load() -> Callable[[Sequence[bytes]], list[Result]]:
    return lambda values: [_enrich(value) for value in values]


def start(settings: Settings) -> Enrichers:
    return Workers(
        load,
        settings.worker_count,
        seconds=settings.enrich_seconds,
        megabytes=settings.enrich_megabytes,
    )


def labelled(raw: RawArticle) -> EnrichedArticle:
    """What the stub makes of an article; a function of it alone."""
    symbols = [] if raw.withdrawn else raw.metadata.get("symbols", [])
    return EnrichedArticle(
        id=raw.id,
        revision=raw.revision,
        source=raw.source,
        title=raw.title,
        published_at=raw.published_at,
        ingested_at=raw.ingested_at,
        enriched_at=raw.ingested_at,
        language="en",
        withdrawn=raw.withdrawn,
        text="" if raw.withdrawn else raw.body,
        symbols=symbols,
        sentiment=None
        if raw.withdrawn
        else Sentiment(label="positive", score=len(raw.body) % 10 / 10, confidence=1),
        ticker_sentiments=[f"{symbol}:bullish" for symbol in symbols],
        provenance=Provenance(pipeline="stub", models={}),
    )


def _enrich(value: bytes) -> Result:
    time.sleep(SECONDS_EACH)
    try:
        raw = msgspec.json.decode(value, type=RawArticle)
    except msgspec.DecodeError as error:
        return Rejection(reason="malformed_record", message=str(error))
    match raw.metadata.get("poison"):
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            time.sleep(3600)
        case "eat":
            bytearray(10_000_000_000)
        case "raise":
            raise ValueError("poison")
    value = msgspec.json.encode(labelled(raw))
    if "STUB_NEWER" in os.environ:
        value = msgspec.json.encode(msgspec.json.decode(value) | OF_A_NEWER_RELEASE)
    return EnrichedRecord(raw.id, raw.revision, value)


if __name__ == "__main__":
    ended = Worker(load_settings(), start=start).run()
    # As `newsloom` does: threads that still wait for a broker end with the process.
    os._exit(0 if ended == signal.SIGTERM else ended)

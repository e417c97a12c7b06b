"""Enrichment in worker processes, as many and as limited as the settings say."""

from __future__ import annotations

from functools import partial

from pipeline.config import Settings
from pipeline.enrich import records
from pipeline.enrich.sentiment.measured import open_model
from pipeline.workers import Workers

Enrichers = Workers[bytes, records.Result]


def enrichers(settings: Settings) -> Enrichers:
    """Worker processes that turn values of the raw topic into those of the enriched one.

    Raises:
        ConfigurationError: there is no such sentiment model.
    """
    open_model(settings.sentiment)  # said here once, and not by every process
    return Workers(
        partial(records.load, settings.profiles, settings.sentiment),
        settings.worker_count,
        seconds=settings.enrich_seconds,
        megabytes=settings.enrich_megabytes,
    )

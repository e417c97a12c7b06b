"""The bundled samples with their labels, for tests of what is indexed."""

from __future__ import annotations

from functools import cache

from pipeline.article import Clock, EnrichedArticle, Submission, settle
from pipeline.enrich import Enricher
from pipeline.errors import Rejected
from pipeline.profiles import load_profiles
from pipeline.sources import read
from tests.conftest import SAMPLES


@cache
def enriched_samples() -> list[EnrichedArticle]:
    """All of them; a corrected one in all its versions."""
    clock = Clock()
    raw = []
    for located in read([SAMPLES], max_body_bytes=1_000_000):
        if isinstance(located.value, Submission):
            try:
                raw.append(settle(located.value, source="file", clock=clock, max_body_bytes=10**6))
            except Rejected:
                continue
    results = Enricher(load_profiles()).enrich(raw)
    return [result for result in results if isinstance(result, EnrichedArticle)]

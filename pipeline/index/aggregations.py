"""Counts in Elasticsearch's language, which Tantivy speaks too: what is asked, what comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.index import FacetValue
from pipeline.index.query import FACET_SIZE


def terms(field: str) -> dict[str, Any]:
    """Asks for the most frequent values of a field."""
    # More than are shown, so that which of several equal ones is shown does not depend on segments.
    return {"terms": {"field": field, "size": FACET_SIZE * 5}}


def values(buckets: Sequence[Mapping[str, Any]]) -> list[FacetValue]:
    """The values that a facet shows, most frequent first, then by name."""
    counted = [
        FacetValue(bucket["key"], bucket["doc_count"]) for bucket in buckets if bucket["doc_count"]
    ]
    counted.sort(key=lambda value: (-value.count, value.value))
    return counted[:FACET_SIZE]


def by_time(buckets: Sequence[Mapping[str, Any]]) -> dict[int, int]:
    """Counts by start of an interval, in milliseconds since 1970."""
    return {int(bucket["key"]): bucket["doc_count"] for bucket in buckets}

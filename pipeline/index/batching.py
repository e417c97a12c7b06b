"""The step from the enriched topic to the index: batches, by count, bytes and time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from pipeline.article import EnrichedArticle, decode_enriched
from pipeline.errors import Rejected
from pipeline.index import IndexWriter

MAX_BATCH = 2_000
MAX_BATCH_BYTES = 16_000_000
"""A batch is written when it has so many documents or bytes (of JSON)."""

COMMIT_SECONDS = 1.0
"""After how long, at most, a document that was handed in can be found."""

T = TypeVar("T")


class Batcher(Generic[T]):
    """Collects documents and writes them. Nothing handed in is durable before `flush` returns.

    Args:
        writer: where they are written to.
        refuse: called with each record that can't become a document, and why.
    """

    def __init__(self, writer: IndexWriter, refuse: Callable[[T, Rejected], None]) -> None:
        self._writer = writer
        self._refuse = refuse
        self._batch: list[EnrichedArticle] = []
        self._records: list[T] = []
        self._bytes = 0
        self._added = False
        self._due = 0.0

    def add(self, value: bytes, record: T) -> None:
        """Hands in the value of one record of the enriched topic, and the record for `refuse`."""
        try:
            article = decode_enriched(value)
        except Rejected as error:
            self._refuse(record, error)
            return
        if not self._batch and not self._added:
            self._due = time.monotonic() + COMMIT_SECONDS
        self._batch.append(article)
        self._records.append(record)
        self._bytes += len(value)
        if len(self._batch) >= MAX_BATCH or self._bytes >= MAX_BATCH_BYTES:
            self._write()

    @property
    def due(self) -> bool:
        """Whether something that was handed in has waited long enough."""
        return bool(self._batch or self._added) and time.monotonic() >= self._due

    def flush(self) -> None:
        """Writes and commits all that was handed in: it is durable, and readers see it."""
        self._write()
        if self._added:
            self._writer.commit()
            self._added = False

    def _write(self) -> None:
        if self._batch:
            for refusal in self._writer.add(self._batch):
                error = Rejected(refusal.reason, refusal.message)
                self._refuse(self._records[refusal.position], error)
            self._added = True
            self._batch.clear()
            self._records.clear()
            self._bytes = 0

"""The step from the enriched topic to the index: batches, by count, bytes and time."""

from __future__ import annotations

import time

import msgspec

from pipeline.article import EnrichedArticle
from pipeline.errors import Rejected
from pipeline.index import IndexWriter

MAX_BATCH = 2_000
MAX_BATCH_BYTES = 16_000_000
"""A batch is written when it has so many documents or bytes (of JSON)."""

COMMIT_SECONDS = 1.0
"""After how long, at most, a document that was handed in can be found."""

_decoder = msgspec.json.Decoder(EnrichedArticle)


class Sink:
    """Collects documents and writes them. Nothing handed in is durable before `flush` returns."""

    def __init__(self, writer: IndexWriter) -> None:
        self._writer = writer
        self._batch: list[EnrichedArticle] = []
        self._bytes = 0
        self._added = False
        self._due = 0.0

    def add(self, value: bytes) -> None:
        """Hands in one record of the enriched topic.

        Raises:
            Rejected: it is no EnrichedArticle.
        """
        try:
            article = _decoder.decode(value)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise Rejected("malformed_record", f"not an EnrichedArticle: {error}") from None
        if not self._batch and not self._added:
            self._due = time.monotonic() + COMMIT_SECONDS
        self._batch.append(article)
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
            self._writer.add(self._batch)
            self._added = True
            self._batch.clear()
            self._bytes = 0

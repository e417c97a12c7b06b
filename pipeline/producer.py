"""Articles onto the raw topic: from here on nothing is lost."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

import msgspec

from pipeline.article import (
    ARTICLES_RAW,
    Clock,
    RawArticle,
    Rejection,
    digest,
    settle,
)
from pipeline.config import Settings
from pipeline.errors import Rejected
from pipeline.log import Log, Outcome, Record
from pipeline.profiles import Profiles
from pipeline.sources import Located

PUBLISH_BATCH = 500
PUBLISH_SECONDS = 0.5
"""A batch is published when it has so many articles or is so old."""


class ProduceCounts(msgspec.Struct):
    """What became of the inputs; `unchanged` ones were on the topic already."""

    accepted: int = 0
    unchanged: int = 0
    rejected: int = 0


class Producer:
    """Puts articles on the raw topic; what it counts as accepted is durable.

    Args:
        log: where the topic is.
        settings: the limit of an article's size.
        profiles: what is known of sources.
        counts: is kept up to date.
        rejected: is called with each input that can't become an article.
    """

    def __init__(
        self,
        log: Log,
        settings: Settings,
        profiles: Profiles,
        counts: ProduceCounts,
        rejected: Callable[[Rejection], None],
    ) -> None:
        self._log = log
        self._settings = settings
        self._profiles = profiles
        self._counts = counts
        self._rejected = rejected
        self._clock = Clock()

    def produce(self, inputs: Iterable[Located]) -> None:
        """Publishes the articles of `inputs` in batches.

        Raises:
            StorageUnavailable: the batch in hand was not published; all before it were.
        """
        batch: list[Record] = []
        due = float("inf")
        try:
            for located in _with_pauses(inputs):
                if located is not None:
                    raw = settled(located, self._settings, self._profiles, self._clock)
                    if isinstance(raw, Rejection):
                        self._counts.rejected += 1
                        self._rejected(raw)
                    else:
                        if not batch:
                            due = time.monotonic() + PUBLISH_SECONDS
                        batch.append(Record(raw.id, msgspec.json.encode(raw), digest=digest(raw)))
                if len(batch) >= PUBLISH_BATCH or time.monotonic() >= due:
                    self._publish(batch)
                    batch, due = [], float("inf")
        except KeyboardInterrupt:
            # What was read from a pipe can't be read again.
            self._publish(batch)
            raise
        self._publish(batch)

    def _publish(self, batch: Sequence[Record]) -> None:
        for outcome in self._log.publish(ARTICLES_RAW, batch):
            if outcome is Outcome.APPENDED:
                self._counts.accepted += 1
            else:
                self._counts.unchanged += 1


def settled(
    located: Located, settings: Settings, profiles: Profiles, clock: Clock
) -> RawArticle | Rejection:
    """An input with its identity settled, or why it can't be an article and where it stood."""
    value = located.value
    if isinstance(value, Rejection):
        return value
    source = (value.source or "").strip() or profiles.source_of(value.url, value.body)
    try:
        return settle(
            value,
            source=source,
            clock=clock,
            max_body_bytes=settings.max_body_bytes,
            time_zone=profiles.time_zone_of(source),
        )
    except Rejected as error:
        return located.rejection(error.reason, str(error), value.id)


def _with_pauses(inputs: Iterable[Located]) -> Iterator[Located | None]:
    """The inputs, and None whenever the next one keeps waiting: a pipe may stay open for hours."""
    ready: queue.Queue[Located | BaseException | None] = queue.Queue(maxsize=PUBLISH_BATCH)
    given_up = threading.Event()

    def put(item: Located | BaseException | None) -> None:
        while not given_up.is_set():
            with suppress(queue.Full):
                ready.put(item, timeout=PUBLISH_SECONDS)
                return

    def read() -> None:
        try:
            for located in inputs:
                put(located)
                if given_up.is_set():
                    return
            put(None)
        except BaseException as error:  # noqa: BLE001 - raised again by whoever takes it
            put(error)

    threading.Thread(target=read, daemon=True).start()
    try:
        while True:
            try:
                item = ready.get(timeout=PUBLISH_SECONDS)
            except queue.Empty:
                yield None
                continue
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        given_up.set()

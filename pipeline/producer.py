"""Articles onto the raw topic: from here on nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

import msgspec

from pipeline.article import (
    ARTICLES_RAW,
    Clock,
    RawArticle,
    Rejection,
    Submission,
    digest,
    settle,
)
from pipeline.config import Settings
from pipeline.errors import NotFound, Rejected
from pipeline.index import open_index
from pipeline.log import Log, Outcome, Record, open_log
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
        begun = time.monotonic()
        for located in inputs:
            raw = settled(located, self._settings, self._profiles, self._clock)
            if isinstance(raw, Rejection):
                self._counts.rejected += 1
                self._rejected(raw)
                continue
            batch.append(Record(raw.id, msgspec.json.encode(raw), digest=digest(raw)))
            if len(batch) >= PUBLISH_BATCH or time.monotonic() - begun > PUBLISH_SECONDS:
                self._publish(batch)
                batch, begun = [], time.monotonic()
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
    try:
        return settle(
            value,
            source=profiles.source_of(value.url, value.body),
            clock=clock,
            max_body_bytes=settings.max_body_bytes,
        )
    except Rejected as error:
        return Rejection(
            reason=error.reason,
            message=str(error),
            input=located.input,
            line=located.line,
            id=value.id,
        )


def withdraw(settings: Settings, article_id: str) -> None:
    """Publishes a withdrawal of an article: a version without text, newer than all others.

    Raises:
        NotFound: the index has no such article.
    """
    article = open_index(settings).get(article_id)
    if article is None:
        raise NotFound(f"no article {article_id}")
    clock = Clock(after=article.ingested_at)
    submission = Submission(id=article_id, source=article.source, withdrawn=True)
    raw = settle(submission, source=article.source, clock=clock, max_body_bytes=0)
    log = open_log(settings)
    log.publish(ARTICLES_RAW, [Record(raw.id, msgspec.json.encode(raw))])
    log.close()

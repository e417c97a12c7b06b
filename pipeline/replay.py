"""Raw articles of a range of time put on their topic once more, for a newer model to label them."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

import msgspec

from pipeline.article import ARTICLES_RAW, RawArticle, milliseconds
from pipeline.config import Settings
from pipeline.log import Message, Record, open_log

POLL = 500


def replay(
    settings: Settings,
    since: datetime,
    until: datetime | None,
    progress: Callable[[int, int], None],
) -> int:
    """Publishes raw articles again as they are, so that they are enriched again.

    They keep the time at which they came in. So a label of a newer model takes the place of an
    older one, a correction stays newer than what it corrects, and labels of the same model change
    nothing. Records that hold no article are left out.

    Args:
        settings: where the log is.
        since: articles that were put on the topic from then on.
        until: and before then; None: up to now.
        progress: called with how many records were looked at, and how many are left.

    Returns:
        How many articles were published.

    Raises:
        ConfigurationError: there is no such log.
        StorageUnavailable: the log did not answer; to replay the same again does no harm.
    """
    # What is published here is younger, and is not published again.
    first, before = milliseconds(since), time.time_ns() // 1_000_000
    if until is not None:
        before = min(before, milliseconds(until))
    log = open_log(settings, create=False)
    try:
        consumer = log.consume(ARTICLES_RAW, since=first)
        ends, total = consumer.ends(), consumer.lag()
        looked = replayed = 0
        while not consumer.has_passed(ends):
            polled = consumer.poll(POLL, 1.0)
            again = [
                # Without a digest: that it was there before is the point of it.
                Record(message.key, message.value, message.headers)
                for message in polled
                if first <= message.timestamp < before and _is_article(message)
            ]
            log.publish(ARTICLES_RAW, again)
            replayed += len(again)
            looked += len(polled)
            progress(looked, max(0, total - looked))
        return replayed
    finally:
        log.close()


def _is_article(message: Message) -> bool:
    try:
        msgspec.json.decode(message.value, type=RawArticle)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True

"""A topic as JSON lines, as a subscriber sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from pipeline.article import (
    ARTICLES_DEAD,
    ARTICLES_ENRICHED,
    SEARCHES,
    TICKER_TRENDS,
    EnrichedArticle,
    decode_enriched,
)
from pipeline.errors import ConfigurationError, Rejected
from pipeline.log import TOPICS, Log, Message
from pipeline.log.dead import readable

WAIT_SECONDS = 1.0


def topic_named(name: str) -> str:
    """A topic's full name, from that or from its last part ("enriched").

    Raises:
        ConfigurationError: there is no such topic.
    """
    topics = (*TOPICS, TICKER_TRENDS)
    for topic in topics:
        if name in (topic, topic.rsplit(".", 1)[-1]):
            return topic
    short = ", ".join(topic.rsplit(".", 1)[-1] for topic in topics)
    raise ConfigurationError(f"{name}: no such topic; there are {short}")


def follow(
    log: Log,
    topic: str,
    *,
    from_beginning: bool,
    wanted: Callable[[EnrichedArticle], bool] | None = None,
) -> Iterator[bytes]:
    """The values of a topic's records, for ever; a dead letter's headers stand beside its value.

    Of saved searches that is left out which is nobody's business.

    Args:
        log: where the topic is.
        topic: its full name.
        from_beginning: whether what is there already comes first.
        wanted: leaves out all articles for which it is false, and what is no article.

    Raises:
        ConfigurationError: the topic's records are no enriched articles, of which to want some.
    """
    if wanted and topic != ARTICLES_ENRICHED:
        raise ConfigurationError("filters are for the enriched topic: no other has labels")
    consumer = log.consume(topic, from_end=not from_beginning)
    while True:
        for message in consumer.poll(500, WAIT_SECONDS):
            if wanted is None or _is_wanted(message, wanted):
                yield _LINES[topic](message) if topic in _LINES else message.value


def _is_wanted(message: Message, wanted: Callable[[EnrichedArticle], bool]) -> bool:
    try:
        return wanted(decode_enriched(message.value))
    except Rejected:
        return False


def _dead_line(message: Message) -> bytes:
    line = {
        "key": readable(message.key),
        "headers": {name: value.decode(errors="replace") for name, value in message.headers},
        "value": message.value.decode(errors="replace"),
    }
    return msgspec.json.encode(line)


def _search_line(message: Message) -> bytes:
    """A saved search without its webhook's address and secret."""
    try:
        search = msgspec.json.decode(message.value, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        search = {}
    if search.get("webhook") is not None:
        search["webhook"] = "***"
    return msgspec.json.encode(search)


_LINES = {ARTICLES_DEAD: _dead_line, SEARCHES: _search_line}

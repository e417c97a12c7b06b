"""A topic as JSON lines, as a subscriber sees it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec

from pipeline.article import ARTICLES_DEAD, ARTICLES_ENRICHED, EnrichedArticle
from pipeline.errors import ConfigurationError
from pipeline.log import TOPICS, Log, Message
from pipeline.log.dead import readable

WAIT_SECONDS = 1.0


def topic_named(name: str) -> str:
    """A topic's full name, from that or from its last part ("enriched").

    Raises:
        ConfigurationError: there is no such topic.
    """
    for topic in TOPICS:
        if name in (topic, topic.rsplit(".", 1)[-1]):
            return topic
    short = ", ".join(topic.rsplit(".", 1)[-1] for topic in TOPICS)
    raise ConfigurationError(f"{name}: no such topic; there are {short}")


def follow(
    log: Log, topic: str, *, from_beginning: bool, tickers: Collection[str] = ()
) -> Iterator[bytes]:
    """The values of a topic's records, for ever; a dead letter's headers stand beside its value.

    Args:
        log: where the topic is.
        topic: its full name.
        from_beginning: whether what is there already comes first.
        tickers: only articles with one of these symbols.

    Raises:
        ConfigurationError: the topic's records have no tickers.
    """
    if tickers and topic != ARTICLES_ENRICHED:
        raise ConfigurationError(
            "--ticker is for the enriched topic: raw articles have no tickers yet"
        )
    consumer = log.consume(topic, from_end=not from_beginning)
    while True:
        for message in consumer.poll(500, WAIT_SECONDS):
            if tickers and not _has_ticker(message, tickers):
                continue
            yield _dead_line(message) if topic == ARTICLES_DEAD else message.value


def _has_ticker(message: Message, tickers: Collection[str]) -> bool:
    try:
        article = msgspec.json.decode(message.value, type=EnrichedArticle)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    wanted = {ticker.upper().removeprefix("$") for ticker in tickers}
    return not wanted.isdisjoint(article.symbols)


def _dead_line(message: Message) -> bytes:
    line = {
        "key": readable(message.key),
        "headers": {name: value.decode(errors="replace") for name, value in message.headers},
        "value": message.value.decode(errors="replace"),
    }
    return msgspec.json.encode(line)

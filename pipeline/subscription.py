"""Enriched articles for other programs: `pipeline.subscribe`."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from types import TracebackType

from pipeline.article import ARTICLES_ENRICHED, EnrichedArticle, decode_enriched
from pipeline.config import Settings, load_settings
from pipeline.errors import ConfigurationError, Rejected, Transient
from pipeline.index.matching import matcher
from pipeline.log import Message, open_log
from pipeline.log.follow import topic_named
from pipeline.retry import pauses

POLL = 100
"""Records that are taken at a time: so many may come again after a crash."""

POLL_SECONDS = 1.0
"""How long one look for new records takes."""

COMMIT_SECONDS = 1.0
"""How often, at most, a commit is made while there are records in hand."""

PRESENCE_SECONDS = 60.0
"""After how long a slow consumer shows its group that it lives: Kafka takes the partitions of one
that does not ask for records away."""

DIVISION_SECONDS = 1.0
"""How long it then takes part in the life of its group, which may have to be divided anew."""

_OWN_GROUPS = "newsloom-"

_logger = logging.getLogger(__name__)


def subscribe(
    topic: str,
    group: str,
    *,
    filters: Mapping[str, str | Sequence[str]] | None = None,
    follow: bool = True,
    settings: Settings | None = None,
) -> Subscription:
    """Articles with their labels, each at least once for a group, as they come.

        with pipeline.subscribe("enriched", "alerts", filters={"ticker": ["SPY"]}) as articles:
            for article in articles:
                ...

    A group that is new begins at the topic's beginning. Programs of one group share the articles of
    Kafka's topic between them; on the embedded log a group is one program.

    Corrections and withdrawals are articles like others: of two with an `id` the one with the
    greater `revision` holds. A withdrawn article has no text and no labels, and passes all filters
    but the one for its source.

    Args:
        topic: "enriched", or its full name.
        group: whose position it is; it survives the program.
        filters: for a facet's name, as in `newsloom search` ("ticker", "person", "source" and so
            on), the values of which an article must have at least one.
        follow: whether to wait for more at the end of the topic.
        settings: where the topic is; from the environment by default.

    Raises:
        ConfigurationError: a filter, topic or setting is wrong, or there is no such topic.
        StorageUnavailable: the log can't be opened. Later, that is waited out.
    """
    if topic_named(topic) != ARTICLES_ENRICHED:
        raise ConfigurationError(f"{topic}: has no enriched articles; subscribe to enriched")
    if not group or group.startswith(_OWN_GROUPS):
        raise ConfigurationError(
            f"{group!r}: a subscriber's group needs a name that does not begin with {_OWN_GROUPS}"
        )
    return Subscription(settings or load_settings(), group, filters or {}, follow=follow)


class Subscription(Iterator[EnrichedArticle]):
    """Articles, one by one; made by `subscribe`. To be used by one thread.

    An article is done with when the next one is asked for. What is done with is committed, at the
    latest when the last article in hand is, or within a second after that; what is not comes again
    when a program of the group starts again.

    Attributes:
        skipped: how many records held no article that this release can read.
    """

    def __init__(
        self,
        settings: Settings,
        group: str,
        filters: Mapping[str, str | Sequence[str]],
        *,
        follow: bool,
    ) -> None:
        self.skipped = 0
        self._wanted = matcher(filters)
        self._follow = follow
        self._done: dict[int, Message] = {}
        self._log = open_log(settings, create=False)
        try:
            self._consumer = self._log.consume(ARTICLES_ENRICHED, group)
        except BaseException:
            self._log.close()
            raise
        self._asked = self._committed = time.monotonic()
        self._articles = self._read()

    def __iter__(self) -> Iterator[EnrichedArticle]:
        return self

    def __next__(self) -> EnrichedArticle:
        return next(self._articles)

    def __enter__(self) -> Subscription:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Commits what is done with, and lets others of the group go on.

        The article handed out last is not done with: nobody asked for another one.
        """
        self._articles.close()
        self._commit()
        self._consumer.close()
        self._log.close()

    def _read(self) -> Generator[EnrichedArticle]:
        while messages := self._poll():
            for message in messages:
                article = self._decode(message)
                if article is not None and self._wanted(article):
                    yield article
                # The next one was asked for: not before this is the consumer done with this one.
                self._done[message.partition] = message._replace(value=b"")
                self._keep_up()
            self._commit()

    def _poll(self) -> list[Message]:
        """Records; none at the end of the topic, unless it is followed."""
        waits = pauses()
        while True:
            try:
                found = self._consumer.poll(POLL, POLL_SECONDS if self._follow else 0)
            except Transient as error:
                pause = next(waits)
                _logger.warning("%s; trying again in %.1f s", error, pause)
                time.sleep(pause)
                continue
            self._asked = time.monotonic()
            if found or not self._follow:
                return found
            self._commit()

    def _decode(self, message: Message) -> EnrichedArticle | None:
        try:
            return decode_enriched(message.value)
        except Rejected as error:
            self.skipped += 1
            place = f"{message.topic}, partition {message.partition}, offset {message.offset}"
            _logger.warning("%s: %s; skipped", place, error)
            return None

    def _keep_up(self) -> None:
        """Between two records of those in hand: commits now and then, and stays in the group."""
        now = time.monotonic()
        if now - self._committed >= COMMIT_SECONDS:
            self._commit()
        if now - self._asked >= PRESENCE_SECONDS:
            self._asked = now
            with suppress(Transient):
                self._consumer.wait(DIVISION_SECONDS)

    def _commit(self) -> None:
        """A commit that fails is made up for by the next one, or the articles come again."""
        self._committed = time.monotonic()
        if not self._done:
            return
        try:
            self._consumer.commit(list(self._done.values()))
        except Transient as error:
            _logger.warning("%s; what was not committed may come again", error)
        else:
            self._done.clear()

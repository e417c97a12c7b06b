"""Feeds are fetched when they are due, and their articles given before they count as fetched."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from pipeline.article import Rejection, Submission, identify
from pipeline.config import redact
from pipeline.errors import ConfigurationError, Rejected
from pipeline.sources.extraction import Extractor
from pipeline.sources.feeds.fetch import SECONDS, Failed, Fetched, Validators, fetch, without_login
from pipeline.sources.feeds.parse import Item
from pipeline.sources.feeds.state import State, States
from pipeline.sources.files import Located
from pipeline.sources.html import is_web_address

AT_ONCE = 8
"""So many hosts are asked at the same time, and each for one feed at a time."""

MOST_SECONDS = 3_600.0
"""A feed that asks for rarer fetches, or fails, is fetched at least so often."""

MOST_WAIT_SECONDS = 86_400.0
"""For so long a server may ask to be left alone."""

LOOK_SECONDS = 0.2

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger(__name__)


def check_urls(urls: Sequence[str]) -> None:
    """Refuses what can't be the address of a feed.

    Raises:
        ConfigurationError: not http or https.
    """
    for url in urls:
        if not is_web_address(url):
            raise ConfigurationError(f"{redact(url)}: a feed's address begins with http(s)://")


def poll(
    urls: Sequence[str],
    states: States,
    extractor: Extractor,
    stop: threading.Event,
    *,
    source_of: Callable[[str], str],
    least_seconds: float,
    once: bool = False,
) -> Iterator[Iterator[Located]]:
    """The articles of each fetch of each feed, until `stop`.

    That a fetch was taken is kept in `states` when the iteration goes on after it: articles that
    are not durable when the process ends are fetched again. So read all of one fetch, make it
    durable, and only then ask for the next.

    Args:
        urls: of RSS and Atom feeds.
        states: what is known of them.
        extractor: reads them.
        stop: ends the iteration.
        source_of: the name of the source at an address, for items that link nowhere.
        least_seconds: how long a feed is left alone after a fetch. Its own `ttl` or `Cache-Control`
            may ask for longer, up to an hour.
        once: each feed is fetched once and at once, unless its server asked to be left alone; what
            goes wrong is a `Rejection`. Else that is logged and tried again, ever more rarely.

    Raises:
        ConfigurationError: a url is not http or https.
        StorageUnavailable: a state can't be kept.
    """
    check_urls(urls)
    feeds = [
        _Feed(url, states, extractor, stop, source_of, least_seconds, once=once)
        for url in dict.fromkeys(urls)
    ]
    waiting = [feed for feed in feeds if once or not feed.is_over]
    while waiting and not stop.is_set():
        batch = _due(waiting, once=once)
        if not batch:
            stop.wait(LOOK_SECONDS)
            continue
        for feed, answer in zip(batch, asyncio.run(_ask(batch, stop)), strict=True):
            if answer is None or stop.is_set():
                return
            yield from feed.take(answer)
            if once or feed.is_over:
                waiting.remove(feed)


def _due(feeds: Sequence[_Feed], *, once: bool) -> list[_Feed]:
    """What is to be fetched now: of each host the feed that has waited longest."""
    now = time.time()
    by_host: dict[str, _Feed] = {}
    for feed in sorted(feeds, key=lambda feed: feed.due(now)):
        if once or feed.due(now) <= now:
            by_host.setdefault(feed.host, feed)
    return list(by_host.values())[:AT_ONCE]


async def _ask(feeds: Sequence[_Feed], stop: threading.Event) -> list[Fetched | Failed | None]:
    """What comes of each feed; None for those that were not done at `stop`."""
    import httpx

    async with httpx.AsyncClient(follow_redirects=False, timeout=2 * SECONDS) as client:
        tasks = [asyncio.create_task(feed.ask(client)) for feed in feeds]
        running: set[asyncio.Task[Fetched | Failed]] = set(tasks)
        while running and not stop.is_set():
            _, running = await asyncio.wait(running, timeout=LOOK_SECONDS)
        for task in running:
            task.cancel()
        await asyncio.wait(tasks)
        return [None if task in running else task.result() for task in tasks]


def _digest(item: Item) -> str:
    return blake2b(msgspec.json.encode(item), digest_size=8).hexdigest()


class _Feed:
    def __init__(
        self,
        url: str,
        states: States,
        extractor: Extractor,
        stop: threading.Event,
        source_of: Callable[[str], str],
        least_seconds: float,
        *,
        once: bool,
    ) -> None:
        self.name, self._login = without_login(url)
        self._url = url
        self._states = states
        self._extractor = extractor
        self._stop = stop
        self._source_of = source_of
        self._least_seconds = least_seconds
        self._once = once
        self._state: State = states.load(url)
        if self.is_over and not once:
            logger.warning(
                "%s: was gone for good (410), and is not asked any more; to ask again: "
                "newsloom produce --feed",
                self.name,
            )

    @property
    def is_over(self) -> bool:
        return self._state.gone

    @property
    def host(self) -> str:
        return urlsplit(self._state.moved_to or self.name).netloc.lower()

    def due(self, now: float) -> float:
        """When it is to be fetched; what a clock that was wrong put far away counts as now."""
        due = self._state.due
        return due if due <= now + MOST_WAIT_SECONDS else now

    async def ask(self, client: httpx.AsyncClient) -> Fetched | Failed:
        state, now = self._state, time.time()
        wait = state.asked_to_wait - now
        if 0 < wait <= MOST_WAIT_SECONDS:
            return Failed("feed_waits", f"the server asked to be left alone for {wait:.0f} s more")
        validators = None
        if state.validated_url:
            validators = Validators(state.validated_url, state.etag, state.last_modified)
        return await fetch(client, state.moved_to or self.name, validators, self._login)

    def take(self, answer: Fetched | Failed) -> Iterator[Iterator[Located]]:
        """The articles of a fetch, and its state kept when they were taken."""
        if isinstance(answer, Failed):
            yield from self._failed(answer)
            return
        state = State(
            url=self.name,
            moved_to=answer.moved_to or self._state.moved_to,
            items=self._state.items,
            due=time.time() + self._interval(answer.max_age, None),
        )
        if answer.validators is not None:
            state.validated_url, state.etag, state.last_modified = answer.validators
        if answer.data is not None:
            try:
                feed = self._extractor.feed(answer.url, answer.content_type, answer.data)
            except Rejected as error:
                yield from self._failed(Failed(error.reason, str(error)))
                return
            state.due = time.time() + self._interval(answer.max_age, feed.ttl)
            state.items = [_digest(item) for item in feed.items]
            # An item that stands in two feeds of a source would else be changed by each in turn.
            known = set(self._state.items)
            new = [
                item
                for item, digest in zip(feed.items, state.items, strict=True)
                if digest not in known
            ]
            taken: list[bool] = []
            if new:
                yield self._articles(new, taken)
                if not taken:
                    return
        self._keep(state)

    def _failed(self, failure: Failed) -> Iterator[Iterator[Located]]:
        state, now = self._state, time.time()
        if failure.reason != "feed_waits":
            state.failures += 1
            state.gone = failure.reason == "feed_gone"
            state.due = now + self._pause()
            state.asked_to_wait = 0.0
            if failure.wait is not None:
                state.asked_to_wait = now + min(failure.wait, MOST_WAIT_SECONDS)
                state.due = max(now + self._least_seconds, state.asked_to_wait)
        if self._once or state.gone or failure.reason == "not_a_feed":
            rejection = Rejection(reason=failure.reason, message=failure.message, input=self.name)
            yield iter([Located(rejection, self.name, None)])
        else:
            logger.warning(
                "%s: %s; next try in %.0f s", self.name, failure.message, state.due - now
            )
        self._keep(state)

    def _interval(self, max_age: float | None, ttl: float | None) -> float:
        asked = max(max_age or 0.0, ttl or 0.0)
        return max(self._least_seconds, min(asked, MOST_SECONDS))

    def _pause(self) -> float:
        """Doubles with each failure, from the least interval to an hour; half of it is random."""
        bound = self._least_seconds * 2 ** min(self._state.failures, 30)
        bound = max(self._least_seconds, min(bound, MOST_SECONDS))
        return max(self._least_seconds, random.uniform(bound / 2, bound))  # noqa: S311

    def _keep(self, state: State) -> None:
        self._state = state
        self._states.keep(self._url, state)

    def _articles(self, items: Sequence[Item], taken: list[bool]) -> Iterator[Located]:
        # A feed has its newest item first, and the order of the topic is that of arrival.
        for item in reversed(items):
            if self._stop.is_set():
                return
            yield self._article(item)
        taken.append(True)

    def _article(self, item: Item) -> Located:
        metadata: dict[str, object] = {"feed": self.name}
        if item.guid:
            metadata["guid"] = item.guid
        if item.author:
            metadata["author"] = item.author
        if item.categories:
            metadata["categories"] = item.categories
        given = Submission(
            body=item.body,
            url=item.link,
            title=item.title,
            published_at=item.published_at,
            metadata=metadata,
        )
        if item.link is None:
            given.source = self._source_of(self.name)
            if item.guid:
                given.id = identify(given.source, f"{self.name}\0{item.guid}", "")
        try:
            if not item.body.strip():
                raise Rejected("empty_body", "it has no text")
            if item.is_html:
                given = self._extractor.submission(given)
        except Rejected as error:
            which = item.link or item.guid or item.title or "an item"
            message = f"{which[:200]}: {error}"
            rejection = Rejection(
                reason=error.reason, message=message, input=self.name, id=given.id
            )
            return Located(rejection, self.name, None)
        return Located(given, self.name, None)

"""Enriched articles as they come, as server-sent events.

Each event's id says where the topic's partitions have been read to, so that whoever lost the
connection goes on behind the last event it got, without loss and without repetition.

Logs are read by threads, one for each stream, which hand events over a short queue: a client that
reads slowly holds up its own stream and nothing else.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from pipeline.article import ARTICLES_ENRICHED, EnrichedArticle, decode_enriched
from pipeline.config import Settings
from pipeline.errors import ConfigurationError, NewsloomError, Rejected, Transient
from pipeline.log import Consumer, open_log
from pipeline.retry import pauses

POLL = 20
"""Records that are taken at a time."""

POLL_SECONDS = 0.5
"""How long one look for records takes: so soon a stream ends that is told to."""

MOST_WAITING = 8
"""Events between the thread and its client."""

HEARTBEAT_SECONDS = 15.0
"""After so long a silence something is sent: proxies end connections that are silent."""

PLACE_SECONDS = 5.0
"""How often, at most, a client is told of articles that its filters left out."""

SEND_SECONDS = 60.0
"""A client that takes nothing for so long is given up."""

RECONNECT_MILLISECONDS = 2000

Wanted = Callable[[EnrichedArticle], bool]
Places = Mapping[int, int]

_HEARTBEAT = b": \n\n"
_PAIR = re.compile(rb"(\d{1,5})\.(\d{1,19})")


class TooMany(NewsloomError):
    """So many streams are open as may be."""


def encode_places(places: Places) -> str:
    """An event's id: where each partition was read to."""
    pairs = ",".join(f"{partition}.{offset}" for partition, offset in sorted(places.items()))
    return base64.urlsafe_b64encode(pairs.encode()).decode().rstrip("=")


def decode_places(event_id: str) -> dict[int, int]:
    """Where a stream goes on, from the id of the last event that a client got.

    Raises:
        ConfigurationError: it is no id of ours.
    """
    try:
        padded = event_id + "=" * (-len(event_id) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True)
        pairs = [_PAIR.fullmatch(pair) for pair in text.split(b",")]
    except (binascii.Error, ValueError):
        pairs = [None]
    found = {int(pair[1]): int(pair[2]) for pair in pairs if pair}
    if len(found) < len(pairs) or max(found.values()) >= 1 << 63:
        raise ConfigurationError(f"{event_id[:80]!r} is not the id of an event of this stream")
    return found


class Streams:
    """All streams that are open.

    Args:
        settings: where the topic is, and how many there may be.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open: set[Stream] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._open)

    async def open(self, wanted: Wanted, places: Places | None, *, from_beginning: bool) -> Stream:
        """A stream that reads already, in a thread of its own.

        Args:
            wanted: leaves out all articles for which it is false.
            places: where an earlier stream got to; None: at the topic's end.
            from_beginning: or at its beginning.

        Raises:
            TooMany: so many are open as may be.
            NewsloomError: the log can't be read.
        """
        if self._closed or len(self._open) >= self._settings.streams:
            raise TooMany(f"{len(self._open):,} streams are open, no more may be")
        if from_beginning and places is None:
            places = {}
        stream = Stream(self._settings, wanted, places, self._open.discard)
        self._open.add(stream)
        try:
            await stream.ready
        except BaseException:
            stream.stop()
            raise
        return stream

    def close(self) -> None:
        """Ends all; there will be no more."""
        self._closed = True
        ending = list(self._open)
        for stream in ending:
            stream.stop()
        for stream in ending:
            stream.join()


class Stream:
    """One thread that reads the topic; made by `Streams.open`.

    Attributes:
        ready: done when the log is open; raises what kept it from being opened.
    """

    def __init__(
        self,
        settings: Settings,
        wanted: Wanted,
        places: Places | None,
        ended: Callable[[Stream], None],
    ) -> None:
        self._settings = settings
        self._wanted = wanted
        self._places = places
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = self._loop.create_future()
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(MOST_WAITING)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)
        self._thread.start()

    async def next(self) -> bytes | None:
        """What is to be sent next: events or a heartbeat; None: the stream has ended."""
        try:
            return await asyncio.wait_for(self._queue.get(), HEARTBEAT_SECONDS)
        except TimeoutError:
            return _HEARTBEAT

    def stop(self) -> None:
        """Has the thread end soon."""
        self._stopped.set()

    def join(self) -> None:
        """Waits until the thread has ended. Not to be called in the loop's thread."""
        self._thread.join()

    def _run(self) -> None:
        try:
            log = open_log(self._settings)
            try:
                consumer = log.consume(
                    ARTICLES_ENRICHED, from_end=self._places is None, at=self._places
                )
                places = consumer.positions()
                self._tell(self._begin)
                # Whoever is cut off before the first event goes on here too.
                self._put(b"retry: %d\n%b" % (RECONNECT_MILLISECONDS, _event(places)))
                self._read(consumer, places)
            finally:
                log.close()
        except BaseException as error:  # noqa: BLE001 - it belongs to who waits for the log
            self._tell(self._fail, error)
        self._put(None)
        if self._stopped.is_set():
            self._tell(self._end)
        self._ended(self)

    def _read(self, consumer: Consumer, places: dict[int, int]) -> None:
        waits = pauses()
        due = float("inf")  # when the client is told of what was left out
        while not self._stopped.is_set():
            try:
                messages = consumer.poll(POLL, POLL_SECONDS)
            except Transient:
                self._stopped.wait(next(waits))
                continue
            waits = pauses()
            for message in messages:
                places[message.partition] = message.offset + 1
                if (article := self._article(message.value)) is not None:
                    self._put(_event(places, article))
                    due = float("inf")
                elif due == float("inf"):
                    due = time.monotonic() + PLACE_SECONDS
                if self._stopped.is_set():
                    return
            if time.monotonic() >= due:
                self._put(_event(places))
                due = float("inf")

    def _article(self, value: bytes) -> EnrichedArticle | None:
        with suppress(Rejected):
            article = decode_enriched(value)
            if self._wanted(article):
                return article
        return None

    def _put(self, event: bytes | None) -> None:
        """Waits until the client has room for it, or is gone."""
        if self._stopped.is_set():
            return
        putting = asyncio.run_coroutine_threadsafe(self._queue.put(event), self._loop)
        while not self._stopped.is_set():
            with suppress(TimeoutError):
                putting.result(POLL_SECONDS)
                return
        putting.cancel()

    def _tell(self, what: Callable[..., None], *values: object) -> None:
        with suppress(RuntimeError):  # the loop has ended, and nobody waits
            self._loop.call_soon_threadsafe(what, *values)

    def _begin(self) -> None:
        if not self.ready.done():
            self.ready.set_result(None)

    def _end(self) -> None:
        """What waits to be sent is given up."""
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(None)

    def _fail(self, error: BaseException) -> None:
        if not self.ready.done():
            self.ready.set_exception(error)


def _event(places: Places, article: EnrichedArticle | None = None) -> bytes:
    """An event; without an article only the id, which a client keeps and tells nobody of."""
    event_id = encode_places(places).encode()
    if article is None:
        return b"id: %b\n\n" % event_id
    # JSON of msgspec has no line breaks outside of strings, and escapes those inside.
    return b"id: %b\ndata: %b\n\n" % (event_id, msgspec.json.encode(article))


class EventStream(Response):
    """Sends a stream until its client goes, or it ends."""

    media_type = "text/event-stream"

    def __init__(self, stream: Stream) -> None:
        super().__init__(headers={"X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        del scope
        sending = asyncio.ensure_future(self._send(send))
        going = asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait({sending, going}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._stream.stop()
            for task in (sending, going):
                task.cancel()
            await asyncio.gather(sending, going, return_exceptions=True)

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        while (chunk := await self._stream.next()) is not None:
            async with asyncio.timeout(SEND_SECONDS):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

"""`newsloom worker`: a Faust application from its start to its end."""

from __future__ import annotations

import asyncio
import logging
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing, suppress
from functools import partial
from pathlib import Path
from typing import Any, cast

import faust
from faust import Event, Stream
from faust.types import StreamT

from pipeline.article import ARTICLES_RAW
from pipeline.config import Settings
from pipeline.enrichment import Enrichers, enrichers
from pipeline.errors import ConfigurationError, StorageUnavailable, Terminal
from pipeline.log.kafka import committed_and_end
from pipeline.log.kafka_client import SESSION_SECONDS, servers_of
from pipeline.log.kafka_topics import CONTRIBUTIONS, partition_count
from pipeline.maintenance import ENRICHERS
from pipeline.retry import Trouble, pauses
from pipeline.stream.enrichment import Counts, Enrichment
from pipeline.stream.latest import Latest
from pipeline.stream.pool import Pool
from pipeline.stream.publisher import Publisher
from pipeline.stream.repair import Repair
from pipeline.stream.trends import Trends
from pipeline.watchdog import STALLED, Sight, guarded

TAKEN = 64
TAKE_SECONDS = 0.05
"""Events that are taken at a time, and how long the first of them waits for more."""

CONTRIBUTIONS_TAKEN = 500
TRENDS_SECONDS = 2.0
"""The same of contributions: each changes thirty trends, so they are better counted together."""

BUFFERED = 128
"""Records that Faust holds for an agent beside those in hand."""

COMMIT_SECONDS = 0.5

HANDOVER_SECONDS = 5.0
"""How long others wait for what is in hand here when partitions are divided anew."""

STOP_SECONDS = 8.0
"""How long the end waits for a last commit, and again for leaving the group."""

logger = logging.getLogger(__name__)


class Worker:
    """Enriches what is produced and counts trends, until it is stopped.

    Args:
        settings: where everything is.
        start: starts the processes that enrich.

    Raises:
        ConfigurationError: the settings name no Kafka.
    """

    def __init__(
        self, settings: Settings, *, start: Callable[[Settings], Enrichers] = enrichers
    ) -> None:
        if settings.log_url.startswith("sqlite:"):
            raise ConfigurationError(
                "`newsloom worker` works on Kafka's topics (NEWSLOOM_LOG); for those in a folder"
                " `newsloom up` does its work"
            )
        self.counts = Counts()
        self._settings = settings
        self._servers = servers_of(settings.log_url)
        self._start = start
        self._app: faust.App | None = None

    def run(self) -> int:
        """Works until SIGTERM or SIGINT; what is in hand then is finished.

        Returns:
            The signal that ended it, or STALLED.

        Raises:
            ConfigurationError: the topics are not as they should be.
            Terminal: something failed in a way that waiting does not mend.
        """
        return asyncio.run(self.work())

    async def work(self) -> int:
        """See `run`."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[int] = loop.create_future()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _end, ended, number)
        if (partitions := await self._found(ended)) is None:
            return ended.result()
        self._partitions = partitions

        def stall() -> None:
            loop.call_soon_threadsafe(_end, ended, STALLED)

        publisher, trends = Publisher(self._servers), Publisher(self._servers)
        latest = Latest(self._servers, publisher)
        repair = Repair(self._servers, publisher, latest)
        with (
            closing(Pool(partial(self._start, self._settings))) as pool,
            guarded(
                partial(self._look, latest),
                stall,
                stall_seconds=self._settings.stall_seconds,
                health=self._settings.health,
            ),
        ):
            self._trends = Trends(self._servers, trends)
            self._enrichment = Enrichment(
                pool,
                publisher,
                latest,
                repair,
                partitions=self._partitions,
                processes=self._settings.worker_count,
                counts=self.counts,
            )
            try:
                await self._work(ended)
            finally:
                for connection in (repair, publisher, trends):
                    await connection.close()
        return ended.result()

    async def _found(self, ended: asyncio.Future[int]) -> int | None:
        """Into how many partitions topics are divided; None: stopped before Kafka answered."""
        waits = pauses()
        trouble = Trouble(logger)
        while not ended.done():
            try:
                found = await asyncio.to_thread(partition_count, self._servers)
            except StorageUnavailable as error:
                trouble.waits(str(error))
                await asyncio.wait((ended,), timeout=next(waits))
            else:
                trouble.over()
                return found
        return None

    async def _work(self, ended: asyncio.Future[int]) -> None:
        finisher = asyncio.create_task(self._enrichment.finish())
        async with self._application() as app:
            crashed = asyncio.create_task(app.wait_until_stopped())
            await asyncio.wait((ended, finisher, crashed), return_when=asyncio.FIRST_COMPLETED)
            if finisher.done():
                finisher.result()
            if app.crashed:
                raise Terminal(f"the stream broke: {app.crash_reason!r}")
            if ended.result() != STALLED:
                await self._enrichment.settle(self._settings.enrich_seconds, taking=False)
                await _within(STOP_SECONDS, app.consumer.commit())
        finisher.cancel()
        await asyncio.gather(finisher, return_exceptions=True)

    def _look(self, latest: Latest) -> Sight:
        """What the watchdog sees: progress is what is committed, or restored before it."""
        app = self._app
        mine = app.consumer.assignment() if app is not None and app.started else ()
        committed, end = committed_and_end(self._servers, ENRICHERS, mine)
        return Sight(
            lag=max(0, end - committed), progress=committed + latest.restored, answers=True
        )

    @asynccontextmanager
    async def _application(self) -> AsyncIterator[faust.App]:
        with tempfile.TemporaryDirectory(prefix="newsloom-") as folder:
            app = self._build(Path(folder))
            await app.start()
            self._app = app
            try:
                yield app
            finally:
                self._app = None
                await _within(STOP_SECONDS, app.stop())

    def _build(self, folder: Path) -> faust.App:
        app = faust.App(
            ENRICHERS,
            broker=";".join(f"kafka://{server}" for server in self._servers),
            datadir=folder,
            store="memory://",
            web_enabled=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            table_standby_replicas=0,
            stream_wait_empty=False,
            stream_buffer_maxsize=BUFFERED,
            broker_commit_interval=COMMIT_SECONDS,
            broker_session_timeout=float(SESSION_SECONDS),
            broker_heartbeat_interval=SESSION_SECONDS / 4,
            broker_max_poll_records=BUFFERED,
            consumer_auto_offset_reset="earliest",
        )
        raw = app.topic(ARTICLES_RAW, key_serializer="raw", value_serializer="raw")
        said = app.topic(CONTRIBUTIONS, key_serializer="raw", value_serializer="raw")

        @app.agent(raw, name="enrich")
        async def enrich(stream: StreamT[Any]) -> None:
            async for events in _taken(stream, TAKEN, TAKE_SECONDS):
                await self._enrichment.take(events)

        @app.agent(said, name="trends")
        async def trends(stream: StreamT[Any]) -> None:
            async for events in _taken(stream, CONTRIBUTIONS_TAKEN, TRENDS_SECONDS):
                self.counts.trends += await self._trends.take(events)

        async def on_revoked(app: faust.App, *_: Any, **__: Any) -> None:
            await self._enrichment.settle(HANDOVER_SECONDS, taking=True)
            self._trends.forget()
            await app.consumer.commit()

        async def on_assigned(_: faust.App, assigned: Any, **__: Any) -> None:
            numbers = sorted(place.partition for place in assigned if place.topic == ARTICLES_RAW)
            self._enrichment.assign(numbers)
            logger.info(
                "enriching %s: %d of %d partitions are ours %s",
                ARTICLES_RAW,
                len(numbers),
                self._partitions,
                numbers,
            )

        # By their annotations, signals take no function with more than one parameter.
        app.on_partitions_revoked.connect(cast("Any", on_revoked))
        app.on_partitions_assigned.connect(cast("Any", on_assigned))
        return app


def _taken(stream: StreamT[Any], most: int, within: float) -> AsyncIterator[Sequence[Event]]:
    """Events in lists; whoever gets one acknowledges its events, and Faust none."""
    taken = cast("Stream[Any]", stream).noack_take(most, within)
    return cast("AsyncIterator[Sequence[Event]]", taken)


async def _within(seconds: float, ending: Awaitable[Any]) -> None:
    """Waits for something that belongs to a good end, and that a broker may keep from coming."""
    try:
        await asyncio.wait_for(ending, seconds)
    except TimeoutError:
        logger.warning("Kafka did not answer: what was not committed is done again")


def _end(ended: asyncio.Future[int], how: int) -> None:
    with suppress(asyncio.InvalidStateError):
        ended.set_result(how)

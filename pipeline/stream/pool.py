"""Enrichment off the event loop: a thread looks after the worker processes."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence

from pipeline.enrich.records import Result
from pipeline.enrichment import Enrichers
from pipeline.workers import GivenUp

Results = list[Result | GivenUp]

WAIT_SECONDS = 1.0


class Pool:
    """Worker processes for a coroutine: what is submitted is done in order.

    Args:
        start: starts the worker processes; called in the thread.
    """

    def __init__(self, start: Callable[[], Enrichers]) -> None:
        self._start = start
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._inbox: deque[Sequence[bytes]] = deque()
        self._futures: deque[asyncio.Future[Results]] = deque()
        self._workers: Enrichers | None = None
        self._closed = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="enrichers", daemon=True)
        self._thread.start()

    def submit(self, values: Sequence[bytes]) -> asyncio.Future[Results]:
        """Hands in values of the raw topic.

        Returns:
            Their results, in the same order. Raises Terminal when no worker process can start.
        """
        future: asyncio.Future[Results] = self._loop.create_future()
        with self._lock:
            if self._failure is not None:
                future.set_exception(self._failure)
                return future
            self._inbox.append(values)
            self._futures.append(future)
            self._wake()
        return future

    def close(self) -> None:
        """Ends the worker processes, whatever they do."""
        self._closed.set()
        with self._lock:
            self._wake()
        self._thread.join()

    def _wake(self) -> None:
        if self._workers is not None:
            self._workers.wake()

    def _run(self) -> None:
        try:
            with self._start() as workers:
                with self._lock:
                    self._workers = workers
                try:
                    self._work(workers)
                finally:
                    with self._lock:
                        self._workers = None
        except BaseException as error:  # noqa: BLE001 - whoever waits for results has to know
            with self._lock:
                self._failure = error
                futures = list(self._futures)
            for future in futures:
                self._loop.call_soon_threadsafe(_fail, future, error)

    def _work(self, workers: Enrichers) -> None:
        while not self._closed.is_set():
            with self._lock:
                submitted = list(self._inbox)
                self._inbox.clear()
            for values in submitted:
                workers.submit(values)
            if not workers.pending:
                workers.attend(WAIT_SECONDS)
            elif (results := workers.collect(WAIT_SECONDS)) is not None:
                with self._lock:
                    future = self._futures.popleft()
                self._loop.call_soon_threadsafe(_succeed, future, results)


def _succeed(future: asyncio.Future[Results], results: Results) -> None:
    if not future.done():
        future.set_result(results)


def _fail(future: asyncio.Future[Results], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)

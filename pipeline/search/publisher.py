"""The one thread that puts on the raw topic what requests bring, many requests at a time."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import NamedTuple

import msgspec

from pipeline.article import ARTICLES_RAW, MAX_RECORD_BYTES, Clock, Rejection, digest
from pipeline.config import Settings
from pipeline.errors import NewsloomError, Terminal
from pipeline.log import Log, Outcome, Record, open_log
from pipeline.producer import settled
from pipeline.profiles import load_profiles
from pipeline.sources import Located

MOST_WAITING = 32
"""Requests that wait for the thread; further ones are refused."""

AT_ONCE = 500
"""Articles of several requests that are published together: they share one commit."""

_logger = logging.getLogger(__name__)


class Published(NamedTuple):
    """What became of an article that is one."""

    id: str
    outcome: Outcome


Result = Published | Rejection


class Busy(NewsloomError):
    """Too many requests wait for the thread already."""


class _Job(NamedTuple):
    inputs: Sequence[Located]
    done: Future[list[Result]]


class Publisher:
    """Begins with the first request; what it gives is durable.

    Args:
        settings: where the topic is, and the largest article.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._profiles = load_profiles(settings.profiles)
        self._clock = Clock()
        self._jobs: queue.Queue[_Job | None] = queue.Queue(MOST_WAITING)
        self._log: Log | None = None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def publish(self, inputs: Sequence[Located]) -> Future[list[Result]]:
        """Has articles published; gives what becomes of each, in their order.

        With no articles it is found out whether the log answers. The future raises what
        `Log.publish` and `open_log` raise: then nothing of this is known to be durable.

        Raises:
            Busy: too many wait already.
        """
        job = _Job(inputs, Future())
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
                self._thread.start()
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            raise Busy("too many articles at once; try again in a moment") from None
        return job.done

    def close(self) -> None:
        """Finishes what is in hand, and ends the thread."""
        with self._starting:
            if self._thread is not None:
                self._jobs.put(None)
                self._thread.join()
                self._thread = None

    def _run(self) -> None:
        for jobs in iter(self._next, []):
            self._do(jobs)
        self._close_log()

    def _do(self, jobs: Sequence[_Job]) -> None:
        try:
            results = self._publish([job.inputs for job in jobs])
        except BaseException as error:  # noqa: BLE001 - it belongs to who waits for the result
            self._close_log()
            if isinstance(error, Terminal) and len(jobs) > 1:
                # Of one request's articles something is refused for good: not for the others'.
                for job in jobs:
                    self._do([job])
                return
            for job in jobs:
                _settle(job.done, error)
        else:
            for job, result in zip(jobs, results, strict=True):
                _settle(job.done, result)

    def _next(self) -> list[_Job]:
        """The requests that wait, up to AT_ONCE articles; none at the end."""
        jobs: list[_Job] = []
        count = 0
        while not jobs or count < AT_ONCE:
            try:
                job = self._jobs.get(block=not jobs)
            except queue.Empty:
                break
            if job is None:
                if jobs:  # they come first; the end is found again behind them
                    self._jobs.put(None)
                break
            jobs.append(job)
            count += len(job.inputs)
        return jobs

    def _publish(self, requests: Sequence[Sequence[Located]]) -> list[list[Result]]:
        log = self._log = self._log or open_log(self._settings)
        results: list[list[Result]] = []
        records: list[Record] = []
        for inputs in requests:
            found: list[Result] = []
            for located in inputs:
                answer = self._record(located)
                if isinstance(answer, Record):
                    records.append(answer)
                    found.append(Published(answer.key or "", Outcome.APPENDED))
                else:
                    found.append(answer)
            results.append(found)
        if records:
            outcomes = iter(log.publish(ARTICLES_RAW, records))
            return [list(_with_outcomes(found, outcomes)) for found in results]
        log.read(ARTICLES_RAW, 0, 0)
        return results

    def _record(self, located: Located) -> Record | Rejection:
        raw = settled(located, self._settings, self._profiles, self._clock)
        if isinstance(raw, Rejection):
            return raw
        value = msgspec.json.encode(raw)
        if len(value) > MAX_RECORD_BYTES:
            why = f"the record has {len(value):,} bytes, the most is {MAX_RECORD_BYTES:,}"
            return located.rejection("record_too_large", why, raw.id)
        return Record(raw.id, value, digest=digest(raw))

    def _close_log(self) -> None:
        """What is wrong with the log may be mended by opening it anew."""
        log, self._log = self._log, None
        if log is not None:
            with suppress(NewsloomError):
                log.close()


def _with_outcomes(found: Sequence[Result], outcomes: Iterator[Outcome]) -> Iterator[Result]:
    for result in found:
        if isinstance(result, Published):
            yield Published(result.id, next(outcomes))
        else:
            yield result


def _settle(done: Future[list[Result]], value: list[Result] | BaseException) -> None:
    """Hands over what became of a request, unless whoever sent it waits no more."""
    if done.set_running_or_notify_cancel():
        if isinstance(value, BaseException):
            done.set_exception(value)
        else:
            done.set_result(value)

"""Several sources that are followed at the same time, as one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TypeVar

LOOK_SECONDS = 0.2

T = TypeVar("T")

Source = Callable[[threading.Event], Iterator[T]]
"""Gives items until the event is set."""


class _Ended(threading.Event):
    """Set when it is set itself, and when `outer` is."""

    def __init__(self, outer: threading.Event) -> None:
        super().__init__()
        self._outer = outer

    def is_set(self) -> bool:
        return super().is_set() or self._outer.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        return self._outer.wait(timeout) or self.is_set()


def merge(sources: Sequence[Source[T]], stop: threading.Event) -> Iterator[T]:
    """What the sources give, in the order in which it comes, until `stop` or all have ended.

    Each runs in a thread of its own, and goes on after an item only when the next is asked for
    here: so that a source may take that for the sign that its item is done with.

    Raises:
        Exception: what a source raised; the others are then ended.
    """
    given_up, ended = threading.Event(), _Ended(stop)
    ready: queue.Queue[tuple[T, threading.Event] | BaseException | None] = queue.Queue()

    def run(source: Source[T]) -> None:
        try:
            items = source(ended)
            for item in items:
                done = threading.Event()
                ready.put((item, done))
                while not done.wait(LOOK_SECONDS):
                    if given_up.is_set():
                        return
            ready.put(None)
        except BaseException as error:  # noqa: BLE001 - raised again by whoever takes it
            ready.put(error)

    threads = [threading.Thread(target=run, args=(source,), daemon=True) for source in sources]
    for thread in threads:
        thread.start()
    running = len(threads)
    try:
        while running and not stop.is_set():
            with suppress(queue.Empty):
                got = ready.get(timeout=LOOK_SECONDS)
                if got is None:
                    running -= 1
                elif isinstance(got, BaseException):
                    raise got
                else:
                    item, done = got
                    yield item
                    done.set()
    finally:
        given_up.set()
        ended.set()
        for thread in threads:
            thread.join()

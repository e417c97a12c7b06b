"""Batches on their way in several threads, and told as done in the order in which they came."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

BATCH_ITEMS = 500
BATCH_BYTES = 5_000_000
BATCH_SECONDS = 0.2
"""A batch sets out when it has so many items or bytes, or its first item has waited so long."""

THREADS = 12
"""Some wait for what is done for several batches at once, while others write the next ones."""

MAX_BATCHES = THREADS + 4
MAX_BYTES = 32_000_000
"""How much is on its way at most; one batch more may be, and one item too much in it."""

T = TypeVar("T")


class _Batch(Generic[T]):
    def __init__(self) -> None:
        self.items: list[T] = []
        self.bytes = 0
        self.due = time.monotonic() + BATCH_SECONDS
        self.done = False


class Delivery(Generic[T]):
    """Hands batches to `settle`, several at a time. To be used by one thread.

    Args:
        settle: called in another thread with the items of a batch; on return all of them are done.
            What it raises is raised again by `done`.
        size: the bytes of an item.
    """

    def __init__(self, settle: Callable[[Sequence[T]], None], size: Callable[[T], int]) -> None:
        self._settle = settle
        self._size = size
        self._open: _Batch[T] | None = None
        self._sent: deque[_Batch[T]] = deque()
        self._bytes = 0
        self._waiting: queue.SimpleQueue[_Batch[T] | None] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._failure: BaseException | None = None
        # Daemons: a request without an answer must not keep a process that ends.
        self._threads = [
            threading.Thread(target=self._run, name=f"delivery-{number}", daemon=True)
            for number in range(THREADS)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def full(self) -> bool:
        """Whether so much is on its way that nothing more should be put."""
        return len(self._sent) >= MAX_BATCHES or self._bytes >= MAX_BYTES

    @property
    def in_hand(self) -> bool:
        """Whether there is anything that was not told as done."""
        return bool(self._open or self._sent)

    @property
    def due_in(self) -> float:
        """Seconds until `put` should be called again, be it with nothing."""
        return max(0.0, self._open.due - time.monotonic()) if self._open else BATCH_SECONDS

    def put(self, items: Sequence[T]) -> None:
        """Adds items; sends what has become a batch, or has waited for long enough."""
        for item in items:
            if self._open is None:
                self._open = _Batch()
            batch = self._open
            batch.items.append(item)
            batch.bytes += self._size(item)
            if len(batch.items) >= BATCH_ITEMS or batch.bytes >= BATCH_BYTES:
                self.flush()
        if self._open is not None and time.monotonic() >= self._open.due:
            self.flush()

    def flush(self) -> None:
        """Sends what was put, however little it is."""
        if self._open is not None:
            self._sent.append(self._open)
            self._bytes += self._open.bytes
            self._waiting.put(self._open)
            self._open = None

    def done(self, timeout: float = 0.0) -> list[T]:
        """The items that are done, with all that were put before them, and were not told yet.

        Args:
            timeout: how long to wait for the first, in seconds.

        Raises:
            BaseException: what `settle` raised. Items of that batch are never told as done.
        """
        found: list[T] = []
        with self._changed:
            self._changed.wait_for(lambda: self._first_done() or self._failure, timeout)
            while self._first_done():
                batch = self._sent.popleft()
                self._bytes -= batch.bytes
                found += batch.items
            if self._failure is not None and not found:
                raise self._failure
        return found

    def close(self) -> None:
        """Ends the threads, once they have settled what they have in hand; does not wait."""
        for _ in self._threads:
            self._waiting.put(None)

    def _first_done(self) -> bool:
        return bool(self._sent) and self._sent[0].done

    def _run(self) -> None:
        while (batch := self._waiting.get()) is not None:
            if self._failure is not None:
                continue
            try:
                self._settle(batch.items)
                failure = None
            except BaseException as error:  # noqa: BLE001 - raised again by `done`
                failure = error
            with self._changed:
                self._failure = self._failure or failure
                batch.done = failure is None
                self._changed.notify_all()

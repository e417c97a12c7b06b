"""Waiting before another try: exponential back-off with full jitter, and saying what for."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator

FIRST_SECONDS = 0.5
MOST_SECONDS = 30.0

FIRST_GAP_SECONDS = 20.0
MOST_GAP_SECONDS = 1_800.0
"""How long nothing more is said after the first time, and at most."""

RECENT_SECONDS = 60.0
RECENT_PATIENCE_SECONDS = 5.0
"""What comes again soon after it was over is only said when it lasts."""


def pauses() -> Iterator[float]:
    """Seconds to wait before each further try, for ever.

    Each is drawn evenly from 0 to a bound that doubles up to MOST_SECONDS, so that many who failed
    together do not come back together (M. Brooker, "Exponential Backoff And Jitter", AWS, 2015).
    """
    bound = FIRST_SECONDS
    while True:
        yield random.uniform(0, bound)  # noqa: S311 - nothing secret hangs on it
        bound = min(bound * 2, MOST_SECONDS)


class Trouble:
    """Says what is waited for: once, then ever more rarely; and when it goes on. Thread-safe.

    Args:
        logger: where it is said.
        clock: gives seconds that never go back.

    Attributes:
        waiting_for: what is waited for now; None: nothing.
    """

    def __init__(self, logger: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self.waiting_for: str | None = None
        self._logger = logger
        self._clock = clock
        self._lock = threading.Lock()
        self._since = self._due = self._gap = 0.0
        self._told = False
        self._over = -RECENT_SECONDS

    def waits(self, why: str, *, patience: float = 0.0) -> None:
        """Something can't be done now; it is said when it lasts for `patience` seconds."""
        with self._lock:
            now = self._clock()
            if self.waiting_for is None:
                if now < self._over + RECENT_SECONDS:
                    patience = max(patience, RECENT_PATIENCE_SECONDS)
                self._since, self._due, self._gap = now, now + patience, FIRST_GAP_SECONDS
                self._told = False
            self.waiting_for = why
            if now < self._due:
                return
            self._told = True
            self._logger.warning("waiting: %s", why)
            self._due = now + self._gap
            self._gap = min(self._gap * 2, MOST_GAP_SECONDS)

    def over(self) -> None:
        """It can be done again."""
        if self.waiting_for is None:
            return
        with self._lock:
            if self.waiting_for is not None and self._told:
                self._over = self._clock()
                self._logger.warning("goes on after %.0f s", self._over - self._since)
            self.waiting_for = None

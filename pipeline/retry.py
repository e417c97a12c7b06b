"""Waiting before another try: exponential back-off with full jitter."""

from __future__ import annotations

import random
from collections.abc import Iterator

FIRST_SECONDS = 0.5
MOST_SECONDS = 30.0


def pauses() -> Iterator[float]:
    """Seconds to wait before each further try, for ever.

    Each is drawn evenly from 0 to a bound that doubles up to MOST_SECONDS, so that many who failed
    together do not come back together (M. Brooker, "Exponential Backoff And Jitter", AWS, 2015).
    """
    bound = FIRST_SECONDS
    while True:
        yield random.uniform(0, bound)  # noqa: S311 - nothing secret hangs on it
        bound = min(bound * 2, MOST_SECONDS)

"""Alerts for people: those that come, and the latest."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator

from pipeline.alerts.records import Alert, decode_alert
from pipeline.article import ALERTS
from pipeline.log import Log, Message
from pipeline.log.dead import ATTEMPTS

MOST = 1_000
"""How many of the latest alerts are at hand."""

RECENT_DAYS = 7.0
"""How old those are, at most, that came before one began to look."""

POLL = 500
WAIT_SECONDS = 1.0


def alert_of(message: Message) -> Alert | None:
    """The alert that a record tells; None: it is one that was sent back to be sent again, or none.

    What `newsloom dead retry` sends back is for its webhook; everybody else was told.
    """
    if any(name == ATTEMPTS for name, _ in message.headers):
        return None
    return decode_alert(message.value)


def watch(log: Log, name: str | None = None) -> Iterator[Alert]:
    """Alerts as they come, for ever.

    Args:
        log: where their topic is.
        name: of which saved search; None: of all.
    """
    consumer = log.consume(ALERTS, from_end=True)
    while True:
        for message in consumer.poll(POLL, WAIT_SECONDS):
            alert = alert_of(message)
            if alert is not None and name in (None, alert.search):
                yield alert


class Recent:
    """The latest alerts.

    Args:
        log: where their topic is.
    """

    def __init__(self, log: Log) -> None:
        since = time.time() - RECENT_DAYS * 86_400
        self._consumer = log.consume(ALERTS, since=int(since * 1000))
        self._found: deque[Alert] = deque(maxlen=MOST)

    def latest(self, size: int, name: str | None = None) -> list[Alert]:
        """Up to `size` of them, the newest first; with a name those of that saved search.

        Raises:
            StorageUnavailable: the topic can't be read.
        """
        while polled := self._consumer.poll(POLL, 0):
            found = [alert for message in polled if (alert := alert_of(message)) is not None]
            self._found.extend(found)
        chosen = [alert for alert in self._found if name in (None, alert.search)]
        chosen.sort(key=lambda alert: alert.alerted_at, reverse=True)
        return chosen[:size]

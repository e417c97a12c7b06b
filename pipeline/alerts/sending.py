"""The step from the alerts topic to webhooks: each alert at least once, or a dead letter.

A receiver is called with one alert at a time, in the order of the topic, and all receivers side by
side. One that fails is tried again after jittered, growing pauses. When an alert has been tried
`TRIES` times it becomes a dead letter, and so do, at once, those behind it for `DOWN_SECONDS`: a
receiver that is away keeps nobody waiting for longer than its first alert takes. After that each is
tried once, until one gets through.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline.alerts import SENDERS
from pipeline.alerts.records import Webhook, decode_alert
from pipeline.alerts.searches import Searches
from pipeline.alerts.step import Counts
from pipeline.alerts.webhook import Network, new_client, post
from pipeline.article import ALERTS, ARTICLES_DEAD
from pipeline.log import Consumer, Log, Message
from pipeline.log.dead import bury
from pipeline.retry import pauses

TRIES = 8
"""How often an alert is tried: for half a minute to a minute, and ten seconds more for each try
that is not answered."""

DOWN_SECONDS = 60.0

MOST_IN_HAND = 2_000
POLL = 200

SLICE_SECONDS = 0.05
"""How often is looked whether something is done with."""

logger = logging.getLogger(__name__)


class Failure(NamedTuple):
    """Why an alert was given up: a word for programs, and a line for people."""

    reason: str
    why: str


class _Sent(NamedTuple):
    message: Message
    result: Future[Failure | None] | None


@dataclass
class _Receiver:
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    tries: int = TRIES
    down_until: float = 0.0
    last: str = ""


class Sender:
    """Calls webhooks, in a thread of its own, until `close`.

    Args:
        networks: addresses that may be called besides public ones.

    Attributes:
        tries: how often receivers were called.
    """

    def __init__(self, networks: Sequence[Network]) -> None:
        self.tries = 0
        self._networks = networks
        self._receivers: defaultdict[str, _Receiver] = defaultdict(_Receiver)
        self._loop = asyncio.new_event_loop()
        self._client = new_client()
        self._thread = threading.Thread(target=self._loop.run_forever, name="webhooks")
        self._thread.start()

    def send(self, webhook: Webhook, delivery: str, body: bytes) -> Future[Failure | None]:
        """Begins to send an alert; in the end there is None, or why it was given up."""
        return asyncio.run_coroutine_threadsafe(self._send(webhook, delivery, body), self._loop)

    def close(self) -> None:
        """Gives up what is under way."""
        with suppress(RuntimeError):
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.aclose()

    async def _send(self, webhook: Webhook, delivery: str, body: bytes) -> Failure | None:
        receiver = self._receivers[webhook.url]
        async with receiver.turn:
            if time.monotonic() < receiver.down_until:
                why = f"not tried, since others just failed: {receiver.last}"
                return Failure("webhook_down", why)
            waits = pauses()
            for left in reversed(range(receiver.tries)):
                self.tries += 1
                answer = await post(self._client, webhook, delivery, body, self._networks)
                if answer.refused is None:
                    receiver.tries = TRIES
                    return None
                if answer.refused:
                    return Failure("webhook_refused", answer.why)
                if left:
                    await asyncio.sleep(next(waits))
            receiver.last = answer.why
            receiver.tries = 1
            receiver.down_until = time.monotonic() + DOWN_SECONDS
            logger.warning("webhook %s; its alerts are dead letters for now", answer.why)
            return Failure("webhook_failed", answer.why)


class WebhookStep:
    """Alerts topic → webhooks, or dead letters.

    Args:
        log: where the topics are.
        sender: calls the webhooks.
        counts: is kept up to date.
    """

    def __init__(self, log: Log, sender: Sender, counts: Counts) -> None:
        self._log = log
        self._sender = sender
        self._counts = counts
        self._searches = Searches(log)
        self._in_hand: defaultdict[int, deque[_Sent]] = defaultdict(deque)
        self.consumer: Consumer = log.consume(ALERTS, SENDERS)

    @property
    def idle(self) -> bool:
        """Whether all that the topic holds is sent, or a dead letter."""
        return not self._count and not self.consumer.lag()

    @property
    def _count(self) -> int:
        return sum(map(len, self._in_hand.values()))

    def advance(self, wait: float) -> None:
        """Takes what there is to take, and commits what is done with; waits a little for it.

        After an error nothing is to be asked of this step any more: another one sends again what
        this one did not commit.

        Raises:
            StorageUnavailable: a topic can't be read or written.
        """
        count = self._count
        if count < MOST_IN_HAND:
            messages = self.consumer.poll(POLL, SLICE_SECONDS if count else wait)
            self._begin(messages)
        else:
            self.consumer.wait(SLICE_SECONDS)
        self._settle()

    def finish(self, seconds: float) -> None:
        """Waits for what is under way, but not for longer than so many seconds, and commits."""
        deadline = time.monotonic() + seconds
        while self._count and time.monotonic() < deadline:
            self.consumer.wait(SLICE_SECONDS)
            self._settle()

    def _begin(self, messages: Sequence[Message]) -> None:
        if messages:
            self._searches.refresh()
        for message in messages:
            queue = self._in_hand[message.partition]
            if queue and message.offset <= queue[-1].message.offset:
                continue  # a partition that was taken from us and given back meanwhile
            queue.append(_Sent(message, self._send(message)))

    def _send(self, message: Message) -> Future[Failure | None] | None:
        """None: there is nobody to send it to."""
        search = self._searches.get(message.key or "")
        if search is None or search.webhook is None:
            return None
        alert = decode_alert(message.value)
        if alert is None:
            place = f"{message.topic}, partition {message.partition}, offset {message.offset}"
            logger.warning("%s: no alert; skipped", place)
            return None
        return self._sender.send(search.webhook, alert.id, message.value)

    def _settle(self) -> None:
        """Sees to all that is done with, and has nothing before it that is not."""
        letters, last = [], []
        sent = 0
        for queue in self._in_hand.values():
            message = None
            while queue and (queue[0].result is None or queue[0].result.done()):
                message, result = queue.popleft()
                failure = result.result() if result else None
                if failure is not None:
                    letters.append(
                        bury(
                            message,
                            error=failure.reason,
                            explanation=failure.why,
                            stage="webhook",
                        )
                    )
                elif result is not None:
                    sent += 1
            if message is not None:
                last.append(message)
        if not last:
            return
        self._log.publish(ARTICLES_DEAD, letters)
        # The commit comes last: what a crash before it repeats has the same delivery id.
        self.consumer.commit(last)
        self._counts.sent += sent
        self._counts.unsent += len(letters)

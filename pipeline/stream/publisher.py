"""Publishing from the event loop: what is published is on all in-sync replicas on return."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka_errors

from pipeline.errors import ConfigurationError, Terminal
from pipeline.log import Headers
from pipeline.log.kafka_client import DELIVERY_SECONDS, MAX_REQUEST_BYTES
from pipeline.retry import Trouble, pauses

CLOSE_SECONDS = 5

_REFUSED = (
    kafka_errors.TopicAuthorizationFailedError,
    kafka_errors.ClusterAuthorizationFailedError,
    kafka_errors.PolicyViolationError,
)
_SPENT = (
    kafka_errors.OutOfOrderSequenceNumber,
    kafka_errors.InvalidProducerEpoch,
    kafka_errors.ProducerFenced,
    kafka_errors.ProducerClosed,
)
"""After these a producer delivers nothing more."""

logger = logging.getLogger(__name__)


class Outgoing(NamedTuple):
    """A record to publish; without a partition its key decides."""

    key: bytes | None
    value: bytes
    headers: Headers = ()
    partition: int | None = None


class Place(NamedTuple):
    """Where a record stands in its topic."""

    partition: int
    offset: int


class TooLarge(Terminal):
    """The topic takes no record of this size; `position` is its place among those published."""

    def __init__(self, topic: str, position: int, size: int) -> None:
        super().__init__(f"{topic} takes no record of {size:,} bytes")
        self.position = position


class Publisher:
    """An idempotent producer that tries for ever.

    One call at a time for each topic: a record that is tried again must not come behind a newer
    one of its key.
    """

    def __init__(self, servers: Sequence[str]) -> None:
        self._servers = list(servers)
        self._producer: AIOKafkaProducer | None = None
        self._trouble = Trouble(logger)

    async def publish(self, topic: str, records: Sequence[Outgoing]) -> list[Place]:
        """Publishes records; of those with the same key the order is not kept, so hand in one.

        Raises:
            TooLarge: the topic does not take one of them; others may have been published.
            ConfigurationError: the cluster does not allow it.
        """
        places: dict[int, Place] = {}
        waits = pauses()
        while missing := [n for n in range(len(records)) if n not in places]:
            try:
                await self._send(topic, records, missing, places)
            except (kafka_errors.KafkaError, OSError) as error:
                if isinstance(error, _REFUSED):
                    raise ConfigurationError(f"{topic}: {error}") from error
                if isinstance(error, _SPENT):
                    await self.close()
                said = str(error) or type(error).__name__
                self._trouble.waits(f"Kafka at {', '.join(self._servers)}: {topic}: {said}")
                await asyncio.sleep(next(waits))
            else:
                self._trouble.over()
        return [places[n] for n in range(len(records))]

    async def close(self) -> None:
        """Lets go of the connection; what was not acknowledged is given up."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(asyncio.TimeoutError, kafka_errors.KafkaError):
                await asyncio.wait_for(producer.stop(), CLOSE_SECONDS)

    async def _send(
        self,
        topic: str,
        records: Sequence[Outgoing],
        missing: Sequence[int],
        places: dict[int, Place],
    ) -> None:
        producer = await self._started()
        sent = {}
        failure: BaseException | None = None
        for number in missing:
            record = records[number]
            try:
                sent[number] = await producer.send(
                    topic,
                    key=record.key,
                    value=record.value,
                    partition=record.partition,
                    headers=list(record.headers),
                )
            except kafka_errors.MessageSizeTooLargeError:
                raise TooLarge(topic, number, len(record.value)) from None
            except kafka_errors.KafkaError as error:
                failure = error
                break
        for number, future in sent.items():
            try:
                done = await future
                places[number] = Place(done.partition, done.offset)
            except kafka_errors.MessageSizeTooLargeError:
                raise TooLarge(topic, number, len(records[number].value)) from None
            except kafka_errors.KafkaError as error:
                failure = error
        if failure is not None:
            raise failure

    async def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._servers,
                client_id="newsloom",
                acks="all",
                enable_idempotence=True,
                compression_type="zstd",
                linger_ms=5,
                max_batch_size=256 * 1024,
                max_request_size=MAX_REQUEST_BYTES,
                request_timeout_ms=DELIVERY_SECONDS * 1000,
                retry_backoff_ms=200,
            )
            try:
                await producer.start()
            except BaseException:
                with suppress(kafka_errors.KafkaError):
                    await producer.stop()
                raise
            self._producer = producer
        return self._producer

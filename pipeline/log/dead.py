"""Dead letters: records that could not be done, kept unchanged with the reason, and tried again."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

import msgspec

from pipeline.article import ARTICLES_DEAD, ARTICLES_ENRICHED, MAX_RECORD_BYTES
from pipeline.errors import NotFound
from pipeline.log import Log, Message, Outcome, Record, messages

ERROR_TYPE = "newsloom.error.type"
ERROR_MESSAGE = "newsloom.error.message"
ERROR_STAGE = "newsloom.error.stage"
ORIGIN_TOPIC = "newsloom.origin.topic"
ORIGIN_PARTITION = "newsloom.origin.partition"
ORIGIN_OFFSET = "newsloom.origin.offset"
ATTEMPTS = "newsloom.attempts"
RETRIED = "newsloom.retried"
"""Of a record without a value in the dead topic: that letter was sent back to its topic."""

MAX_MESSAGE_LENGTH = 2_000

_OURS = {ERROR_TYPE, ERROR_MESSAGE, ERROR_STAGE, ORIGIN_TOPIC, ORIGIN_PARTITION, ORIGIN_OFFSET}


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A record that could not be done. `ref` names it, `dead_at` is milliseconds since 1970."""

    ref: str
    key: str | None
    error: str
    message: str
    stage: str
    topic: str
    partition: int
    offset: int
    attempts: int
    dead_at: int
    value: bytes


class _Revision(msgspec.Struct):
    revision: int


def bury(message: Message, *, error: str, explanation: str, stage: str) -> Record:
    """The dead letter for a record: key, value and headers as they were, and what went wrong.

    Of a record of others that is larger than ours may be, only where it stands is kept.
    """
    before = dict(message.headers).get(ATTEMPTS, b"")
    attempts = int(before) + 1 if before.isdigit() else 1
    kept = tuple(header for header in message.headers if header[0] != ATTEMPTS)
    value = message.value
    size = len(value) + sum(len(name) + len(content) for name, content in kept)
    if size > MAX_RECORD_BYTES:
        kept, value = (), b""
        explanation = f"{explanation}; it has {size:,} bytes, too many to be kept here"
    added = {
        ERROR_TYPE: error,
        ERROR_MESSAGE: explanation[:MAX_MESSAGE_LENGTH],
        ERROR_STAGE: stage,
        ORIGIN_TOPIC: message.topic,
        ORIGIN_PARTITION: str(message.partition),
        ORIGIN_OFFSET: str(message.offset),
        ATTEMPTS: str(attempts),
    }
    return Record(
        message.key,
        value,
        kept + tuple((name, text.encode()) for name, text in added.items()),
        # The same record dies once, however often a crash repeats the batch that it is in.
        digest=_digest(stage, message.topic, message.partition, message.offset),
    )


def _digest(stage: str, topic: str, partition: int, offset: int) -> bytes:
    place = f"{stage}\0{topic}\0{partition}\0{offset}"
    return blake2b(place.encode(), digest_size=16).digest()


def letters(log: Log) -> Iterator[DeadLetter]:
    """All dead letters that were not sent back, oldest first."""
    retried = {
        value.decode()
        for m in messages(log, ARTICLES_DEAD)
        for name, value in m.headers
        if name == RETRIED
    }
    for message in messages(log, ARTICLES_DEAD):
        if ERROR_TYPE in dict(message.headers) and _ref(message) not in retried:
            yield _letter(message)


def buried(log: Log) -> set[bytes]:
    """The digests of all letters, also of those that were sent back."""
    headers = (
        {name: value.decode(errors="replace") for name, value in m.headers}
        for m in messages(log, ARTICLES_DEAD)
    )
    return {
        _digest(h[ERROR_STAGE], h[ORIGIN_TOPIC], int(h[ORIGIN_PARTITION]), int(h[ORIGIN_OFFSET]))
        for h in headers
        if ERROR_TYPE in h
    }


def find(log: Log, ref: str) -> DeadLetter:
    """The dead letter of that name.

    Raises:
        NotFound: there is none, or it was sent back.
    """
    for letter in letters(log):
        if letter.ref == ref:
            return letter
    raise NotFound(f"no dead letter {ref}; `newsloom dead list` shows them")


def retry(log: Log, letter: DeadLetter) -> Outcome:
    """Sends a dead letter back to the topic that it came from.

    It counts as sent back also where the topic has a newer revision of its article by now, or any
    at all where the letter's own can't be read: behind these it must not be put.
    """
    message = log.read(ARTICLES_DEAD, *_position(letter.ref))
    if message is None:
        raise NotFound(f"dead letter {letter.ref} has expired")
    kept = tuple(header for header in message.headers if header[0] not in _OURS)
    outcome = Outcome.SUPERSEDED
    if letter.topic != ARTICLES_ENRICHED or not _is_superseded(log, letter, message):
        (outcome,) = log.publish(letter.topic, [Record(message.key, message.value, kept)])
    log.publish(ARTICLES_DEAD, [Record(message.key, b"", ((RETRIED, letter.ref.encode()),))])
    return outcome


def _is_superseded(log: Log, letter: DeadLetter, message: Message) -> bool:
    revision = _revision(message.value)
    others = (m for m in messages(log, ARTICLES_ENRICHED) if m.key == message.key)
    if revision is None:
        return any(other.offset != letter.offset for other in others)
    return any((_revision(other.value) or 0) > revision for other in others)


def _revision(value: bytes) -> int | None:
    try:
        return msgspec.json.decode(value, type=_Revision).revision
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def readable(key: str | None) -> str | None:
    """A key for people and JSON: bytes that are no UTF-8 (see `Message`) become U+FFFD."""
    return None if key is None else key.encode(errors="surrogateescape").decode(errors="replace")


def _letter(message: Message) -> DeadLetter:
    headers = {name: value.decode(errors="replace") for name, value in message.headers}
    return DeadLetter(
        ref=_ref(message),
        key=readable(message.key),
        error=headers[ERROR_TYPE],
        message=headers[ERROR_MESSAGE],
        stage=headers[ERROR_STAGE],
        topic=headers[ORIGIN_TOPIC],
        partition=int(headers[ORIGIN_PARTITION]),
        offset=int(headers[ORIGIN_OFFSET]),
        attempts=int(headers[ATTEMPTS]),
        dead_at=message.timestamp,
        value=message.value,
    )


def _ref(message: Message) -> str:
    return f"{message.partition}:{message.offset}"


def _position(ref: str) -> tuple[int, int]:
    partition, offset = ref.split(":")
    return int(partition), int(offset)

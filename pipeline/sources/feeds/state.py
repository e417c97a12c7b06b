"""What is known of a feed from one start to the next: a small file for each, in the data folder."""

from __future__ import annotations

import os
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import msgspec

from pipeline.config import redact
from pipeline.errors import StorageUnavailable


class State(msgspec.Struct, kw_only=True):
    """What is known of one feed. Times are seconds since 1970.

    Attributes:
        url: its address, for people: without a name and password.
        moved_to: where it has moved for good.
        validated_url: where the version came from whose articles are on the topic;
        etag: what the server called that version;
        last_modified: when it said that it was changed;
        items: a hash of each item in it.
        due: when it is to be fetched next.
        asked_to_wait: before when the server asked not to be asked.
        failures: how many times in a row nothing came.
        gone: whether the server said that it is gone for good.
    """

    url: str
    moved_to: str | None = None
    validated_url: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    items: list[str] = []
    due: float = 0.0
    asked_to_wait: float = 0.0
    failures: int = 0
    gone: bool = False


class States:
    """The states of feeds in a folder.

    Args:
        folder: made when the first is kept.
        log: where the topics are that the articles went to: of another log nothing is known.
    """

    def __init__(self, folder: Path, log: str) -> None:
        self._folder = folder
        self._log = log

    def load(self, url: str) -> State:
        """What is known of a feed. Of one whose file can't be read that is nothing."""
        with suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
            return msgspec.json.decode(self._path(url).read_bytes(), type=State)
        return State(url=redact(url))

    def keep(self, url: str, state: State) -> None:
        """Writes what is known of a feed, as a whole or not at all.

        Raises:
            StorageUnavailable: it can't be written.
        """
        path = self._path(url)
        new = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            new.write_bytes(msgspec.json.encode(state))
            new.replace(path)
        except OSError as error:
            raise StorageUnavailable(f"{self._folder}: {error.strerror}") from None

    def _path(self, url: str) -> Path:
        key = blake2b(f"{self._log}\0{url}".encode(errors="replace"), digest_size=12)
        return self._folder / f"{key.hexdigest()}.json"

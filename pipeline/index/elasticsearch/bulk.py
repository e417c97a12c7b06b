"""Requests to Elasticsearch: bulk ones and others, sent until there is an answer that is one."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

import elastic_transport
import elasticsearch
import msgspec
from elasticsearch import Elasticsearch
from isal import isal_zlib

from pipeline.errors import ConfigurationError, IndexUnavailable
from pipeline.index import Refusal
from pipeline.index.elasticsearch.client import ALIAS, address, reason
from pipeline.retry import Trouble, pauses

MAX_REQUEST_DOCUMENTS = 500
MAX_REQUEST_BYTES = 10_000_000
"""How much one request carries at most, in bytes of JSON; a document that is larger is refused."""

OVERLOAD_SECONDS = 5.0
"""How long too many requests (429) are nothing to speak of: the servers only slow us down."""

_JSON = "application/vnd.elasticsearch+json; compatible-with=9"
_HEADERS = {
    "accept": _JSON,
    # The client leaves bytes as they are for this type alone; the server takes lines of it too.
    "content-type": _JSON,
    "content-encoding": "gzip",
}
_GZIP = 16 + isal_zlib.MAX_WBITS
_UNKNOWN_FIELD = "strict_dynamic_mapping_exception"
"""We write only fields that the template maps: an index without one is of an older release."""

T = TypeVar("T")

logger = logging.getLogger(__name__)


class _Error(msgspec.Struct):
    type: str = "unknown"
    reason: str | None = None
    caused_by: _Error | None = None

    def __str__(self) -> str:
        return ": ".join(map(str, filter(None, (self.reason, self.caused_by))))


class _Result(msgspec.Struct):
    status: int
    error: _Error = msgspec.field(default_factory=_Error)


class _Bulk(msgspec.Struct):
    items: list[dict[str, _Result]]


class Document(NamedTuple):
    """The lines of a bulk request for a document, and its place among those that were handed in."""

    position: int
    lines: bytes


class _Answer(NamedTuple):
    """What became of a request: `again` is sent again, after a wait if there is a `why`.

    `conflicts`: positions of those of which the index has this version or a newer one. `fewer`: in
    smaller requests. `overload`: it will pass by itself.
    """

    refused: Sequence[Refusal] = ()
    conflicts: Sequence[int] = ()
    again: Sequence[Document] = ()
    why: str | None = None
    fewer: bool = False
    overload: bool = False


class Requests:
    """Sends requests to what is behind `alias`. Thread-safe.

    Args:
        client: see `connect`.
        alias: it must stand for one index; nothing is created by writing.
        wait: called with the seconds until the next try when the servers do not answer, are
            overloaded or refuse us. What it raises ends the call.
        trouble: is told what is waited for.
    """

    def __init__(
        self,
        client: Elasticsearch,
        alias: str = ALIAS,
        *,
        wait: Callable[[float], None] = time.sleep,
        trouble: Trouble | None = None,
    ) -> None:
        self._client = client
        self._alias = alias
        self._wait = wait
        self._trouble = trouble or Trouble(logger)
        self._most = MAX_REQUEST_DOCUMENTS

    def asked(self, ask: Callable[[], T]) -> T:
        """An answer, however long it takes until there is one."""
        waits = pauses()
        while True:
            try:
                answer = ask()
            except (IndexUnavailable, ConfigurationError) as error:
                self._trouble.waits(str(error))
                self._wait(next(waits))
            else:
                self._trouble.over()
                return answer

    def send(
        self, fresh: Iterable[Document], refused: list[Refusal], *, searchable: bool
    ) -> list[int]:
        """Sends documents until the fate of each is settled.

        Args:
            fresh: the documents.
            refused: gets those that the index will never take.
            searchable: whether all of them have to be found on return.

        Returns:
            The positions of those of which the index has this version or a newer one.
        """
        conflicts: list[int] = []
        again: deque[Document] = deque()
        left = deque(fresh)
        waits = pauses()
        while request := self._request(again, left):
            last = not again and not left
            answer = self._send_some(request, searchable=searchable and last)
            refused += answer.refused
            conflicts += answer.conflicts
            again.extend(answer.again)
            if answer.fewer:
                self._most = max(1, min(self._most, len(request)) // 2)
            elif not answer.again:
                self._most = min(MAX_REQUEST_DOCUMENTS, self._most * 2)
            if answer.why:
                patience = OVERLOAD_SECONDS if answer.overload else 0.0
                self._trouble.waits(self._says(answer.why), patience=patience)
                self._wait(next(waits))
            elif not answer.again:
                self._trouble.over()
                waits = pauses()
        return conflicts

    def pause(self, why: str, seconds: float) -> None:
        """Waits for a moment because of something that is only to be spoken of when it lasts."""
        self._trouble.waits(self._says(why), patience=OVERLOAD_SECONDS)
        self._wait(seconds)

    def _request(self, again: deque[Document], left: deque[Document]) -> list[Document]:
        """What to send next, at most `_most` documents: those to send again come first."""
        request: list[Document] = []
        size = 0
        while len(request) < self._most and (again or left):
            document = again.popleft() if again else left.popleft()
            size += len(document.lines)
            if request and size > MAX_REQUEST_BYTES:
                again.appendleft(document)
                break
            request.append(document)
        return request

    def _send_some(self, documents: Sequence[Document], *, searchable: bool) -> _Answer:
        packer = isal_zlib.compressobj(level=2, wbits=_GZIP)
        body = packer.compress(b"".join(document.lines for document in documents)) + packer.flush()
        try:
            answer = self._client.perform_request(
                "POST",
                f"/{self._alias}/_bulk",
                params={
                    "require_alias": "true",
                    # So the right to write is enough, where `_refresh` needs another one.
                    "refresh": "true" if searchable else "false",
                    "filter_path": "items.*.status,items.*.error.type,items.*.error.reason,"
                    "items.*.error.caused_by.reason",
                },
                headers={**_HEADERS},
                body=body,
            ).body
        except elasticsearch.ApiError as error:
            return self._whole_request_failed(documents, error)
        except elastic_transport.ConnectionTimeout:
            return _Answer(again=documents, why="no answer in time", fewer=True)
        except elastic_transport.TransportError as error:
            return _Answer(again=documents, why=error.message)
        try:
            items = msgspec.convert(answer, _Bulk).items
        except msgspec.ValidationError as error:
            return _Answer(again=documents, why=f"the answer makes no sense: {error}")
        results = [result for item in items for result in item.values()]
        if len(results) != len(documents):
            return _Answer(again=documents, why="the answer is incomplete")
        return self._sorted_out(documents, results)

    def _whole_request_failed(
        self, documents: Sequence[Document], error: elasticsearch.ApiError
    ) -> _Answer:
        status = error.meta.status
        if status == 413:
            if len(documents) > 1:
                return _Answer(again=documents, fewer=True)
            message = f"the server takes no document of {len(documents[0].lines):,} bytes"
            return _Answer(refused=[Refusal(documents[0].position, "document_too_large", message)])
        why = "it refuses our credentials: " if status in (401, 403) else ""
        return _Answer(
            again=documents,
            why=why + reason(error),
            fewer=status in (429, 503),
            overload=status == 429,
        )

    def _sorted_out(self, documents: Sequence[Document], results: Sequence[_Result]) -> _Answer:
        """Results come in the order of the documents, and only by that are they matched."""
        refused: list[Refusal] = []
        again: list[Document] = []
        conflicts: list[int] = []
        whys: dict[int, str] = {}
        for document, result in zip(documents, results, strict=True):
            status, error = result.status, result.error
            if status == 409:
                conflicts.append(document.position)
            if status < 300 or status == 409:
                continue
            if status == 400 and not self._is_about_the_index(error.type):
                refused.append(Refusal(document.position, error.type, str(error)))
                continue
            again.append(document)
            whys.setdefault(status, self._waits_for(status, error))
        overload = 429 in whys
        # What is not mended by waiting is said first.
        why = whys[min(whys, key=lambda status: (status == 429, status))] if whys else None
        return _Answer(
            refused, conflicts, again, why, fewer=overload, overload=whys.keys() == {429}
        )

    def _waits_for(self, status: int, error: _Error) -> str:
        said = f"{status} {error.type}: {error}"
        if status == 404:
            return f"there is no alias {self._alias}; `newsloom setup` makes it"
        if status == 403 and error.type == "cluster_block_exception":
            return (
                f"{said} A `newsloom reindex` does that at its end; where none runs,"
                " `newsloom setup` lifts the block"
            )
        if status == 403:
            return f"it refuses our credentials: {said}"
        if error.type == _UNKNOWN_FIELD:
            return f"{said}; `newsloom setup` adds it"
        return said

    def _is_about_the_index(self, kind: str) -> bool:
        """Whether an error of that kind would be given to any document."""
        if kind != "illegal_argument_exception":
            return kind in ("index_closed_exception", _UNKNOWN_FIELD)
        # An alias without an index to write to gives the same error as an impossible value.
        try:
            indices = self._client.indices.get_alias(name=self._alias).body
        except (elasticsearch.ApiError, elastic_transport.TransportError):
            return True
        writes = [index["aliases"][self._alias].get("is_write_index") for index in indices.values()]
        return True not in writes and writes != [None]

    def _says(self, what: str) -> str:
        return f"{address(self._client)}: {what}"

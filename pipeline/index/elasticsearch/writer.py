"""Writing documents to Elasticsearch: each one is taken, refused for good, or sent again."""

from __future__ import annotations

import logging
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import elastic_transport
import elasticsearch
import msgspec
from elasticsearch import Elasticsearch

from pipeline.article import MAX_ID_BYTES, EnrichedArticle
from pipeline.index import Refusal
from pipeline.index.elasticsearch.client import ALIAS, address, reason
from pipeline.index.elasticsearch.document import encode
from pipeline.retry import pauses

MAX_REQUEST_DOCUMENTS = 500
MAX_REQUEST_BYTES = 10_000_000
"""How much one request carries at most, in bytes of JSON; a document that is larger is refused."""

CONNECTIONS = 3
"""Requests on their way at the same time."""

_JSON = "application/vnd.elasticsearch+json; compatible-with=9"
_HEADERS = {
    "accept": _JSON,
    # The client leaves bytes as they are for this type alone; the server takes lines of it too.
    "content-type": _JSON,
    "content-encoding": "gzip",
}
_GZIP = 16 + zlib.MAX_WBITS

logger = logging.getLogger(__name__)
_json = msgspec.json.Encoder()


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


class _Document(NamedTuple):
    position: int
    lines: bytes


class _Answer(NamedTuple):
    """What became of a request: `again` is sent again, after a wait if there is a `why`."""

    refused: Sequence[Refusal] = ()
    again: Sequence[_Document] = ()
    why: str | None = None
    fewer: bool = False


class ElasticsearchWriter:
    """Implements `pipeline.index.IndexWriter` for what is behind `alias`.

    Args:
        client: see `connect`.
        alias: it must stand for one index; nothing is created by writing.
        wait: called with the seconds until the next try when the servers do not answer, are
            overloaded or refuse us. What it raises ends `add`, which can simply be called again.
    """

    def __init__(
        self,
        client: Elasticsearch,
        alias: str = ALIAS,
        *,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._alias = alias
        self._wait = wait
        self._most = MAX_REQUEST_DOCUMENTS
        self._senders = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="bulk")

    def add(self, articles: Sequence[EnrichedArticle]) -> list[Refusal]:
        """See `IndexWriter.add`; returns when the fate of each article is settled."""
        refused: list[Refusal] = []
        fresh = self._documents(articles, refused)
        again: deque[_Document] = deque()
        sent: deque[Future[_Answer]] = deque()
        waits = pauses()
        while True:
            while len(sent) < CONNECTIONS and (request := self._request(again, fresh)):
                sent.append(self._senders.submit(self._send, request))
            if not sent:
                return sorted(refused)
            answer = sent.popleft().result()
            refused += answer.refused
            again.extend(answer.again)
            if answer.fewer:
                self._most = max(1, min(self._most, len(answer.again)) // 2)
            elif not answer.again:
                self._most = min(MAX_REQUEST_DOCUMENTS, self._most * 2)
                waits = pauses()
            if answer.why:
                pause = next(waits)
                logger.warning(
                    "%s; %d documents wait, trying again in %.1f s",
                    answer.why,
                    len(answer.again),
                    pause,
                )
                self._wait(pause)

    def commit(self) -> None:
        """See `IndexWriter.commit`: what `add` settled is durable, and found within a second."""

    def close(self) -> None:
        """See `IndexWriter.close`."""
        self._senders.shutdown(cancel_futures=True)

    def _documents(
        self, articles: Sequence[EnrichedArticle], refused: list[Refusal]
    ) -> Iterator[_Document]:
        for position, article in enumerate(articles):
            if not 0 < len(article.id.encode()) <= MAX_ID_BYTES:
                message = f"the id has not between 1 and {MAX_ID_BYTES} bytes"
                refused.append(Refusal(position, "bad_id", message))
            elif not 0 <= article.revision < 1 << 63:
                message = f"{article.revision} is no possible revision"
                refused.append(Refusal(position, "bad_revision", message))
            else:
                document = _Document(position, _lines(article))
                if (size := len(document.lines)) > MAX_REQUEST_BYTES:
                    message = f"the document has {size:,} bytes, over {MAX_REQUEST_BYTES:,}"
                    refused.append(Refusal(position, "document_too_large", message))
                else:
                    yield document

    def _request(self, again: deque[_Document], fresh: Iterator[_Document]) -> list[_Document]:
        """What to send next, at most `_most` documents: those to send again come first."""
        request: list[_Document] = []
        size = 0
        while len(request) < self._most:
            document = again.popleft() if again else next(fresh, None)
            if document is None:
                break
            size += len(document.lines)
            if request and size > MAX_REQUEST_BYTES:
                again.appendleft(document)
                break
            request.append(document)
        return request

    def _send(self, documents: Sequence[_Document]) -> _Answer:
        packer = zlib.compressobj(level=1, wbits=_GZIP)
        body = packer.compress(b"".join(document.lines for document in documents)) + packer.flush()
        try:
            answer = self._client.perform_request(
                "POST",
                f"/{self._alias}/_bulk",
                params={
                    "require_alias": "true",
                    "filter_path": "items.*.status,items.*.error.type,items.*.error.reason,"
                    "items.*.error.caused_by.reason",
                },
                headers={**_HEADERS},
                body=body,
            ).body
        except elasticsearch.ApiError as error:
            return self._whole_request_failed(documents, error)
        except elastic_transport.ConnectionTimeout:
            return _Answer(again=documents, why=self._says("no answer in time"), fewer=True)
        except elastic_transport.TransportError as error:
            return _Answer(again=documents, why=self._says(error.message))
        try:
            items = msgspec.convert(answer, _Bulk).items
        except msgspec.ValidationError as error:
            return _Answer(again=documents, why=self._says(f"the answer makes no sense: {error}"))
        results = [result for item in items for result in item.values()]
        if len(results) != len(documents):
            return _Answer(again=documents, why=self._says("the answer is incomplete"))
        return self._sorted_out(documents, results)

    def _whole_request_failed(
        self, documents: Sequence[_Document], error: elasticsearch.ApiError
    ) -> _Answer:
        status = error.meta.status
        if status == 413:
            if len(documents) > 1:
                return _Answer(again=documents, fewer=True)
            message = f"the server takes no document of {len(documents[0].lines):,} bytes"
            return _Answer([Refusal(documents[0].position, "document_too_large", message)])
        why = "it refuses our credentials: " if status in (401, 403) else ""
        return _Answer(
            again=documents, why=self._says(why + reason(error)), fewer=status in (429, 503)
        )

    def _sorted_out(self, documents: Sequence[_Document], results: Sequence[_Result]) -> _Answer:
        """Results come in the order of the documents, and only by that are they matched."""
        refused: list[Refusal] = []
        again: list[_Document] = []
        why: str | None = None
        fewer = False
        for document, result in zip(documents, results, strict=True):
            status, error = result.status, result.error
            # A conflict: the index has this version or a newer one.
            if status < 300 or status == 409:
                continue
            if status == 400 and not self._is_about_the_index(error.type):
                refused.append(Refusal(document.position, error.type, str(error)))
                continue
            again.append(document)
            fewer = fewer or status == 429
            if status == 404:
                why = self._says(f"there is no alias {self._alias}; `newsloom setup` makes it")
            else:
                why = why or self._says(f"{status} {error.type}: {error}")
        return _Answer(refused, again, why, fewer)

    def _is_about_the_index(self, kind: str) -> bool:
        """Whether an error of that kind would be given to any document."""
        if kind != "illegal_argument_exception":
            return kind == "index_closed_exception"
        # An alias without an index to write to gives the same error as an impossible value.
        try:
            indices = self._client.indices.get_alias(name=self._alias).body
        except (elasticsearch.ApiError, elastic_transport.TransportError):
            return True
        writes = [index["aliases"][self._alias].get("is_write_index") for index in indices.values()]
        return True not in writes and writes != [None]

    def _says(self, what: str) -> str:
        return f"{address(self._client)}: {what}"


def _lines(article: EnrichedArticle) -> bytes:
    action = {"_id": article.id, "version": article.revision, "version_type": "external"}
    return b"".join((_json.encode({"index": action}), b"\n", encode(article), b"\n"))

"""Writing documents to Elasticsearch: each one is taken, refused for good, or sent again.

Then near-duplicates are linked (`pipeline.index.duplicates`), of which other writers may write some
at the same moment. A writer

1. looks up what the index has of its articles: an article that is there is written with the link of
   its version before, which is all that tells of the group that it may leave;
2. writes them, and makes them searchable;
3. works out what has to be linked otherwise from what the index then has;
4. writes these links: documents of others first, its own last. A document is written as it was
   found, with the version that it was found with: where there is a newer one by now, that stays;
5. goes on with 3 until nothing has to be linked otherwise, for its own articles and for all whose
   links it wrote.

Why links come right whoever else writes: an article's own writer looks at its neighbours after it
was written, so of two articles that are near each other the one whose writer looks last sees both,
and links them. Whoever writes a link looks at that article again, at its neighbours and its head:
so a link that another one, working from what was there before, has written over, or that leads to an
article that is no head any more, or whose neighbours have left, is seen by the one who looks last,
and its whole group is walked. Links depend on the articles alone, so that two who see the same write
the same, and who looks last finds nothing to do.

Why a kill does no harm: offsets are committed after 5, so what was in hand comes again, and its
documents are there already. Of these all groups are walked, and no link is believed. The article
that has left a group still leads to it, since its own link is the last to be written.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, TypeVar

import elastic_transport
import elasticsearch
import msgspec
from elasticsearch import Elasticsearch
from isal import isal_zlib

from pipeline.article import MAX_ID_BYTES, EnrichedArticle
from pipeline.errors import ConfigurationError, IndexUnavailable, Rejected
from pipeline.index import Refusal
from pipeline.index.duplicates import Copy, copy_of, relink
from pipeline.index.elasticsearch.client import ALIAS, address, reason
from pipeline.index.elasticsearch.document import encode, link_fields
from pipeline.index.elasticsearch.shelf import ElasticsearchShelf, Found, parts
from pipeline.retry import Trouble, pauses

MAX_REQUEST_DOCUMENTS = 500
MAX_REQUEST_BYTES = 10_000_000
"""How much one request carries at most, in bytes of JSON; a document that is larger is refused."""

OVERLOAD_SECONDS = 5.0
"""How long too many requests (429) are nothing to speak of: the servers only slow us down."""

RELINKED = 50
"""How many documents are fetched at a time to get another link: each may have megabytes."""

ROUNDS = 3
"""So often links are worked out without a pause; more is needed only where others write them."""

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
    """What became of a request: `again` is sent again, after a wait if there is a `why`.

    `conflicts`: positions of those of which the index has this version or a newer one.

    `fewer`: in smaller requests. `overload`: it will pass by itself.
    """

    refused: Sequence[Refusal] = ()
    conflicts: Sequence[int] = ()
    again: Sequence[_Document] = ()
    why: str | None = None
    fewer: bool = False
    overload: bool = False


class ElasticsearchWriter:
    """Implements `pipeline.index.IndexWriter` for what is behind `alias`. Thread-safe: each `add`
    has one request on its way at a time, so several threads have several.

    Args:
        client: see `connect`.
        alias: it must stand for one index; nothing is created by writing.
        wait: called with the seconds until the next try when the servers do not answer, are
            overloaded or refuse us. What it raises ends `add`, which can simply be called again.
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
        self._in_hand: set[str] = set()
        self._free = threading.Condition()

    def add(self, articles: Sequence[EnrichedArticle]) -> list[Refusal]:
        """See `IndexWriter.add`; returns when each article is written or refused, and linked."""
        with self._alone({article.id for article in articles}):
            return self._add(articles)

    @contextmanager
    def _alone(self, ids: set[str]) -> Iterator[None]:
        """No two versions of an article are worked on at once: each has to see the one before."""
        with self._free:
            self._free.wait_for(lambda: self._in_hand.isdisjoint(ids))
            self._in_hand |= ids
        try:
            yield
        finally:
            with self._free:
                self._in_hand -= ids
                self._free.notify_all()

    def _add(self, articles: Sequence[EnrichedArticle]) -> list[Refusal]:
        texts = {article.id: article.text for article in articles}
        shelf = ElasticsearchShelf(self._client, self._alias, texts)
        possible = [article.id for article in articles if _is_possible_id(article.id)]
        before = {copy.id: copy for copy in self._asked(partial(shelf.copies, possible))}
        links = {key: copy.duplicate_of for key, copy in before.items()}
        # Where nothing of it is near to anything there is nothing to be looked up either.
        near = any(article.signature for article in articles)
        near = near or any(copy.signature or copy.duplicate_of for copy in before.values())
        refused: list[Refusal] = []
        conflicts = self._send_all(
            self._documents(articles, links, refused), refused, searchable=near
        )
        newest: dict[str, EnrichedArticle] = {}
        gone = {refusal.position for refusal in refused}
        for position, article in enumerate(articles):
            known = newest.get(article.id)
            if position not in gone and (known is None or known.revision < article.revision):
                newest[article.id] = article
        repeated = {articles[position].id for position in conflicts} & newest.keys()
        if near or repeated:
            self._link(shelf, newest, before, repeated)
        return sorted(refused)

    def _link(
        self,
        shelf: ElasticsearchShelf,
        articles: Mapping[str, EnrichedArticle],
        before: Mapping[str, Copy],
        repeated: Collection[str],
    ) -> None:
        """Links near-duplicates of what was written; returns when all is as it has to be."""
        changed: dict[str, Copy] = {}
        walked = set()
        for key in articles.keys() - repeated:
            old = before.get(key)
            changed[key] = copy_of(articles[key], old.duplicate_of if old else None)
            if old is not None and not old.is_same(changed[key]):
                walked.add(old.group)
        if repeated:
            for copy in self._asked(partial(shelf.copies, repeated)):
                changed[copy.id] = copy
                walked |= {copy.id, copy.group}
        waits = pauses()
        rounds = 0
        while links := self._asked(partial(relink, shelf, changed, walked)):
            own = articles.keys() & links.keys()
            self._relink(shelf, links, links.keys() - own)
            self._relink(shelf, links, own)
            looked_at = changed.keys() | links.keys()
            changed = {copy.id: copy for copy in self._asked(partial(shelf.copies, looked_at))}
            walked = set()
            rounds += 1
            if rounds > ROUNDS:
                self._trouble.waits(self._says("others link the same articles"))
                self._wait(next(waits))
        if rounds > ROUNDS:
            self._trouble.over()

    def _relink(
        self, shelf: ElasticsearchShelf, links: Mapping[str, str | None], ids: Collection[str]
    ) -> None:
        """Writes documents as they are but for their links, unless they are newer by now."""
        refused: list[Refusal] = []
        for some in parts(ids, RELINKED):
            documents = [
                _Document(place, _relinked(found, links[found.id]))
                for place, found in enumerate(self._asked(partial(shelf.documents, some)))
            ]
            self._send_all(iter(documents), refused, searchable=True)
        for refusal in refused:
            logger.warning("a link could not be written: %s", refusal.message)

    def _asked(self, ask: Callable[[], T]) -> T:
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

    def _send_all(
        self, fresh: Iterator[_Document], refused: list[Refusal], *, searchable: bool
    ) -> list[int]:
        """Sends documents until the fate of each is settled; gives the positions of conflicts."""
        conflicts: list[int] = []
        again: deque[_Document] = deque()
        waits = pauses()
        while request := self._request(again, fresh):
            answer = self._send(request, searchable=searchable)
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

    def commit(self) -> None:
        """See `IndexWriter.commit`: what `add` settled is durable, and found within a second."""

    def close(self) -> None:
        """See `IndexWriter.close`: nothing is held."""

    def _documents(
        self,
        articles: Sequence[EnrichedArticle],
        links: Mapping[str, str | None],
        refused: list[Refusal],
    ) -> Iterator[_Document]:
        for position, article in enumerate(articles):
            try:
                yield _Document(position, _checked(article, links.get(article.id)))
            except Rejected as error:
                refused.append(Refusal(position, error.reason, str(error)))

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

    def _send(self, documents: Sequence[_Document], *, searchable: bool) -> _Answer:
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
        self, documents: Sequence[_Document], error: elasticsearch.ApiError
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

    def _sorted_out(self, documents: Sequence[_Document], results: Sequence[_Result]) -> _Answer:
        """Results come in the order of the documents, and only by that are they matched."""
        refused: list[Refusal] = []
        again: list[_Document] = []
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


def _is_possible_id(article_id: str) -> bool:
    return 0 < len(article_id.encode()) <= MAX_ID_BYTES


def _checked(article: EnrichedArticle, duplicate_of: str | None) -> bytes:
    """The lines of a document, if a server can take them at all."""
    if not _is_possible_id(article.id):
        raise Rejected("bad_id", f"the id has not between 1 and {MAX_ID_BYTES} bytes")
    if not 0 <= article.revision < 1 << 63:
        raise Rejected("bad_revision", f"{article.revision} is no possible revision")
    try:
        lines = _lines(article.id, article.revision, "external", encode(article, duplicate_of))
    except RecursionError:
        raise Rejected("malformed_record", "its metadata is nested too deeply") from None
    if (size := len(lines)) > MAX_REQUEST_BYTES:
        raise Rejected(
            "document_too_large", f"the document has {size:,} bytes, over {MAX_REQUEST_BYTES:,}"
        )
    return lines


def _relinked(found: Found, duplicate_of: str | None) -> bytes:
    """The lines of a document that is there, with another link, as the same version."""
    source: dict[str, Any] = found.source | link_fields(found.id, duplicate_of)
    return _lines(found.id, found.version, "external_gte", _json.encode(source))


def _lines(article_id: str, version: int, version_type: str, document: bytes) -> bytes:
    action = {"_id": article_id, "version": version, "version_type": version_type}
    return b"".join((_json.encode({"index": action}), b"\n", document, b"\n"))

"""Writing documents to Elasticsearch: each one is taken, refused for good, or sent again.

Then near-duplicates are linked (`pipeline.index.duplicates`), of which other writers may write some
at the same moment. A writer

1. looks up what the index has of its articles: an article that is there is written with the link of
   its version before, which is all that tells of the group that it may leave;
2. writes them; what several threads have written meanwhile goes on together (`together`), since
   what follows costs the index about as much for one batch as for many. All of it is made
   searchable;
3. works out what has to be linked otherwise from what the index then has;
4. writes these links: documents of others first, its own last. A document is written as it was
   found, with the version that it was found with: where there is a newer one by now, that stays.
   Then these are made searchable;
5. goes on with 3 until nothing has to be linked otherwise, for its own articles and for all whose
   links it wrote.

Why links come right whoever else writes: an article's own writer looks at its neighbours after it
was written, so of two articles that are near each other the one whose writer looks last sees both,
and links them. Whoever writes a link looks at that article again, at its neighbours and its head.
So the one who looks last sees a link that another has written over, working from what was there
before, one that leads to an article which is no head any more, and one to a group in which the
article has no neighbour left; then the whole group is walked. Links depend on the articles alone:
two who see the same write the same, and who looks last finds nothing to do. What it takes to go
wrong is that within one moment an article leaves its group by a correction, a second one joins it
as the neighbour of the first, and a third one as the neighbour of the second: these two then
believe each other. The next change of that group mends it, and so does a rebuild.

Why a kill does no harm: offsets are committed after 5, so what was in hand comes again, and its
documents are there already. Of these all groups are walked, and no link is believed. The article
that has left a group still leads to it, since its own link is the last to be written.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import msgspec
from elasticsearch import Elasticsearch

from pipeline.article import MAX_ID_BYTES, EnrichedArticle
from pipeline.errors import Rejected
from pipeline.index import Refusal
from pipeline.index.duplicates import Copy, copy_of, relink
from pipeline.index.elasticsearch.bulk import MAX_REQUEST_BYTES, Document, Requests
from pipeline.index.elasticsearch.client import ALIAS
from pipeline.index.elasticsearch.document import encode, link_fields
from pipeline.index.elasticsearch.shelf import ElasticsearchShelf, Found, parts
from pipeline.index.elasticsearch.together import Together
from pipeline.retry import Trouble, pauses

RELINKED = 50
"""How many documents are fetched at a time to get another link: each may have megabytes."""

LINKED = 3_000
"""From how many articles on links are worked out without waiting for what others still write."""

LINK_SECONDS = 1.0
"""How long others are waited for at most."""

ROUNDS = 3
"""So often links are worked out without a pause; more is needed only where others write them."""

MOST_SECONDS = 2.0
"""The longest pause because of others, who are done within a moment."""

logger = logging.getLogger(__name__)
_json = msgspec.json.Encoder()


class _Written(msgspec.Struct):
    """What was written and is to be linked.

    Attributes:
        articles: by id, those that the index took.
        before: what the index had of them.
        repeated: ids of those that it had already.
        document: one of them.
    """

    articles: dict[str, EnrichedArticle]
    before: dict[str, Copy]
    repeated: set[str]
    document: Document

    def __len__(self) -> int:
        return len(self.articles)


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
        self._requests = Requests(client, alias, wait=wait, trouble=trouble)
        self._together = Together(self._link, enough=LINKED, seconds=LINK_SECONDS)
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
        refused: list[Refusal] = []
        self._together.do(partial(self._write, articles, refused))
        return sorted(refused)

    def _write(
        self, articles: Sequence[EnrichedArticle], refused: list[Refusal]
    ) -> _Written | None:
        """Writes articles; gives what is to be linked of it.

        Where nothing of it is near to anything there is nothing to be looked up either.
        """
        shelf = ElasticsearchShelf(self._client, self._alias, {})
        possible = [article.id for article in articles if _is_possible_id(article.id)]
        before = {copy.id: copy for copy in self._requests.asked(partial(shelf.copies, possible))}
        links = {key: copy.duplicate_of for key, copy in before.items()}
        documents = list(self._documents(articles, links, refused))
        conflicts = self._requests.send(documents, refused, searchable=False)
        gone = {refusal.position for refusal in refused}
        newest: dict[str, EnrichedArticle] = {}
        for position, article in enumerate(articles):
            known = newest.get(article.id)
            if position not in gone and (known is None or known.revision < article.revision):
                newest[article.id] = article
        repeated = {articles[position].id for position in conflicts} & newest.keys()
        near = any(article.signature for article in newest.values())
        near = near or any(copy.signature or copy.duplicate_of for copy in before.values())
        if not newest or not (near or repeated):
            return None
        taken = (document for document in documents if document.position not in gone)
        smallest = min(taken, key=lambda document: len(document.lines))
        return _Written(newest, before, repeated, smallest)

    def _make_searchable(self, document: Document) -> None:
        """Makes all that was written until now searchable, by writing what is there already.

        So the right to write is enough. The index has one shard: a document speaks for all.
        """
        self._requests.send([document], [], searchable=True)

    def _link(self, written: Sequence[_Written]) -> None:
        """Links near-duplicates of what was written; returns when all is as it has to be."""
        self._make_searchable(written[0].document)
        articles = {key: article for some in written for key, article in some.articles.items()}
        texts = {key: article.text for key, article in articles.items()}
        shelf = ElasticsearchShelf(self._client, self._alias, texts)
        repeated = {key for some in written for key in some.repeated}
        before = {key: copy for some in written for key, copy in some.before.items()}
        changed: dict[str, Copy] = {}
        walked = set()
        for key in articles.keys() - repeated:
            old = before.get(key)
            changed[key] = copy_of(articles[key], old.duplicate_of if old else None)
            if old is not None and not old.is_same(changed[key]):
                walked.add(old.group)
        if repeated:
            for copy in self._requests.asked(partial(shelf.copies, repeated)):
                changed[copy.id] = copy
                walked |= {copy.id, copy.group}
        waits = pauses()
        rounds = 0
        while links := self._requests.asked(partial(relink, shelf, changed, walked)):
            own = articles.keys() & links.keys()
            self._relink(shelf, links, links.keys() - own)
            self._relink(shelf, links, own)
            self._make_searchable(written[0].document)
            looked_at = changed.keys() | links.keys()
            changed = {
                copy.id: copy for copy in self._requests.asked(partial(shelf.copies, looked_at))
            }
            walked = set()
            rounds += 1
            if rounds > ROUNDS:
                seconds = min(next(waits), MOST_SECONDS)
                self._requests.pause("others link the same articles", seconds)

    def _relink(
        self, shelf: ElasticsearchShelf, links: Mapping[str, str | None], ids: Collection[str]
    ) -> None:
        """Writes documents as they are but for their links, unless they are newer by now."""
        refused: list[Refusal] = []
        for some in parts(ids, RELINKED):
            documents = [
                Document(place, _relinked(found, links[found.id]))
                for place, found in enumerate(self._requests.asked(partial(shelf.documents, some)))
            ]
            self._requests.send(documents, refused, searchable=False)
        for refusal in refused:
            logger.warning("a link could not be written: %s", refusal.message)

    def commit(self) -> None:
        """See `IndexWriter.commit`: what `add` settled is durable, and found within a second."""

    def close(self) -> None:
        """See `IndexWriter.close`: nothing is held."""

    def _documents(
        self,
        articles: Sequence[EnrichedArticle],
        links: Mapping[str, str | None],
        refused: list[Refusal],
    ) -> Iterator[Document]:
        for position, article in enumerate(articles):
            try:
                yield Document(position, _checked(article, links.get(article.id)))
            except Rejected as error:
                refused.append(Refusal(position, error.reason, str(error)))


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

"""Writing to the embedded index: one process at a time, durable with each commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import tantivy

from pipeline.article import EnrichedArticle
from pipeline.errors import ConfigurationError, IndexDamaged
from pipeline.index import Refusal
from pipeline.index.document import id_hash
from pipeline.index.duplicates import Copy, copy_of, relink
from pipeline.index.tantivy.document import document_of, schema
from pipeline.index.tantivy.folder import (
    current,
    damaged,
    errors_named,
    following,
    open_folder,
    point_to,
)
from pipeline.index.tantivy.shelf import TantivyShelf

HEAP_BYTES = 96_000_000
"""Memory for documents that are not yet in a segment."""


class TantivyWriter:
    """Implements `pipeline.index.IndexWriter` for one numbered folder.

    Raises:
        InUse: another process writes to it.
        IndexDamaged: it can't be read.
    """

    def __init__(self, path: Path) -> None:
        with errors_named(path):
            if not (path / "meta.json").exists():
                path.mkdir(parents=True, exist_ok=True)
                tantivy.Index(schema(), str(path), reuse=True)
            self._index = open_folder(path)
            self._index.config_reader("manual")
            self._schema = self._index.schema
            self._writer: tantivy.IndexWriter | None = self._index.writer(HEAP_BYTES, 1)
        self._path = path
        self._shelf = TantivyShelf(self._schema)
        self._refresh()

    def add(self, articles: Sequence[EnrichedArticle]) -> Sequence[Refusal]:
        """See `IndexWriter.add`; none is refused."""
        assert self._writer is not None
        latest: dict[str, EnrichedArticle] = {}
        for article in articles:
            if article.id not in latest or latest[article.id].revision < article.revision:
                latest[article.id] = article
        with errors_named(self._path):
            known = self._revisions(list(latest))
            for key in latest:
                if (revision := self._shelf.revision(key)) is not None:
                    known[key] = revision
            newer = [
                article
                for key, article in latest.items()
                if key not in known or known[key] < article.revision
            ]
            before = [article.id for article in newer if article.id in known]
            self._write(newer, {copy.id: copy for copy in self._shelf.copies(before)})
        return ()

    def _write(self, newer: Sequence[EnrichedArticle], before: Mapping[str, Copy]) -> None:
        """Writes articles, and anew those others whose links change with them."""
        assert self._writer is not None
        changed: dict[str, Copy] = {}
        links: dict[str, str | None] = {}
        for article in newer:
            copy, old = copy_of(article), before.get(article.id)
            if old is None or not old.is_same(copy):
                changed[article.id] = copy
            links[article.id] = old.duplicate_of if old and article.id not in changed else None
            self._shelf.write(article, links[article.id])
        left = {old.group for key, old in before.items() if key in changed}
        others = relink(self._shelf, changed, left)
        rewritten = self._shelf.articles(others.keys() - links.keys())
        for article in [*newer, *rewritten]:
            link = others.get(article.id, links.get(article.id))
            if article.id in before or article.id not in links:
                self._writer.delete_documents_by_term("id", article.id)
            self._writer.add_document(document_of(article, link))
            if article.id in others:
                self._shelf.write(article, link)

    def commit(self) -> None:
        """See `IndexWriter.commit`."""
        assert self._writer is not None
        with errors_named(self._path):
            self._writer.commit()
            self._refresh()

    def close(self) -> None:
        """See `IndexWriter.close`."""
        if self._writer is not None:
            with errors_named(self._path):
                self._writer.wait_merging_threads()
            self._writer = None

    def _refresh(self) -> None:
        self._index.reload()
        self._searcher = self._index.searcher()
        self._shelf.show(self._searcher)

    def _revisions(self, ids: Sequence[str]) -> dict[str, int]:
        """The revisions of those ids that the index has."""
        query = tantivy.Query.term_set_query(self._schema, "id", ids)
        hits = self._searcher.search(query, len(ids), count=False, order_by_field="revision").hits
        hashes = self._searcher.fast_field_values("id_hash", [address for _, address in hits])
        by_hash = {id_hash(key): key for key in ids}
        return {
            by_hash[int(number)]: revision
            for (revision, _), number in zip(hits, hashes, strict=True)
            if number is not None
        }


def open_writer(folder: Path) -> tuple[TantivyWriter, Path]:
    """A writer for the index in use, made when there is none, and its folder.

    Raises:
        InUse: another process writes to it.
        IndexDamaged: it can't be read.
    """
    try:
        path = current(folder)
    except ConfigurationError:
        path = following(folder)
        writer = TantivyWriter(path)
        point_to(path)
        return writer, path
    if not (path / "meta.json").exists():
        raise IndexDamaged(damaged(path, "it has no meta.json"))
    return TantivyWriter(path), path

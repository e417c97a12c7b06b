"""What near-duplicates are looked up in: what is committed, and what was written since."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

import msgspec
import tantivy

from pipeline.article import EnrichedArticle
from pipeline.index.duplicates import Copy, Page, Wanted, copy_of

_PAGE = 1_000

_copies = msgspec.json.Decoder(Copy)
_articles = msgspec.json.Decoder(EnrichedArticle)


class TantivyShelf:
    """Implements `pipeline.index.duplicates.Shelf`."""

    def __init__(self, schema: tantivy.Schema) -> None:
        self._schema = schema
        self._written: dict[str, tuple[Copy, EnrichedArticle]] = {}
        self._by_hash: defaultdict[str, list[str]] = defaultdict(list)
        self._by_group: defaultdict[str, list[str]] = defaultdict(list)

    def show(self, searcher: tantivy.Searcher) -> None:
        """Says that all that was written is committed, and can be looked up there."""
        self._searcher = searcher
        self._written.clear()
        self._by_hash.clear()
        self._by_group.clear()

    def write(self, article: EnrichedArticle, duplicate_of: str | None) -> None:
        """Takes an article in the place of what was there of it."""
        copy = copy_of(article, duplicate_of)
        self._written[article.id] = (copy, article)
        for hashed in copy.signature:
            self._by_hash[hashed].append(article.id)
        if duplicate_of:
            self._by_group[duplicate_of].append(article.id)

    def revision(self, article_id: str) -> int | None:
        """The revision that was written since the last commit."""
        written = self._written.get(article_id)
        return written[1].revision if written else None

    def copies(self, ids: Collection[str]) -> Iterator[Copy]:
        """See `Shelf.copies`."""
        yield from (self._written[name][0] for name in ids if name in self._written)
        yield from self._committed(self._any_of("id", ids))

    def members(self, groups: Collection[str]) -> Iterator[Copy]:
        """See `Shelf.members`."""
        for group in groups:
            for name in dict.fromkeys(self._by_group.get(group, ())):
                if (copy := self._written[name][0]).duplicate_of == group:
                    yield copy
        yield from self._committed(self._any_of("duplicate_of", groups))

    def sharing(self, wanted: Sequence[Wanted], without: Collection[str]) -> Iterator[Page]:
        """See `Shelf.sharing`."""
        found = {
            name: self._written[name][0]
            for some in wanted
            for hashed in some.hashes
            for name in self._by_hash.get(hashed, ())
            if name not in without
            and hashed in self._written[name][0].signature
            and self._written[name][0].group not in some.groups
        }
        copies = list(found.values())
        query = _some_of([self._wanted(some) for some in wanted])
        start, last = 0, False
        while not last:
            addresses = self._addresses(query, _PAGE, start)
            start, last = start + _PAGE, len(addresses) < _PAGE
            copies += [copy for copy in self._not_written(addresses) if copy.id not in without]
            yield Page(copies, last)
            copies = []

    def texts(self, ids: Collection[str]) -> dict[str, str]:
        """See `Shelf.texts`."""
        return {article.id: article.text for article in self.articles(ids)}

    def articles(self, ids: Collection[str]) -> Iterator[EnrichedArticle]:
        """The articles of those ids that there are."""
        left = []
        for name in ids:
            if name in self._written:
                yield self._written[name][1]
            else:
                left.append(name)
        if left:
            for address in self._addresses(self._any_of("id", left), len(left)):
                yield _articles.decode(self._stored(address))

    def _wanted(self, some: Wanted) -> tantivy.Query:
        hashes = self._any_of("signature", some.hashes)
        groups = [self._any_of(field, some.groups) for field in ("duplicate_of", "id")]
        return _none_of(hashes, groups) if some.groups else hashes

    def _committed(self, query: tantivy.Query) -> Iterator[Copy]:
        count = self._searcher.search(query, 1).count  # type: ignore[attr-defined]
        if count:
            yield from self._not_written(self._addresses(query, count))

    def _addresses(
        self, query: tantivy.Query, limit: int, offset: int = 0
    ) -> list[tantivy.DocAddress]:
        # By a number that is at hand: nothing has to be scored.
        found = self._searcher.search(
            query, limit, count=False, offset=offset, order_by_field="id_hash"
        )
        return [address for _, address in found.hits]

    def _not_written(self, addresses: Sequence[tantivy.DocAddress]) -> Iterator[Copy]:
        for address in addresses:
            copy = _copies.decode(self._stored(address))
            if copy.id not in self._written:
                yield copy

    def _stored(self, address: tantivy.DocAddress) -> bytes:
        stored: bytes | None = self._searcher.doc(address).get_first("article")
        assert stored is not None
        return stored

    def _any_of(self, field: str, values: Collection[str]) -> tantivy.Query:
        return tantivy.Query.term_set_query(self._schema, field, list(values))


def _some_of(queries: Sequence[tantivy.Query]) -> tantivy.Query:
    return tantivy.Query.boolean_query([(tantivy.Occur.Should, query) for query in queries])


def _none_of(query: tantivy.Query, without: Sequence[tantivy.Query]) -> tantivy.Query:
    """What a query finds without what any of the others finds."""
    left_out = [(tantivy.Occur.MustNot, other) for other in without]
    return tantivy.Query.boolean_query([(tantivy.Occur.Must, query), *left_out])

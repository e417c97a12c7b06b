"""Which saved searches an article matches: the other way round of a search, with the same answer.

The articles of a batch go into an index in memory, made as the embedded index is, and the saved
searches are asked of it: in the same translation, so with the same answer. Of thousands most need
not be asked. A search needs words and labels of an article; the batch's are known, and those
searches are left out that need what none of its articles has.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import tantivy

from pipeline.alerts.records import SavedSearch
from pipeline.article import EnrichedArticle
from pipeline.errors import ConfigurationError
from pipeline.index.analysis import ANALYZER, analyzer
from pipeline.index.document import SUGGESTION_MARK, facets, id_hash
from pipeline.index.highlight import Highlight, highlight
from pipeline.index.query import FACETS, NAME_FACETS, TextQuery, parse_text, selected
from pipeline.index.tantivy.document import document_of, schema
from pipeline.index.tantivy.translation import Clause, base_clauses, filter_clauses

HEAP_BYTES = 50_000_000
"""Memory for the documents of a batch: more than any has, so that they are one segment."""

logger = logging.getLogger(__name__)

_Need = tuple[frozenset[str], ...]
"""Alternatives, of one of which an article must have all keys. A key is a term, or a label's."""


class Match(NamedTuple):
    """A saved search and an article that it finds."""

    search: SavedSearch
    article: EnrichedArticle


class _Prepared(NamedTuple):
    """A saved search, parsed and translated.

    `filtered` is None where it asks for names, which have to be spelled as in a batch.
    """

    search: SavedSearch
    needs: tuple[_Need, ...]
    base: list[Clause]
    filtered: list[Clause] | None


class Matcher:
    """Matches articles with saved searches, each of which is parsed and translated once."""

    def __init__(self) -> None:
        self._schema = schema()
        self._prepared: dict[str, _Prepared] = {}
        self._by_key: dict[str, list[_Prepared]] = {}
        self._always: list[_Prepared] = []

    def take(self, searches: Iterable[SavedSearch]) -> None:
        """These are the saved searches from now on."""
        before = self._prepared
        self._prepared = {}
        for search in searches:
            known = before.get(search.name)
            try:
                prepared = known if known and known.search == search else self._prepare(search)
            except (ConfigurationError, ValueError) as error:
                logger.warning("saved search %r: %s; skipped", search.name, error)
                continue
            self._prepared[search.name] = prepared
        by_key: defaultdict[str, list[_Prepared]] = defaultdict(list)
        self._always = []
        for prepared in self._prepared.values():
            if not prepared.needs:
                self._always.append(prepared)
                continue
            # One need is enough to look it up by: the one that is met least often, by its look.
            rarest = min(prepared.needs, key=lambda need: (len(need), -_length(need)))
            for key in {max(alternative, key=len) for alternative in rarest}:
                by_key[key].append(prepared)
        self._by_key = dict(by_key)

    def match(self, articles: Sequence[EnrichedArticle]) -> Iterator[Match]:
        """What these articles match; of several versions of one the newest counts.

        Which articles match does not depend on what they are in a batch with.
        """
        latest: dict[str, EnrichedArticle] = {}
        for article in articles:
            known = latest.get(article.id)
            if known is None or known.revision < article.revision:
                latest[article.id] = article
        shown = {id_hash(a.id): a for a in latest.values() if not a.withdrawn}
        if shown and self._prepared:
            yield from self._ask(shown)

    def _ask(self, shown: dict[int, EnrichedArticle]) -> Iterator[Match]:
        searcher = self._index(shown.values())
        keys = _keys(searcher)
        for prepared in self._candidates(keys):
            filtered = prepared.filtered
            if filtered is None:
                filtered = self._filters(prepared.search, searcher)
            query = tantivy.Query.boolean_query([*prepared.base, *filtered])
            found = searcher.search(query, len(shown), count=False, order_by_field="id_hash")
            for number, _ in found.hits:
                yield Match(prepared.search, shown[number])

    def _index(self, articles: Iterable[EnrichedArticle]) -> tantivy.Searcher:
        index = tantivy.Index(self._schema)
        index.register_tokenizer(ANALYZER, analyzer())
        writer = index.writer(HEAP_BYTES, 1)
        for article in articles:
            writer.add_document(document_of(article, None))
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        return index.searcher()

    def _candidates(self, keys: set[str]) -> Iterator[_Prepared]:
        yield from self._always
        seen: set[str] = set()
        for key in self._by_key.keys() & keys:
            for prepared in self._by_key[key]:
                if prepared.search.name not in seen:
                    seen.add(prepared.search.name)
                    if all(any(keys >= each for each in need) for need in prepared.needs):
                        yield prepared

    def _prepare(self, search: SavedSearch) -> _Prepared:
        text = parse_text(search.query)
        by_name = NAME_FACETS & search.filters.keys()
        return _Prepared(
            search,
            _needs(search, text),
            base_clauses(self._schema, search.asked, text),
            None if by_name else self._filters(search, None),
        )

    def _filters(self, search: SavedSearch, searcher: tantivy.Searcher | None) -> list[Clause]:
        def spellings(name: str) -> list[str]:
            assert searcher is not None
            found = searcher.terms_with_prefix("names", name + SUGGESTION_MARK)
            return [term.split(SUGGESTION_MARK)[1] for term, _ in found]

        return list(filter_clauses(self._schema, search.asked, spellings).values())


def reasons(match: Match) -> tuple[list[Highlight], dict[str, list[str]]]:
    """Why an article was found: where the words stand, and which of the labels asked for it has.

    With a ticker, a stated sentiment is told together with it, as in "EWJ:bullish".
    """
    search, article = match
    passages = highlight(parse_text(search.query), {"title": article.title, "text": article.text})
    has = facets(article)
    labels = {}
    for facet, (field, values) in selected(search.filters).items():
        wanted = {_key(field, value) for value in values}
        labels[facet] = [value for value in has[field] if _key(field, value) in wanted]
    return passages, labels


_NAME_FIELDS = {FACETS[facet] for facet in NAME_FACETS}


def _key(field: str, value: str) -> str:
    return f"{field}\0{value.lower() if field in _NAME_FIELDS else value}"


def _needs(search: SavedSearch, text: TextQuery) -> tuple[_Need, ...]:
    words = [tuple(frozenset(phrase.terms) for phrase in group) for group in text.groups]
    labels = [
        tuple(frozenset((_key(field, value),)) for value in values)
        for field, values in selected(search.filters).values()
    ]
    return tuple(labels + words)


def _length(need: _Need) -> int:
    """How long the shortest of a need's alternatives is: the longer, the rarer, by and large."""
    return min((max(map(len, alternative)) for alternative in need), default=0)


def _keys(searcher: tantivy.Searcher) -> set[str]:
    """What the articles of a batch have, all together."""
    keys = {
        term for field in ("title", "text") for term, _ in searcher.terms_with_prefix(field, "")
    }
    for field in (*FACETS.values(), "ticker_sentiments"):
        keys.update(_key(field, value) for value, _ in searcher.terms_with_prefix(field, ""))
    return keys

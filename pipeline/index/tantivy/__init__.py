"""The embedded index: Tantivy, in numbered folders and a pointer to the one in use."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import tantivy

from pipeline.errors import IndexDamaged
from pipeline.index import Bucket, FacetValue, Histogram, Hit, SearchResult, histogram
from pipeline.index.aggregations import by_time, terms, trend_answer, trend_request, values
from pipeline.index.document import SUGGESTION_MARK, Document
from pipeline.index.highlight import highlight
from pipeline.index.query import (
    FACETS,
    MAX_RESULTS,
    Query,
    TextQuery,
    page_after,
    page_size,
    page_start,
    parse_text,
    stated_of,
)
from pipeline.index.tantivy.folder import current, damaged, errors_named, open_folder
from pipeline.index.tantivy.translation import (
    Clause,
    any_of,
    any_query,
    base_clauses,
    filter_clauses,
    published,
    visible,
)
from pipeline.trends import Trend, Window

_decoder = msgspec.json.Decoder(Document)


class TantivyIndex:
    """Implements `pipeline.index.Index`; follows the pointer and every commit."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path: Path | None = None
        self._stamp: tuple[int, int] | None = None
        self._follow()

    def _follow(self) -> None:
        path = current(self._folder)
        try:
            self._open(path)
        except IndexDamaged:
            # The folder may have been removed since the pointer to it was read.
            if current(self._folder) == path:
                raise
            self._open(current(self._folder))

    def _open(self, path: Path) -> None:
        with errors_named(path):
            try:
                status = (path / "meta.json").stat()
            except FileNotFoundError:
                raise IndexDamaged(damaged(path, "it has no meta.json")) from None
            stamp = (status.st_ino, status.st_mtime_ns)
            if path == self._path and stamp == self._stamp:
                return
            if path != self._path:
                self._index = open_folder(path)
                self._index.config_reader("manual")
                self._schema = self._index.schema
            self._index.reload()
            self._searcher = self._index.searcher()
            self._path, self._stamp = path, stamp

    def search(self, query: Query) -> SearchResult:
        """See `Index.search`."""
        begun = time.perf_counter()
        offset = page_start(query)
        self._follow()
        text = parse_text(query.text)
        clauses = self._filter_clauses(query)
        base = base_clauses(self._schema, query, text)
        everything = tantivy.Query.boolean_query(base + list(clauses.values()))
        with errors_named(self._folder):
            total, hits = self._hits(everything, query, text, offset)
            counted, days = self._counts(query, base, clauses, everything)
            shown = self._histogram(everything, days)
        return SearchResult(
            total=total,
            took_ms=round((time.perf_counter() - begun) * 1000, 1),
            hits=hits,
            facets=counted,
            histogram=shown,
            next=page_after(offset, len(hits), total),
        )

    def get(self, article_id: str) -> Document | None:
        """See `Index.get`."""
        self._follow()
        with errors_named(self._folder):
            by_id = tantivy.Query.term_query(self._schema, "id", article_id)
            hits = self._searcher.search(by_id, 1, count=False).hits
            article = self._article(hits[0][1]) if hits else None
        return None if article is None or article.withdrawn else article

    def near_duplicates(self, article: Document, size: int = 20) -> list[Document]:
        """See `Index.near_duplicates`."""
        self._follow()
        group = [*self._visible(), (tantivy.Occur.Must, self._group_of(article))]
        others = [*group, (tantivy.Occur.MustNot, self._any_of("id", [article.id]))]
        with errors_named(self._folder):
            found = self._searcher.search(
                tantivy.Query.boolean_query(others),
                size,
                order_by_field="order",
                order=tantivy.Order.Asc,
            )
            return [self._article(address) for _, address in found.hits]

    def suggest(self, prefix: str, size: int = 10) -> list[FacetValue]:
        """See `Index.suggest`."""
        self._follow()
        with errors_named(self._folder):
            terms = self._searcher.terms_with_prefix(
                "names", prefix.lower(), self._visible()[0][1], limit=1_000
            )
        terms.sort(key=lambda term: (-term[1], term[0]))
        return [FacetValue(name.split(SUGGESTION_MARK)[1], count) for name, count in terms[:size]]

    def trends(self, window: Window, symbols: Sequence[str], size: int = 10) -> list[Trend]:
        """See `Index.trends`."""
        self._follow()
        published = [*self._visible(), self._published(window.start, window.end)]
        with errors_named(self._folder):
            everything = tantivy.Query.boolean_query(published)
            if not symbols and size:
                answer = self._searcher.aggregate(everything, {"symbols": terms("symbols", size)})
                symbols = [value.value for value in values(answer["symbols"]["buckets"], size)]
            return [self._trend(window, symbol, published) for symbol in symbols]

    def _trend(self, window: Window, symbol: str, published: list[Clause]) -> Trend:
        of_symbol = (tantivy.Occur.Must, self._any_of("symbols", [symbol]))
        query = tantivy.Query.boolean_query([*published, of_symbol])
        answer = self._searcher.aggregate(query, trend_request(symbol, "score"))
        return trend_answer(symbol, window, self._total(query), answer)

    def count(self) -> int:
        """See `Index.count`."""
        self._follow()
        return self._total(tantivy.Query.boolean_query(self._visible()))

    def _visible(self) -> list[Clause]:
        return visible(self._schema)

    def _published(self, since: datetime, until: datetime) -> Clause:
        return published(self._schema, since, until)

    def _filter_clauses(self, query: Query, without: str = "") -> dict[str, Clause]:
        return filter_clauses(self._schema, query, self._spellings, without)

    def _any_of(self, field: str, values: Sequence[str]) -> tantivy.Query:
        return any_of(self._schema, field, values)

    def _spellings(self, name: str) -> list[str]:
        found = self._searcher.terms_with_prefix("names", name + SUGGESTION_MARK)
        return [term.split(SUGGESTION_MARK)[1] for term, _ in found]

    def _hits(
        self, everything: tantivy.Query, query: Query, text: TextQuery, offset: int
    ) -> tuple[int, list[Hit]]:
        size = page_size(query)
        ranked = query.sort == "relevance" and bool(text.groups)
        by_date: dict[str, Any] = {
            "order_by_field": "order",
            "order": tantivy.Order.Asc if query.sort == "oldest" else tantivy.Order.Desc,
        }
        order = {} if ranked else by_date
        if query.collapse:
            total, shown = self._one_of_each(everything, offset, size, order)
        else:
            found = self._searcher.search(everything, max(size, 1), offset=offset, **order)
            total, shown = found.count, found.hits[:size]  # type: ignore[attr-defined]
        hits = []
        for score, address in shown:
            article = self._article(address)
            fields = {"title": article.title, "text": article.text}
            hits.append(
                Hit(
                    id=article.id,
                    score=score if ranked else None,
                    duplicates=self._left_out(everything, article) if query.collapse else None,
                    highlights=highlight(text, fields),
                    article=article,
                )
            )
        return total, hits

    def _one_of_each(
        self, everything: tantivy.Query, offset: int, size: int, order: Mapping[str, Any]
    ) -> tuple[int, Sequence[tuple[Any, tantivy.DocAddress]]]:
        """How many groups of near-duplicates there are, and the first hit of those of a page.

        Hits are looked at from the first one on, four times as many each time, until there is one
        of each group up to the end of the page.
        """
        end = offset + size
        looked = max(end, 1)
        while True:
            found = self._searcher.search(everything, looked, **order)
            addresses = [address for _, address in found.hits]
            groups = self._searcher.fast_field_values("group", addresses)
            first: dict[float | None, int] = {}
            for place, group in enumerate(groups):
                first.setdefault(group, place)
            is_all = len(found.hits) == found.count  # type: ignore[attr-defined]
            if is_all or len(first) >= end:
                break
            looked *= 4
        total = len(first) if is_all else self._groups(everything)
        return total, [found.hits[place] for place in list(first.values())[offset:end]]

    def _groups(self, everything: tantivy.Query) -> int:
        """How many groups of near-duplicates there are; estimated where it is over MAX_RESULTS."""
        counted = {"groups": {"terms": {"field": "group", "size": MAX_RESULTS + 1}}}
        found = len(self._searcher.aggregate(everything, counted)["groups"]["buckets"])
        if found <= MAX_RESULTS:
            return found
        return max(found, round(self._searcher.cardinality(everything, "group")))

    def _left_out(self, everything: tantivy.Query, article: Document) -> int:
        """How many more of an article's near-duplicates there are."""
        must = tantivy.Occur.Must
        group = self._group_of(article)
        return self._total(tantivy.Query.boolean_query([(must, everything), (must, group)])) - 1

    def _group_of(self, article: Document) -> tantivy.Query:
        """An article and its near-duplicates."""
        head = article.duplicate_of or article.id
        return any_query([self._any_of("id", [head]), self._any_of("duplicate_of", [head])])

    def _article(self, address: tantivy.DocAddress) -> Document:
        stored = self._searcher.doc(address).get_first("article")
        assert stored is not None
        return _decoder.decode(stored)

    def _counts(
        self,
        query: Query,
        base: list[Clause],
        clauses: Mapping[str, Clause],
        everything: tantivy.Query,
    ) -> tuple[dict[str, list[FacetValue]], dict[int, int]]:
        """The facets, each counted without its own filter, and the hits by day."""
        free = {name: terms(FACETS[name]) for name in FACETS if name not in clauses}
        answer = self._searcher.aggregate(everything, free | {"days": _over_time(histogram.DAY)})
        days = by_time(answer.pop("days")["buckets"])
        for name in clauses:
            others = base + list(self._filter_clauses(query, name).values())
            counted = tantivy.Query.boolean_query(others)
            answer |= self._searcher.aggregate(counted, {name: terms(FACETS[name])})
        facets = {name: values(answer[name]["buckets"]) for name in FACETS}
        if tickers := query.filters.get("ticker"):
            facets["stated_sentiment"] = self._stated(query, base, tickers)
        return facets, days

    def _stated(self, query: Query, base: list[Clause], tickers: Sequence[str]) -> list[FacetValue]:
        """How many articles state each level of one of the tickers, not of any other."""
        others = base + list(self._filter_clauses(query, "stated_sentiment").values())
        counts = []
        for level, stated in stated_of(tickers).items():
            of_level = (tantivy.Occur.Must, self._any_of("ticker_sentiments", stated))
            both = tantivy.Query.boolean_query([*others, of_level])
            counts.append({"key": level, "doc_count": self._total(both)})
        return values(counts)

    def _total(self, query: tantivy.Query) -> int:
        return self._searcher.search(query, 1).count  # type: ignore[attr-defined,no-any-return]

    def _histogram(self, everything: tantivy.Query, days: Mapping[int, int]) -> Histogram:
        if histogram.wants_hours(days):
            answer = self._searcher.aggregate(everything, {"hours": _over_time(histogram.HOUR)})
            name, counts = (
                "1h",
                histogram.label(by_time(answer["hours"]["buckets"]), histogram.HOUR),
            )
        else:
            name, counts = histogram.merge(days)
        return Histogram(name, [Bucket(start, count) for start, count in counts])


def _over_time(width: int) -> dict[str, Any]:
    return {"histogram": {"field": "published", "interval": width, "min_doc_count": 1}}

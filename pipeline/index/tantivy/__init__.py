"""The embedded index: Tantivy, in numbered folders and a pointer to the one in use."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
import tantivy

from pipeline.article import milliseconds
from pipeline.errors import IndexDamaged
from pipeline.index import Aged, Bucket, FacetValue, Histogram, Hit, Page, SearchResult, histogram
from pipeline.index.aggregations import by_time, terms, trend_answer, trend_request, values
from pipeline.index.document import SUGGESTION_MARK, Document
from pipeline.index.highlight import highlight
from pipeline.index.query import (
    FACETS,
    MAX_RESULTS,
    MOST_HALF_LIVES,
    Query,
    Recency,
    TextQuery,
    is_ranked,
    page_after,
    page_behind,
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
    between,
    filter_clauses,
    published,
    visible,
)
from pipeline.trends import Trend, Window

STEP, STEPS = 0.5, 16
"""Half-lives by which scores fade at once before they are worked out, and how many such steps."""

LOOKED_AT = 1_000
"""Hits that are looked at at once for a score that fades: as cheap as a few."""

_decoder = msgspec.json.Decoder(Document)
_Part = TypeVar("_Part")


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
            chosen = self._chosen(everything, query, text, offset)
            hits = self._hits(everything, query, text, chosen)
            total = chosen.total if chosen.total is not None else self._groups(everything)
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

    def page(self, query: Query) -> Page:
        """See `Index.page`."""
        offset = page_start(query)
        self._follow()
        text = parse_text(query.text)
        clauses = base_clauses(self._schema, query, text)
        clauses += self._filter_clauses(query).values()
        with errors_named(self._folder):
            chosen = self._chosen(tantivy.Query.boolean_query(clauses), query, text, offset)
            articles = [self._article(address) for _, address in chosen.hits]
        return Page(articles, page_behind(query, len(articles)))

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

    def older_than(self, moment: datetime) -> Iterator[Aged]:
        """See `Index.older_than`."""
        self._follow()
        searcher = self._searcher  # what is committed meanwhile changes nothing of the answer
        undated = (tantivy.Occur.MustNot, tantivy.Query.exists_query("published"))
        for clause in (self._published(None, moment), undated):
            query = tantivy.Query.boolean_query([*self._visible(), clause])
            with errors_named(self._folder):
                hits = searcher.search(query, max(searcher.num_docs, 1)).hits
            for _, address in hits:
                with errors_named(self._folder):
                    article = self._article(address, searcher)
                if article.published_at or article.ingested_at < moment:
                    yield Aged(article.id, article.source, article.ingested_at)

    def _visible(self) -> list[Clause]:
        return visible(self._schema)

    def _published(self, since: datetime | None, until: datetime | None) -> Clause:
        return published(self._schema, since, until)

    def _between(self, first: int | None, end: int | None) -> tantivy.Query:
        return between(self._schema, first, end)

    def _filter_clauses(self, query: Query, without: str = "") -> dict[str, Clause]:
        return filter_clauses(self._schema, query, self._spellings, without)

    def _any_of(self, field: str, values: Sequence[str]) -> tantivy.Query:
        return any_of(self._schema, field, values)

    def _spellings(self, name: str) -> list[str]:
        found = self._searcher.terms_with_prefix("names", name + SUGGESTION_MARK)
        return [term.split(SUGGESTION_MARK)[1] for term, _ in found]

    def _chosen(
        self, everything: tantivy.Query, query: Query, text: TextQuery, offset: int
    ) -> _Chosen:
        """The hits of a page."""
        size = page_size(query)
        ranked = is_ranked(query, text)
        by_date: dict[str, Any] = {
            "order_by_field": "order",
            "order": tantivy.Order.Asc if query.sort == "oldest" else tantivy.Order.Desc,
        }
        end = offset + size
        first, looked = partial(self._first, everything, **({} if ranked else by_date)), max(end, 1)
        if ranked and query.recency:
            first, looked = partial(self._faded, everything, query.recency), max(end, LOOKED_AT)
        if not query.collapse:
            found, hits = _until(first, looked, end, lambda found: found.hits)
            return _Chosen(hits[offset:end], found.total, None)
        found, groups = _until(first, looked, end, self._by_group)
        shown = [found.hits[places[0]] for places in groups[offset:end]]
        if not found.is_all:
            return _Chosen(shown, None, None)
        # Where all was looked at, nothing need be counted for each hit.
        left_out = [len(places) - 1 for places in groups[offset:end]]
        return _Chosen(shown, len(groups), left_out)

    def _hits(
        self, everything: tantivy.Query, query: Query, text: TextQuery, chosen: _Chosen
    ) -> list[Hit]:
        """The hits of a page as they are shown."""
        ranked = is_ranked(query, text)
        hits = []
        for place, (score, address) in enumerate(chosen.hits):
            article = self._article(address)
            duplicates = None
            if query.collapse:
                counted = chosen.left_out
                duplicates = counted[place] if counted else self._left_out(everything, article)
            fields = {"title": article.title, "text": article.text}
            hits.append(
                Hit(
                    id=article.id,
                    score=score if ranked else None,
                    duplicates=duplicates,
                    highlights=highlight(text, fields),
                    article=article,
                )
            )
        return hits

    def _first(self, everything: tantivy.Query, looked: int, **order: Any) -> _Ranked:
        """The first `looked` hits by relevance, or in an order."""
        found = self._searcher.search(everything, looked, **order)
        count: int = found.count  # type: ignore[attr-defined]
        return _Ranked(found.hits, count, is_all=len(found.hits) == count)

    def _faded(self, everything: tantivy.Query, recency: Recency, looked: int) -> _Ranked:
        """The first hits by a score that fades, of those that come first by what it is at most.

        What is not looked at can't come before a hit whose score is at least what the last one's
        can be (R. Fagin et al., "Optimal aggregation algorithms for middleware", 2003).
        """
        begin = milliseconds(recency.reference)
        width = recency.half_life // timedelta(milliseconds=1)
        ends = [begin - round(step * STEP * width) for step in range(1, STEPS + 1)]
        bounds = [-end for end in ends]
        found = self._first(self._stepwise(everything, ends), looked)
        published = self._searcher.fast_field_values(
            "published", [address for _, address in found.hits]
        )
        faded = []
        for (score, address), moment in zip(found.hits, published, strict=True):
            age = MOST_HALF_LIVES if moment is None else (begin - moment) / width
            age = min(max(age, 0.0), MOST_HALF_LIVES)
            step = STEPS if moment is None else bisect_left(bounds, -moment)
            faded.append((score * 0.5 ** (age - step * STEP), address))
        faded.sort(key=lambda hit: -hit[0])
        if not found.is_all:
            last = found.hits[-1][0]
            faded = [hit for hit in faded if hit[0] >= last]
        return _Ranked(faded, found.total, found.is_all)

    def _stepwise(self, everything: tantivy.Query, ends: Sequence[int]) -> tantivy.Query:
        """What is found, with scores that fade by steps: never below what they are to be."""
        bounds = zip(ends, [None, *ends], strict=False)
        parts = []
        for step, (since, until) in enumerate(bounds):
            of_step = tantivy.Query.boolean_query(
                [
                    (tantivy.Occur.Must, everything),
                    (tantivy.Occur.Must, self._between(since, until)),
                ]
            )
            parts.append(tantivy.Query.boost_query(of_step, 0.5 ** (step * STEP)))
        # The rest is older, or has no date.
        rest = tantivy.Query.boolean_query(
            [
                (tantivy.Occur.Must, everything),
                (tantivy.Occur.MustNot, self._between(ends[-1], None)),
            ]
        )
        return any_query([*parts, tantivy.Query.boost_query(rest, 0.5 ** (STEPS * STEP))])

    def _by_group(self, found: _Ranked) -> list[list[int]]:
        """Where the hits of each group of near-duplicates stand, the groups in order."""
        groups = self._searcher.fast_field_values("group", [address for _, address in found.hits])
        places: dict[float | None, list[int]] = {}
        for place, group in enumerate(groups):
            places.setdefault(group, []).append(place)
        return list(places.values())

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

    def _article(
        self, address: tantivy.DocAddress, searcher: tantivy.Searcher | None = None
    ) -> Document:
        stored = (searcher or self._searcher).doc(address).get_first("article")
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


class _Ranked(NamedTuple):
    """The first hits of a search with what they are ranked by, and how many there are in all."""

    hits: Sequence[tuple[Any, tantivy.DocAddress]]
    total: int
    is_all: bool


class _Chosen(NamedTuple):
    """The hits of a page.

    Attributes:
        hits: with what they are ranked by.
        total: how many there are in all; None where they are groups that nobody has counted.
        left_out: of each group how many more there are; None where nobody has counted.
    """

    hits: Sequence[tuple[Any, tantivy.DocAddress]]
    total: int | None
    left_out: Sequence[int] | None


def _until(
    first: Callable[[int], _Ranked],
    looked: int,
    end: int,
    parts_of: Callable[[_Ranked], Sequence[_Part]],
) -> tuple[_Ranked, Sequence[_Part]]:
    """Looks at the first hits, at four times as many each time, until they have `end` parts."""
    while True:
        found = first(looked)
        parts = parts_of(found)
        if len(parts) >= end or found.is_all:
            return found, parts
        looked *= 4


def _over_time(width: int) -> dict[str, Any]:
    return {"histogram": {"field": "published", "interval": width, "min_doc_count": 1}}

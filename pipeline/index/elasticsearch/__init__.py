"""The distributed index: Elasticsearch, behind an alias."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import elasticsearch
import msgspec
from elasticsearch import Elasticsearch

from pipeline.article import milliseconds
from pipeline.index import Aged, Bucket, FacetValue, Histogram, Hit, Page, SearchResult, histogram
from pipeline.index.aggregations import by_time, terms, trend_answer, trend_request, values
from pipeline.index.document import Document
from pipeline.index.elasticsearch.client import ALIAS, errors_named
from pipeline.index.elasticsearch.document import FIELDS, PATHS, decode
from pipeline.index.highlight import highlight
from pipeline.index.query import (
    MOST_HALF_LIVES,
    NAME_FACETS,
    TITLE_BOOST,
    Phrase,
    Query,
    Recency,
    TextQuery,
    is_ranked,
    page_after,
    page_behind,
    page_size,
    page_start,
    parse_text,
    selected,
    stated_of,
)
from pipeline.trends import Trend, Window

SEARCH_TIMEOUT = "10s"
"""After so long the servers give a search up: whoever asked does not wait for it any more."""

_Clause = dict[str, Any]
_WITHDRAWN: _Clause = {"term": {"withdrawn": True}}
_VISIBLE: _Clause = {"bool": {"must_not": [_WITHDRAWN]}}
"""Where nothing is withdrawn the servers make it a query for everything, which costs nothing."""

_ANY_CASE = {facet: f"{FIELDS[facet]}.any_case" for facet in NAME_FACETS}
_SEARCHED_ONLY = ["order", "stated_sentiments", "duplicate_group"]


class ElasticsearchIndex:
    """Implements `pipeline.index.Index` for what is behind `alias`.

    Every method raises IndexUnavailable while the servers do not answer, and ConfigurationError
    when there is no such alias.
    """

    def __init__(self, client: Elasticsearch, alias: str = ALIAS) -> None:
        self._client = client
        self._alias = alias

    def search(self, query: Query) -> SearchResult:
        """See `Index.search`."""
        begun = time.perf_counter()
        offset = page_start(query)
        text = parse_text(query.text)
        filters = _filters(query)
        matching = _matching(query, text)
        # Asked apart, the first hits need not be counted, and what is counted needs no scores: the
        # servers leave out what can't be among the first, and keep the counts. They do all three at
        # a time; to count people and organizations takes them about as long as all the rest.
        page = _page(query, text, matching, filters)
        if query.collapse:
            page["collapse"]["inner_hits"] = {"name": "group", "size": 0}
        facets = _facets(query)
        names = {name: facets.pop(name) for name in ("person", "organization")}
        rest = facets | _over_time(filters, "1d")
        if query.collapse:
            rest |= _filtered("groups", _NUMBER_OF_GROUPS, filters)
        found, answer, of_names = self._ask_all(
            page,
            {
                **_counting(matching, rest),
                # Filters come after the query, so that each facet can be counted without its own.
                **({"post_filter": _all_of(filters.values())} if filters else {}),
                "track_total_hits": True,
            },
            _counting(matching, names),
            preference=_copies_for(query),
        )
        hits = [_hit(hit, text) for hit in found["hits"]["hits"]]
        counted = answer["aggregations"] | of_names["aggregations"]
        total: int = answer["hits"]["total"]["value"]
        exact = True
        if query.collapse:
            total = _inner(counted, "groups")["value"]
            exact = total <= _EXACT_GROUPS
        return SearchResult(
            total=total,
            took_ms=round((time.perf_counter() - begun) * 1000, 1),
            hits=hits,
            facets={name: values(_buckets(_inner(counted, name))) for name in FIELDS},
            histogram=self._histogram(_times(counted), matching, filters),
            next=page_after(offset, len(hits), total) if exact else page_behind(query, len(hits)),
        )

    def page(self, query: Query) -> Page:
        """See `Index.page`."""
        text = parse_text(query.text)
        asked = _page(query, text, _matching(query, text), _filters(query))
        (answer,) = self._ask_all(asked, preference=_copies_for(query))
        articles = _articles(answer)
        return Page(articles, page_behind(query, len(articles)))

    def get(self, article_id: str) -> Document | None:
        """See `Index.get`."""
        with errors_named(self._client, self._alias):
            try:
                found = self._client.get(
                    index=self._alias, id=article_id, source_excludes=_SEARCHED_ONLY
                )
            except elasticsearch.NotFoundError as error:
                if "found" not in error.body:  # then it is the index that is not there
                    raise
                return None
        article = decode(found["_source"])
        return None if article.withdrawn else article

    def near_duplicates(self, article: Document, size: int = 20) -> list[Document]:
        """See `Index.near_duplicates`."""
        group = {"term": {"duplicate_group": article.duplicate_of or article.id}}
        answer = self._ask(
            query={"bool": {"filter": [_VISIBLE, group], "must_not": {"term": {"id": article.id}}}},
            size=size,
            sort=_sort(Query(sort="oldest"), ranked=False),
            _source={"excludes": _SEARCHED_ONLY},
        )
        return _articles(answer)

    def suggest(self, prefix: str, size: int = 10) -> list[FacetValue]:
        """See `Index.suggest`."""
        pattern = "".join(map(_in_any_case, prefix.lower())) + ".*"
        if len(pattern) > _MAX_PATTERN or size < 1:
            return []
        begins: list[_Clause] = [{"regexp": {field: pattern}} for field in NAMES]
        answer = self._ask(
            query={"bool": {"filter": [_VISIBLE, _any_of(begins)]}},
            aggs={
                field: {"terms": {"field": field, "include": pattern, "size": _NAMES_ASKED + size}}
                for field in NAMES
            },
            size=0,
        )
        found = [
            (bucket["key"], bucket["doc_count"])
            for field in NAMES
            for bucket in answer["aggregations"][field]["buckets"]
        ]
        counts: dict[str, int] = {}
        for name, count in found:
            counts[name] = counts.get(name, 0) + count
        fields = Counter(name for name, _ in found)
        first = sorted(counts, key=lambda name: (-counts[name], name.lower(), name))[: 2 * size]
        counts |= self._articles_with([name for name in first if fields[name] > 1])
        first.sort(key=lambda name: (-counts[name], name.lower(), name))
        return [FacetValue(name, counts[name]) for name in first[:size]]

    def _articles_with(self, names: Sequence[str]) -> dict[str, int]:
        """How many articles have a name in whichever field: an article may have it in several."""
        if not names:
            return {}
        filters = {
            f"{number}": _any_of({"term": {field: name}} for field in NAMES)
            for number, name in enumerate(names)
        }
        answer = self._ask(
            query=_VISIBLE, aggs={"names": {"filters": {"filters": filters}}}, size=0
        )
        buckets = answer["aggregations"]["names"]["buckets"]
        return {name: buckets[f"{number}"]["doc_count"] for number, name in enumerate(names)}

    def trends(self, window: Window, symbols: Sequence[str], size: int = 10) -> list[Trend]:
        """See `Index.trends`."""
        published = [_VISIBLE, _published(window.start, window.end)]
        if not symbols and size:
            answer = self._ask(
                query=_all_of(published), aggs={"symbols": terms("symbols", size)}, size=0
            )
            found = values(answer["aggregations"]["symbols"]["buckets"], size)
            symbols = [value.value for value in found]
        answers = self._ask_all(
            *(
                {
                    "query": _all_of([*published, {"term": {"symbols": symbol}}]),
                    "aggs": trend_request(symbol, "sentiment.score"),
                    "size": 0,
                    "track_total_hits": True,
                }
                for symbol in symbols
            )
        )
        return [
            trend_answer(symbol, window, answer["hits"]["total"]["value"], answer["aggregations"])
            for symbol, answer in zip(symbols, answers, strict=True)
        ]

    def older_than(self, moment: datetime) -> Iterator[Aged]:
        """See `Index.older_than`."""
        came = {"range": {"ingested_at": {"lt": milliseconds(moment), "format": "epoch_millis"}}}
        undated = _none_of({"exists": {"field": "published_at"}})
        aged = _any_of([_published(None, moment), {"bool": {"filter": [undated, came]}}])
        after: dict[str, Any] = {}
        while True:
            # By id: what goes from the index meanwhile leaves no gap in what comes behind it.
            answer = self._ask(
                query=_all_of([_VISIBLE, aged]),
                sort=[{"id": "asc"}],
                size=_AGED,
                _source=list(Aged.__struct_fields__),
                **after,
            )
            hits = answer["hits"]["hits"]
            for hit in hits:
                yield msgspec.convert(hit["_source"], Aged)
            if len(hits) < _AGED:
                return
            after = {"search_after": hits[-1]["sort"]}

    def count(self) -> int:
        """See `Index.count`."""
        answer = self._ask(query=_VISIBLE, size=0)
        total: int = answer["hits"]["total"]["value"]
        return total

    def _histogram(
        self, days: Mapping[int, int], matching: _Clause, filters: Mapping[str, _Clause]
    ) -> Histogram:
        if histogram.wants_hours(days):
            answer = self._ask(**_counting(matching, _over_time(filters, "1h")))
            hours = _times(answer["aggregations"])
            name, counts = "1h", histogram.label(hours, histogram.HOUR)
        else:
            name, counts = histogram.merge(days)
        return Histogram(name, [Bucket(start, count) for start, count in counts])

    def _ask(self, **body: Any) -> Any:
        """The answer to one search, with the number of all that it finds."""
        return self._ask_all({"track_total_hits": True, **body})[0]

    def _ask_all(self, *bodies: _Clause, preference: str | None = None) -> list[Any]:
        """The answers to searches that are asked together."""
        if not bodies:
            return []
        # Some of the results would look like all of them.
        header = {"index": self._alias, "allow_partial_search_results": False}
        if preference:
            header["preference"] = preference
        searches = [
            part for body in bodies for part in (header, {"timeout": SEARCH_TIMEOUT, **body})
        ]
        with errors_named(self._client, self._alias):
            answer = self._client.msearch(searches=searches)
            for each in answer["responses"]:
                if "error" in each:
                    meta = dataclasses.replace(answer.meta, status=each["status"])
                    raise elasticsearch.ApiError("a search failed", meta, each)
        answers: list[Any] = answer["responses"]
        return answers


NAMES = ("symbols", "people", "organizations", "places")
"""The fields that suggestions come from."""

_NAMES_ASKED = 1_000
"""Of equally frequent names so many are ordered as people do, in whatever case."""

_AGED = 1_000
"""How many old articles are asked for at a time."""

_MAX_PATTERN = 1_000
"""The longest regular expression that Elasticsearch takes (index.max_regex_length)."""


def _in_any_case(letter: str) -> str:
    """A pattern for a lower-case letter and its capital."""
    forms = {form for form in (letter, letter.upper(), letter.title()) if len(form) == 1}
    if len(forms) > 1:
        return f"[{''.join(sorted(forms))}]"
    return letter if letter.isascii() and letter.isalnum() else f"\\{letter}"


def _copies_for(query: Query) -> str:
    """The same words are answered by the same copies, so that pages fit each other."""
    return blake2b(query.text.encode(errors="replace"), digest_size=8).hexdigest()


def _matching(query: Query, text: TextQuery) -> _Clause:
    clauses: dict[str, list[_Clause]] = {
        "filter": [],
        "must": [_any_of(map(_phrase, group)) for group in text.groups],
        "must_not": [_WITHDRAWN, *map(_phrase, text.without)],
    }
    if query.since or query.until:
        clauses["filter"].append(_published(query.since, query.until))
    if text.is_empty and query.text.strip():
        # Nothing of it can be searched for: an answer with everything would be a wrong one.
        clauses["filter"].append({"match_none": {}})
    return clauses


def _faded(matching: _Clause, recency: Recency | None) -> _Clause:
    """What matches, with the score of older articles lowered."""
    if recency is None:
        return {"bool": matching}
    width, end = recency.half_life // timedelta(milliseconds=1), milliseconds(recency.reference)
    begin = end - MOST_HALF_LIVES * width

    def published(**bounds: int) -> _Clause:
        return {"range": {"published_at": {**bounds, "format": "epoch_millis"}}}

    exp = {"published_at": {"origin": f"{end}", "scale": f"{width}ms", "decay": 0.5}}
    functions = [
        # No function is for younger ones: their score stays.
        {"filter": published(gte=begin, lt=end), "exp": exp},
        {"filter": _none_of(published(gte=begin)), "weight": 0.5**MOST_HALF_LIVES},
    ]
    return {"function_score": {"query": {"bool": matching}, "functions": functions}}


def _published(since: datetime | None, until: datetime | None) -> _Clause:
    bounds = {"gte": since, "lt": until}
    published = {name: milliseconds(bound) for name, bound in bounds.items() if bound}
    return {"range": {"published_at": {**published, "format": "epoch_millis"}}}


def _phrase(phrase: Phrase) -> _Clause:
    """A phrase in title or text, as it was typed: the server makes the same terms of both sides.

    With another release of its stemmer, too, a word is then found by itself.
    """
    return _any_of(
        {"match_phrase": {field: {"query": phrase.text, "boost": boost}}}
        for field, boost in (("title", TITLE_BOOST), ("text", 1.0))
    )


def _any_of(clauses: Iterable[_Clause]) -> _Clause:
    return {"bool": {"should": list(clauses), "minimum_should_match": 1}}


def _none_of(*clauses: _Clause) -> _Clause:
    return {"bool": {"must_not": list(clauses)}}


def _all_of(clauses: Iterable[_Clause]) -> _Clause:
    return {"bool": {"filter": list(clauses)}}


def _filters(query: Query, without: str = "") -> dict[str, _Clause]:
    return {
        facet: {"terms": {_ANY_CASE.get(facet) or PATHS.get(field, field): chosen}}
        for facet, (field, chosen) in selected(query.filters, without).items()
    }


def _page(
    query: Query, text: TextQuery, matching: _Clause, filters: Mapping[str, _Clause]
) -> _Clause:
    """Asks for the hits of a page."""
    ranked = is_ranked(query, text)
    found = _filtered_by(matching, filters)
    page: _Clause = {
        "query": _faded(found, query.recency) if ranked else _all_of([{"bool": found}]),
        "from": page_start(query),
        "size": page_size(query),
        "sort": _sort(query, ranked=ranked),
        "_source": {"excludes": _SEARCHED_ONLY},
        "track_total_hits": False,
    }
    if query.collapse:
        page["collapse"] = {"field": "duplicate_group"}
    return page


def _filtered_by(matching: _Clause, filters: Mapping[str, _Clause]) -> _Clause:
    return {**matching, "filter": [*matching["filter"], *filters.values()]}


def _counting(matching: _Clause, counts: Mapping[str, _Clause]) -> _Clause:
    """Asks for counts alone."""
    return {
        "query": _all_of([{"bool": matching}]),
        "aggs": counts,
        "size": 0,
        "track_total_hits": False,
    }


def _facets(query: Query) -> dict[str, _Clause]:
    """Each facet, counted without its own filter."""
    tickers = query.filters.get("ticker")
    facets: dict[str, _Clause] = {}
    for name, field in FIELDS.items():
        counted = terms(field)
        if name == "stated_sentiment" and tickers:
            levels = stated_of(tickers).items()
            counted = {
                "filters": {
                    "filters": {
                        level: {"terms": {"ticker_sentiments": stated}} for level, stated in levels
                    }
                }
            }
        facets |= _filtered(name, counted, _filters(query, name))
    return facets


def _filtered(name: str, counted: _Clause, filters: Mapping[str, _Clause]) -> dict[str, _Clause]:
    """Counts only what passes the filters, if there are any."""
    if not filters:
        return {name: counted}
    return {name: {"filter": _all_of(filters.values()), "aggs": {name: counted}}}


def _inner(answer: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The answer to what `_filtered` asked."""
    found: Mapping[str, Any] = answer[name]
    inner: Mapping[str, Any] = found.get(name, found)
    return inner


def _buckets(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The buckets of an aggregation, also of one that names them."""
    buckets = answer["buckets"]
    if isinstance(buckets, dict):
        return [{"key": key, **bucket} for key, bucket in buckets.items()]
    found: list[dict[str, Any]] = buckets
    return found


def _over_time(filters: Mapping[str, _Clause], width: str) -> dict[str, _Clause]:
    by_width = {"field": "published_at", "fixed_interval": width, "min_doc_count": 1}
    return _filtered(_TIMES, {"date_histogram": by_width}, filters)


def _times(answer: Mapping[str, Any]) -> dict[int, int]:
    """The answer to `_over_time`."""
    return by_time(_inner(answer, _TIMES)["buckets"])


def _sort(query: Query, *, ranked: bool) -> list[_Clause]:
    direction = "asc" if query.sort == "oldest" else "desc"
    by_date: list[_Clause] = [
        {"order": {"order": direction, "missing": "_last"}},
        {"id": {"order": "asc"}},
    ]
    return [{"_score": {"order": "desc"}}, *by_date] if ranked else by_date


_NUMBER_OF_GROUPS: _Clause = {
    # The most that it takes: up to so many it is off by one or two, beyond by a thousandth.
    "cardinality": {"field": "duplicate_group", "precision_threshold": 40_000}
}
_EXACT_GROUPS = 300
"""Up to so many groups it is off in one search of a thousand: hashes of 25 bits are counted."""

_TIMES = "times"
"""The name of what is counted over time."""


def _left_out(found: Mapping[str, Any]) -> int | None:
    """How many near-duplicates of a hit were found beside it, where one of each is shown."""
    if "inner_hits" not in found:
        return None
    return int(found["inner_hits"]["group"]["hits"]["total"]["value"]) - 1


def _articles(answer: Mapping[str, Any]) -> list[Document]:
    return [decode(found["_source"]) for found in answer["hits"]["hits"]]


def _hit(found: Mapping[str, Any], text: TextQuery) -> Hit:
    article = decode(found["_source"])
    return Hit(
        id=article.id,
        score=found["_score"],
        duplicates=_left_out(found),
        highlights=highlight(text, {"title": article.title, "text": article.text}),
        article=article,
    )

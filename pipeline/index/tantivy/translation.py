"""A query of ours as one of Tantivy's: which articles it finds, whatever index they are in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import tantivy

from pipeline.article import milliseconds
from pipeline.index.query import NAME_FACETS, TITLE_BOOST, Query, TextQuery, selected

Clause = tuple[tantivy.Occur, tantivy.Query]

Spellings = Callable[[str], Iterable[str]]
"""Gives for a name in lower case all ways, by case, in which an index's documents have it."""


def visible(schema: tantivy.Schema) -> list[Clause]:
    """What no withdrawn article passes."""
    shown = tantivy.Query.term_query(schema, "withdrawn", False)
    return [(tantivy.Occur.Must, tantivy.Query.const_score_query(shown, 0.0))]


def base_clauses(schema: tantivy.Schema, query: Query, text: TextQuery) -> list[Clause]:
    """All of a query but its filters; `text` is its text, parsed."""
    clauses = visible(schema)
    if text.is_empty and query.text.strip():
        # Nothing of it can be searched for: an answer with everything would be a wrong one.
        clauses.append((tantivy.Occur.Must, tantivy.Query.empty_query()))
    for group in text.groups:
        phrases = [_phrase(schema, phrase.terms) for phrase in group]
        clauses.append((tantivy.Occur.Must, any_query(phrases)))
    clauses += [(tantivy.Occur.MustNot, _phrase(schema, phrase.terms)) for phrase in text.without]
    if query.since or query.until:
        clauses.append(published(schema, query.since, query.until))
    return clauses


def filter_clauses(
    schema: tantivy.Schema, query: Query, spellings: Spellings, without: str = ""
) -> dict[str, Clause]:
    """What each filter of a query asks for, but that of the facet `without`."""
    return {
        facet: (
            tantivy.Occur.Must,
            any_of(schema, field, _as_written(facet, values, spellings)),
        )
        for facet, (field, values) in selected(query.filters, without).items()
    }


def published(schema: tantivy.Schema, since: datetime | None, until: datetime | None) -> Clause:
    """That an article was published from `since` on and before `until`."""
    within = tantivy.Query.range_query(
        schema,
        "published",
        tantivy.FieldType.Integer,
        milliseconds(since) if since else None,
        milliseconds(until) - 1 if until else None,
    )
    return (tantivy.Occur.Must, tantivy.Query.const_score_query(within, 0.0))


def any_of(schema: tantivy.Schema, field: str, values: Sequence[str]) -> tantivy.Query:
    """That a field has one of these values."""
    terms = tantivy.Query.term_set_query(schema, field, values)
    return tantivy.Query.const_score_query(terms, 0.0)


def any_query(queries: Sequence[tantivy.Query]) -> tantivy.Query:
    """What one of these queries finds."""
    return tantivy.Query.boolean_query([(tantivy.Occur.Should, query) for query in queries])


def _phrase(schema: tantivy.Schema, terms: Sequence[str]) -> tantivy.Query:
    def of(field: str) -> tantivy.Query:
        if len(terms) == 1:
            # "freq": a term's frequency is what BM25 needs; its positions are not.
            return tantivy.Query.term_query(schema, field, terms[0], "freq")
        return tantivy.Query.phrase_query(schema, field, list(terms))

    return any_query([tantivy.Query.boost_query(of("title"), TITLE_BOOST), of("text")])


def _as_written(facet: str, values: Sequence[str], spellings: Spellings) -> Sequence[str]:
    """The values of a filter; names in all spellings, by case, that the index has."""
    if facet not in NAME_FACETS:
        return values
    return [*values, *(spelling for name in values for spelling in spellings(name.lower()))]

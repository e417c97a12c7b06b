"""Whether one article passes the filters of a search: for who reads a topic, not an index."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pipeline.article import EnrichedArticle
from pipeline.index.document import facets
from pipeline.index.query import NAME_FACETS, normalise, selected


def matcher(filters: Mapping[str, str | Sequence[str]]) -> Callable[[EnrichedArticle], bool]:
    """A test of articles: those pass that a search with the same filters would find.

    A withdrawn article passes too, unless its source does not: it has no labels any more, and who
    had its text has to know.

    Args:
        filters: see `Query.filters`; values as people type them ("$spy" is SPY), or a single one.

    Raises:
        ConfigurationError: there is no such facet, or no such level of a sentiment.
    """
    typed = {
        facet: [normalise(facet, v) for v in ([values] if isinstance(values, str) else values)]
        for facet, values in filters.items()
    }
    wanted = {
        facet: (field, {_spelling(facet, value) for value in values})
        for facet, (field, values) in selected(typed).items()
    }

    def matches(article: EnrichedArticle) -> bool:
        has = facets(article)
        return all(
            any(_spelling(facet, value) in values for value in has[field])
            for facet, (field, values) in wanted.items()
            if facet == "source" or not article.withdrawn
        )

    return matches


def _spelling(facet: str, value: str) -> str:
    return value.lower() if facet in NAME_FACETS else value

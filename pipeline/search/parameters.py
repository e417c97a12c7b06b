"""A search as the parameters of an address, named as the options of `newsloom search`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast, get_args
from urllib.parse import urlencode

from pipeline.errors import ConfigurationError
from pipeline.index.query import FACETS, Query, Sort, normalise, parse_day, recency_of

MOST_HITS = 1_000
"""How many hits a page may have."""

TEXT = "q"
"""The parameter that holds the query's text."""


def query_of(parameters: Mapping[str, Sequence[str]]) -> Query:
    """The search that an address asks for; what is no parameter of a search is ignored.

    Args:
        parameters: the values of each parameter, as often as it was given.

    Raises:
        ConfigurationError: a value is none of those that its parameter may have.
    """
    since, until = _last(parameters, "from"), _last(parameters, "to")
    sort = _last(parameters, "sort") or "relevance"
    if sort not in get_args(Sort):
        raise ConfigurationError(f"sort: expected one of {', '.join(get_args(Sort))}")
    end = parse_day(until, last=True) if until else None
    recent = _last(parameters, "recent")
    size = _last(parameters, "size") or "10"
    if not size.isdecimal() or int(size) > MOST_HITS:
        raise ConfigurationError(f"size: expected 0 to {MOST_HITS:,}")
    return Query(
        text=_last(parameters, TEXT),
        filters={
            facet: values
            for facet in FACETS
            if (values := [normalise(facet, v) for v in parameters.get(facet, ()) if v.strip()])
        },
        since=parse_day(since) if since else None,
        until=end,
        sort=cast("Sort", sort),
        recency=recency_of(recent, end) if recent else None,
        collapse=_last(parameters, "collapse").lower() in ("1", "true", "on", "yes"),
        size=int(size),
        after=_last(parameters, "after") or None,
    )


def _last(parameters: Mapping[str, Sequence[str]], name: str) -> str:
    values = parameters.get(name) or ("",)
    return values[-1].strip()


def address(path: str, parameters: Mapping[str, Sequence[str]]) -> str:
    """An address with the parameters that have a value, in their order."""
    pairs = [(name, value) for name, values in parameters.items() for value in values if value]
    return f"{path}?{urlencode(pairs)}" if pairs else path

"""A search as the parameters of an address, named as the options of `newsloom search`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args
from urllib.parse import urlencode

from starlette.requests import Request

from pipeline.errors import ConfigurationError
from pipeline.index.query import FACETS, Query, Sort, normalise, parse_day, recency_of

MOST_HITS = 1_000
"""How many hits a page may have."""

MOST_CHARACTERS = 2_000
"""How long a query's text may be."""

MOST_VALUES = 180
"""How many values the filters of a search may have together."""

VALUE_CHARACTERS = 200
"""How long each of them may be."""

TEXT = "q"
"""The parameter that holds the query's text."""


def query_of(parameters: Mapping[str, Sequence[str]]) -> Query:
    """The search that an address asks for; what is no parameter of a search is ignored.

    Args:
        parameters: the values of each parameter, as often as it was given.

    Raises:
        ConfigurationError: a value is none of those that its parameter may have, or more is asked
            than one search may ask.
    """
    text = last(parameters, TEXT)
    if len(text) > MOST_CHARACTERS:
        raise ConfigurationError(f"{TEXT}: expected up to {MOST_CHARACTERS:,} characters")
    since, until = last(parameters, "from"), last(parameters, "to")
    sort = last(parameters, "sort") or "relevance"
    if sort not in get_args(Sort):
        raise ConfigurationError(f"sort: expected one of {', '.join(get_args(Sort))}")
    end = parse_day(until, last=True) if until else None
    recent = last(parameters, "recent")
    return Query(
        text=text,
        filters=filters_of(parameters),
        since=parse_day(since) if since else None,
        until=end,
        sort=cast("Sort", sort),
        recency=recency_of(recent, end) if recent else None,
        collapse=flag(parameters, "collapse"),
        size=number(parameters, "size", default=10, most=MOST_HITS),
        after=last(parameters, "after") or None,
    )


def filters_of(parameters: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The values of each facet that an address filters by.

    Raises:
        ConfigurationError: a facet has no such level, or the values are too many or too long.
    """
    filters = {
        facet: values
        for facet in FACETS
        if (values := [normalise(facet, v) for v in parameters.get(facet, ()) if v.strip()])
    }
    if sum(map(len, filters.values())) > MOST_VALUES:
        raise ConfigurationError(f"filters: expected up to {MOST_VALUES} values")
    for facet, values in filters.items():
        if max(map(len, values)) > VALUE_CHARACTERS:
            raise ConfigurationError(f"{facet}: expected up to {VALUE_CHARACTERS} characters")
    return filters


def last(parameters: Mapping[str, Sequence[str]], name: str) -> str:
    """The value of a parameter that counts; empty when it was not given."""
    values = parameters.get(name) or ("",)
    return values[-1].strip()


def flag(parameters: Mapping[str, Sequence[str]], name: str) -> bool:
    """Whether a parameter says yes."""
    return last(parameters, name).lower() in ("1", "true", "on", "yes")


def number(
    parameters: Mapping[str, Sequence[str]], name: str, *, default: int, most: int, least: int = 0
) -> int:
    """A whole number.

    Raises:
        ConfigurationError: it is none, or not from `least` to `most`.
    """
    given = last(parameters, name)
    if not given:
        return default
    if not given.isdecimal() or len(given) > len(f"{most}") or not least <= int(given) <= most:
        raise ConfigurationError(f"{name}: expected {least} to {most:,}")
    return int(given)


def address(path: str, parameters: Mapping[str, Sequence[str]]) -> str:
    """An address with the parameters that have a value, in their order."""
    pairs = [(name, value) for name, values in parameters.items() for value in values if value]
    return f"{path}?{urlencode(pairs)}" if pairs else path


def asked_of(request: Request, documented: Mapping[str, Any]) -> dict[str, list[str]]:
    """The parameters of a request: a misspelt one, left out, would give another answer.

    Args:
        request: what is asked.
        documented: the operation, as the OpenAPI document has it.

    Raises:
        ConfigurationError: the document does not have it.
    """
    known = {p["name"] for p in documented.get("parameters", ()) if p["in"] == "query"}
    for name in request.query_params:
        if name not in known:
            raise ConfigurationError(f"{name[:80]!r}: no such parameter")
    return {name: request.query_params.getlist(name) for name in request.query_params}

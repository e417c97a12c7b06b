"""The filters beside a result: each facet's values with their counts, and what is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pipeline.index import FacetValue
from pipeline.search.page.address import State
from pipeline.search.page.words import FACET_TITLES, SIGNS, level, parse_or_none, span

SHOWN = 5
"""How many values of a facet are shown at once; the others are behind "more"."""

_LEVELS = ("sentiment", "stated_sentiment")
_IN_WORDS = (*_LEVELS, "topic")


class Choice(NamedTuple):
    """A value of a facet; `url` adds or takes it away.

    `articles` is null for one that is none of the most frequent.
    """

    value: str
    label: str
    articles: int | None
    chosen: bool
    url: str


class Facet(NamedTuple):
    """A facet with its values, the most frequent and the chosen ones first."""

    name: str
    title: str
    first: list[Choice]
    more: list[Choice]


class Chip(NamedTuple):
    """A filter that is chosen, and the address without it."""

    kind: str
    label: str
    url: str


def label(facet: str, value: str) -> str:
    """A value of a facet as people read it."""
    return level(value) if facet in _IN_WORDS else value


def is_level(value: str, facet: str) -> bool:
    """Whether it is a level of sentiment, which has a sign."""
    return facet in _LEVELS and value in SIGNS


def facets_of(counted: Mapping[str, Sequence[FacetValue]], state: State) -> list[Facet]:
    """All facets that have a value."""
    facets = []
    for name, title in FACET_TITLES.items():
        found = list(counted.get(name, ()))
        if name in _LEVELS:
            found = by_level(found)
        values: list[tuple[str, int | None]] = [(one.value, one.count) for one in found]
        keys = {one.value.casefold() for one in found}
        # What is chosen can always be taken away again, also where it is none of the most frequent.
        values[:0] = [
            (value, None) for value in state.filters.get(name, ()) if value.casefold() not in keys
        ]
        choices = [
            Choice(
                value, label(name, value), count, state.has(name, value), state.toggled(name, value)
            )
            for value, count in values
        ]
        if choices:
            first = [c for place, c in enumerate(choices) if place < SHOWN or c.chosen]
            more = [c for c in choices if c not in first]
            facets.append(Facet(name, title, first, more))
    return facets


def by_level(counted: Sequence[FacetValue]) -> list[FacetValue]:
    """Levels of sentiment from best to worst: they are few, and have an order of their own."""
    return sorted(counted, key=lambda one: list(SIGNS).index(one.value))


def chips_of(state: State, path: str = "/") -> list[Chip]:
    """What is narrowed by at a path, each with the way back."""
    chips = [
        Chip(_singular(facet), label(facet, value), state.toggled(facet, value, path))
        for facet, values in state.filters.items()
        for value in dict.fromkeys(values)
    ]
    since, until = state.one("from"), state.one("to")
    if since or until:
        chips.append(Chip("Published", _dates(since, until), state.url(path, since="", to="")))
    return chips


def _singular(facet: str) -> str:
    return "Measured sentiment" if facet == "sentiment" else level(facet).capitalize()


def _dates(since: str, until: str) -> str:
    start, end = parse_or_none(since), parse_or_none(until, last=True)
    if start and end:
        return span(start, end)
    return f"from {since}" if since else f"up to {until}"

"""The state of the page, which is all in its address, and the addresses of other states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from pipeline.errors import ConfigurationError
from pipeline.index.query import FACETS, NAME_FACETS, Query, encode_offset, normalise, page_start
from pipeline.search.parameters import TEXT, address, query_of

_KEPT = (TEXT, *FACETS, "from", "to", "sort", "collapse", "size", "after")


class State:
    """What is searched for, as its address says it.

    Near-duplicates are collapsed unless it says `collapse=0`.

    Args:
        parameters: the values of each parameter; what is no parameter of a search is left out.
    """

    def __init__(self, parameters: Mapping[str, Sequence[str]]) -> None:
        self.parameters: dict[str, list[str]] = {}
        for name in _KEPT:
            # An address may hold what no text may: a lone half of a surrogate pair.
            given = [_text(value).strip() for value in parameters.get(name, ())]
            if values := [value for value in given if value]:
                self.parameters[name] = values if name in FACETS else values[-1:]

    @cached_property
    def query(self) -> Query:
        """The search.

        Raises:
            ConfigurationError: a value is none of those that its parameter may have.
        """
        return query_of({"collapse": ["1"], **self.parameters})

    def one(self, name: str) -> str:
        """A parameter's value, or nothing."""
        return self.parameters.get(name, [""])[0]

    @property
    def text(self) -> str:
        """The words that are searched for."""
        return self.one(TEXT)

    @property
    def collapsed(self) -> bool:
        """Whether near-duplicates are shown once."""
        return self.query.collapse

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for: the first visit."""
        return not any(name in self.parameters for name in (TEXT, *FACETS, "from", "to"))

    def url(self, path: str = "/", **changes: str) -> str:
        """The address with some parameters changed; an empty value takes one away.

        `since` stands for `from`. A change begins at the first page.
        """
        changes = {"from" if name == "since" else name: value for name, value in changes.items()}
        parameters = dict(self.parameters)
        if "after" not in changes:
            parameters.pop("after", None)
        for name, value in changes.items():
            parameters[name] = [value] if value else []
        return address(path, parameters)

    def has(self, facet: str, value: str) -> bool:
        """Whether a facet is filtered by a value."""
        return _key(facet, value) in {_key(facet, chosen) for chosen in self.filters.get(facet, ())}

    @property
    def filters(self) -> dict[str, list[str]]:
        """What each facet is filtered by, as documents have it."""
        return {
            facet: [_normal(facet, value) for value in self.parameters[facet]]
            for facet in FACETS
            if facet in self.parameters
        }

    def toggled(self, facet: str, value: str, path: str = "/") -> str:
        """The address with a value of a facet taken away where it is chosen, else added."""
        key = _key(facet, value)
        chosen = self.parameters.get(facet, [])
        left = [one for one in chosen if _key(facet, one) != key]
        parameters = {name: self.parameters[name] for name in self.parameters if name != "after"}
        parameters[facet] = left if len(left) < len(chosen) else [*chosen, value]
        return address(path, {name: parameters.get(name, []) for name in _KEPT})

    def only(self, facet: str, value: str) -> str:
        """The address that asks for one value of one facet and for nothing else."""
        return address("/", {facet: [value]})

    @property
    def live(self) -> str:
        """The live view with the same filters: it has no words, dates or order."""
        return address("/live", {name: self.parameters.get(name, []) for name in FACETS})

    @property
    def of_filters(self) -> State:
        """Its filters alone."""
        return State({name: self.parameters.get(name, []) for name in FACETS})

    @property
    def unfiltered(self) -> str:
        """The address without filters and dates."""
        return self.url(since="", to="", **dict.fromkeys(FACETS, ""))

    def before(self) -> str | None:
        """The address of the page before, null on the first one."""
        start = page_start(self.query)
        if not start:
            return None
        earlier = max(0, start - self.query.size)
        return self.url(after=encode_offset(earlier) if earlier else "")

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """What a form that asks for other words keeps of the state."""
        return self._pairs(but={TEXT, "after"})

    @property
    def hidden_but_dates(self) -> list[tuple[str, str]]:
        """What a form that asks for other dates keeps of the state."""
        return self._pairs(but={"from", "to", "after"})

    def _pairs(self, but: set[str]) -> list[tuple[str, str]]:
        return [
            (name, value)
            for name, values in self.parameters.items()
            if name not in but
            for value in values
        ]


def _text(value: str) -> str:
    return value.encode(errors="replace").decode().replace("\0", "")


def _normal(facet: str, value: str) -> str:
    try:
        return normalise(facet, value)
    except ConfigurationError:
        return value  # the query itself says what is wrong with it


def _key(facet: str, value: str) -> str:
    value = _normal(facet, value)
    return value.lower() if facet in NAME_FACETS else value

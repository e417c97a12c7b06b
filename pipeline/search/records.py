"""What only the API answers with; articles, results and trends are the records of their parts."""

from __future__ import annotations

from typing import Literal

import msgspec

Outcome = Literal["accepted", "unchanged", "rejected"]


class Problem(msgspec.Struct, frozen=True):
    """Why there is no other answer; `detail` is one line for a person."""

    detail: str


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one article of a request.

    Attributes:
        outcome: `unchanged`: it was produced before.
        id: the article's, where it is known.
        line: the line it stood on, where there are lines.
        reason: why it is rejected, as a word for programs.
        message: the same for people.
    """

    outcome: Outcome
    id: str | None = None
    line: int | None = None
    reason: str | None = None
    message: str | None = None


class Produced(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the articles of a request, in their order; what is accepted is durable."""

    accepted: int
    unchanged: int
    rejected: int
    items: list[Item]


class NothingProduced(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing of a request could be used."""

    detail: str
    items: list[Item]


class Live(msgspec.Struct, frozen=True):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """Whether log and index answer.

    Attributes:
        status: whether nothing is missing.
        missing: what does not answer.
        why: for each of these, what it said; only for who has shown the token, if there is one.
    """

    status: Literal["ok", "unavailable"]
    missing: list[Literal["log", "index"]]
    why: dict[str, str]


class NewSearch(msgspec.Struct, forbid_unknown_fields=True):
    """What is posted to save a search, with the values that `newsloom alerts add` takes.

    `from` and `to` are days or moments, ISO 8601, both included.
    """

    name: str
    query: str = ""
    filters: dict[str, list[str]] = {}
    since: str | None = msgspec.field(name="from", default=None)
    until: str | None = msgspec.field(name="to", default=None)
    webhook: str | None = None
    secret: str | None = None

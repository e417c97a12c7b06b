"""Which changes of a schema break somebody: each kind, and that nothing else slips through."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta, Struct

from pipeline.schema_changes import Schema, breaking_changes, can_read


def schema(kind: Any) -> Schema:
    return msgspec.json.schema(kind)


_numbers = count()


def record(*, refuses: bool = False, **fields: Any) -> Any:
    """A type of record with these fields: a type, or a type and a default."""
    return msgspec.defstruct(
        f"Record{next(_numbers)}",
        [(name, *(f if isinstance(f, tuple) else (f,))) for name, f in fields.items()],
        forbid_unknown_fields=refuses,
    )


def changes(old: Any, new: Any, **options: bool) -> list[str]:
    """What a field `a` of this type becoming one of that breaks."""
    return breaking_changes(schema(record(a=old)), schema(record(a=new)), **options)


def _list_of(kind: Any) -> Any:
    return list.__class_getitem__(kind)


Date = Annotated[str, Meta(extra_json_schema={"format": "date"})]
Narrow = Literal["x", "y"]
Wide = Literal["x", "y", "z"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (str, int, ["a: was string, is integer"]),
        (int, str, ["a: was integer, is string"]),
        (int, float, ["a: was integer, is number"]),
        (float, int, ["a: was number, is integer"]),
        (str, list[str], ["a: was string, is array"]),
        (int, bool, ["a: was integer, is boolean"]),
        (dict[str, int], record(x=int), ["a: was map, is object"]),
        (Any, str, ["a: was anything, is string"]),
        (str, str | None, ["a: may be null now"]),
        (str | None, str, ["a: may no longer be null"]),
        (Narrow, Wide, ["a: has new values: z"]),
        (Wide, Narrow, ["a: no longer has the values z"]),
        (Narrow, str, ["a: may have other values now than x, y"]),
        (str, Narrow, ["a: may only have these values now: x, y"]),
        (Narrow, Wide | None, ["a: has new values: z", "a: may be null now"]),
        (Literal[1], Literal[2], ["a: has new values: 2", "a: no longer has the values 1"]),
        (Date, str, ["a: no longer has the format date"]),
        (str, Date, ["a: must have the format date now"]),
        (list[str], list[int], ["a[]: was string, is integer"]),
        (list[Narrow] | None, list[Wide] | None, ["a[]: has new values: z"]),
        (dict[str, str], dict[str, int], ["a{}: was string, is integer"]),
        (dict[str, Any], dict[str, int], ["a{}: was anything, is integer"]),
        (record(b=str), record(b=int), ["a.b: was string, is integer"]),
        (_list_of(record(b=str)), _list_of(record(b=str | None)), ["a[].b: may be null now"]),
    ],
)
def test_another_kind_of_value_is_named(old: Any, new: Any, said: list[str]) -> None:
    assert changes(old, new) == said


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ({"a": int, "b": int}, {"a": int}, ["b: was removed"]),
        ({"a": int, "b": (int, 0)}, {"a": int}, ["b: was removed"]),
        ({"a": int}, {"a": int, "b": int}, ["b: is required now"]),
        ({"a": int}, {"a": (int, 0)}, ["a: may be left out now"]),
        ({"a": (int, 0)}, {"a": int}, ["a: is required now"]),
        ({"a": int}, {"b": int}, ["a: was removed", "b: is required now"]),
    ],
)
def test_a_field_that_comes_or_goes_is_named(
    old: dict[str, Any], new: dict[str, Any], said: list[str]
) -> None:
    assert breaking_changes(schema(record(**old)), schema(record(**new))) == said


def test_a_new_field_that_may_be_left_out_breaks_nobody() -> None:
    old, new = record(a=int), record(a=int, b=(int | None, None), c=(list[str], []))
    assert breaking_changes(schema(old), schema(new)) == []


def test_words_and_defaults_may_change() -> None:
    class Record(Struct):
        """One thing."""

        a: int = 0

    class Renamed(Struct):
        """Another thing."""

        a: int = 1

    assert breaking_changes(schema(Record), schema(Renamed)) == []


def test_of_what_only_others_write_more_may_be_taken() -> None:
    def told(old: Any, new: Any) -> list[str]:
        return changes(old, new, read_by_others=False)

    assert told(Narrow, Wide | None) == []
    assert told(int, float) == []
    assert told((str), (str, "")) == []
    assert told(Wide, Narrow) == ["a: no longer has the values z"]
    assert breaking_changes(
        schema(record(a=int, b=(int, 0))), schema(record(a=int, c=int)), read_by_others=False
    ) == ["b: was removed", "c: is required now"]


def test_fields_that_readers_refuse_are_named() -> None:
    def strict(**fields: Any) -> Schema:
        return schema(msgspec.defstruct("Record", list(fields.items()), forbid_unknown_fields=True))

    assert breaking_changes(strict(a=int), schema(record(a=int, b=(int, 0)))) == [
        "b: was added, where readers refuse fields that they don't know"
    ]
    assert breaking_changes(schema(record(a=int, b=(int, 0))), strict(a=int)) == [
        "b: was removed",
        "b: was removed, and fields that are not known are refused",
    ]


class Tree(Struct):
    value: int
    left: Tree | None = None
    others: list[Tree] = []


def test_a_record_within_itself_is_compared_once() -> None:
    tree = schema(Tree)
    assert breaking_changes(tree, tree) == []
    other = msgspec.json.decode(msgspec.json.encode(tree).replace(b"integer", b"string"))
    assert breaking_changes(tree, other) == ["value: was integer, is string"]


# Whatever the types: where nothing is named, every record can be read.

Kind = tuple[Any, Callable[[], st.SearchStrategy[Any]]]
"""A type, and what makes values of it as they are in JSON."""

_SCALARS: list[Kind] = [
    (str, lambda: st.text(max_size=3)),
    (int, lambda: st.integers(-9, 9)),
    (float, lambda: st.floats(-9, 9) | st.integers(-9, 9)),
    (bool, st.booleans),
    *((Literal[v], lambda v=v: st.sampled_from(v)) for v in (("x",), ("x", "y"), ("y", "z"))),
    *((Literal[v], lambda v=v: st.sampled_from(v)) for v in ((1,), (1, 2))),
]


def _nullable(kind: Kind) -> Kind:
    return kind[0] | None, lambda: st.none() | kind[1]()


def _list(kind: Kind) -> Kind:
    return _list_of(kind[0]), lambda: st.lists(kind[1](), max_size=2)


def _map(kind: Kind) -> Kind:
    keys = st.text(max_size=2)
    return dict.__class_getitem__((str, kind[0])), lambda: st.dictionaries(
        keys, kind[1](), max_size=2
    )


def _struct(fields: dict[str, tuple[Kind, bool]], *, refuses: bool) -> Kind:
    """An object; a field that may be left out has a default, which no value ever is."""
    unset = msgspec.UNSET
    types = {
        name: (kind[0] | msgspec.UnsetType, unset) if optional else kind[0]
        for name, (kind, optional) in sorted(fields.items(), key=lambda item: item[1][1])
    }
    made = record(refuses=refuses, **types)

    def values() -> st.SearchStrategy[Any]:
        made_of = {name: (kind[1](), optional) for name, (kind, optional) in fields.items()}
        return st.fixed_dictionaries(
            {name: value for name, (value, optional) in made_of.items() if not optional},
            optional={name: value for name, (value, optional) in made_of.items() if optional},
        )

    return made, values


def _fields(kinds: st.SearchStrategy[Kind]) -> st.SearchStrategy[dict[str, tuple[Kind, bool]]]:
    return st.dictionaries(st.sampled_from("abc"), st.tuples(kinds, st.booleans()), max_size=3)


_refuses = st.sampled_from([False, False, False, True])


def _structs(kinds: st.SearchStrategy[Kind]) -> st.SearchStrategy[Kind]:
    return st.builds(lambda f, r: _struct(f, refuses=r), _fields(kinds), _refuses)


_kinds = st.recursive(
    st.sampled_from(_SCALARS),
    lambda kinds: kinds.map(_list) | kinds.map(_map) | _structs(kinds),
    max_leaves=3,
).flatmap(lambda kind: st.sampled_from([kind, _nullable(kind)]))


def _other_version(field: tuple[Kind, bool]) -> st.SearchStrategy[tuple[Kind, bool]]:
    """The same field, or one like it."""
    kind, optional = field
    alike = [
        other for other in _SCALARS if "Literal" in str(kind[0]) and "Literal" in str(other[0])
    ]
    if kind[0] in (int, float):
        alike = _SCALARS[1:3]
    return st.sampled_from(
        [field, (kind, not optional), (_nullable(kind), optional)]
        + [(other, optional) for other in alike]
    )


@st.composite
def _versions(draw: st.DrawFn) -> tuple[Kind, Kind]:
    """A record and another version of it, in which a few things are different."""
    fields = draw(_fields(_kinds))
    others = {name: draw(_other_version(field)) for name, field in fields.items()}
    if draw(st.booleans()):
        others |= draw(_fields(_kinds))
    for name in draw(st.sets(st.sampled_from("abc"), max_size=1)):
        others.pop(name, None)
    return _struct(fields, refuses=draw(_refuses)), _struct(others, refuses=draw(_refuses))


@settings(max_examples=500, deadline=None)
@given(_versions(), st.data())
def test_what_is_said_to_be_readable_is(versions: tuple[Kind, Kind], data: st.DataObject) -> None:
    reader, writer = versions
    if can_read(schema(reader[0]), schema(writer[0])):
        written = data.draw(writer[1]())
        msgspec.json.decode(msgspec.json.encode(written), type=reader[0])


@settings(max_examples=100, deadline=None)
@given(_structs(_kinds))
def test_no_change_breaks_nobody(kind: Kind) -> None:
    assert breaking_changes(schema(kind[0]), schema(kind[0])) == []


@settings(max_examples=200, deadline=None)
@given(_versions())
def test_a_safe_change_can_be_read_both_ways(versions: tuple[Kind, Kind]) -> None:
    old, new = schema(versions[0][0]), schema(versions[1][0])
    if not breaking_changes(old, new):
        assert can_read(old, new)
        assert can_read(new, old)


def test_what_a_tuple_is_made_of_stays() -> None:
    old = record(spans=list[tuple[int, int]])
    assert changes(old, old) == []
    assert changes(old, record(spans=list[tuple[int, str]])) != []
    assert changes(old, record(spans=list[tuple[int, int, int]])) != []

"""What breaks when a JSON Schema is changed: for those who read its records or write them.

It knows what msgspec makes of records: objects, maps, arrays, enums, values or null, references.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Schema = dict[str, Any]

_FOR_READERS = {
    "missing": "was removed",
    "gone": "was removed",
    "optional": "may be left out now",
    "unknown": "was added, where readers refuse fields that they don't know",
    "null": "may be null now",
    "type": "was {0}, is {1}",
    "values": "has new values: {}",
    "any": "may have other values now than {}",
    "limits": "no longer has {}",
}
"""What a gap is called when the old version reads what the new one writes."""

_FOR_WRITERS = {
    "missing": "is required now",
    "optional": "is required now",
    "unknown": "was removed, and fields that are not known are refused",
    "null": "may no longer be null",
    "type": "was {1}, is {0}",
    "values": "no longer has the values {}",
    "any": "may only have these values now: {}",
    "limits": "must have {} now",
}
"""The same when the new version reads what the old one wrote. A field that is "gone" there was
added."""

_KEYWORDS = {
    *("$ref", "$defs", "$schema", "$id", "title", "description", "default", "examples", "anyOf"),
    *("type", "enum", "properties", "required", "items", "additionalProperties"),
}


class _Gap(NamedTuple):
    """Something that a writer may write and a reader can't read, or misses."""

    path: str
    kind: str
    details: tuple[str, ...] = ()


class _Value(NamedTuple):
    """One kind of value that a schema allows. `root` is the document that it refers to."""

    kind: str
    node: Schema
    root: Schema

    @property
    def values(self) -> list[Any] | None:
        """The values that it may have, if they are listed."""
        return [v for v in self.node["enum"] if v is not None] if "enum" in self.node else None

    @property
    def limits(self) -> dict[str, Any]:
        """Keywords that narrow it down further, such as a format."""
        return {key: value for key, value in self.node.items() if key not in _KEYWORDS}


def breaking_changes(old: Schema, new: Schema, *, read_by_others: bool = True) -> list[str]:
    """What of the change would break somebody, a line each; nothing when the change is safe.

    Records stay on topics, and programs are not all replaced at once. So who knows `new` has to be
    able to read what was written by `old`, and where others read it, the other way round too.

    Args:
        old: the version that is in use.
        new: the one that is to take its place.
        read_by_others: false for what only others write and only we read.
    """
    told = [gap for gap in _compare(old, new) if read_by_others or gap.kind in ("missing", "gone")]
    lines = [_line(gap, _FOR_READERS) for gap in told]
    lines += [_line(gap, _FOR_WRITERS) for gap in _compare(new, old) if gap.kind != "gone"]
    return list(dict.fromkeys(lines))


def can_read(reader: Schema, writer: Schema) -> bool:
    """Whether who knows only `reader` can read each record that fits `writer`."""
    return all(gap.kind == "gone" for gap in _compare(reader, writer))


def _compare(reader: Schema, writer: Schema) -> list[_Gap]:
    return list(_gaps((reader, reader), (writer, writer), "", frozenset()))


_Place = tuple[Schema, Schema]
"""A part of a document, and the document."""

_Pairs = frozenset[tuple[int, int]]
"""Objects that are being compared: one that is within itself is not compared again."""


def _gaps(reader: _Place, writer: _Place, path: str, above: _Pairs) -> Iterator[_Gap]:
    readable, written = list(_values(*reader)), list(_values(*writer))
    for value in written:
        same = [other for other in readable if _takes(other.kind, value.kind)]
        if same:
            yield from min(
                (list(_gaps_of_kind(other, value, path, above)) for other in same), key=len
            )
        elif value.kind == "null":
            yield _Gap(path, "null")
        else:
            yield _Gap(path, "type", (_names(readable), _names(written)))


def _gaps_of_kind(reader: _Value, writer: _Value, path: str, above: _Pairs) -> Iterator[_Gap]:
    if reader.values is not None:
        if writer.values is None:
            yield _Gap(path, "any", (_list(reader.values),))
        elif others := [value for value in writer.values if value not in reader.values]:
            yield _Gap(path, "values", (_list(others),))
    for limit, value in reader.limits.items():
        if writer.limits.get(limit) != value:
            yield _Gap(path, "limits", (f"the {limit} {value}",))
    if reader.kind == writer.kind == "array":
        # A tuple has none but those that it names, and these are a limit.
        items = [(value.node.get("items") or {}, value.root) for value in (reader, writer)]
        yield from _gaps(items[0], items[1], f"{path}[]", above)
    if reader.kind == writer.kind == "map":
        items = [(_others(value.node), value.root) for value in (reader, writer)]
        yield from _gaps(items[0], items[1], f"{path}{{}}", above)
    pair = (id(reader.node), id(writer.node))
    if reader.kind == writer.kind == "object" and pair not in above:
        yield from _gaps_of_fields(reader, writer, f"{path}." if path else "", above | {pair})


def _gaps_of_fields(reader: _Value, writer: _Value, before: str, above: _Pairs) -> Iterator[_Gap]:
    known, sent = reader.node["properties"], writer.node["properties"]
    needed, certain = (set(value.node.get("required", [])) for value in (reader, writer))
    for field, node in known.items():
        path = before + field
        if field not in sent:
            yield _Gap(path, "missing" if field in needed else "gone")
            continue
        if field in needed - certain:
            yield _Gap(path, "optional")
        yield from _gaps((node, reader.root), (sent[field], writer.root), path, above)
    if _others(reader.node) is False:
        yield from (_Gap(before + field, "unknown") for field in sent if field not in known)


def _values(node: Schema, root: Schema) -> Iterator[_Value]:
    """The kinds of values that a part of a document allows, each with what is said of it."""
    if "$ref" in node:
        yield from _values(root["$defs"][node["$ref"].rsplit("/", 1)[-1]], root)
    elif "anyOf" in node:
        for choice in node["anyOf"]:
            yield from _values(choice, root)
    elif "enum" in node:
        for kind in dict.fromkeys(_kind_of(value) for value in node["enum"]):
            yield _Value(kind, node, root)
    elif node.get("type") == "object":
        yield _Value("object" if "properties" in node else "map", node, root)
    else:
        yield _Value(node.get("type", "anything"), node, root)


def _kind_of(value: Any) -> str:
    kinds = {str: "string", bool: "boolean", int: "integer", float: "number"}
    return "null" if value is None else kinds[type(value)]


def _takes(reader: str, writer: str) -> bool:
    return reader in ("anything", writer) or (reader, writer) == ("number", "integer")


def _others(node: Schema) -> Any:
    """What fields besides those that are named have to be; everything, unless it says so."""
    return node.get("additionalProperties", {})


def _names(values: list[_Value]) -> str:
    return " or ".join(dict.fromkeys(value.kind for value in values))


def _list(values: list[Any]) -> str:
    return ", ".join(map(str, values))


def _line(gap: _Gap, words: Mapping[str, str]) -> str:
    return f"{gap.path or 'the record'}: {words[gap.kind].format(*gap.details)}"

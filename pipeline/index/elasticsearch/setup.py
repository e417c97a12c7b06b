"""What Elasticsearch must have before documents come: index templates, an index, its alias."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import elasticsearch
from elasticsearch import Elasticsearch

from pipeline.errors import ConfigurationError, IndexUnavailable
from pipeline.index.elasticsearch.client import ALIAS, address, errors_named

_PARTS = ("settings", "text", "facets", "details")
"""The component templates, named after the alias and this; of two the later one decides."""

_OWNER = "newsloom"
"""Who made a component template, as its `_meta` says."""


def setup_index(client: Elasticsearch, alias: str = ALIAS, *, check: bool = False) -> list[str]:
    """Makes what is missing; what is there already stays, and its documents too.

    Args:
        client: see `connect`.
        alias: what searches and the sink use.
        check: only finds out what would be changed.

    Returns:
        What was changed, a line each; nothing when all was there.

    Raises:
        ConfigurationError: an index is in the way, or fits this release only when rebuilt.
        IndexUnavailable: the servers do not answer or refuse our credentials.
    """
    changes = setup_template(client, alias, check=check)
    with errors_named(client, alias):
        mappings = composed(alias)["mappings"]
        return changes + _index(client, alias, mappings, check=check)


def setup_template(client: Elasticsearch, alias: str = ALIAS, *, check: bool = False) -> list[str]:
    """The part of `setup_index` that only the next index is made by.

    Component templates come first, since the index template is made of them; those of an older
    release that nothing is made of any more go last.
    """
    wanted, components = index_template(alias), component_templates(alias)
    changes = []
    with errors_named(client, alias):
        known = _components(client, alias)
        for name, body in components.items():
            if (change := _change(known.get(name), body)) is None:
                continue
            if not check:
                client.cluster.put_component_template(name=name, **body)
            changes.append(f"component template {name}: {change}")
        try:
            found = client.indices.get_index_template(name=alias).body["index_templates"]
        except elasticsearch.NotFoundError:
            found = []
        current = found[0]["index_template"] if found else None
        if (change := _change(current, wanted)) is not None:
            if not check:
                client.indices.put_index_template(name=alias, **wanted)
            changes.append(f"index template {alias}: {change}")
        for name in sorted(known.keys() - components.keys()):
            if known[name].get("_meta", {}).get("managed_by") == _OWNER:
                if not check:
                    client.cluster.delete_component_template(name=name)
                changes.append(f"component template {name}: removed")
    return changes


def _components(client: Elasticsearch, alias: str) -> dict[str, Any]:
    """The component templates of an alias that the servers have, by name."""
    try:
        answer = client.cluster.get_component_template(name=f"{alias}-*").body
    except elasticsearch.NotFoundError:
        return {}
    return {found["name"]: found["component_template"] for found in answer["component_templates"]}


def _change(current: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> str | None:
    """What has to be done with a template to have it as it is wanted."""
    if current is None:
        return "created"
    same = _plain({name: current.get(name) for name in wanted}) == _plain(dict(wanted))
    return None if same else "updated"


def require_writable(client: Elasticsearch, alias: str = ALIAS) -> None:
    """Makes sure that documents can be written, as far as can be told without writing one.

    Raises:
        ConfigurationError: there is no such alias.
        IndexUnavailable: the servers do not answer, refuse our credentials, or block the index.
    """
    with errors_named(client, alias):
        indices = client.indices.get_settings(index=alias, name="index.blocks.*").body
    for name, found in indices.items():
        if blocks := found["settings"].get("index", {}).get("blocks"):
            shown = ", ".join(block for block, on in blocks.items() if on == "true")
            raise IndexUnavailable(f"{address(client)}: {name} is blocked: {shown}")


def index_template(alias: str = ALIAS) -> dict[str, Any]:
    """The index template for all indices behind `alias`; it is made of `component_templates`."""
    return _shipped("index-template") | {
        "index_patterns": [f"{alias}-*"],
        "composed_of": [f"{alias}-{part}" for part in _PARTS],
    }


def component_templates(alias: str = ALIAS) -> dict[str, dict[str, Any]]:
    """The component templates for all indices behind `alias`, by name."""
    return {f"{alias}-{part}": _shipped(part) for part in _PARTS}


def composed(alias: str = ALIAS) -> dict[str, Any]:
    """The settings and mappings that an index gets which is made by the index template."""
    whole: dict[str, Any] = {}
    for part in (*component_templates(alias).values(), index_template(alias)):
        whole = _merged(whole, part["template"])
    return whole


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Both, as Elasticsearch merges templates: what stands in both is the other's."""
    both = {**one, **other}
    for name in one.keys() & other.keys():
        if isinstance(one[name], dict) and isinstance(other[name], dict):
            both[name] = _merged(one[name], other[name])
    return both


def _shipped(part: str) -> dict[str, Any]:
    text = files(__package__).joinpath("templates", f"{part}.json").read_text(encoding="utf-8")
    wanted: dict[str, Any] = json.loads(text)
    return wanted


def _index(
    client: Elasticsearch, alias: str, mappings: dict[str, Any], *, check: bool
) -> list[str]:
    if not client.indices.exists_alias(name=alias):
        if client.indices.exists(index=alias):
            raise ConfigurationError(
                f"{alias} is an index, where an alias is wanted: delete it, it has no documents "
                "of newsloom's"
            )
        return _first_index(client, alias, check=check)
    changes = []
    for name, index in client.indices.get_mapping(index=alias).body.items():
        has = index["mappings"].get("properties", {})
        missing = {}
        for field, mapping in mappings["properties"].items():
            if field not in has:
                missing[field] = mapping
            elif _plain(has[field]) != _plain(mapping):
                raise ConfigurationError(
                    f"{name}: the mapping of {field} is of another release; `newsloom reindex` "
                    "makes the index anew"
                )
        if missing:
            if not check:
                client.indices.put_mapping(index=name, properties=missing)
            changes.append(f"index {name}: mapped {', '.join(missing)}")
    return changes


def _first_index(client: Elasticsearch, alias: str, *, check: bool) -> list[str]:
    name = f"{alias}-000001"
    if client.indices.exists(index=name):
        if not check:
            client.indices.put_alias(index=name, name=alias, is_write_index=True)
        return [f"alias {alias}: created for {name}"]
    if not check:
        client.indices.create(index=name, aliases={alias: {"is_write_index": True}})
    return [f"index {name}: created", f"alias {alias}: created for {name}"]


def _plain(value: Any) -> Any:
    """`value` as Elasticsearch gives it back: settings come back as strings."""
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_plain(member) for member in value]
    return str(value).lower() if isinstance(value, bool) else str(value)

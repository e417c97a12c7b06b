"""The records' JSON Schemas: made from the types, and compared with what was promised."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from pipeline.alerts.records import Alert, SavedSearch
from pipeline.article import EnrichedArticle, RawArticle, Submission
from pipeline.errors import ConfigurationError, NotFound
from pipeline.schema_changes import breaking_changes
from pipeline.trends import Trend


class Contract(NamedTuple):
    """A record that other programs read or write, and the version of its schema.

    Attributes:
        name: what people call it.
        file: the schema's file.
        record: its type.
        read_by_others: false where others only write it.
    """

    name: str
    file: str
    record: type[msgspec.Struct]
    read_by_others: bool = True


CONTRACTS = (
    Contract("submission", "articles.submission.v1.json", Submission, read_by_others=False),
    Contract("raw", "articles.raw.v1.json", RawArticle),
    Contract("enriched", "articles.enriched.v1.json", EnrichedArticle),
    Contract("trends", "tickers.trends.v1.json", Trend),
    Contract("alerts", "alerts.v1.json", Alert),
    Contract("searches", "searches.v1.json", SavedSearch),
)

ASYNCAPI = "asyncapi.yaml"


def contract(name: str) -> Contract:
    """The contract of that name, or of that file with or without `.json`.

    Raises:
        NotFound: there is none.
    """
    for known in CONTRACTS:
        if name in (known.name, known.file, known.file.removesuffix(".json")):
            return known
    names = ", ".join(known.name for known in CONTRACTS)
    raise NotFound(f"{name}: no such schema; there are {names}")


def schema_of(known: Contract) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the record as it is now."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"newsloom/{known.file}",
        **msgspec.json.schema(known.record),
    }


def encode(schema: dict[str, Any]) -> bytes:
    """A schema as its file has it."""
    return msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"


def committed() -> Path:
    """The folder of the schemas that were promised: in a checkout beside the package."""
    package = Path(__file__).parent
    shipped = package / "schemas"
    return shipped if shipped.is_dir() else package.parent / "schemas"


def check(against: Path) -> list[str]:
    """What of the current types would break programs that know another version; a line each.

    Args:
        against: a schema, or a folder of schemas by their files' names. What is not there was not
            promised.

    Raises:
        ConfigurationError: it is no schema of ours, or there is none.
    """
    files = [against] if against.is_file() else sorted(against.glob("*.v*.json"))
    if not files:
        raise ConfigurationError(f"{against}: no schemas here")
    return [line for file in files for line in _check(file)]


def _check(file: Path) -> list[str]:
    try:
        old = json.loads(file.read_bytes())
        name = old["$id"].removeprefix("newsloom/")
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"{file}: no schema of newsloom: {error!r}") from None
    try:
        known = contract(name)
    except NotFound:
        return [f"{name}: the whole record was removed"]
    changes = breaking_changes(old, schema_of(known), read_by_others=known.read_by_others)
    return [f"{known.name}: {change}" for change in changes]

"""The commands for who reads or writes newsloom's records: schema print, check."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.cli.common import DONE, SOME_REJECTED, command
from pipeline.config import Settings


@click.group()
def schema() -> None:
    """Print the records' schemas, and check that they break nobody."""


@schema.command("print")
@click.argument("name", metavar="[NAME]", default="enriched")
@command
def schema_print(settings: Settings, name: str) -> int:
    """Print the JSON Schema of a record, or the AsyncAPI document of all topics.

    NAME is enriched, raw, submission, trends, alerts, searches or asyncapi.
    """
    from pipeline.schema import ASYNCAPI, committed, contract, encode, schema_of

    del settings
    if name == "asyncapi":
        text = (committed() / ASYNCAPI).read_bytes()
    else:
        text = encode(schema_of(contract(name)))
    click.get_binary_stream("stdout").write(text)
    return DONE


@schema.command("check")
@click.option(
    "--against",
    type=click.Path(path_type=Path, exists=True),
    metavar="DIR|FILE",
    help="Schemas of another release, or one of them; else those that were committed.",
)
@command
def schema_check(settings: Settings, against: Path | None) -> int:
    """Check that programs made for the committed schemas can go on with this release.

    A new field that may be left out breaks nobody. What breaks somebody is named, and the exit
    status is 1: a field that is gone or newly required, another type, another set of values, a
    value that may be null now or no longer.
    """
    from pipeline.schema import CONTRACTS, check, committed

    del settings
    broken = check(against or committed())
    for line in broken:
        click.echo(line)
    if not broken:
        click.echo(f"{len(CONTRACTS)} schemas: nothing breaks")
    return SOME_REJECTED if broken else DONE

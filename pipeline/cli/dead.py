"""The commands for what could not be done: dead list, show, retry."""

from __future__ import annotations

import sys

import click
import msgspec

from pipeline.cli.common import DONE, as_json, command, print_json
from pipeline.config import Settings


@click.group()
def dead() -> None:
    """List, show and retry what could not be done."""


@dead.command("list")
@as_json
@command
def dead_list(settings: Settings, *, as_json: bool) -> int:
    """List the dead letters."""
    from pipeline.log import open_log
    from pipeline.log.dead import letters
    from pipeline.terminal import show_letters

    found = list(letters(open_log(settings, create=False)))
    if as_json:
        for letter in found:
            print_json({**msgspec.to_builtins(letter), "value": _readable(letter.value)})
    else:
        show_letters(found)
    return DONE


@dead.command("show")
@click.argument("ref", metavar="LETTER")
@command
def dead_show(settings: Settings, ref: str) -> int:
    """Print a dead letter's original bytes, unchanged, on stdout, and its reason on stderr."""
    from pipeline.log import open_log
    from pipeline.log.dead import find

    letter = find(open_log(settings, create=False), ref)
    place = f"{letter.topic}, partition {letter.partition}, offset {letter.offset}"
    click.echo(f"{letter.error}: {letter.message}\n{place}, stage {letter.stage}", err=True)
    sys.stdout.buffer.write(letter.value + b"\n")
    return DONE


@dead.command("retry")
@click.argument("refs", metavar="[LETTER]...", nargs=-1)
@as_json
@command
def dead_retry(settings: Settings, refs: tuple[str, ...], *, as_json: bool) -> int:
    """Send dead letters back to their topic: those named, or all."""
    from pipeline.log import Outcome, open_log
    from pipeline.log.dead import find, letters, retry

    log = open_log(settings, create=False)
    chosen = [find(log, ref) for ref in refs] if refs else list(letters(log))
    outcomes = [retry(log, letter) for letter in chosen]
    sent = sum(outcome is Outcome.APPENDED for outcome in outcomes)
    counts = {"sent": sent, "superseded": len(outcomes) - sent}
    if as_json:
        print_json(counts)
    else:
        click.echo(f"{sent:,} sent back, {counts['superseded']:,} superseded by a newer version")
    return DONE


def _readable(value: bytes) -> str:
    return value.decode(errors="replace")

"""The commands of the pipeline on servers: setup, sink."""

from __future__ import annotations

import click
import msgspec

from pipeline.cli.common import (
    DONE,
    SOME_REJECTED,
    as_json,
    command,
    ended_by,
    print_json,
    signals_to,
)
from pipeline.config import Settings


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; status 1 when something would change.")
@click.option(
    "--kibana", metavar="URL", help="Give Kibana there the dashboard; see NEWSLOOM_KIBANA."
)
@as_json
@command
def setup(settings: Settings, kibana: str | None, *, check: bool, as_json: bool) -> int:
    """Make the topics on Kafka, and the index on Elasticsearch.

    Can be repeated: says what it changed. What an interrupted `newsloom reindex` left is removed.
    Nothing has to be set up for a log and index in a folder.

    Where a Kibana is named, it gets a data view, saved searches and a dashboard. What it has of
    this release stays, with all that was changed in it.
    """
    from pipeline.setup import set_up

    if kibana is not None:
        settings = msgspec.structs.replace(settings, kibana=kibana)
    changes = []
    for change in set_up(settings, check=check):
        changes.append(change)
        if as_json:
            print_json(change)
        else:
            click.echo(f"would be: {change.what}" if check and change.possible else change.what)
    possible = any(change.possible for change in changes)
    if not possible and not as_json:
        click.echo("nothing to change")
    return SOME_REJECTED if check and possible else DONE


@click.command()
@click.option("--drain", is_flag=True, help="End when everything is indexed.")
@as_json
@command
def sink(settings: Settings, *, drain: bool, as_json: bool) -> int:
    """Index what is on Kafka's enriched topic, until SIGTERM or Ctrl-C.

    Start more of them, here or elsewhere, to share the work: as many as topics have partitions.
    """
    from pipeline.sink import Sink
    from pipeline.terminal import progress
    from pipeline.watchdog import STALLED

    running = Sink(settings)
    with signals_to(running.stop) as received, progress("indexed") as advance:
        stalled = running.run(
            drain=drain,
            tick=lambda counts: advance(counts.indexed, None, f"{counts.dead:,} dead letters"),
        )
    if as_json:
        print_json(running.counts)
    else:
        click.echo(f"{running.counts.indexed:,} indexed, {running.counts.dead:,} dead letters")
    if stalled:
        return STALLED
    # Of a sink that is stopped nobody expects a verdict on what came in meanwhile.
    some = running.counts.dead and drain
    return ended_by(received, drain=drain) or (SOME_REJECTED if some else DONE)

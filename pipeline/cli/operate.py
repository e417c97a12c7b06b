"""The commands of whoever runs newsloom: delete, reindex."""

from __future__ import annotations

import time
from contextlib import suppress

import click

from pipeline.cli.common import DONE, SOME_REJECTED, as_json, command, print_json, tell
from pipeline.config import Settings
from pipeline.errors import InUse

DELETE_SECONDS = 30.0
"""How long `delete` waits for a running service to act."""


@click.command()
@click.argument("article_id", metavar="ID")
@as_json
@command
def delete(settings: Settings, article_id: str, *, as_json: bool) -> int:
    """Withdraw an article everywhere.

    No older version can come back. Subscribers get a record of its withdrawal. A running service
    removes it from the index; where none runs, this command does.
    """
    from pipeline.index import open_index
    from pipeline.local import Service
    from pipeline.maintenance import withdraw

    withdraw(settings, article_id)
    until = time.monotonic() + DELETE_SECONDS
    done = False
    while not done and time.monotonic() < until:
        # Whoever holds the lock may be a service, which does it, or be about to let go of it.
        with suppress(InUse):
            Service(settings, rejected=tell).run(drain=True)
        done = open_index(settings).get(article_id) is None
        time.sleep(0 if done else 0.2)
    if as_json:
        print_json({"id": article_id, "withdrawn": done})
    elif done:
        click.echo(f"{article_id}: withdrawn")
    else:
        click.echo(f"{article_id}: withdrawal published; it takes effect when `newsloom up` runs")
    return DONE if done else SOME_REJECTED


@click.command()
@as_json
@command
def reindex(settings: Settings, *, as_json: bool) -> int:
    """Build the index again from the enriched topic.

    Searches are answered all the while; a running service goes on.
    """
    from pipeline.reindex import reindex as rebuild
    from pipeline.terminal import progress

    with progress("records") as advance:
        count = rebuild(settings, lambda done, left: advance(done, done + left))
    if as_json:
        print_json({"articles": count})
    else:
        click.echo(f"{count:,} articles in the new index")
    return DONE

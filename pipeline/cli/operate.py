"""The commands of whoever runs newsloom: delete, expire, replay, reindex, doctor."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime

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
    removes it from the index; where none runs, this command does, unless the topics are Kafka's.
    """
    from pipeline.maintenance import withdraw

    withdraw(settings, article_id)
    on_servers = settings.log_url.startswith("kafka:")
    waits_for = (_until_on_servers if on_servers else _until_here)(settings, article_id)
    if as_json:
        print_json({"id": article_id, "withdrawn": waits_for is None})
    elif waits_for is None:
        click.echo(f"{article_id}: withdrawn")
    else:
        click.echo(f"{article_id}: withdrawal published; it takes effect when {waits_for}")
    return DONE if waits_for is None else SOME_REJECTED


def _until_here(settings: Settings, article_id: str) -> str | None:
    """Waits until the embedded index no longer shows an article; gives what that waits for."""
    from pipeline.index import open_index
    from pipeline.local import Service

    until = time.monotonic() + DELETE_SECONDS
    while time.monotonic() < until:
        # Whoever holds the lock may be a service, which does it, or be about to let go of it.
        with suppress(InUse):
            Service(settings, rejected=tell).run(drain=True)
        if open_index(settings).get(article_id) is None:
            return None
        time.sleep(0.2)
    return "`newsloom up` runs"


def _until_on_servers(settings: Settings, article_id: str) -> str | None:
    """The same of the index on servers, which a worker and a sink have to bring up to date."""
    from pipeline.index import open_index
    from pipeline.log.kafka_client import servers_of
    from pipeline.log.kafka_groups import members
    from pipeline.maintenance import ENRICHERS
    from pipeline.sink import GROUP

    servers = servers_of(settings.log_url)
    groups = {"`newsloom worker`": ENRICHERS, "`newsloom sink`": GROUP}
    if missing := [command for command, group in groups.items() if not members(servers, group)]:
        return f"{' and '.join(missing)} run{'s' if len(missing) == 1 else ''}"
    until = time.monotonic() + DELETE_SECONDS
    while open_index(settings).get(article_id) is not None:
        if time.monotonic() > until:
            return "what came before it is done"
        time.sleep(0.2)
    return None


@click.command()
@click.option(
    "--older-than", "age", metavar="SPAN", required=True, help="As 400d, or 52w; in hours: 36h."
)
@click.option("--dry-run", is_flag=True, help="Change nothing: say how many there are.")
@as_json
@command
def expire(settings: Settings, age: str, *, dry_run: bool, as_json: bool) -> int:
    """Withdraw all articles that were published longer ago.

    Of those without a date it counts when they came in. Each is withdrawn as by `newsloom delete`:
    it is gone from search, subscribers are told, and neither `reindex` nor `replay` brings it back;
    a version that is produced later does, until the next `expire`. Can be interrupted and repeated.
    A running service removes them from the index; where none runs, this command does, unless the
    topics are Kafka's.
    """
    from pipeline.index.query import parse_span
    from pipeline.maintenance import expire as withdraw_old
    from pipeline.terminal import progress

    before = datetime.now(UTC) - parse_span(age)
    with progress("articles") as advance:
        count = withdraw_old(settings, before, advance, dry_run=dry_run)
    waits_for = _removed(settings) if count and not dry_run else None
    if as_json:
        print_json({"expired": count, "before": before, "dry_run": dry_run})
    elif dry_run:
        click.echo(f"{count:,} articles would be withdrawn, published before {before:%Y-%m-%d}")
    else:
        done = f"withdrawn; they are gone when {waits_for}" if waits_for else "withdrawn"
        click.echo(f"{count:,} articles published before {before:%Y-%m-%d} {done}")
    return DONE


def _removed(settings: Settings) -> str | None:
    """Brings an embedded index up to date where nobody else does; gives what that waits for."""
    from pipeline.local import Service

    if settings.log_url.startswith("kafka:"):
        return "`newsloom worker` and `newsloom sink` have done what is waiting"
    try:
        Service(settings, rejected=tell).run(drain=True)
    except InUse:
        return "the service that runs has done what is waiting"
    return None


@click.command()
@click.option("--from", "since", metavar="DATE", required=True, help="From this day or moment on.")
@click.option("--to", "until", metavar="DATE", help="Up to this day or moment; without: up to now.")
@as_json
@command
def replay(settings: Settings, since: str, until: str | None, *, as_json: bool) -> int:
    """Have raw articles enriched again, for a newer model.

    Those that were produced in that time and are still on the raw topic are put on it once more.
    What is indexed gets newer labels, or stays the same.
    """
    from pipeline.index.query import parse_day
    from pipeline.replay import replay as publish_again
    from pipeline.terminal import progress

    begin = parse_day(since)
    end = parse_day(until, last=True) if until else None
    with progress("records") as advance:
        count = publish_again(settings, begin, end, lambda done, left: advance(done, done + left))
    if as_json:
        print_json({"replayed": count})
    else:
        click.echo(f"{count:,} articles sent to be enriched again")
    return DONE


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


@click.command()
@as_json
@command
def doctor(settings: Settings, *, as_json: bool) -> int:
    """Look for what is wrong, and say how to mend it.

    Status 1 when something keeps articles from being found; a warning may become that. Changes
    nothing.
    """
    from pipeline.doctor import diagnose
    from pipeline.terminal import show_finding

    wrong = False
    for finding in diagnose(settings):
        wrong = wrong or finding.level == "problem"
        if as_json:
            print_json(finding)
        else:
            show_finding(finding)
    return SOME_REJECTED if wrong else DONE

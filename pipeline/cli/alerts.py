"""The commands for saved searches that tell: alerts add, list, remove, watch, run."""

from __future__ import annotations

from typing import Any

import click

from pipeline.cli.common import DONE, as_json, command, ended_by, print_json, signals_to
from pipeline.cli.find import facet_options, filters_of, text_of
from pipeline.config import Settings
from pipeline.index.query import parse_day


@click.group()
def alerts() -> None:
    """Save searches, and be told of each new article that one finds.

    \b
    newsloom alerts add tariffs-japan 'tariff OR levy' --place Japan
    newsloom alerts add spy --ticker SPY --webhook https://example.com/newsloom
    newsloom alerts watch
    """


@alerts.command("add", context_settings={"ignore_unknown_options": True})
@click.argument("name", metavar="NAME")
@click.argument("query", nargs=-1)
@facet_options
@click.option("--from", "since", metavar="DATE", help="Published on or after this day or moment.")
@click.option("--to", "until", metavar="DATE", help="Published on or before this day or moment.")
@click.option("--webhook", metavar="URL", help="Where each alert is posted to, as JSON.")
@click.option("--secret", help="What signs it, 16 to 200 characters; without, one is made.")
@as_json
@command
def add(
    settings: Settings,
    name: str,
    query: tuple[str, ...],
    since: str | None,
    until: str | None,
    webhook: str | None,
    secret: str | None,
    *,
    as_json: bool,
    **options: Any,
) -> int:
    """Save a search: a query and filters as `newsloom search` takes them.

    Articles that come in from now on are told, each once: on the topic newsloom.alerts, by
    `newsloom alerts watch`, and to the webhook. A secret that is made is shown now and never again.
    """
    from pipeline.alerts.records import just_saved, new_search
    from pipeline.alerts.searches import add as save
    from pipeline.alerts.webhook import networks_of, unreachable
    from pipeline.log import open_log

    wanted = new_search(
        name,
        text_of(query),
        filters=filters_of(options),
        since=parse_day(since) if since else None,
        until=parse_day(until, last=True) if until else None,
        webhook=webhook,
        secret=secret,
    )
    log = open_log(settings)
    try:
        saved = save(log, wanted)
    finally:
        log.close()
    warning = unreachable(saved.webhook, networks_of(settings.webhook_networks))
    answer = just_saved(saved, made_secret=secret is None, warning=warning)
    if as_json:
        print_json(answer)
        return DONE
    click.echo(f"{answer.name}: saved")
    if answer.secret:
        click.echo(f"its secret, which is not shown again: {answer.secret}")
    if answer.warning:
        click.echo(f"warning: {answer.warning}", err=True)
    return DONE


@alerts.command("list")
@as_json
@command
def list_(settings: Settings, *, as_json: bool) -> int:
    """List the saved searches."""
    from pipeline.alerts.records import shown
    from pipeline.alerts.searches import Searches
    from pipeline.log import open_log
    from pipeline.terminal import show_searches

    log = open_log(settings, create=False)
    try:
        found = sorted(map(shown, Searches(log)), key=lambda search: search.name)
    finally:
        log.close()
    if as_json:
        for search in found:
            print_json(search)
    else:
        show_searches(found)
    return DONE


@alerts.command("remove")
@click.argument("name", metavar="NAME")
@as_json
@command
def remove(settings: Settings, name: str, *, as_json: bool) -> int:
    """Remove a saved search, with its secret."""
    from pipeline.alerts.searches import remove as forget
    from pipeline.log import open_log

    log = open_log(settings, create=False)
    try:
        forget(log, name)
    finally:
        log.close()
    if as_json:
        print_json({"name": name, "removed": True})
    else:
        click.echo(f"{name}: removed")
    return DONE


@alerts.command("watch")
@click.argument("name", metavar="[NAME]", required=False)
@as_json
@command
def watch(settings: Settings, name: str | None, *, as_json: bool) -> int:
    """Show alerts as they come, of one saved search or of all, until Ctrl-C."""
    from pipeline.alerts.recent import watch as alerts_to_come
    from pipeline.alerts.searches import Searches
    from pipeline.errors import NotFound
    from pipeline.log import open_log
    from pipeline.terminal import show_alert

    log = open_log(settings, create=False)
    if name is not None and Searches(log).get(name) is None:
        raise NotFound(f"no saved search {name!r}; `newsloom alerts list` shows them")
    for alert in alerts_to_come(log, name):
        if as_json:
            print_json(alert)
        else:
            show_alert(alert)
    return DONE


@alerts.command("run")
@click.option("--drain", is_flag=True, help="End when all is matched, and sent.")
@as_json
@command
def run(settings: Settings, *, drain: bool, as_json: bool) -> int:
    """Match what is on Kafka's enriched topic, and call webhooks, until SIGTERM or Ctrl-C.

    Start more of them, here or elsewhere, to share the work: as many as topics have partitions.
    """
    from pipeline.alerting import Alerting
    from pipeline.terminal import progress
    from pipeline.watchdog import STALLED

    running = Alerting(settings)
    with signals_to(running.stop) as received, progress("alerts") as advance:
        stalled = running.run(
            drain=drain,
            tick=lambda counts: advance(
                counts.alerts, None, f"{counts.sent:,} sent, {counts.unsent:,} not sent"
            ),
        )
    counts = running.counts
    if as_json:
        print_json(counts)
    else:
        click.echo(f"{counts.alerts:,} alerts, {counts.sent:,} sent, {counts.unsent:,} not sent")
    return STALLED if stalled else ended_by(received, drain=drain)

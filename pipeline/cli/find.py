"""The commands that show what is there: search, show, tail."""

from __future__ import annotations

import sys
from typing import Any

import click

from pipeline.cli.common import DONE, Command, as_json, command, print_json
from pipeline.config import Settings
from pipeline.errors import NotFound
from pipeline.index.query import FACETS, Query, decode_offset, normalise, parse_day


def _facet_options(command: Command) -> Command:
    for name in reversed(FACETS):
        shown = name.replace("_", " ")
        option = click.option(
            f"--{name.replace('_', '-')}",
            name,
            multiple=True,
            metavar=name.split("_")[-1].upper(),
            help=f"Only with this {shown}; repeated: with any of them.",
        )
        command = option(command)
    return command


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("query", nargs=-1)
@_facet_options
@click.option("--from", "since", metavar="DATE", help="Published on or after this day or moment.")
@click.option("--to", "until", metavar="DATE", help="Published on or before this day or moment.")
@click.option(
    "--sort",
    type=click.Choice(["relevance", "newest", "oldest"]),
    default="relevance",
    help="Order; without a query relevance is newest.",
)
@click.option("--size", type=click.IntRange(0, 1000), default=10, help="How many hits.")
@click.option("--after", metavar="NEXT", help="The page behind: `next` of the one before.")
@as_json
@command
def search(
    settings: Settings,
    query: tuple[str, ...],
    since: str | None,
    until: str | None,
    *,
    as_json: bool,
    **options: Any,
) -> int:
    """Find articles by words and by their labels.

    All words must match, in whatever form: "tariff" finds tariffs. "Trade talks" in quotes is a
    phrase, -word leaves out, OR between two words takes either. Without a query all articles that
    the filters leave are listed.

    \b
    newsloom search tariffs japan
    newsloom search '"trade talks" OR summit -steel' --place Japan --from 2025-07-01
    newsloom search --ticker SPY --stated-sentiment bullish --json
    """
    from pipeline.index import open_index
    from pipeline.terminal import show_result

    for word in query:
        if word.startswith("--"):
            raise click.NoSuchOption(word)
    filters = {
        name: [normalise(name, value) for value in values]
        for name in FACETS
        if (values := options.pop(name))
    }
    asked = Query(
        text=" ".join(query),
        filters=filters,
        since=parse_day(since) if since else None,
        until=parse_day(until, last=True) if until else None,
        **options,
    )
    first = decode_offset(asked.after) + 1
    result = open_index(settings).search(asked)
    if as_json:
        print_json(result)
    else:
        show_result(result, first=first)
    return DONE


@click.command()
@click.argument("article_id", metavar="ID")
@as_json
@command
def show(settings: Settings, article_id: str, *, as_json: bool) -> int:
    """Show an article, with its entities marked in the text."""
    from pipeline.index import open_index
    from pipeline.terminal import show_article

    article = open_index(settings).get(article_id)
    if article is None:
        raise NotFound(f"no article {article_id}; `newsloom search` shows ids")
    if as_json:
        print_json(article)
    else:
        show_article(article)
    return DONE


@click.command()
@click.argument("name", metavar="TOPIC")
@click.option("--from-beginning", is_flag=True, help="All that the topic holds first.")
@_facet_options
@command
def tail(settings: Settings, name: str, *, from_beginning: bool, **options: tuple[str, ...]) -> int:
    """Follow a topic as JSON lines, as a subscriber would.

    TOPIC is raw, enriched or dead. Filters are for the enriched one; withdrawals pass them.
    """
    from pipeline.index.matching import matcher
    from pipeline.log import open_log
    from pipeline.log.follow import follow, topic_named

    filters = {facet: values for facet, values in options.items() if values}
    wanted = matcher(filters) if filters else None
    topic = topic_named(name)
    log = open_log(settings, create=False)
    for line in follow(log, topic, from_beginning=from_beginning, wanted=wanted):
        sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()
    return DONE

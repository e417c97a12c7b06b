"""The commands that show what is there: search, show, trends, tail."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import click

from pipeline.cli.common import DONE, Command, as_json, command, print_json
from pipeline.config import Settings
from pipeline.errors import NotFound
from pipeline.index.query import FACETS, Query, decode_offset, normalise, parse_day
from pipeline.trends import WindowName


def facet_options(command: Command) -> Command:
    """Gives a command an option for each facet."""
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


def text_of(words: Sequence[str]) -> str:
    """The text of a query from the words of a command that does not know all its options.

    Raises:
        NoSuchOption: one of them was meant as an option.
    """
    for word in words:
        if word.startswith("--"):
            raise click.NoSuchOption(word)
    return " ".join(words)


def filters_of(options: dict[str, Any]) -> dict[str, list[str]]:
    """The filters of a query, taken out of a command's options."""
    return {
        name: [normalise(name, value) for value in values]
        for name in FACETS
        if (values := options.pop(name))
    }


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("query", nargs=-1)
@facet_options
@click.option("--from", "since", metavar="DATE", help="Published on or after this day or moment.")
@click.option("--to", "until", metavar="DATE", help="Published on or before this day or moment.")
@click.option(
    "--sort",
    type=click.Choice(["relevance", "newest", "oldest"]),
    default="relevance",
    help="Order; without a query relevance is newest.",
)
@click.option(
    "--collapse",
    is_flag=True,
    help="Of near-duplicates only the first. The total counts groups of them then, facets and "
    "histogram still articles.",
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

    asked = Query(
        text=text_of(query),
        filters=filters_of(options),
        since=parse_day(since) if since else None,
        until=parse_day(until, last=True) if until else None,
        **options,
    )
    first = decode_offset(asked.after) + 1
    result = open_index(settings).search(asked)
    if as_json:
        print_json(result)
    else:
        show_result(result, first=first, collapsed=asked.collapse)
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
@click.option("--symbol", "symbols", multiple=True, help="Of this ticker; can be repeated.")
@click.option(
    "--window",
    type=click.Choice(get_args(WindowName)),
    default="24h",
    help="How long: 1h or 24h.",
)
@click.option("--at", metavar="TIME", help="The day or moment that it ends with, not now.")
@click.option("--size", type=click.IntRange(1, 100), default=10, help="How many tickers.")
@as_json
@command
def trends(
    settings: Settings,
    symbols: tuple[str, ...],
    window: WindowName,
    at: str | None,
    *,
    size: int,
    as_json: bool,
) -> int:
    """Show what is said of tickers within an hour or a day.

    How many articles name a ticker, the mean of their sentiment, what they state of it, and who and
    what they name beside it. Without --symbol the most frequent tickers are shown.

    \b
    newsloom trends
    newsloom trends --symbol SPY --symbol QQQ --at 2025-07-17
    """
    from pipeline.index import open_index
    from pipeline.terminal import show_trends
    from pipeline.trends import window_at

    moment = parse_day(at, last=True) - timedelta(milliseconds=1) if at else datetime.now(UTC)
    asked = window_at(window, moment)
    index = open_index(settings)
    found = index.trends(asked, [normalise("ticker", symbol) for symbol in symbols], size)
    if as_json:
        for trend in found:
            print_json(trend)
    else:
        newest = index.search(Query(sort="newest", size=1)).hits if not found else []
        show_trends(asked, found, newest[0].article.published_at if newest else None)
    return DONE


@click.command()
@click.argument("name", metavar="TOPIC")
@click.option("--from-beginning", is_flag=True, help="All that the topic holds first.")
@facet_options
@command
def tail(settings: Settings, name: str, *, from_beginning: bool, **options: tuple[str, ...]) -> int:
    """Follow a topic as JSON lines, as a subscriber would.

    TOPIC is raw, enriched, dead, alerts or searches, on Kafka also trends. Filters are for the
    enriched one; withdrawals pass them.
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

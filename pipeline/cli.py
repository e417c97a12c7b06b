"""The `newsloom` command: what each of its words does, and with what exit status it ends."""

from __future__ import annotations

import functools
import io
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click
import msgspec

from pipeline import __version__
from pipeline.article import SentimentLabel, StatedSentiment
from pipeline.config import Settings, load_settings
from pipeline.errors import ConfigurationError, InUse, NewsloomError, NotFound
from pipeline.index.query import FACETS, Query, decode_offset, parse_day

if TYPE_CHECKING:
    from pipeline.article import Rejection
    from pipeline.local import Service

DONE, SOME_REJECTED, WRONG_USAGE, INTERRUPTED, NO_READER, TERMINATED = 0, 1, 2, 130, 141, 143

_HELP = """\
News in, labelled and searchable documents out.

Articles are put on a topic, get their entities, tickers and sentiment, and can then be searched.
Everything is kept in one folder, newsloom-data unless --data names another.

\b
Try:
  newsloom demo                        the whole thing on the bundled samples
  newsloom produce news/ && newsloom up --drain
  newsloom search tariffs --place Japan
  echo "Apple (AAPL) rose 3%" | newsloom annotate -
"""

_EPILOG = """\
\b
Settings, from the environment or a file .env:
  NEWSLOOM_DATA             the folder of the log and the index       newsloom-data
  NEWSLOOM_LOG              where topics are                          sqlite:///<data>/log.db
  NEWSLOOM_INDEX            where documents are                       tantivy:///<data>/index
  NEWSLOOM_PROCESSES        worker processes; 0: one per processor    0
  NEWSLOOM_MAX_BODY_BYTES   the largest title and body together       1000000
  NEWSLOOM_RETENTION_DAYS   how long raw records and letters stay     30
  NEWSLOOM_PROFILES         a TOML file of further source profiles

\b
Exit status:
  0    all done
  1    some input was rejected, or what was asked for is not there; all the rest was done
  2    wrong usage or settings, or the storage can't be used
  130  stopped by Ctrl-C; nothing was lost (143: by SIGTERM, before all was done)
"""

DELETE_SECONDS = 30.0
"""How long `delete` waits for a running service to act."""

Command = Callable[..., int | None]


def _command(command: Command) -> Command:
    """Gives a command the options that all have, and the settings."""

    @click.option("--data", type=click.Path(path_type=Path), help="The folder of log and index.")
    @click.option("-v", "--verbose", is_flag=True, help="Tell more of what happens, on stderr.")
    @functools.wraps(command)
    def with_settings(data: Path | None, *, verbose: bool, **options: Any) -> int | None:
        logging.basicConfig(
            level=logging.DEBUG if verbose else logging.INFO,
            format="%(asctime)s %(levelname)s %(message)s",
            datefmt="%H:%M:%S",
        )
        for chatty in ("watchfiles", "asyncio"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
        _check_encoding(options.values())
        try:
            return command(load_settings({"data": data}), **options)
        except BrokenPipeError:
            # Who reads us had enough. Python would complain when it closes stdout.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return NO_READER

    return with_settings


def _check_encoding(values: Iterable[Any]) -> None:
    """Refuses arguments whose bytes are no text: nothing that is stored can be named by them."""
    for value in values:
        if isinstance(value, tuple):
            _check_encoding(value)
        elif isinstance(value, str) and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise ConfigurationError(f"{value!r} is not UTF-8") from None


_json = click.option("--json", "as_json", is_flag=True, help="JSON, for programs.")
_paths = click.argument("paths", metavar="PATH...", nargs=-1, required=True)


@click.group(
    help=_HELP,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="newsloom")
def cli() -> None:
    """The group of all commands."""


@cli.command()
@_command
def demo(settings: Settings) -> None:
    """Take the bundled samples through every step."""
    from pipeline.demo import run

    run(settings)


@cli.command()
@click.option(
    "--watch",
    "folders",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Read the articles of this folder, now and whenever they change. Can be repeated.",
)
@click.option("--drain", is_flag=True, help="End when everything is indexed.")
@_json
@_command
def up(settings: Settings, folders: tuple[Path, ...], *, drain: bool, as_json: bool) -> int:
    """Run the service, until SIGTERM or Ctrl-C.

    It enriches and indexes what is produced, here or by `newsloom produce`.

    Write files under a name that ends in .tmp or .part, and rename them when they are whole: so
    none is read half-written.
    """
    for folder in folders:
        if not folder.is_dir():
            raise ConfigurationError(f"{folder}: no such folder")

    from pipeline.local import Service
    from pipeline.producer import Producer
    from pipeline.sources import read
    from pipeline.sources.watch import watch

    def follow(producer: Producer, stop: Any) -> None:
        for files in watch(folders, stop):
            producer.produce(read(files, max_body_bytes=settings.max_body_bytes))

    service = Service(
        settings,
        inputs=lambda: read(folders if drain else (), max_body_bytes=settings.max_body_bytes),
        follow=follow if folders and not drain else None,
        rejected=_tell,
    )
    status = _run_until_signal(service, drain=drain)
    if as_json:
        _print_json(service.counts)
    else:
        counts = service.counts
        click.echo(
            f"{counts.accepted:,} accepted, {counts.unchanged:,} unchanged, "
            f"{counts.rejected:,} rejected, {counts.enriched:,} enriched, "
            f"{counts.dead:,} dead letters, {counts.indexed:,} indexed"
        )
    # Of a service that is stopped nobody expects a verdict on what came in meanwhile.
    some = service.counts.rejected or service.counts.dead
    return status or (SOME_REJECTED if some and drain else DONE)


@cli.command()
@_paths
@_json
@_command
def produce(settings: Settings, paths: tuple[str, ...], *, as_json: bool) -> int:
    """Put articles on the raw topic; - is standard input.

    \b
    .txt            one article, with an optional leading "date YYYY-MM-DD"
    .json           one article, or an array of articles
    .jsonl .ndjson  one article a line
    .csv            one article a row; the first row names the fields
    Each may be compressed (.gz, .zst); a folder stands for all such files in it.

    Of an article's fields only `body` is required; the others are id, source, url, title,
    published_at, language and metadata. What was produced before is unchanged, however often.
    """
    from pipeline.log import open_log
    from pipeline.producer import ProduceCounts, Producer
    from pipeline.profiles import load_profiles
    from pipeline.sources import read
    from pipeline.terminal import progress

    log = open_log(settings)
    counts = ProduceCounts()
    producer = Producer(log, settings, load_profiles(settings.profiles), counts, _tell)
    inputs = read(paths, max_body_bytes=settings.max_body_bytes, stdin=sys.stdin.buffer)
    try:
        with progress("articles") as advance:

            def counted() -> Any:
                for number, located in enumerate(inputs, 1):
                    yield located
                    advance(number)

            producer.produce(counted())
    finally:
        if as_json:
            _print_json(counts)
        else:
            click.echo(
                f"{counts.accepted:,} accepted, {counts.rejected:,} rejected, "
                f"{counts.unchanged:,} unchanged"
            )
    return SOME_REJECTED if counts.rejected else DONE


@cli.command()
@_paths
@_command
def annotate(settings: Settings, paths: tuple[str, ...]) -> int:
    """Print articles with their labels, as JSON lines.

    Nothing is stored. Takes what `produce` takes. Rejected inputs are JSON lines on stderr.
    """
    from pipeline.annotate import annotate as annotated
    from pipeline.enrich.records import EnrichedRecord
    from pipeline.sources import read
    from pipeline.terminal import bar

    status = DONE
    inputs = read(paths, max_body_bytes=settings.max_body_bytes, stdin=sys.stdin.buffer)
    with bar("articles") as advance:
        for number, result in enumerate(annotated(inputs, settings), 1):
            if isinstance(result, EnrichedRecord):
                sys.stdout.buffer.write(result.value + b"\n")
                sys.stdout.buffer.flush()
            else:
                click.echo(msgspec.json.encode(result), err=True)
                status = SOME_REJECTED
            advance(number)
    return status


def _level(levels: Any) -> Callable[[str], str]:
    def normalised(value: str) -> str:
        level = value.strip().lower().replace(" ", "_")
        if level not in get_args(levels):
            raise ConfigurationError(f"{value}: expected one of {', '.join(get_args(levels))}")
        return level

    return normalised


_NORMALISED: dict[str, Callable[[str], str]] = dict.fromkeys(FACETS, str.strip) | {
    "ticker": lambda value: value.strip().upper().removeprefix("$"),
    "language": lambda value: value.strip().lower(),
    "topic": lambda value: value.strip().lower(),
    "sentiment": _level(SentimentLabel),
    "stated_sentiment": _level(StatedSentiment),
}


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


@cli.command(context_settings={"ignore_unknown_options": True})
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
@_json
@_command
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
        name: [_NORMALISED[name](value) for value in values]
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
        _print_json(result)
    else:
        show_result(result, first=first)
    return DONE


@cli.command()
@click.argument("article_id", metavar="ID")
@_json
@_command
def show(settings: Settings, article_id: str, *, as_json: bool) -> int:
    """Show an article, with its entities marked in the text."""
    from pipeline.index import open_index
    from pipeline.terminal import show_article

    article = open_index(settings).get(article_id)
    if article is None:
        raise NotFound(f"no article {article_id}; `newsloom search` shows ids")
    if as_json:
        _print_json(article)
    else:
        show_article(article)
    return DONE


@cli.command()
@click.argument("topic", metavar="TOPIC")
@click.option("--from-beginning", is_flag=True, help="All that the topic holds first.")
@click.option("--ticker", "tickers", multiple=True, metavar="SYMBOL", help="Only with this ticker.")
@_command
def tail(settings: Settings, topic: str, tickers: tuple[str, ...], *, from_beginning: bool) -> int:
    """Follow a topic as JSON lines, as a subscriber would.

    TOPIC is raw, enriched or dead.
    """
    from pipeline.log import open_log
    from pipeline.log.follow import follow, topic_named

    name = topic_named(topic)
    log = open_log(settings, create=False)
    for line in follow(log, name, from_beginning=from_beginning, tickers=tickers):
        sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()
    return DONE


@cli.group()
def dead() -> None:
    """List, show and retry what could not be done."""


@dead.command("list")
@_json
@_command
def dead_list(settings: Settings, *, as_json: bool) -> int:
    """List the dead letters."""
    from pipeline.log import open_log
    from pipeline.log.dead import letters
    from pipeline.terminal import show_letters

    found = list(letters(open_log(settings, create=False)))
    if as_json:
        for letter in found:
            _print_json({**msgspec.to_builtins(letter), "value": _readable(letter.value)})
    else:
        show_letters(found)
    return DONE


@dead.command("show")
@click.argument("ref", metavar="LETTER")
@_command
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
@_json
@_command
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
        _print_json(counts)
    else:
        click.echo(f"{sent:,} sent back, {counts['superseded']:,} superseded by a newer version")
    return DONE


@cli.command()
@click.argument("article_id", metavar="ID")
@_json
@_command
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
            Service(settings, rejected=_tell).run(drain=True)
        done = open_index(settings).get(article_id) is None
        time.sleep(0 if done else 0.2)
    if as_json:
        _print_json({"id": article_id, "withdrawn": done})
    elif done:
        click.echo(f"{article_id}: withdrawn")
    else:
        click.echo(f"{article_id}: withdrawal published; it takes effect when `newsloom up` runs")
    return DONE if done else SOME_REJECTED


@cli.command()
@_json
@_command
def reindex(settings: Settings, *, as_json: bool) -> int:
    """Build the index again from the enriched topic.

    Searches are answered all the while; a running service goes on.
    """
    from pipeline.maintenance import reindex as rebuild
    from pipeline.terminal import progress

    with progress("records") as advance:
        count = rebuild(settings, lambda done, left: advance(done, done + left))
    if as_json:
        _print_json({"articles": count})
    else:
        click.echo(f"{count:,} articles in the new index")
    return DONE


@cli.command()
@click.option("--count", type=click.IntRange(0), default=1000, help="How many articles.")
@click.option("--seed", type=int, default=0, help="The same seed gives the same articles.")
@_command
def generate(settings: Settings, count: int, seed: int) -> int:
    """Print synthetic raw articles for load tests.

    They are JSON lines, marked as fiction.
    """
    from pipeline.sources.generator import generate as generated
    from pipeline.terminal import bar

    del settings
    with bar("articles") as advance:
        for number, article in enumerate(generated(count, seed), 1):
            sys.stdout.buffer.write(msgspec.json.encode(article) + b"\n")
            advance(number, count)
    return DONE


def main() -> None:
    """Runs the command and ends the process with its exit status."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that has no curly quotes shows something else in their place.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        status = cli.main(standalone_mode=False) or DONE
        sys.stdout.flush()
    except click.exceptions.Abort:
        status = INTERRUPTED
    except click.ClickException as error:
        error.show()
        status = WRONG_USAGE
    except KeyboardInterrupt:
        status = INTERRUPTED
    except OSError as error:
        click.echo(f"newsloom: standard output: {error.strerror}", err=True)
        status = WRONG_USAGE
    except NewsloomError as error:
        click.echo(f"newsloom: {error}", err=True)
        status = SOME_REJECTED if isinstance(error, NotFound) else WRONG_USAGE
    if threading.active_count() > 1:
        # A thread still waits for standard input: Python would abort rather than end without it.
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(status)
    sys.exit(status)


def _run_until_signal(service: Service, *, drain: bool) -> int:
    """Runs a service; SIGTERM and Ctrl-C end it in good order. Gives the exit status."""
    from pipeline.terminal import progress

    received: list[int] = []

    def stop(number: int, _: object) -> None:
        received.append(number)
        service.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with progress("indexed") as advance:
            service.run(
                drain=drain,
                tick=lambda counts: advance(
                    counts.indexed, None, f"{counts.accepted:,} accepted, {counts.dead:,} dead"
                ),
            )
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if signal.SIGINT in received:
        return INTERRUPTED
    return TERMINATED if received and drain else DONE


def _tell(rejection: Rejection) -> None:
    click.echo(f"rejected {rejection}", err=True)


def _print_json(value: Any) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.buffer.flush()


def _readable(value: bytes) -> str:
    return value.decode(errors="replace")

"""The commands that articles come in and go through: demo, up, produce, annotate, generate."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from itertools import count
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import click
import msgspec

from pipeline.cli.common import (
    DONE,
    SOME_REJECTED,
    as_json,
    command,
    ended_by,
    paths,
    print_json,
    run_until_signal,
    signals_to,
    tell,
)
from pipeline.cli.serve import address_options, served_beside
from pipeline.config import Settings, redact
from pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from pipeline.sources import Located

feeds = click.option(
    "--feed",
    "feeds",
    multiple=True,
    metavar="URL",
    help="Fetch the articles of this RSS or Atom feed. Can be repeated.",
)


@click.command()
@command
def demo(settings: Settings) -> None:
    """Take the bundled samples through every step."""
    from pipeline.demo import run

    run(settings)


@click.command()
@click.option(
    "--watch",
    "folders",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Read the articles of this folder, now and whenever they change. Can be repeated.",
)
@feeds
@click.option("--drain", is_flag=True, help="End when everything is indexed. Serves nothing.")
@click.option("--no-serve", is_flag=True, help="Answer nothing over HTTP.")
@address_options
@as_json
@command
def up(
    settings: Settings,
    folders: tuple[Path, ...],
    feeds: tuple[str, ...],
    *,
    drain: bool,
    no_serve: bool,
    host: str | None,
    port: int | None,
    as_json: bool,
) -> int:
    """Run the service, until SIGTERM or Ctrl-C.

    It enriches and indexes what is produced, here or by `newsloom produce`, and answers over HTTP
    as `newsloom serve` does: at http://127.0.0.1:8710, unless another program has that address.

    Write files under a name that ends in .tmp or .part, and rename them when they are whole: so
    none is read half-written.
    """
    for folder in folders:
        if not folder.is_dir():
            raise ConfigurationError(f"{folder}: no such folder")

    from pipeline.local import Service
    from pipeline.producer import Producer
    from pipeline.sources import read
    from pipeline.sources.feeds.poll import check_urls
    from pipeline.sources.merge import merge
    from pipeline.sources.watch import watch

    check_urls(feeds)

    def changed(stop: Event) -> Iterator[Iterator[Located]]:
        for files in watch(folders, stop):
            yield read(files, max_body_bytes=settings.max_body_bytes)

    def follow(producer: Producer, stop: Event) -> None:
        if drain:
            for articles in _fetched(settings, feeds, stop, once=True):
                producer.produce(articles)
            return
        sources = [changed] if folders else []
        if feeds:
            sources.append(lambda stop: _fetched(settings, feeds, stop, once=False))
        for articles in merge(sources, stop):
            producer.produce(articles)

    service = Service(
        settings,
        inputs=lambda: read(folders if drain else (), max_body_bytes=settings.max_body_bytes),
        follow=follow if feeds or (folders and not drain) else None,
        rejected=tell,
    )
    beside = nullcontext() if drain or no_serve else served_beside(settings, host, port)
    with beside:
        status = run_until_signal(service, drain=drain)
    if as_json:
        print_json(service.counts)
    else:
        counts = service.counts
        click.echo(
            f"{counts.accepted:,} accepted, {counts.unchanged:,} unchanged, "
            f"{counts.rejected:,} rejected, {counts.enriched:,} enriched, "
            f"{counts.dead:,} dead letters, {counts.indexed:,} indexed"
            + (f", {counts.alerts:,} alert{'s' * (counts.alerts > 1)}" if counts.alerts else "")
            + (f", {counts.unsent:,} not sent to their webhooks" if counts.unsent else "")
        )
    # Of a service that is stopped nobody expects a verdict on what came in meanwhile.
    some = service.counts.rejected or service.counts.dead
    return status or (SOME_REJECTED if some and drain else DONE)


@click.command()
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@feeds
@click.option("--follow", is_flag=True, help="Fetch the feeds again and again, until SIGTERM.")
@as_json
@command
def produce(
    settings: Settings,
    paths: tuple[str, ...],
    feeds: tuple[str, ...],
    *,
    follow: bool,
    as_json: bool,
) -> int:
    """Put articles on the raw topic, from files and feeds; - is standard input.

    \b
    .txt            one article, with an optional leading "date YYYY-MM-DD"
    .json           one article, or an array of articles
    .jsonl .ndjson  one article a line
    .csv            one article a row; the first row names the fields
    .html .htm      one page, of which the article is taken
    Each may be compressed (.gz, .zst); a folder stands for all such files in it.

    Of an article's fields only `body` is required; the others are id, source, url, title,
    published_at, language and metadata. What was produced before is unchanged, however often.
    """
    if not paths and not feeds:
        raise click.UsageError("name a PATH, - for standard input, or a --feed URL")
    if follow and not feeds:
        raise click.UsageError("--follow is for feeds; `newsloom up --watch DIR` follows a folder")

    from pipeline.log import open_log
    from pipeline.producer import ProduceCounts, Producer
    from pipeline.profiles import load_profiles
    from pipeline.sources import read
    from pipeline.sources.feeds.poll import check_urls
    from pipeline.terminal import progress

    check_urls(feeds)
    log = open_log(settings)
    counts = ProduceCounts()
    producer = Producer(log, settings, load_profiles(settings.profiles), counts, tell)
    inputs = read(paths, max_body_bytes=settings.max_body_bytes, stdin=sys.stdin.buffer)
    stop, numbers = Event(), count(1)
    received: Sequence[int] = ()
    try:
        with progress("articles") as advance:

            def counted(inputs: Iterable[Located]) -> Iterator[Located]:
                for located in inputs:
                    yield located
                    advance(next(numbers))

            producer.produce(counted(inputs))
            with signals_to(stop.set) if follow else nullcontext(()) as received:
                for articles in _fetched(settings, feeds, stop, once=not follow):
                    producer.produce(counted(articles))
    finally:
        if as_json:
            print_json(counts)
        else:
            click.echo(
                f"{counts.accepted:,} accepted, {counts.rejected:,} rejected, "
                f"{counts.unchanged:,} unchanged"
            )
    if follow:
        return ended_by(received, drain=False)
    return SOME_REJECTED if counts.rejected else DONE


def _fetched(
    settings: Settings, urls: Sequence[str], stop: Event, *, once: bool
) -> Iterator[Iterator[Located]]:
    """The articles of each fetch of these feeds, which count as fetched when the next are asked."""
    from pipeline.profiles import load_profiles
    from pipeline.sources.extraction import Extractor
    from pipeline.sources.feeds.poll import poll
    from pipeline.sources.feeds.state import States

    profiles = load_profiles(settings.profiles)
    with Extractor() as extractor:
        yield from poll(
            urls,
            States(settings.data / "feeds", redact(settings.log_url)),
            extractor,
            stop,
            source_of=lambda url: profiles.source_of(url, ""),
            least_seconds=settings.feed_seconds,
            once=once,
        )


@click.command()
@click.option("--explain", is_flag=True, help="Say for each label which rule or model gave it.")
@paths
@as_json
@command
def annotate(settings: Settings, paths: tuple[str, ...], *, explain: bool, as_json: bool) -> int:
    """Print articles with their labels, as JSON lines.

    Nothing is stored. Takes what `produce` takes. Rejected inputs are JSON lines on stderr. With
    --explain, labels and their reasons are printed for people, or with --json as JSON lines.
    """
    if explain:
        return _explain(settings, paths, as_json=as_json)

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


def _explain(settings: Settings, paths: tuple[str, ...], *, as_json: bool) -> int:
    from pipeline.annotate import explain
    from pipeline.article import Rejection
    from pipeline.sources import read
    from pipeline.terminal import show_reasons

    status = DONE
    inputs = read(paths, max_body_bytes=settings.max_body_bytes, stdin=sys.stdin.buffer)
    for result in explain(inputs, settings):
        if isinstance(result, Rejection):
            click.echo(msgspec.json.encode(result), err=True)
            status = SOME_REJECTED
        elif as_json:
            article_id, reasons = result
            print_json({"id": article_id, "reasons": reasons})
        else:
            show_reasons(*result)
    return status


@click.command()
@click.option("--count", type=click.IntRange(0), default=1000, help="How many articles.")
@click.option("--seed", type=int, default=0, help="The same seed gives the same articles.")
@command
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

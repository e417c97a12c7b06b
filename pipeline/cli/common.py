"""What all commands share: options, settings, exit statuses, printing, ending by a signal."""

from __future__ import annotations

import functools
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from pipeline.config import load_settings
from pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from pipeline.article import Rejection
    from pipeline.local import Service

DONE, SOME_REJECTED, WRONG_USAGE, INTERRUPTED, NO_READER, TERMINATED = 0, 1, 2, 130, 141, 143

Command = Callable[..., int | None]


def command(function: Command) -> Command:
    """Gives a command the options that all have, and the settings."""

    @click.option("--data", type=click.Path(path_type=Path), help="The folder of log and index.")
    @click.option("-v", "--verbose", is_flag=True, help="Tell more of what happens, on stderr.")
    @functools.wraps(function)
    def with_settings(data: Path | None, *, verbose: bool, **options: Any) -> int | None:
        logging.basicConfig(
            level=logging.DEBUG if verbose else logging.INFO,
            format="%(asctime)s %(levelname)s %(message)s",
            datefmt="%H:%M:%S",
        )
        for chatty in ("watchfiles", "asyncio", "httpx", "httpcore"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
        _check_encoding(options.values())
        try:
            return function(load_settings({"data": data}), **options)
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


as_json = click.option("--json", "as_json", is_flag=True, help="JSON, for programs.")
paths = click.argument("paths", metavar="PATH...", nargs=-1, required=True)


def run_until_signal(service: Service, *, drain: bool) -> int:
    """Runs a service; SIGTERM and Ctrl-C end it in good order. Gives the exit status."""
    from pipeline.terminal import progress

    with signals_to(service.stop) as received, progress("indexed") as advance:
        service.run(
            drain=drain,
            tick=lambda counts: advance(
                counts.indexed, None, f"{counts.accepted:,} accepted, {counts.dead:,} dead"
            ),
        )
    return ended_by(received, drain=drain)


@contextmanager
def signals_to(stop: Callable[[], None]) -> Iterator[list[int]]:
    """Has SIGTERM and Ctrl-C call `stop`, and gives the list of those that came."""
    received: list[int] = []

    def take(number: int, _: object) -> None:
        received.append(number)
        stop()

    before = {number: signal.signal(number, take) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ended_by(received: Sequence[int], *, drain: bool) -> int:
    """The exit status of a service that got these signals; `drain`: it was to end by itself."""
    if signal.SIGINT in received:
        return INTERRUPTED
    return TERMINATED if received and drain else DONE


def tell(rejection: Rejection) -> None:
    """Says on stderr that an input was rejected, and why."""
    click.echo(f"rejected {rejection}", err=True)


def print_json(value: Any) -> None:
    """Prints a record as one line of JSON, at once."""
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.buffer.flush()

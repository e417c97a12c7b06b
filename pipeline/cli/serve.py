"""The command that answers over HTTP: serve; and what `up` has of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import click
import msgspec

from pipeline.cli.common import Command, command, ended_by, signals_to
from pipeline.config import Settings


def address_options(command: Command) -> Command:
    """Gives a command the options that say where it answers."""
    host = click.option("--host", help="The address to bind.  [default: 127.0.0.1]")
    port = click.option(
        "--port",
        type=click.IntRange(0, 65535),
        help="The port; 0: any that is free.  [default: 8710]",
    )
    return host(port(command))


@click.command()
@address_options
@click.option(
    "--token",
    help="What requests have to show. Others see a command's words: better NEWSLOOM_TOKEN.",
)
@command
def serve(settings: Settings, *, host: str | None, port: int | None, token: str | None) -> int:
    """Answer over HTTP: the API, and the page for people. Until SIGTERM or Ctrl-C.

    Only programs of this machine are answered, unless --host names another address; then a token
    is needed. NEWSLOOM_SERVE=HOST:PORT takes the place of --host and --port.

    \b
    newsloom serve
    curl 'http://127.0.0.1:8710/api/search?q=tariffs&place=Japan'
    """
    from pipeline.search.server import serving

    if token is not None:
        settings = msgspec.structs.replace(settings, token=token)
    stopping = threading.Event()
    bound = _address(settings, host, port)
    with signals_to(stopping.set) as received, serving(settings, *bound) as server:
        click.echo(f"newsloom answers at {server.url}")
        server.wait(stopping)
    return ended_by(received, drain=False)


@contextmanager
def served_beside(settings: Settings, host: str | None, port: int | None) -> Iterator[None]:
    """Answers over HTTP inside the block, and says where.

    An address that was not asked for may be taken: by another service, whose page is there then.
    That is said, and the block goes on without.

    Raises:
        ConfigurationError: the address was asked for and can't be had; or a setting is wrong.
    """
    from pipeline.search.server import AddressTaken, serving

    asked = host is not None or port is not None or settings.serve != Settings().serve
    with ExitStack() as stack:
        try:
            server = stack.enter_context(serving(settings, *_address(settings, host, port)))
        except AddressTaken as error:
            if asked:
                raise
            click.echo(f"no page and no API here: {error}; --port chooses another one", err=True)
        else:
            click.echo(f"newsloom answers at {server.url}", err=True)
        yield


def _address(settings: Settings, host: str | None, port: int | None) -> tuple[str, int]:
    from pipeline.search.server import place_of

    usual = place_of(settings.serve)
    return usual[0] if host is None else host, usual[1] if port is None else port

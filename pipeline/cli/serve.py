"""The command that answers over HTTP: serve."""

from __future__ import annotations

import threading

import click

from pipeline.cli.common import command, ended_by, signals_to
from pipeline.config import Settings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to bind.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8710,
    show_default=True,
    help="The port; 0: any that is free.",
)
@command
def serve(settings: Settings, *, host: str, port: int) -> int:
    """Answer over HTTP: the API, and the page for people. Until SIGTERM or Ctrl-C."""
    from pipeline.search.server import serving

    stopping = threading.Event()
    with signals_to(stopping.set) as received, serving(settings, host, port) as server:
        click.echo(f"newsloom answers at {server.url}")
        server.wait(stopping)
    return ended_by(received, drain=False)

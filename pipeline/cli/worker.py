"""The command of the distributed enrichment: worker."""

from __future__ import annotations

import logging
import signal

import click

from pipeline.cli.common import DONE, INTERRUPTED, command
from pipeline.config import Settings


@click.command()
@click.option("--processes", type=click.IntRange(1, 1000), help="Processes that enrich.")
@command
def worker(settings: Settings, processes: int | None) -> int:
    """Enrich what is on Kafka's raw topic, until SIGTERM or Ctrl-C.

    Start more of them, here or elsewhere, to share the work: as many as topics have partitions.
    """
    import msgspec

    from pipeline.stream.worker import Worker
    from pipeline.watchdog import STALLED

    if processes is not None:
        settings = msgspec.structs.replace(settings, processes=processes)
    if not logging.getLogger().isEnabledFor(logging.DEBUG):
        for chatty in ("faust", "mode", "aiokafka"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
    running = Worker(settings)
    ended = running.run()
    counts = running.counts
    click.echo(
        f"{counts.enriched:,} enriched, {counts.superseded:,} superseded, "
        f"{counts.dead:,} dead letters, {counts.trends:,} trends"
    )
    if ended == STALLED:
        return STALLED
    return INTERRUPTED if ended == signal.SIGINT else DONE

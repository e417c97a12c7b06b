"""The `newsloom` command: what each of its words does, and with what exit status it ends."""

from __future__ import annotations

import io
import os
import sys
import threading
from contextlib import suppress

import click

from pipeline import __version__
from pipeline.cli import (
    alerts,
    articles,
    dead,
    find,
    operate,
    schema,
    serve,
    servers,
    train,
    worker,
)
from pipeline.cli.common import DONE, INTERRUPTED, SOME_REJECTED, WRONG_USAGE
from pipeline.errors import NewsloomError, NotFound

_HELP = """\
News in, labelled and searchable documents out.

Articles are put on a topic, get their entities, tickers and sentiment, and can then be searched.
Everything is kept in one folder, newsloom-data unless --data names another.

\b
Try:
  newsloom demo                        the whole thing on the bundled samples
  newsloom produce news/ && newsloom up --drain
  newsloom search tariffs --place Japan
  newsloom up --feed https://news.example/rss.xml      and http://127.0.0.1:8710 in a browser
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
  NEWSLOOM_FEED_SECONDS     how long a feed is left alone, at least   300
  NEWSLOOM_SENTIMENT        fast, accurate, lexicon, or a file of `train`  fast

\b
Over HTTP (see docs/api.md for all):
  NEWSLOOM_SERVE            HOST:PORT of `serve` and `up`             127.0.0.1:8710
  NEWSLOOM_TOKEN            what requests have to show
  NEWSLOOM_WEBHOOK_NETWORKS
                            private networks that alerts may be sent to: 10.0.0.0/8, …

\b
On servers (see docs/operations.md for all):
  NEWSLOOM_LOG              kafka://HOST:9092[,HOST:9092]
  NEWSLOOM_INDEX            https://[USER:PASSWORD@]HOST:9200[,HOST:9200]
  NEWSLOOM_INDEX_API_KEY    in place of a password
  NEWSLOOM_INDEX_CA         a PEM file; or NEWSLOOM_INDEX_FINGERPRINT
  NEWSLOOM_KIBANA           http://[USER:PASSWORD@]HOST:5601, for setup

\b
Exit status:
  0    all done
  1    some input was rejected, or what was asked for is not there; all the rest was done
  2    wrong usage or settings, or the storage can't be used
  70   a worker or sink had work and got nowhere: its watchdog ended it
  130  stopped by Ctrl-C; nothing was lost (143: by SIGTERM, before all was done)
"""


@click.group(
    help=_HELP,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="newsloom")
def cli() -> None:
    """The group of all commands."""


for _command in (
    articles.demo,
    articles.up,
    articles.produce,
    articles.annotate,
    find.search,
    find.show,
    find.trends,
    find.tail,
    serve.serve,
    alerts.alerts,
    dead.dead,
    worker.worker,
    servers.setup,
    servers.sink,
    operate.delete,
    operate.expire,
    operate.replay,
    operate.reindex,
    operate.doctor,
    schema.schema,
    train.train,
    articles.generate,
):
    cli.add_command(_command)


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

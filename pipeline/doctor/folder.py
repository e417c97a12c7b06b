"""What `newsloom doctor` looks at in a folder: its rights and room, log, index, the service."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pipeline.article import ARTICLES_ENRICHED, ARTICLES_RAW
from pipeline.config import Settings, path_of
from pipeline.doctor.finding import Finding, ok, problem, warning
from pipeline.errors import ConfigurationError, IndexDamaged, InUse, NewsloomError
from pipeline.index import open_index
from pipeline.index.tantivy.folder import current
from pipeline.log import Log, open_log
from pipeline.maintenance import ENRICHERS, index_group, service_lock

LEAST_BYTES = 1_000_000_000
"""Room on the disk below which it is worth a word."""


def look(settings: Settings) -> Iterator[Finding]:
    """Yields what is found of the folders, the log, the index, and whether a service runs."""
    try:
        log_path = path_of(settings.log_url, "sqlite")
        index_path = path_of(settings.index_url, "tantivy")
    except NewsloomError as error:
        yield problem("settings", str(error), "correct NEWSLOOM_LOG or NEWSLOOM_INDEX")
        return
    for folder in sorted({log_path.parent, index_path.parent}):
        yield from _folder(folder)
    if not log_path.exists():
        yield warning("log", "there are no articles yet", "`newsloom produce PATH` puts some there")
        return
    try:
        log = open_log(settings, create=False)
    except NewsloomError as error:
        yield problem("log", str(error), "see the message")
        return
    try:
        yield from _index(settings)
        yield from _lag(settings, log, index_path)
    finally:
        log.close()


def _folder(folder: Path) -> Iterator[Finding]:
    about = f"folder {folder}"
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not os.access(there, os.W_OK | os.X_OK) or not there.is_dir():
        yield problem(about, f"{there} can't be written to", "change its rights, or set --data")
        return
    free = shutil.disk_usage(there).free
    if free < LEAST_BYTES:
        yield warning(about, f"{free / 1e6:,.0f} MB are free on its disk", "make room")
    else:
        yield ok(about, f"it can be written to, {free / 1e9:,.0f} GB are free")


def _index(settings: Settings) -> Iterator[Finding]:
    try:
        yield ok("index", f"{open_index(settings).count():,} articles can be found")
    except ConfigurationError as error:
        yield problem("index", str(error), "run `newsloom up`")
    except IndexDamaged as error:
        yield problem("index", str(error), "run `newsloom reindex`")


def _lag(settings: Settings, log: Log, index: Path) -> Iterator[Finding]:
    waiting = log.consume(ARTICLES_RAW, ENRICHERS).lag()
    with suppress(ConfigurationError, IndexDamaged):  # said before
        waiting += log.consume(ARTICLES_ENRICHED, index_group(current(index))).lag()
    runs = _service_runs(settings)
    said = f"{waiting:,} records wait"
    if waiting and not runs:
        yield problem("service", f"none runs; {said}", "run `newsloom up`")
    else:
        yield ok("service", f"{'one runs' if runs else 'none runs'}; {said}")


def _service_runs(settings: Settings) -> bool:
    try:
        with service_lock(settings):
            return False
    except InUse:
        return True

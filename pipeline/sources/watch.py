"""Folders whose articles are read when they appear or change."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import watchfiles

from pipeline.errors import ConfigurationError
from pipeline.sources import is_article_file

SETTLED_MILLISECONDS = 500
"""How long a change waits for further ones, so that a file is not read while it is written."""

LOOK_MILLISECONDS = 200


def watch(folders: Sequence[Path], stop: threading.Event) -> Iterator[list[Path]]:
    """The folders themselves first, then the article files that appear or change, until `stop`.

    Nothing is missed between the two: the watch begins before the first is given.

    Raises:
        ConfigurationError: a folder does not exist.
    """
    for folder in folders:
        if not folder.is_dir():
            raise ConfigurationError(f"{folder}: no such folder")
    first = True
    for changes in watchfiles.watch(
        *folders,
        watch_filter=lambda change, path: (
            change != watchfiles.Change.deleted and _is_read(Path(path), folders)
        ),
        debounce=SETTLED_MILLISECONDS * 4,
        step=SETTLED_MILLISECONDS,
        stop_event=stop,
        rust_timeout=LOOK_MILLISECONDS,
        yield_on_timeout=True,
        raise_interrupt=False,
    ):
        if first:
            yield list(folders)
            first = False
        if changes:
            yield sorted({Path(path) for _, path in changes})


def _is_read(path: Path, folders: Sequence[Path]) -> bool:
    """Whether `read` would read it: article files and folders, nothing hidden on the way there."""
    for folder in map(Path.absolute, folders):
        if path.is_relative_to(folder):
            inner = path.relative_to(folder)
            hidden = any(part.startswith(".") for part in inner.parts)
            return not hidden and (is_article_file(path) or path.is_dir())
    return False

"""Where the embedded index is: numbered folders, a pointer to the one in use, and their errors."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import tantivy

from pipeline.errors import ConfigurationError, IndexDamaged, InUse, StorageUnavailable
from pipeline.index.analysis import ANALYZER, analyzer

_STORAGE_ERRORS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
    errno.EMFILE,
}

POINTER = "current"
_NUMBERED = "[0-9]" * 6 + "-*"

_SEGMENT_FILES = (".fast", ".fieldnorm", ".idx", ".pos", ".store", ".term")
_FOOTER = (1337).to_bytes(4, "little")


def current(folder: Path) -> Path:
    """The folder of the index in use.

    Raises:
        ConfigurationError: there is no index.
    """
    try:
        return folder / (folder / POINTER).read_text("ascii").strip()
    except FileNotFoundError:
        raise ConfigurationError(
            f"{folder}: no index here yet; `newsloom up` or `newsloom demo` makes one"
        ) from None
    except UnicodeDecodeError:
        raise IndexDamaged(damaged(folder, f"{POINTER} is overwritten")) from None
    except OSError as error:
        raise StorageUnavailable(f"{folder / POINTER}: {error.strerror}") from error


def following(folder: Path) -> Path:
    """A folder for the next index. No two ever have the same name, so none is taken for another."""
    numbers = [int(path.name[:6]) for path in folder.glob(_NUMBERED)]
    return folder / f"{max(numbers, default=0) + 1:06}-{secrets.token_hex(4)}"


def point_to(generation: Path) -> None:
    """Makes `generation` the index in use, at once for every reader."""
    new = generation.parent / (POINTER + ".new")
    with new.open("w") as file:
        file.write(generation.name + "\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(generation.parent / POINTER)


def remove_older(generation: Path) -> None:
    """Removes the folders before `generation`; a later one may be in the making."""
    for path in generation.parent.glob(_NUMBERED):
        if path.name < generation.name:
            shutil.rmtree(path, ignore_errors=True)


def open_folder(path: Path) -> tantivy.Index:
    """The index in a folder.

    Raises:
        IndexDamaged: it can't be read.
    """
    for segment in _committed_segments(path):
        for ending in _SEGMENT_FILES:
            file = path / (segment + ending)
            if not _is_whole(file):
                raise IndexDamaged(damaged(path, f"{file.name} is cut off or overwritten"))
    index = tantivy.Index.open(str(path))
    index.register_tokenizer(ANALYZER, analyzer())
    return index


def _committed_segments(path: Path) -> list[str]:
    try:
        meta = msgspec.json.decode((path / "meta.json").read_bytes())
        return [segment["segment_id"].replace("-", "") for segment in meta["segments"]]
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError) as error:
        raise IndexDamaged(damaged(path, f"meta.json: {error}")) from None


def _is_whole(file: Path) -> bool:
    """Whether a file ends as Tantivy ends its files. It panics, loudly, on those that do not."""
    try:
        with file.open("rb") as opened:
            opened.seek(-len(_FOOTER), os.SEEK_END)
            return opened.read() == _FOOTER
    except FileNotFoundError:
        return True  # a writer has merged and removed it since it was listed
    except OSError:
        return False  # shorter than a footer


@contextmanager
def errors_named(path: Path) -> Iterator[None]:
    """Tantivy has one error, ValueError, for all that happens to files: its text must do."""
    try:
        yield
    except ValueError as error:
        text = str(error)
        if "LockBusy" in text:
            raise InUse(f"{path}: another process writes to this index") from error
        if (code := re.search(r"(?:os error|code:) (\d+)", text)) and int(
            code[1]
        ) in _STORAGE_ERRORS:
            raise StorageUnavailable(f"{path}: {os.strerror(int(code[1]))}") from error
        raise IndexDamaged(damaged(path, text)) from error
    except OSError as error:
        raise StorageUnavailable(f"{error.filename or path}: {error.strerror}") from error
    except BaseException as error:
        # A panic of Rust is no Exception: what a file holds can make Tantivy panic.
        if type(error).__name__ == "PanicException":
            raise IndexDamaged(damaged(path, str(error))) from error
        raise


def damaged(path: Path, why: str) -> str:
    """What is said of an index that can't be read: why, and what to do."""
    return f"{path}: the index can't be read ({why}); `newsloom reindex` makes it anew"

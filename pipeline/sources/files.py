"""Articles from files, folders and standard input, plain or compressed."""

from __future__ import annotations

import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pipeline.article import Rejection, Submission
from pipeline.errors import Rejected
from pipeline.sources import formats
from pipeline.sources.decode import (
    Compression,
    compression_of,
    decompress,
    peek,
    read_all,
    read_chunks,
    read_file,
    to_utf8,
    unreadable,
)
from pipeline.sources.extraction import Extractor
from pipeline.sources.html import is_html

STDIN = "-"
"""The path that stands for standard input."""

_Reader = Callable[[Iterable[bytes], int], Iterator[formats.Found]]

_READERS: dict[str, _Reader] = {
    ".txt": formats.text_article,
    ".json": formats.json_document,
    ".jsonl": formats.json_lines,
    ".ndjson": formats.json_lines,
    ".csv": formats.csv_rows,
    ".html": formats.html_page,
    ".htm": formats.html_page,
}
_COMPRESSIONS: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd"}
# JSON can write a character of one byte as six (\u0041): text within its limit may take a longer
# line. Most does not, and a line four times the limit is over it in all but made-up cases.
_LINE_FACTOR = 4
# Standard input that is all blanks so far is looked at up to here to see what it is.
_BLANKS = 1 << 16


class Located(NamedTuple):
    """An article or why there is none, and where it stood."""

    value: Submission | Rejection
    input: str
    line: int | None

    def rejection(self, reason: str, message: str, article_id: str | None) -> Rejection:
        """Why the article that stood here is none after all."""
        return Rejection(
            reason=reason, message=message, input=self.input, line=self.line, id=article_id
        )


def is_article_file(path: str | Path) -> bool:
    """Whether a file of that name is read when it is met in a folder."""
    name = Path(path).name
    return not name.startswith(".") and _format_of(name) is not None


def read(
    paths: Iterable[str | Path], *, max_body_bytes: int, stdin: BinaryIO | None = None
) -> Iterator[Located]:
    """The articles in files, in folders (recursively, in the order of names) and on "-".

    Args:
        paths: files named `.txt`, `.json`, `.jsonl`, `.ndjson`, `.csv`, `.html` or `.htm`, each
            also with `.gz` or `.zst`, folders of such files, or "-" for standard input.
        max_body_bytes: the largest body that is of use, in bytes; a line, row or text file may
            have four times as many.
        stdin: what "-" reads; None: the process's own.

    Nothing is raised for bad input: each problem is a `Rejection` in its place, and reading goes
    on after it. However large a file of lines is, only a few of them are in memory.
    """
    limit = _LINE_FACTOR * max_body_bytes
    with Extractor() as extractor:
        for path in paths:
            if str(path) == STDIN:
                chunks = read_chunks(stdin or sys.stdin.buffer)
                head, chunks = peek(chunks, lambda head: len(head) >= 4)
                compression = compression_of(head)
                yield from _read_stream(STDIN, chunks, compression, None, limit, extractor)
                continue
            try:
                is_folder = stat.S_ISDIR(Path(path).stat().st_mode)
            except (OSError, ValueError) as error:
                yield _located(unreadable(error), str(path))
                continue
            if is_folder:
                yield from _read_folder(Path(path), limit, extractor)
            else:
                yield from _read_file(path, limit, extractor)


def _read_folder(folder: Path, limit: int, extractor: Extractor) -> Iterator[Located]:
    waiting = [folder]
    while waiting:
        path = waiting.pop()
        # A link to a folder is not followed: it may lead back to where it stands.
        if path == folder or (path.is_dir() and not path.is_symlink()):
            try:
                inside = sorted(path.iterdir(), reverse=True)
            except OSError as error:
                yield _located(unreadable(error), str(path))
                continue
            waiting += (item for item in inside if not item.name.startswith("."))
        # A pipe or device would be waited for without end; what has vanished is reported.
        elif is_article_file(path) and (path.is_file() or not path.exists()):
            yield from _read_file(path, limit, extractor)


def _read_file(path: str | Path, limit: int, extractor: Extractor) -> Iterator[Located]:
    name = str(path)
    found = _format_of(name)
    if found is None:
        endings = " ".join(_READERS)
        message = f"not a kind of file that is read: {endings}, each also with .gz or .zst"
        yield _located(Rejected("unknown_format", message), name)
        return
    yield from _read_stream(name, read_file(Path(path)), *found, limit, extractor)


def _read_stream(
    name: str,
    chunks: Iterator[bytes],
    compression: Compression | None,
    reader: _Reader | None,
    limit: int,
    extractor: Extractor,
) -> Iterator[Located]:
    """The articles in the data; without a reader, its beginning tells what it is."""
    try:
        if compression:
            chunks = decompress(chunks, compression)
        head, chunks = peek(chunks, bool)
        if not head:
            read_all(chunks, limit)  # raises what may have gone wrong before the first byte
            raise Rejected("empty_file", "there is nothing in it")
        if reader is None:
            head, chunks = peek(to_utf8(chunks), _shows_format)
            reader = _reader_for(head)
        for value, line in reader(chunks, limit):
            yield _located(_as_text(value, reader, extractor), name, line)
    except Rejected as error:
        yield _located(error, name)


def _as_text(
    value: Submission | Rejected, reader: _Reader, extractor: Extractor
) -> Submission | Rejected:
    """The same with text in place of a page, or of a body of JSON or CSV that is HTML."""
    if isinstance(value, Rejected) or reader is formats.text_article:
        return value
    if reader is not formats.html_page and not is_html(value.body):
        return value
    try:
        return extractor.submission(value)
    except Rejected as error:
        return error


def _format_of(name: str) -> tuple[Compression | None, _Reader] | None:
    name = name.lower()
    compression = None
    for ending, kind in _COMPRESSIONS.items():
        if name.endswith(ending):
            name, compression = name.removesuffix(ending), kind
    reader = next((reader for end, reader in _READERS.items() if name.endswith(end)), None)
    return (compression, reader) if reader else None


def _shows_format(head: bytes) -> bool:
    return b"\n" in head.lstrip() or len(head) > _BLANKS


def _reader_for(head: bytes) -> _Reader:
    """What reads standard input that begins so.

    A doctype or the tag of a page or a block begins HTML.
    "{" begins JSON lines, or one object if nothing else is on the line, which JSON lines can't
    have. "[" begins an array, unless no object, array or text follows: "[Update] Shares rose".
    """
    if re.match(rb"\s*\{[ \t\r]*\n", head):
        return formats.json_document
    if re.match(rb"\s*\{", head):
        return formats.json_lines
    if is_html(head.decode(errors="replace")):
        return formats.html_page
    if re.match(rb"\s*\[\s*(?:[\[{\]\"]|$)", head):
        return formats.json_document
    return formats.text_article


def _located(value: Submission | Rejected, name: str, line: int | None = None) -> Located:
    # A file's name may have bytes that are no UTF-8, which come as lone surrogates.
    name = name.encode(errors="surrogateescape").decode(errors="replace")
    if isinstance(value, Rejected):
        rejection = Rejection(reason=value.reason, message=str(value), input=name, line=line)
        return Located(rejection, name, line)
    return Located(value, name, line)

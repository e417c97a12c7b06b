"""What the file formats mean: plain text, JSON, JSON lines and CSV become submissions."""

from __future__ import annotations

import csv
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from pipeline.article import Submission
from pipeline.errors import Rejected
from pipeline.sources.decode import (
    WIDE_MARKS,
    decode_text,
    encoding_of,
    peek,
    read_all,
    split_lines,
    to_utf8,
)
from pipeline.sources.html import decode_page

Found = tuple[Submission | Rejected, int | None]
"""A submission, or why there is none, and the line it begins on (from 1) where there are lines."""

_JSON_BYTES = 64 << 20
_METADATA_DEPTH = 20  # the deepest object that an Elasticsearch `flattened` field takes
_DECODER = msgspec.json.Decoder(Submission)
_RAW_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_SAMPLE = 1 << 16
_UNIX_TIME = re.compile(r"\d{9,11}(\.\d+)?")
_TRUE, _FALSE = {"true", "yes", "1"}, {"false", "no", "0"}
# How often a quoted CSV field may seem to end and go on, before it is taken for a stray quote.
_CLOSINGS = 3


def text_article(chunks: Iterable[bytes], limit: int) -> Iterator[Found]:
    """One article, whose body is the whole text.

    Raises:
        Rejected: over `limit` bytes, or no text.
    """
    yield Submission(body=decode_text(read_all(chunks, limit))), None


def html_page(chunks: Iterable[bytes], limit: int) -> Iterator[Found]:
    """One article, whose body is the page as it is: not yet its text.

    Raises:
        Rejected: over `limit` bytes, or no text.
    """
    yield Submission(body=decode_page(read_all(chunks, limit))), None


def json_document(chunks: Iterable[bytes], limit: int) -> Iterator[Found]:
    """The article in an object, or the articles in an array of them.

    Raises:
        Rejected: the whole is too large or no JSON.
    """
    largest = max(_JSON_BYTES, limit)
    data = read_all(
        to_utf8(chunks), largest, advice="; put one article on a line and name it .jsonl"
    )
    if not data.lstrip().startswith(b"["):
        yield _one_of_document(data), None
        return
    items: list[Any]
    try:
        items = _RAW_ITEMS.decode(data)
    except (msgspec.DecodeError, RecursionError):
        items = _load(data)
    for number, item in enumerate(items, 1):
        try:
            yield (
                (
                    parse_submission(bytes(item))
                    if isinstance(item, msgspec.Raw)
                    else _convert(item)
                ),
                None,
            )
        except Rejected as error:
            yield Rejected(error.reason, f"item {number}: {error}"), None


def json_lines(chunks: Iterable[bytes], limit: int) -> Iterator[Found]:
    """The article on each line that is not blank; a line may have `limit` bytes."""
    number = 0
    try:
        for number, line in enumerate(split_lines(to_utf8(chunks), limit), 1):
            if line is None:
                yield _too_long(limit), number
            elif line.strip():
                try:
                    yield parse_submission(line), number
                except Rejected as error:
                    yield error, number
    except Rejected as error:
        yield error, number + 1


def parse_submission(data: bytes) -> Submission:
    """The submission in a JSON object in UTF-8.

    Fields that are not known are ignored, those that are null count as absent, and lone surrogates
    in strings become U+FFFD.

    Raises:
        Rejected: no JSON, or of the wrong shape; the message says where.
    """
    try:
        submission = _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _convert(_load(data))
    _check_depth(submission.metadata)
    return submission


def _one_of_document(data: bytes) -> Submission:
    try:
        return parse_submission(data)
    except Rejected as error:
        if "extra data" in str(error):
            raise Rejected(
                error.reason, f"{error}; a file with an article on each line is named .jsonl"
            ) from None
        raise


def _load(data: bytes) -> Any:
    """What JSON says, by the reader that takes lone surrogates and says best what is wrong."""
    try:
        return json.loads(data.decode())
    except UnicodeDecodeError as error:
        raise Rejected(
            "undecodable", f"not UTF-8: byte {data[error.start]:#04x} at byte {error.start + 1:,}"
        ) from None
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError as error:
        what = error.msg[:1].lower() + error.msg[1:].removesuffix(" at")
        place = f"line {error.lineno:,}, column" if b"\n" in data.strip() else "column"
        raise Rejected("broken_json", f"not JSON: {what} at {place} {error.colno:,}") from None
    except ValueError:  # an integer of more digits than Python converts
        raise Rejected("broken_json", "not JSON that can be read: a number is too long") from None


def _convert(value: Any) -> Submission:
    try:
        if isinstance(value, dict):
            value = {name: _sound(item) for name, item in value.items() if item is not None}
        submission = msgspec.convert(value, Submission)
    except RecursionError:
        raise _too_deep() from None
    except msgspec.ValidationError as error:
        raise Rejected("wrong_shape", _explain(str(error))) from None
    _check_depth(submission.metadata)
    return submission


def _sound(value: Any) -> Any:
    """The same without lone surrogates."""
    if isinstance(value, str):
        return _SURROGATE.sub("�", value)
    if isinstance(value, list):
        return [_sound(item) for item in value]
    if isinstance(value, dict):
        return {_sound(name): _sound(item) for name, item in value.items()}
    return value


def _check_depth(metadata: dict[str, Any]) -> None:
    level: list[Any] = [metadata] if metadata else []
    for _ in range(_METADATA_DEPTH + 1):
        if not level:
            return
        level = [
            item
            for holder in level
            for item in (holder.values() if isinstance(holder, dict) else holder)
            if isinstance(item, dict | list)
        ]
    raise _too_deep()


def _too_deep() -> Rejected:
    return Rejected("too_deep", "the JSON is nested too deeply")


def _too_long(limit: int) -> Rejected:
    return Rejected("line_too_long", f"the line is longer than {limit:,} bytes")


_KINDS = {
    "str": "text", "int": "a number", "float": "a number", "bool": "true or false",
    "object": "an object", "array": "a list", "null": "null", "datetime": "a time",
}  # fmt: skip


def _explain(message: str) -> str:
    """For people what msgspec says as "Expected `str | null`, got `int` - at `$.url`"."""
    what, _, path = message.partition(" - at `$.")
    if types := re.fullmatch(r"Expected `(.+)`, got `(.+)`", what):
        wanted = dict.fromkeys(_KINDS.get(name, name) for name in types[1].split(" | "))
        wanted.pop("null", None)
        what = f"expected {' or '.join(wanted)}, got {_KINDS.get(types[2], types[2])}"
    elif "RFC3339" in what:
        what = "not a time in ISO 8601"
    else:
        what = what[:1].lower() + what[1:]
    return f"{path.rstrip('`')}: {what}" if path else what


class _Header(NamedTuple):
    names: list[str]
    delimiter: str


def csv_rows(chunks: Iterable[bytes], limit: int) -> Iterator[Found]:
    """The article in each row, under a header that names fields; others go to `metadata`.

    A row may have `limit` bytes. After a quote that is never closed, reading goes on with the line
    that follows the one with the quote.

    Raises:
        Rejected: no text.
    """
    csv.field_size_limit(max(csv.field_size_limit(), limit))  # rows are bounded here
    sample, chunks = peek(to_utf8(chunks), lambda head: len(head) >= _SAMPLE)
    encoding = encoding_of(sample)
    if encoding in WIDE_MARKS:
        chunks, encoding = to_utf8(chain([WIDE_MARKS[encoding]], chunks)), "utf-8"
    lines = _decoded_lines(chunks, encoding, limit)
    header: _Header | None = None
    ahead: deque[tuple[str | Rejected, int]] = deque()
    while (first := ahead.popleft() if ahead else next(lines, None)) is not None:
        line, number = first
        if isinstance(line, Rejected):
            yield line, number
        elif line.strip():
            try:
                if header is not None:
                    row = _row(line, lines, ahead, header, limit)
                    yield _submission_of_row(header.names, row), number
                    continue
                header = _parse_header(line)
            except Rejected as error:
                yield error, number
        if header is None and line:
            return


def _decoded_lines(
    chunks: Iterable[bytes], encoding: str, limit: int
) -> Iterator[tuple[str | Rejected, int]]:
    number = 0
    try:
        for number, line in enumerate(split_lines(chunks, limit), 1):
            if line is None:
                yield _too_long(limit), number
                continue
            try:
                yield line.decode(encoding).removesuffix("\r"), number
            except UnicodeDecodeError:
                yield Rejected("undecodable", f"the line is not {encoding.upper()}"), number
    except Rejected as error:
        yield error, number + 1


def _parse_header(line: str) -> _Header:
    for delimiter in ",;\t|":
        try:
            cells = next(csv.reader([line], delimiter=delimiter), [])
        except csv.Error as error:
            raise Rejected("bad_header", f"the header is not CSV: {error}") from None
        names = [name.strip().lower() for name in cells]
        if "body" in names:
            if len(set(names)) < len(names):
                raise Rejected("bad_header", "the header names a column twice")
            return _Header(names, delimiter)
    raise Rejected("bad_header", "the header, the first line, must name a column `body`")


def _row(
    line: str,
    lines: Iterator[tuple[str | Rejected, int]],
    ahead: deque[tuple[str | Rejected, int]],
    header: _Header,
    limit: int,
) -> list[str]:
    """The cells of the row that begins with `line`.

    Lines that are read to find the row's end are put into `ahead`, and taken out again if they
    are of this row.
    """
    cells, is_open = _parse_cells([line], header.delimiter)
    if not is_open:
        if len(cells) != len(header.names):
            raise Rejected(
                "wrong_shape", f"{len(cells)} cells, but the header has {len(header.names)}"
            )
        return cells
    taken, size, closings = [line], len(line), 0

    def fetch() -> Iterator[tuple[str | Rejected, int]]:
        for item in lines:
            ahead.append(item)
            yield item

    for following, _ in chain(tuple(ahead), fetch()):
        if isinstance(following, Rejected):
            break
        taken.append(following)
        size += len(following) + 1
        if size > limit or closings == _CLOSINGS:
            break
        # Only an odd number of quotes can end a quoted field; trying every line would take a time
        # that grows with the square of their number.
        if following.count('"') % 2:
            closings += 1
            cells, is_open = _parse_cells(taken, header.delimiter)
            if not is_open:
                if len(cells) != len(header.names):
                    break
                for _ in taken[1:]:
                    ahead.popleft()
                return cells
    raise Rejected("unbalanced_quotes", "a quote that begins on this line is not closed")


def _parse_cells(lines: list[str], delimiter: str) -> tuple[list[str], bool]:
    """The cells of a row, and whether a quote is still open at its end."""
    ended = [line + "\n" for line in lines]
    reader = csv.reader([*ended, "\n"], delimiter=delimiter)
    try:
        cells = next(reader)
    except csv.Error as error:
        raise Rejected("broken_csv", f"not CSV: {error}") from None
    return cells, reader.line_num > len(lines)


def _submission_of_row(names: list[str], cells: list[str]) -> Submission:
    given: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    for name, cell in zip(names, cells, strict=True):
        if name in Submission.__struct_fields__:
            if cell.strip() or name == "body":
                given[name] = cell
        elif name and cell:
            metadata[name] = cell
    if "withdrawn" in given:
        word = given["withdrawn"].strip().lower()
        if word not in _TRUE | _FALSE:
            raise Rejected("wrong_shape", "withdrawn: expected true or false")
        given["withdrawn"] = word in _TRUE
    if _UNIX_TIME.fullmatch(given.get("published_at", "").strip()):
        given["published_at"] = float(given["published_at"])
    if "metadata" in given:
        value = _load(given["metadata"].encode())
        if not isinstance(value, dict):
            raise Rejected("wrong_shape", "metadata: expected an object in JSON")
        metadata = value | metadata
    return _convert(given | {"metadata": metadata})

"""Bytes in: decompression that can't blow up, lines of bounded length, and text from bytes."""

from __future__ import annotations

import codecs
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Literal

import zstandard
from charset_normalizer import from_bytes

from pipeline.errors import Rejected

Compression = Literal["gzip", "zstd"]

_CHUNK = 1 << 16
# Compressed data is fed in small pieces, because a decoder gives back at once all that a piece
# makes: of 1 KB at most some 1 MB (gzip) or 32 MB (zstd, blocks of one repeated byte).
_PIECE = 1 << 10
_ZSTD_WINDOW = 1 << 27  # what the zstd command itself takes unless told otherwise
_BOMB_BYTES = 64 << 20
_BOMB_RATIO = 100

_BOMS = (  # UTF-32 before UTF-16: the one's mark begins with the other's
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
WIDE_MARKS = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
"""The byte order marks of the encodings in which a line feed is not one byte."""

# What text without a mark that is not UTF-8 may be, in the order in which a tie is decided. Only
# one encoding of each script and region: the others differ from it in characters that news lacks.
_ENCODINGS = (
    "cp1252", "cp932", "euc_jp", "gb18030", "big5", "cp949", "cp1251", "cp1250", "cp1253",
    "cp1254", "cp1255", "cp1256",
)  # fmt: skip
_SAMPLE = 1 << 16
_SYMBOL_IN_WORD = re.compile(r"[^\W\d_][¡-©«-´¶¸¹»-¿×÷ˆ˜][^\W\d_]|\b[¹³º]\w")
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
# Text in a Western language has few bytes beyond ASCII; with fewer than this many there is too
# little to tell other encodings apart, and the commonest is the best guess.
_FEW_BYTES = 12


def read_chunks(stream: BinaryIO) -> Iterator[bytes]:
    """What `stream` holds, piece by piece, as soon as there is something.

    Raises:
        Rejected: it can't be read on.
    """
    read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
    try:
        while chunk := read(_CHUNK):
            yield chunk
    except OSError as error:
        raise unreadable(error) from None


def read_file(path: Path) -> Iterator[bytes]:
    """What a file holds, piece by piece; it is opened when the first is asked for.

    Raises:
        Rejected: it is not there or can't be read.
    """
    try:
        with path.open("rb") as stream:
            yield from read_chunks(stream)
    except (OSError, ValueError) as error:
        raise unreadable(error) from None


def unreadable(error: OSError | ValueError) -> Rejected:
    """Why a file or folder can't be read; a ValueError is what Python raises for a bad name."""
    if isinstance(error, FileNotFoundError | ValueError):
        return Rejected("not_found", "there is no such file or folder")
    return Rejected("not_readable", f"can't be read: {error.strerror or error}")


def compression_of(head: bytes) -> Compression | None:
    """How data that begins with `head` (at least 4 bytes) is compressed, by its magic number."""
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    return "zstd" if head.startswith(zstandard.FRAME_HEADER) else None


def decompress(chunks: Iterable[bytes], compression: Compression) -> Iterator[bytes]:
    """The decompressed data; several gzip members or zstd frames make one.

    Raises:
        Rejected: damaged or cut off (all data before it has been given), or a decompression bomb.
    """
    decoder, fresh = _decoder(compression), True
    padding = False  # tapes and block devices fill up a gzip file with zeros
    taken = given = 0
    for chunk in chunks:
        for start in range(0, len(chunk), _PIECE):
            piece = chunk[start : start + _PIECE]
            taken += len(piece)
            while piece:
                if fresh and padding and not (piece := piece.lstrip(b"\0")):
                    break
                try:
                    data, fresh = decoder.decompress(piece), False
                except (zlib.error, zstandard.ZstdError) as error:
                    raise Rejected(
                        "damaged_compression",
                        f"the {compression} data is damaged: {str(error).rpartition(': ')[2]}",
                    ) from None
                given += len(data)
                if given > _BOMB_BYTES and given > _BOMB_RATIO * taken:
                    raise Rejected(
                        "decompression_bomb",
                        f"the {compression} data grows to over {_BOMB_RATIO} times its size",
                    )
                if data:
                    yield data
                piece = b""
                if decoder.eof:
                    piece = decoder.unused_data
                    decoder, fresh, padding = _decoder(compression), True, compression == "gzip"
    if not fresh:
        raise Rejected("truncated", f"the {compression} data is cut off: its end is missing")


class _GzipDecoder:
    """zlib's decoder under the names that zstandard's has."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self.decompress: Callable[[bytes], bytes] = self._zlib.decompress

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data


def _decoder(compression: Compression) -> _GzipDecoder | zstandard.ZstdDecompressionObj:
    if compression == "gzip":
        return _GzipDecoder()
    return zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()


def peek(chunks: Iterable[bytes], enough: Callable[[bytes], bool]) -> tuple[bytes, Iterator[bytes]]:
    """The beginning of the data, read until it is `enough` or all; and all of it again.

    An error on the way is raised where it came, when the data is read.
    """
    chunks = iter(chunks)
    head = b""
    failure: Rejected | None = None
    try:
        while not enough(head) and (chunk := next(chunks, b"")):
            head += chunk
    except Rejected as error:
        failure = error

    def again() -> Iterator[bytes]:
        if head:
            yield head
        if failure:
            raise failure
        yield from chunks

    return head, again()


def read_all(chunks: Iterable[bytes], limit: int, advice: str = "") -> bytes:
    """All data as one.

    Raises:
        Rejected: more than `limit` bytes; `advice` says what to do then.
    """
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) > limit:
            raise Rejected("file_too_large", f"there are more than {limit:,} bytes{advice}")
    return bytes(data)


def split_lines(chunks: Iterable[bytes], limit: int) -> Iterator[bytes | None]:
    """The lines, without their ends; None for one of over `limit` bytes, which is never held."""
    parts: list[bytes] = []
    size = 0
    for chunk in chunks:
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            size += len(part)
            parts.append(part)
            yield b"".join(parts) if size <= limit else None
            parts, size = [], 0
        size += len(rest)
        if size > limit:
            parts.clear()
        elif rest:
            parts.append(rest)
    if size:
        yield b"".join(parts) if size <= limit else None


def to_utf8(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The data without its byte order mark; what such a mark calls UTF-16 or UTF-32 as UTF-8.

    Raises:
        Rejected: it is not what its mark says.
    """
    head, chunks = peek(chunks, lambda head: len(head) >= len(codecs.BOM_UTF32_LE))
    mark, encoding = _mark_of(head)
    if encoding in (None, "utf-8"):
        for chunk in chunks:
            yield chunk[len(mark) :]
            mark = b""
        return
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for chunk in chunks:
            yield decoder.decode(chunk[len(mark) :]).encode()
            mark = b""
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError:
        raise Rejected("undecodable", f"the text is not {encoding.upper()}, as it says") from None


def decode_text(data: bytes) -> str:
    """Text in whatever encoding it is: as its mark says, UTF-8, else the likeliest.

    Raises:
        Rejected: it is not what its mark says, or no text at all.
    """
    mark, encoding = _mark_of(data)
    encoding = encoding or encoding_of(data)
    try:
        return data[len(mark) :].decode(encoding)
    except UnicodeError:
        raise Rejected("undecodable", f"the text is neither UTF-8 nor {encoding}") from None


def encoding_of(data: bytes) -> str:
    """The likeliest encoding of text without a byte order mark, or of its beginning.

    Raises:
        Rejected: it is no text.
    """
    sample = data[:_SAMPLE]
    if wide := _wide_encoding(sample):
        return wide
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        pass
    else:
        return "utf-8"
    if len(_CONTROLS.findall(sample)) > len(sample) // 100:
        raise Rejected("undecodable", "this is no text: it is full of control characters")
    # A cut inside a character would count against the right encoding.
    if len(data) > len(sample):
        sample = sample[: max(sample.rfind(b" "), sample.rfind(b"\n"), 0)] or sample
    if sum(byte >= 0x80 for byte in sample) < _FEW_BYTES and _is_western(sample):
        return "cp1252"
    guesses = from_bytes(sample, cp_isolation=list(_ENCODINGS), enable_fallback=False)
    if not guesses:
        raise Rejected("undecodable", "this is no text in any encoding that is known here")
    best = min(
        guesses,
        key=lambda guess: (guess.chaos, -guess.coherence, _ENCODINGS.index(guess.encoding)),
    )
    return best.encoding


def _mark_of(head: bytes) -> tuple[bytes, str | None]:
    return next(((mark, name) for mark, name in _BOMS if head.startswith(mark)), (b"", None))


def _wide_encoding(sample: bytes) -> str | None:
    """UTF-16 without a mark, known by the zeros that every other byte of Western text has."""
    low, high = sample[0::2], sample[1::2]
    for name, text, zeros in zip(WIDE_MARKS, (low, high), (high, low), strict=True):
        mostly_zero = len(zeros) >= 4 and zeros.count(0) > len(zeros) // 2
        if mostly_zero and len(_CONTROLS.findall(text)) <= len(text) // 100:
            return name
    return None


def _is_western(data: bytes) -> bool:
    """Whether it is Windows-1252, as far as can be seen: that has no symbols within words."""
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        return False
    return _SYMBOL_IN_WORD.search(text) is None

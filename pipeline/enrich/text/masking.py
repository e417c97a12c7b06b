"""Hides from a recogniser of names what it takes for names: addresses, handles, tickers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.enrich.text.casing import repair_case

# Each quantifier is bounded or runs over a class that the next part can't begin with, so that a
# megabyte of any character takes linear time.
_ADDRESS = re.compile(
    r"""
      (?<![\w.])(?:https?|ftp)://[^\s<>"'“”‘’]+                        # a URL
    | (?<![\w.])www\.[^\s<>"'“”‘’]+
    | (?<![\w.+-])[\w.+-]{1,64}\ {0,1}(?:@|\[at\]|\(at\)|\{at\})\ {0,1}       # an e-mail address
      [\w-]{1,63}(?:(?:\.|\ ?(?:\[dot\]|\(dot\)|\{dot\})\ ?)[\w-]{1,63}){1,4}
    | (?<![\w.])[\w-]{1,63}(?:\.[\w-]{1,63}){0,2}\.(?:com|org|net|gov|io|co\.uk)/[^\s<>"'“”‘’]+
    | (?<![\w@])@\w{1,30}(?!\w)                                              # a handle
    | (?<![\w\#])\#\w{2,100}(?!\w)                                           # a hash tag
    """,
    re.X | re.I,
)
# Every address has one of these; most texts have none.
_SIGNS = ("@", "#", "/", "www.", "[at]", "(at)", "{at}")
# Measured with tickers put behind the organizations of FiNER-ORD's articles, F1 of spaCy's `ner`:
# left in .616, cut out .626, blanks .637, dashes .640; a dash may mean something, a blank nothing.
_FILLER = " "


def mask(
    text: str, ticker_masks: Sequence[tuple[int, int]], *, casing: bool = True
) -> tuple[str, list[tuple[int, int]]]:
    """The text to recognise names in, and the spans of `text` that are hidden in it.

    The returned text is as long as `text`, so that offsets stay. Hidden are `ticker_masks`, e-mail
    addresses (also with "[at]" and "[dot]"), URLs, handles and hash tags; sentences in capitals are
    written in the casing of prose, unless `casing` is false. The spans are in order and do not
    overlap.
    """
    lower = text.lower()
    has_any = any(sign in lower for sign in _SIGNS)
    found = [match.span() for match in _ADDRESS.finditer(text)] if has_any else []
    spans: list[tuple[int, int]] = []
    for start, end in sorted([*found, *ticker_masks]):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    pieces: list[str] = []
    done = 0
    for start, end in spans:
        pieces += [text[done:start], _FILLER * (end - start)]
        done = end
    pieces.append(text[done:])
    masked = "".join(pieces)
    return repair_case(masked) if casing else masked, spans

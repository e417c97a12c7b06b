"""Where sentences begin and end."""

from __future__ import annotations

import re

# After these a full stop ends no sentence, whatever follows. Single capitals ("J. P.") are matched
# by shape. "U.S." and the like may end one: then the next word decides.
_TITLES = (
    "Mr Mrs Ms Mx Dr Prof Sen Rep Gov Gen Col Capt Lt Sgt Adm Rev Hon Pres St Ste Mt Ft vs v No "
    "Nos Fig Eq Vol Art approx est incl Messrs"
)
# These may end a sentence: they do when a word follows that usually begins one.
_MAYBE = (
    "Inc Corp Co Cos Ltd Bros Jr Sr etc al Dept Univ Assn Jan Feb Mar Apr Jun Jul Aug Sep Sept "
    "Oct Nov Dec"
)
_STARTERS = (
    "The A An In On At By It Its He She They We I You This That These Those There But And However "
    "Meanwhile For From To As If When While After Before Since Shares Analysts Investors Last Next "
    "Earlier Also Still Some Many Most More Both Each Such Our His Her Their What Who How Why "
    "Despite"
)
_NEVER_END = frozenset(_TITLES.split())
_MAY_END = frozenset(_MAYBE.split())
_STARTER = frozenset(_STARTERS.split())

# Every run is tried once, from its beginning: on whatever text, time grows with length. What begins
# with a character or a class of them is found fastest.
_EMPTY_LINE = re.compile(r"\n\s*\n\s*")
_STOP = re.compile(
    r"""
      (?P<stop>[.!?…](?<![.!?…][.!?…])[.!?…]*+)(?P<close>["'”’)\]»]*+)   # a stop, closing marks,
      (?P<space>\s++)(?=["'“‘(\[«]*+[^\W_])                     # and white space before a word
    """,
    re.X,
)
_WORD_START = re.compile(r"[\s\"'“‘(\[]")
_NEXT_WORD = re.compile(r"[\"'“‘(\[«]*([^\W_]+)")


def sentences(text: str) -> list[tuple[int, int]]:
    """The spans of the sentences of `text`, in code points, in order, without outer white space."""
    spans: list[tuple[int, int]] = []
    start = 0
    done = 0
    breaks = [*_STOP.finditer(text), *_EMPTY_LINE.finditer(text)]
    for match in sorted(breaks, key=re.Match.start):
        if match.start() < done:
            continue
        done = match.end()
        if match.re is _EMPTY_LINE or _ends_sentence(text, match):
            _add(spans, text, start, done)
            start = done
    _add(spans, text, start, len(text))
    return spans


def _add(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    stripped = piece.strip()
    if stripped:
        spans.append((start + left, start + left + len(stripped)))


def _last_word(text: str) -> str:
    # Looked for from the end: nearly always it is short.
    match = _WORD_START.search(text[::-1])
    return text[len(text) - match.start() :] if match else text


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    following = _NEXT_WORD.match(text, match.end())
    word = following[1] if following else ""
    lower_case = word[:1].islower()
    if match["stop"] != ".":
        return not (lower_case and match["close"])
    last = _last_word(text[max(0, match.start() - 40) : match.start()].removesuffix("\n"))
    if last in _NEVER_END or (len(last) == 1 and last.isupper() and last != "I"):
        return False
    if lower_case:
        return False
    if last in _MAY_END or re.fullmatch(r"(?:[^\W\d_]\.)+[^\W\d_]", last):
        return word in _STARTER or bool(match["close"])
    return True

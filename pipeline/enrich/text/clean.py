"""Cleaning: one form of Unicode and of white space, without markup, boilerplate and debris."""

from __future__ import annotations

import html
import re

from pipeline.article import nfc

# What a pass uncovers (an entity in an entity, a tag in a tag) the next one removes. Nobody escapes
# text as often as this by mistake; text that still changes is made to be expensive.
_PASSES = 8

# Bytes of Windows-1252 that were taken for Latin-1, as HTML reads the references to them.
_WINDOWS = {byte: html.unescape(f"&#{ord(byte)};") for byte in map(chr, range(0x80, 0xA0))}
_WINDOWS = {byte: character for byte, character in _WINDOWS.items() if byte != character}
_LINE_BREAKS = (
    ("\r\n", "\n"), ("\r", "\n"), ("\v", "\n"), ("\f", "\n"), ("\u2028", "\n"), ("\u2029", "\n\n")
)  # fmt: skip
_ODD = re.compile(r"[^\t\n -~]+")
_UNWANTED = re.compile(
    "["
    "\x00-\x08\x0e-\x1f\x7f\x81\x8d\x8f\x90\x9d"  # controls
    "\xad\u034f"  # soft hyphen, grapheme joiner
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction marks and overrides
    "\u180e\u200b\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffc\U0001d173-\U0001d17a"  # invisible
    "\ud800-\udfff"  # lone surrogates
    "\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd"  # private use
    "\ufdd0-\ufdef" + "".join(chr(plane << 16 | 0xFFFE) + chr(plane << 16 | 0xFFFF)
                              for plane in range(17))  # noncharacters
    + "\U000e0000-\U000e007f"  # tags: text that nobody sees
    "]+"
    # Joiners mean something after letters of some scripts, and between emoji.
    "|(?<![\u0600-\u1fff\u2190-\u2bff\ua800-\uabff\ufb50-\ufdff\ufe0f\ufe70-\ufefc"
    "\U00010a00-\U00011fff\U0001f000-\U0001faff])[\u200c\u200d]+"
    "|[\x80-\x9f]"
)  # fmt: skip

_BLOCK_TAGS = (
    "address article aside blockquote body center dialog div dl fieldset figcaption figure footer "
    "form h1 h2 h3 h4 h5 h6 header hgroup hr html main nav ol p pre section table ul"
)
_LINE_TAGS = "br caption dd dt legend li option summary tbody tfoot thead tr"
_CELL_TAGS = "td th"
_INLINE_TAGS = (
    "a abbr acronym applet area audio b base basefont bdi bdo big blink button canvas cite code "
    "col colgroup data datalist del details dfn dir embed em font frame frameset head i iframe "
    "img input ins kbd label link map mark marquee menu meta meter nobr noframes noscript object "
    "optgroup output param picture progress q rp rt ruby s samp script select slot small source "
    "span strike strong style sub sup svg template textarea time title track tt u var video wbr"
)
_SPACE_OF_TAG = (
    dict.fromkeys(_BLOCK_TAGS.split(), "\n\n")
    | dict.fromkeys(_LINE_TAGS.split(), "\n")
    | dict.fromkeys(_CELL_TAGS.split(), " ")
    | dict.fromkeys(_INLINE_TAGS.split(), "")
)
_NAME = r"[a-z][a-z0-9]*(?:[:-][a-z][\w.-]*)?"
_FLAGS = (
    "allowfullscreen|async|autofocus|autoplay|checked|compact|controls|crossorigin|default|defer|"
    "disabled|download|hidden|ismap|itemscope|loop|multiple|muted|nomodule|noshade|novalidate|"
    "nowrap|open|playsinline|readonly|required|reversed|selected"
)
# Every loop here is possessive and stops at the next "<": on whatever text, time grows with length.
_HIDDEN = re.compile(
    r"<!--(?:[^-<]++|-(?!->)|<(?!!--))*+-->"
    r"|<(head|iframe|noscript|script|style|svg|template)\b[^<>]*+>"
    r"(?:[^<]++|<(?!/?\1\b))*+</\1\s*+>",
    re.I,
)
_DECLARATION = re.compile(r"<!\[CDATA\[|\]\]>|<!--|<![a-z\[][^<>]*+>|<\?[a-z][^<>]*+>", re.I)
_CLOSED = re.compile(rf"</({_NAME})\s*+>", re.I)
_TAG = re.compile(
    rf"""<(?P<close>/?)(?P<name>{_NAME})
    (?P<attributes>
        (?:\s++(?:[\w:@.-]++\s*+=\s*+(?:"[^"<]*+"|'[^'<]*+'|[^\s"'<>]++)|(?:{_FLAGS})\b))*+\s*+/?>
      | \s[^<>=]*+=[^<>]*+>            # attributes that are not well formed
    )""",
    re.I | re.X,
)
_CUT_OFF_TAG = re.compile(rf"<(?:/[a-z]*+|(?P<name>{_NAME})(?:\s[^<>=]*+=[^<>]*+)?)\s*+\Z", re.I)
_ENTITY = re.compile(
    r"&(?:amp;)*(#\d{1,7};|#\d{2,7}(?!\d)|#x[0-9a-f]{1,6};|[a-z][a-z0-9]{1,31};)", re.I
)

_BLANKS = re.compile(r"(?: (?=[^\S\n])|[^\S\n ])[^\S\n]*")  # all but single spaces
_LINE_END = re.compile(r" ?\n ?")
_EMPTY_LINES = re.compile(r"\n{3,}")
_STRAY = re.compile(r"(?<!<)<++(?=\n\n|\Z)|^<++$", re.M)


def clean(text: str, boilerplate: re.Pattern[str] | None) -> str:
    """`text` as people read it; cleaning what is clean changes nothing.

    Unicode is in normal form C; blanks are single spaces, lines have none at their ends, and at
    most one empty line is between two paragraphs. Controls, invisible and private characters,
    lone surrogates, HTML tags and entities, and what `boilerplate` matches are gone.
    """
    for _ in range(_PASSES):
        cleaned = _clean_once(text, boilerplate)
        if cleaned == text:
            return text
        text = cleaned
    text = text.replace("<", "").replace("&", "")
    if boilerplate and (match := boilerplate.search(text)):
        text = text[: match.start()]
    return _clean_once(text, None)


def clean_line(text: str) -> str:
    """`text` cleaned and on one line, as a title is."""
    return " ".join(clean(text, None).split())


def _clean_once(text: str, boilerplate: re.Pattern[str] | None) -> str:
    for line_break, line_feed in _LINE_BREAKS:
        text = text.replace(line_break, line_feed)
    text = _ODD.sub(_without_unwanted, text)
    if "<" in text or "]]>" in text:
        text = _without_markup(text)
    if "&" in text:
        text = _ENTITY.sub(_character, text)
    text = _spaced(nfc(text))
    if boilerplate and boilerplate.search(text):
        text = _spaced(boilerplate.sub("", text))
    return _STRAY.sub("", text).strip() if "<" in text else text


def _without_unwanted(odd: re.Match[str]) -> str:
    return _UNWANTED.sub(lambda found: _WINDOWS.get(found[0], ""), odd[0])


def _spaced(text: str) -> str:
    text = _LINE_END.sub("\n", _BLANKS.sub(" ", text))
    return _EMPTY_LINES.sub("\n\n", text).strip()


def _without_markup(text: str) -> str:
    text = _DECLARATION.sub("", _HIDDEN.sub(" ", text))
    closed = {name.lower() for name in _CLOSED.findall(text)}

    def space(tag: re.Match[str]) -> str:
        name = tag["name"].lower()
        if (white := _SPACE_OF_TAG.get(name)) is not None:
            return white
        # Other names count when they are used as tags are: "<AAPL>" and "<name>" are text.
        is_tag = tag["close"] or name in closed or ":" in name or '="' in tag["attributes"]
        return "" if is_tag else tag[0]

    text = _TAG.sub(space, text)
    cut_off = _CUT_OFF_TAG.search(text)
    if cut_off and (cut_off["name"] is None or cut_off["name"].lower() in _SPACE_OF_TAG):
        text = text[: cut_off.start()]
    return text


def _character(entity: re.Match[str]) -> str:
    return html.unescape(f"&{entity[1].removesuffix(';')};")

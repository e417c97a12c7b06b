"""Tickers: where an article writes the symbol of a listed security, and whose symbol it is."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

import msgspec

from pipeline.enrich.tickers.listings import (
    LEGAL_FORMS,
    company_name,
    gazetteer,
    is_wordlike,
    last_clause,
    listing_of,
    names_match,
    symbol_of_company,
)

__all__ = ["TickerSpan", "company_name", "find_tickers", "symbol_of_company"]


class TickerSpan(msgspec.Struct, frozen=True):
    """A mention of a symbol.

    `start` and `end` are the symbol itself, `mask_start` and `mask_end` all of its notation, as
    "(NYSE: EWJ)" or "$EWJ": what an entity recogniser should not see. Offsets are code points.
    """

    symbol: str
    name: str
    start: int
    end: int
    mask_start: int
    mask_end: int


_SYMBOL = r"[A-Z]{1,5}(?:[.\-/][A-Z]{1,2})?"
_US_EXCHANGE = (
    r"(?i:NYSE(?:\s?(?:Arca|American|MKT|Amex))?|NASDAQ(?:GS|GM|CM)?"
    r"(?:\s(?:Global\s(?:Select\s)?|Capital\s)Market)?|AMEX|Arca|Cboe(?:\sBZX)?|BATS"
    r"|(?:Other\s)?OTC(?:\s?(?:QB|QX|BB|PK|MKTS|Markets|Pink))?)"
)
# One of these is in every name that the pattern matches; looking for them first is quick.
_EXCHANGE_NAMES = ("nyse", "nasdaq", "amex", "arca", "cboe", "bats", "otc")
_US_EXCHANGES = re.compile(_US_EXCHANGE)
_CASHTAG = re.compile(rf"(?<![\w$.])\$({_SYMBOL})(?![\w$])")
_EXCHANGE = re.compile(rf"(?<![\w.])({_US_EXCHANGE})\s?:\s?\$?({_SYMBOL})(?![\w$])")
_EXCHANGES = re.compile(
    rf"(?<![\w.])({_US_EXCHANGE})\s?(?:,|/|&|and)\s?[A-Z]{{2,8}}\s?:\s?({_SYMBOL})(?![\w$])"
)
# What stands in brackets; without nesting, so that each character is looked at once.
_BRACKETS = re.compile(r"[(\[<]([^()\[\]<>\n]{1,120})[)\]>]")
_SEPARATOR = re.compile(r"\s*(?:[,;|]|/(?=\s)|\band\b|&(?=\s))\s*")
_ITEM = re.compile(
    r"""
    (?:(?:(?P<label>(?i:(?:ticker\s)?symbol|ticker|stock))
         |(?P<exchange>[A-Za-z][A-Za-z ]{1,30}?))\s?:\s?)?
    (?P<cash>\$)?
    (?:(?P<symbol>[A-Z]{1,5}(?:[.\-/][A-Z]{1,2})?)
      |(?P<ric>[A-Z]{2,5})(?P<ric_class>[ab])\.(?:N|O|OQ|K|A))
    (?P<bloomberg>\s(?:US|UN|UQ|UW|UR|UP|UA)(?:\sEquity)?)?
    """,
    re.X,
)
_CHANGE = re.compile(r"[+\-−–]?\s?\d[\d.,]*\s?%?|(?:up|down)\s\d[\d.,]*\s?%")
# The end of a Reuters code that names a US exchange: AAPL.O, XOM.N.
_RIC_EXCHANGES = ("O", "OQ", "N", "K", "P", "A", "PK", "Z")
# After a dollar sign these are a currency or a unit when alone in brackets: ($M), ($B).
_UNITS = (
    "M",
    "B",
    "K",
    "T",
    "MM",
    "MN",
    "BN",
    "US",
    "A",
    "C",
    "S",
    "CAD",
    "AUD",
    "NZ",
    "HK",
    "USD",
)
_SMALL_WORDS = "of and the for in on to a an at by de la s"
_SMALL = frozenset(_SMALL_WORDS.split())


class _Found(NamedTuple):
    symbol: str
    start: int
    end: int
    mask_start: int
    mask_end: int


def find_tickers(text: str, established: Collection[str] = ()) -> list[TickerSpan]:
    """The mentions of tickers in `text`, in text order.

    A symbol is found as `$EWJ`, `NYSE: EWJ` or in brackets: `(EWJ)`, `(NYSE: EWJ)`,
    `(GOOG, GOOGL)`, `(AAPL.O)`, `(AAPL US)`. Only symbols of the gazetteer count. A symbol that is
    a word or an abbreviation needs more than brackets: `$`, an exchange, or its company's name
    before them. Once a symbol is found, or is in `established` (from the title, say), it is found
    wherever it stands alone in capitals, unless it is such a word.
    """
    found: dict[int, _Found] = {}
    for mention in (*_bracketed(text), *_cashtags(text), *_after_exchange(text)):
        found.setdefault(mention.start, mention)
    known = {mention.symbol for mention in found.values()} | set(established)
    for mention in _bare(text, known):
        found.setdefault(mention.start, mention)
    spans: list[TickerSpan] = []
    for _, mention in sorted(found.items()):
        if not spans or mention.start >= spans[-1].end:
            name = listing_of(mention.symbol).name
            spans.append(TickerSpan(mention.symbol, name, *mention[1:]))
    return spans


def _canonical(written: str) -> tuple[str, int] | None:
    """The gazetteer's symbol for what is written, and how much of it that is; None when unknown."""
    symbol = re.sub(r"[-/]", ".", written)
    if symbol in gazetteer():
        return symbol, len(written)
    base, _, ending = symbol.partition(".")
    # "$AAPL-NVDA", "$AAPL/MSFT": two words joined, of which the first is a symbol.
    if ending and written[len(base)] in "-/" and base in gazetteer():
        return base, len(base)
    return None


def _cashtags(text: str) -> Iterator[_Found]:
    for match in _CASHTAG.finditer(text):
        canonical = _canonical(match[1])
        if canonical is not None and not _is_amount(text, match, canonical[0]):
            start = match.start(1)
            yield _Found(
                canonical[0], start, start + canonical[1], match.start(), start + canonical[1]
            )


def _is_amount(text: str, match: re.Match[str], symbol: str) -> bool:
    """Whether `$ABC` is about money: `$US5 million`, `(in $M)`, `revenue ($B)`."""
    if match[1] not in _UNITS:
        return False
    before = text[max(0, match.start() - 80) : match.start()]
    after = text[match.end() : match.end() + 2]
    if re.match(r"\s?\d", after) or re.search(r"\b(?:in|of|per)\s?$", before):
        return True
    alone_in_brackets = before.endswith("(") and after.startswith(")")
    return alone_in_brackets and not names_match(before[:-1], symbol)


def _after_exchange(text: str) -> Iterator[_Found]:
    lower = text.lower()
    if not any(name in lower for name in _EXCHANGE_NAMES):
        return
    for pattern in (_EXCHANGE, _EXCHANGES):
        for match in pattern.finditer(text):
            canonical = _canonical(match[2])
            if canonical is None:
                continue
            # "on the NYSE: A record was set": a colon before a sentence.
            spaced = text[match.start(2) - 1].isspace()
            if spaced and is_wordlike(canonical[0]) and re.match(r"\s+\w", text[match.end() :][:3]):
                continue
            start = match.start(2)
            yield _Found(canonical[0], start, start + canonical[1], match.start(), match.end())


def _bracketed(text: str) -> Iterator[_Found]:
    for match in _BRACKETS.finditer(text):
        items = _items(text, match.start(1), match.end(1))
        before = text[max(0, match.start() - 120) : match.start()]
        exchange: str | None = None
        for item, start in items:
            # "(NASDAQ: GOOG, GOOGL)": an exchange holds for what follows it.
            exchange = item["exchange"] or exchange
            resolved = _resolve(item, exchange)
            if resolved is None:
                continue
            symbol, length, strong = resolved
            bracket = text[match.start()]
            if strong or (bracket != "<" and _counts(before, symbol, bracket)):
                yield _Found(symbol, start, start + length, match.start(), match.end())


def _items(text: str, start: int, end: int) -> list[tuple[re.Match[str], int]]:
    """What stands between brackets, taken apart; nothing when something in it is no symbol."""
    items: list[tuple[re.Match[str], int]] = []
    content = text[start:end]
    position = 0
    for separator in [*_SEPARATOR.finditer(content), None]:
        stop = separator.start() if separator else len(content)
        piece = content[position:stop]
        offset = position + len(piece) - len(piece.lstrip())
        piece = piece.strip()
        item = _ITEM.fullmatch(piece)
        if item is not None:
            items.append((item, start + offset + max(item.start("symbol"), item.start("ric"))))
        elif not (items and _CHANGE.fullmatch(piece)):
            return []
        position = separator.end() if separator else stop
    return items


def _resolve(item: re.Match[str], exchange: str | None) -> tuple[str, int, bool] | None:
    """An item's symbol, how many characters it takes, and whether its notation is proof."""
    if exchange is not None and not _US_EXCHANGES.fullmatch(exchange.strip()):
        return None
    if item["ric"]:
        # Reuters writes the class of a share in lower case: BRKb.N.
        symbol = f"{item['ric']}.{item['ric_class'].upper()}"
        return (symbol, len(item["ric"]) + 1, True) if symbol in gazetteer() else None
    written = item["symbol"]
    base, _, ending = written.partition(".")
    canonical = _canonical(written)
    if canonical is None:
        is_ric = ending in _RIC_EXCHANGES and base in gazetteer()
        return (base, len(base), True) if is_ric else None
    symbol, length = canonical
    if length != len(written):
        return None
    cash = item["cash"] and written not in _UNITS
    return (
        symbol,
        length,
        bool(exchange or item["bloomberg"] or item["label"] or cash or "." in symbol),
    )


def _counts(before: str, symbol: str, bracket: str) -> bool:
    """Whether a symbol alone in brackets is a ticker there."""
    if names_match(before, symbol):
        return True
    if bracket != "(" or len(symbol) < 3 or is_wordlike(symbol):
        return False
    stock = listing_of(symbol).kind == "stock"
    # An abbreviation, or another company's old symbol: not what the gazetteer names.
    return not (_is_initials(before, symbol) or (stock and _is_shortening(before, symbol)))


def _is_initials(before: str, letters: str) -> bool:
    """Whether `letters` abbreviate the words before them: "Federal Open Market Committee (FOMC)".

    Every word gives its initial, in order; small words and legal forms may be passed over.
    """
    words = re.findall(r"[^\W_]+", last_clause(before).lower())[-(len(letters) + 5) :]
    for first in range(len(words)):
        left = letters.lower()
        for word in words[first:]:
            if left.startswith(word[0]):
                left = left[1:]
            elif word not in _SMALL and word not in LEGAL_FORMS:
                break
        else:
            if not left and words[first][0] == letters[0].lower():
                return True
    return False


def _is_shortening(before: str, letters: str) -> bool:
    """Whether `letters` can be picked, in order, from the words before them: "Euratom (EURTM)"."""
    words = re.findall(r"[^\W_]+", last_clause(before).lower())[-(len(letters) + 3) :]
    for first, word in enumerate(words):
        if word[0] != letters[0].lower() or word in _SMALL:
            continue
        rest = iter("".join(words[first:]))
        if all(letter in rest for letter in letters.lower()):
            return True
    return False


def _bare(text: str, symbols: Collection[str]) -> Iterator[_Found]:
    known = [s for s in symbols if s in gazetteer()]
    plain = sorted((s for s in known if not is_wordlike(s)), key=len, reverse=True)
    if not plain:
        return
    # What stands before a symbol where it is but a part of a fund's name: "ProShares UltraPro QQQ".
    lead_ins = [
        name[: name.index(symbol)].lower()
        for name in (listing_of(s).name for s in known)
        for symbol in plain
        if f" {symbol}" in name
    ]
    written = "|".join(re.escape(symbol).replace(r"\.", r"[.\-/]") for symbol in plain)
    for match in re.finditer(rf"(?<![\w$.&'’/@#=-])(?:{written})(?![\w&@]|[.\-/][A-Z]\b)", text):
        before = text[max(0, match.start() - 60) : match.start()].lower()
        if not any(before.endswith(lead_in) for lead_in in lead_ins):
            symbol = re.sub(r"[-/]", ".", match[0])
            yield _Found(symbol, match.start(), match.end(), match.start(), match.end())

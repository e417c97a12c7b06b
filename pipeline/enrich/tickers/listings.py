"""The gazetteer of listed securities: symbols, their companies' names, and when names match."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple


class Listing(NamedTuple):
    """A line of the gazetteer."""

    name: str
    exchange: str
    kind: str
    aliases: tuple[str, ...]


@cache
def gazetteer() -> dict[str, str]:
    """The gazetteer's lines by symbol, taken apart only when asked for: loading stays quick."""
    pairs = (line.partition("\t") for line in _data("tickers.tsv").splitlines()[1:])
    return {symbol: rest for symbol, _, rest in pairs}


@lru_cache(1024)
def listing_of(symbol: str) -> Listing:
    """The line of a symbol of the gazetteer; KeyError for any other."""
    name, exchange, kind, aliases, _ = gazetteer()[symbol].split("\t")
    return Listing(name, exchange, kind, tuple(aliases.split("|")) if aliases else ())


@cache
def _words() -> tuple[frozenset[str], frozenset[str]]:
    """English words and names in lower case, and abbreviations in upper case."""
    text = "\n".join(line for line in _data("ticker_words.txt").splitlines() if line[:1] != "#")
    tokens = text.split()
    return (
        frozenset(token for token in tokens if token.islower()),
        frozenset(token for token in tokens if token.isupper()),
    )


def _data(name: str) -> str:
    return files("pipeline").joinpath("enrich", "data", name).read_text(encoding="utf-8")


def company_name(symbol: str) -> str | None:
    """The name that belongs to a symbol ("BRK.B"), None when it is not in the gazetteer."""
    return listing_of(symbol).name if symbol in gazetteer() else None


@lru_cache(maxsize=10_000)
def symbol_of_company(name: str) -> str | None:
    """The symbol of the company that goes by `name`, its primary common share; None when unsure.

    Legal suffixes, a leading "The" and case do not count. A single English word, a first name or a
    place ("Target", "Gap", "Dallas") is no company unless the name carries a legal suffix
    ("Target Corp.") or the gazetteer lists it as a short name ("Apple").
    """
    full, short = _company_index()
    key = core_of(name)
    if not key:
        return None
    joined = " ".join(key)
    if joined in short:
        return short[joined]
    if len(key) == 1 and (len(key[0]) < 3 or _is_word(key[0])) and not _LEGAL_END.search(name):
        return None
    return full.get(joined)


@cache
def _company_index() -> tuple[dict[str, str | None], dict[str, str]]:
    """Symbols by name (None when two companies share it), and by listed short name.

    The gazetteer is in order of size: of several shares of one company the first is primary. Of two
    companies with one name the one on an exchange wins over one that is gone or trades OTC.
    """
    full: dict[str, tuple[str, str, bool] | None] = {}
    short: dict[str, tuple[str, bool]] = {}
    for symbol, line in gazetteer().items():
        name, exchange, kind, aliases, key = line.split("\t")
        if kind != "stock":
            continue
        listed = exchange not in ("OTC", "former", "")
        for alias in aliases.split("|") if aliases else ():
            alias_key = " ".join(core_of(alias))
            if alias_key not in short or (listed and not short[alias_key][1]):
                short[alias_key] = symbol, listed
        if key not in full:
            full[key] = symbol, name, listed
        elif (other := full[key]) is not None and other[1] != name and other[2] <= listed:
            full[key] = (symbol, name, listed) if listed and not other[2] else None
    return (
        {key: entry[0] if entry else None for key, entry in full.items()},
        {key: symbol for key, (symbol, _) in short.items()},
    )


_LEGAL = """
inc incorporated corp corporation co company companies ltd limited plc llc lp llp sa nv ag se ab asa
spa as oyj sab cv adr ads holdings holding group trust the com
"""
_VAGUE = """
of and for in on a an etf etfs etn fund funds shares share index stock stocks class series common
american national first united general international global bancorp bank financial technologies us
energy capital resources industries systems new usa acquisition
"""
LEGAL_FORMS = frozenset(_LEGAL.split())
# Says little of which company or fund is meant.
_GENERIC = LEGAL_FORMS | frozenset(_VAGUE.split())
_LEGAL_END = re.compile(
    r"\b(?:Inc|Corp|Corporation|Co|Company|Ltd|Limited|plc|PLC|LLC|LP|AG|SE|Group)\.?$"
)
_TOKEN = re.compile(r"[^\W_](?:[^\W_]|[&'.](?=[^\W_]))*")
_DOTTED = re.compile(r"(?:\w\.)+\w")


def core_of(name: str) -> tuple[str, ...]:
    """The words of a name without legal form, in lower case and without dots: ("eli", "lilly")."""
    tokens = words_of(name)
    if tokens[:1] == ["the"]:
        tokens = tokens[1:]
    kept = tokens
    while kept and (kept[-1] in LEGAL_FORMS or kept[-1] == "and"):
        kept = kept[:-1]
    return tuple(kept)


def words_of(text: str) -> list[str]:
    """The words of `text` in lower case, possessives cut, "U.S." as "us"."""
    tokens = _TOKEN.findall(text.lower().replace("’", "'"))
    if "'" not in text and "’" not in text and "." not in text:
        return tokens
    # "S.A." is a legal form and "U.S." is "us", but "Amazon.com" and "C3.ai" stay as they are.
    return [
        token.replace(".", "") if "." in token and _DOTTED.fullmatch(token) else _unpossessed(token)
        for token in tokens
    ]


def _unpossessed(token: str) -> str:
    return token[:-2] if token.endswith("'s") and len(token) > 3 else token


def _is_word(token: str) -> bool:
    return token in _words()[0] or token.upper() in _words()[1]


_CLAUSE_END = re.compile(r"[();:?!\n]")


def last_clause(text: str) -> str:
    """What follows the last bracket, colon, semicolon, question mark or line break of `text`."""
    return _CLAUSE_END.split(text)[-1]


def names_match(before: str, symbol: str) -> bool:
    """Whether the words at the end of `before` are the name of the symbol's company or fund."""
    listing = listing_of(symbol)
    tokens = words_of(last_clause(before))[-10:]
    if not tokens:
        return False
    text = " ".join(tokens)
    joined = "".join(tokens)
    for name in (listing.name, *listing.aliases):
        core = core_of(name)
        if not core:
            continue
        if f" {' '.join(core)} " in f" {text} " or joined.endswith("".join(core)):
            return True
        telling = [token for token in core if token not in _GENERIC]
        shared = sum(token in tokens for token in telling)
        if telling and telling[0] in tokens and len(telling[0]) > 1 and listing.kind != "fund":
            return True
        if listing.kind == "fund" and telling and shared >= max(1, (len(telling) + 1) // 2):
            return True
        # "Citi" is the start of "Citigroup", "Sentinel One" is "SentinelOne".
        if any(len(t) >= 4 and telling and telling[0].startswith(t) for t in tokens[-3:]):
            return True
        if len(core[0]) > 5 and core[0] in joined:
            return True
    return False


def is_wordlike(symbol: str) -> bool:
    """Whether a symbol is also a word, a name or an abbreviation: A, IT, ALL, CEO, GDP."""
    if symbol in _LIKE_NO_OTHER:
        return False
    words, abbreviations = _words()
    return len(symbol) == 1 or symbol.lower() in words or symbol in abbreviations


# Words in lower case, but in capitals nobody means anything but the security.
_LIKE_NO_OTHER = frozenset({"SPY"})

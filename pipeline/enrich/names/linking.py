"""Mentions of one thing as one entity with a stable id: a country's code, a symbol, else a slug."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache

from pipeline.article import Entity, EntityType, Mention
from pipeline.enrich.names.page import Found, Page
from pipeline.enrich.names.spans import legal_core

_MARKETS = frozenset({"Nasdaq"})
"""Listed companies that lend their name to a market: alone it means the market."""


def linked(pages: Sequence[Page], symbol_of: Callable[[str], str | None]) -> list[Entity]:
    """The entities that an article's mentions are of, by first mention.

    Args:
        pages: the article's fields, in order.
        symbol_of: the symbol of the listed company that goes by a name, if there is one.
    """
    symbols = _symbols(pages, symbol_of)
    entities: dict[tuple[EntityType, str], Entity] = {}
    for page in pages:
        for found in page.found:
            name = _name(found)
            identity = slug(name)
            if found.type == "place" and found.known is not None and found.known.id is not None:
                identity = found.known.id
            elif found.type == "organization":
                identity = symbols.get(name, identity)
            entity = entities.setdefault(
                (found.type, identity),
                Entity(type=found.type, id=identity, name=name, count=0, mentions=[]),
            )
            text = page.text[found.start : found.end]
            entity.mentions.append(
                Mention(field=found.field, start=found.start, end=found.end, text=text)
            )
            entity.count += 1
    return list(entities.values())


def _name(found: Found) -> str:
    if found.known is not None and found.known.type == found.type:
        return found.known.name
    return found.name


def _symbols(pages: Sequence[Page], symbol_of: Callable[[str], str | None]) -> dict[str, str]:
    """The symbols of the organizations that are listed, by canonical name.

    A name that is also a word ("Target") is a company's when one mention has the legal form, or
    when it is well known that it may be.
    """
    symbols: dict[str, str] = {}
    for page in pages:
        for found in page.found:
            name = _name(found)
            if found.type != "organization" or name in symbols:
                continue
            spelled = " ".join(page.prose[found.start : found.end].split())
            if name in _MARKETS and legal_core(spelled) == spelled:
                continue
            spellings = [name, spelled]
            if found.known is not None:
                spellings.append(f"{name} Inc.")
            for symbol in map(symbol_of, spellings):
                if symbol:
                    symbols[name] = symbol
                    break
    return symbols


@lru_cache(maxsize=10_000)
def slug(name: str) -> str:
    """`name` in lower case, accents folded, with hyphens for all that is no letter or digit."""
    spelled = re.sub("[.'’]", "", name.replace("&", " and "))
    folded = unicodedata.normalize("NFKD", spelled).casefold()
    plain = re.sub(r"[^a-z0-9]+", "-", folded.encode("ascii", "ignore").decode()).strip("-")
    return plain or re.sub(r"[\W_]+", "-", name.casefold()).strip("-") or "name"

"""The rules for names in groups, each of which can be switched off to measure what it is worth."""

from __future__ import annotations

from enum import StrEnum


class Rule(StrEnum):
    """A group of rules that turn a recogniser's spans into entities."""

    GAZETTEER = "gazetteer"
    """Well-known names are found and typed."""
    EDGES = "edges"
    """Mentions are cut to the name, split, or grown to the whole of it."""
    DROPPING = "dropping"
    """What can be no name is dropped: words, numbers, offices, prizes, symbols, shouted words."""
    TITLES = "titles"
    """A title or a role makes a person of the name behind it."""
    FIRST_NAMES = "first names"
    """A first name makes a person of the name that it begins."""
    BYLINES = "bylines"
    """Bylines and credits name people, datelines places and agencies."""
    CONTEXT = "context"
    """The words beside a name type it: "shares of", "in … and", "who"."""
    COMPANY_FORMS = "company forms"
    """Legal forms, "A, B & C", telling last words ("Bank", "Street") type a name."""
    LISTINGS = "listings"
    """Names of listed companies, and of the tickers of the article."""
    FUNDS = "funds"
    """Names of funds hide the countries and firms in them."""
    CONSISTENCY = "consistency"
    """One name has one type in an article, and is found wherever it stands."""
    JOINING = "joining"
    """Surnames, short forms and acronyms are what they stand for."""
    CASING = "casing"
    """Sentences in capitals are read in the casing of prose."""


ALL_RULES = frozenset(Rule)

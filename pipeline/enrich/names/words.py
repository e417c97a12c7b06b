"""Words that tell what a name is: titles and roles, legal forms, nouns of organizations."""

from __future__ import annotations

import re
from importlib.resources import files


def read_lists(name: str) -> dict[str, frozenset[str]]:
    """The lists of words of a file in data/, by their headings in brackets."""
    data = files("pipeline.enrich").joinpath("data", name).read_text("utf-8")
    lists: dict[str, list[str]] = {}
    words: list[str] = []
    for line in data.splitlines():
        if line.startswith("["):
            words = lists.setdefault(line.strip("[]"), [])
        elif not line.startswith("#"):
            words += line.split()
    return {heading: frozenset(words) for heading, words in lists.items()}


_LISTS = read_lists("name_words.txt")

TITLES = _LISTS["titles"]
"""Before a name they say that it is a person's: "Mr", "President"."""

ROLES = _LISTS["roles"] | TITLES
"""Words of which a role before a name consists: "Prime", "Executive"."""

PERSONAL_ROLES = _LISTS["personal_roles"]
"""In lower case before a full name they say that it is a person's: "envoy"."""

DEPARTMENTS = _LISTS["departments"]
"""With "Secretary" or "Minister" they name a role, no organization: "Treasury"."""

OFFICES = _LISTS["offices"]
"""The roles that departments stand with: "Secretary"."""

LEGAL_FORMS = _LISTS["legal_forms"]
"""Legal forms of companies, without dots: "Inc"."""

DOTTED_FORMS = _LISTS["dotted_forms"]
"""Words whose final full stop belongs to the name: "Corp", "Jr"."""

ORGANIZATION_NOUNS = _LISTS["organization_nouns"] | LEGAL_FORMS
"""A name that ends in one of these is an organization's: "Bank"."""

FUND_WORDS = _LISTS["fund_words"]
"""A name that holds one of these is a fund's: "ETF"."""

SPONSORS = _LISTS["sponsors"]
"""A name that begins with one of these and holds one of FUND_ENDS is a fund's: "Invesco"."""

FUND_ENDS = _LISTS["fund_ends"]
"""The last words of funds: "Trust"."""

SUFFIXES = _LISTS["suffixes"]
"""They follow a surname: "Jr"."""

PARTICLES = _LISTS["particles"]
"""They may begin a surname: "von"."""

INSIDE_NAMES = _LISTS["inside_names"] | PARTICLES
"""Words in lower case that a name may hold between two capitalised ones: "of"."""

FUNCTION_WORDS = _LISTS["function_words"]
"""Never a name, though capitalised at the start of a sentence: "however"."""

CALENDAR = _LISTS["calendar"]
"""Names of days and months, and their abbreviations."""

WORD_SURNAMES = _LISTS["word_surnames"]
"""Surnames that are words ("Price"): at the start of a sentence they may be the word."""

GIVEN_NAMES = _LISTS["given_names"]
"""With one or two words behind them they are a person's name: "Emma"."""

COMPANY_THINGS = _LISTS["company_things"]
"""What a company has: behind a name they say that it is a company's: "shares"."""

COMPANY_KINDS = _LISTS["company_kinds"]
"""What a company is: before a name they say that it is a company's: "retailer"."""

BEFORE_COMPANY = {
    link: _LISTS[f"company_{link}"] for link in ("of", "in", "for", "by", "at", "with")
}
"""By preposition, the words that with it announce a company: "shares" of, "analyst" at."""

BOUGHT = _LISTS["company_bought"]
"""Verbs that announce a company: "acquired"."""

TRUST_IN = _LISTS["trust_in"] | BEFORE_COMPANY["in"]
"""No place follows them and "in": "confidence"."""

PLACE_NOUNS = _LISTS["place_nouns"]
"""A longer name that ends in one of these is a place's: "Street"."""

THING_NOUNS = _LISTS["thing_nouns"]
"""A longer name that ends in one of these is no entity's: "Award"."""

HEADING_WORDS = _LISTS["heading_words"]
"""Capitalised at the start of a line or a heading they are no name: "Quotes"."""

HEADLINE_WORDS = _LISTS["headline_words"]
"""No part of a name, so that in a headline in capitals the names beside them stand out."""

CAPITAL_INSIDE = re.compile(r"(?!Mc|Mac|De|Di|Du|La|Le|Van|Von|Fitz|O.)[A-Z]?[a-z]+[A-Z]")
"""Matches a word that is written as only companies are: "PagerDuty", but not "McDonald"."""

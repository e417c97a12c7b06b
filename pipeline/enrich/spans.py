"""Turns a recogniser's spans into mentions: edges cut to the name, titles off, junk away."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from pipeline.article import EntityType
from pipeline.enrich.fast_ner import Span
from pipeline.enrich.gazetteer import Known, lookup
from pipeline.enrich.page import Found, Page
from pipeline.enrich.words import (
    CALENDAR,
    DEPARTMENTS,
    DOTTED_FORMS,
    FUNCTION_WORDS,
    GIVEN_NAMES,
    INSIDE_NAMES,
    LEGAL_FORMS,
    OFFICES,
    ORGANIZATION_NOUNS,
    PARTICLES,
    PERSONAL_ROLES,
    ROLES,
    SUFFIXES,
    TITLES,
)

TYPES: dict[str, EntityType] = {
    "PERSON": "person",
    "ORG": "organization",
    "GPE": "place",
    "LOC": "place",
    "FAC": "place",
    "NORP": "group",
    "PRODUCT": "product",
    "EVENT": "event",
}
"""spaCy's labels as entity types. Works of art, laws, languages and numbers are no entities."""

MAX_WORDS = 12

_POSSESSIVE = re.compile(r"(?:['’]s|(?<=[sS])['’])$")
_ARTICLE = re.compile(r"(?:the|an?)\s+(?=\S)", re.I)
_INITIALS = re.compile(r"(?:[^\W\d_]\.)+")
_WORD = re.compile(r"\S+")
_PERSON_TITLE = re.compile(r"(?:Mr|Mrs|Ms|Dr|Sen|Rep|Gov|Prof)\b\.?\s")
_PARTICLES = re.compile(
    r"(?: (?:von|van|der|den|de|del|della|di|da|dos|du|la|le|al|bin|ibn|ter|ten))+ [A-Z][^\W\d_]+"
)
_OWNER = re.compile(r"['’]s\s|(?<=s)['’]\s")
_NOT_IN_NAMES = frozenset('"“”„«»‹›<>{}=|\\^~`')
_NOT_LAST = ROLES | CALENDAR
_ALONE_OFFICES = ROLES & DEPARTMENTS
_BEFORE_OFFICES = OFFICES | {"Minister", "secretary", "minister"}
_ADMINISTRATION = re.compile(r"\s(?:administration|presidency|White House|cabinet)\b")


def parts(page: Page, span: Span) -> list[Span]:
    """The span, or two when it joins two well-known names: "Visa and Block Inc."."""
    text = page.prose[max(0, span.start) : span.end]
    left, conjunction, right = text.partition(" and ")
    if not conjunction or lookup(text) is not None:
        return [span]
    if lookup(legal_core(left)) is None or lookup(legal_core(right)) is None:
        return [span]
    middle = max(0, span.start) + len(left)
    return [
        Span(span.start, middle, span.label),
        Span(middle + len(conjunction), span.end, span.label),
    ]


def read_span(page: Page, span: Span) -> Found | None:
    """The mention in one span, or None when there is none.

    The recogniser's offsets are trusted only as far as they fit: they are clipped to the text.
    """
    if span.label not in TYPES:
        return None
    start, end = max(0, span.start), min(len(page.text), span.end)
    return read_name(page, start, end, span.label)


def read_name(page: Page, start: int, end: int, label: str) -> Found | None:
    """The mention in `text[start:end]`, which carries the recogniser's `label`, if there is one."""
    prose = page.prose
    start, end = trim(prose, *_one_line(prose, start, end))
    start, end = _of_owner(prose, start, end, label)
    if _PERSON_TITLE.match(prose, start, end):
        label = "PERSON"
    if label == "PERSON":
        start, end = _without_dateline(page, *_without_titles(prose, start, end))
        if match := _PARTICLES.match(prose, end):
            end = match.end()
    else:
        start, end = _capitalised(prose, start, end)
    if start >= end or page.is_hidden(start, end):
        return None
    name = " ".join(prose[start:end].split())
    known = lookup(name)
    if known is not None and label == "PERSON" and not known.sure and known.type != "group":
        known = None
    if known is not None and known.type is None:
        return None
    if known is None and is_junk(name):
        return None
    if is_office(page, start, end):
        return None
    kind = _type(name, label, known)
    if kind is None:
        return None
    found = Found(page.field, start, end, kind, name, known, label)
    if known is None or not known.sure:
        found.titled = (
            is_titled(page, start)
            or _is_administration(page, name, end)
            or _is_in_role(page, start, label, name)
        )
        if found.titled and name.split()[-1] not in ORGANIZATION_NOUNS and len(name.split()) <= 4:
            found.type, found.known = "person", None
    return found


def trim(text: str, start: int, end: int) -> tuple[int, int]:
    """The bounds without quotes, brackets, stops, articles and a possessive at the edges."""
    while start < end:
        before = (start, end)
        while start < end and not text[start].isalnum():
            start += 1
        while start < end and not text[end - 1].isalnum() and not _belongs(text, start, end):
            end -= 1
        piece = text[start:end]
        if (match := _POSSESSIVE.search(piece)) and lookup(piece) is None:
            end = start + match.start()
        elif (match := _ARTICLE.match(piece)) and lookup(piece) is None:
            start += match.end()
        if (start, end) == before:
            break
    return start, end


def _belongs(text: str, start: int, end: int) -> bool:
    # Whether the last character, no letter, is part of the name: "Inc.", "U.S.", "Disney+".
    mark = text[end - 1]
    if mark == "." and end - start > 1:
        last = text[start : end - 1].split()[-1:] or [""]
        return last[0] in DOTTED_FORMS or bool(_INITIALS.fullmatch(last[0].split("-")[-1] + "."))
    if mark == "+":
        return end - start > 1 and text[end - 2].isalnum()
    if mark == ")":
        return "(" in text[start:end]
    return mark in "'’" and text[end - 2 : end - 1] in {"s", "S"} and end - start > 2


def _one_line(text: str, start: int, end: int) -> tuple[int, int]:
    # A line break inside a name is one of wrapped prose, or the span runs over into the next line.
    newline = text.find("\n", start, end)
    if newline < 0:
        return start, end
    line_start = text.rfind("\n", 0, newline) + 1
    wrapped = newline - line_start >= 50 and text[newline + 1 : newline + 2].strip() != ""
    if wrapped and text.find("\n", newline + 1, end) < 0:
        return start, end
    return start, newline


def _without_titles(text: str, start: int, end: int) -> tuple[int, int]:
    words = [(start + match.start(), match[0]) for match in _WORD.finditer(text[start:end])]
    bare = [word.strip(".,;:()'\"’").removesuffix("'s").removesuffix("’s") for _, word in words]
    first = 0
    for index in range(len(words) - 1):
        # Everything up to a title goes; a role ("Chief", "Foreign") only where it begins the span.
        if bare[index] in TITLES or (bare[index] in ROLES and index == first):
            first = index + 1
    last = len(words) - 1
    while last > first and (bare[last] in _NOT_LAST or not _is_name_part(bare[last])):
        last -= 1
    while first < last and not bare[first][:1].isupper() and bare[first] not in PARTICLES:
        first += 1
    if not words:
        return start, end
    cut = words[last][0] + len(words[last][1])
    return trim(text, words[first][0], cut)


def _of_owner(text: str, start: int, end: int, label: str) -> tuple[int, int]:
    """The bounds of what is owned in "Japan's Nikkei", or of the owner if that is only a role."""
    match = _OWNER.search(text, start, end)
    if match is None or lookup(text[start:end]) is not None:
        return start, end
    owner = lookup(text[start : match.start()])
    rest = text[match.end() : end]
    if label == "PERSON" and any(word in ROLES or word.islower() for word in rest.split()):
        return start, match.start()
    if label == "PERSON" or (owner is not None and owner.type != "organization"):
        return trim(text, match.end(), end)
    return start, end


def _without_dateline(page: Page, start: int, end: int) -> tuple[int, int]:
    # "By Jane Doe TOKYO": a by-line runs into the dateline.
    words = page.words_in(start, end)
    for count in (3, 2, 1):
        if len(words) - count < 2:
            continue
        first, last = page.words[words[-count]], page.words[words[-1]]
        known = lookup(page.prose[first.start : last.end])
        if known is None or known.type != "place":
            continue
        if known.sure or page.text[first.start : last.end].isupper():
            return trim(page.prose, start, first.start)
    return start, end


def _is_name_part(word: str) -> bool:
    return word[:1].isupper() or word in SUFFIXES


def _capitalised(text: str, start: int, end: int) -> tuple[int, int]:
    """The bounds without words in lower case at the edges, unless that leaves nothing."""
    words = [(start + match.start(), match[0]) for match in _WORD.finditer(text[start:end])]
    first, last = 0, len(words) - 1
    while first < last and (words[first][1].islower() or words[first][1] in FUNCTION_WORDS):
        first += 1
    while (
        last > first and words[last][1].islower() and not any(c.isdigit() for c in words[last][1])
    ):
        last -= 1
    if not words or (first == 0 and last == len(words) - 1):
        return start, end
    return trim(text, words[first][0], words[last][0] + len(words[last][1]))


@lru_cache(maxsize=10_000)
def is_junk(name: str) -> bool:
    """Whether `name` can't be a name: too short, too long, a word, a number, a fragment."""
    words = name.split()
    letters = sum(map(str.isalpha, name))
    if letters < 2 or letters * 2 < len(name.replace(" ", "")) or len(words) > MAX_WORDS:
        return True
    if not any(map(str.isupper, name)) or not _NOT_IN_NAMES.isdisjoint(name):
        return True
    plain = [word.strip(".,;:'’()") for word in words]
    if all(word in LEGAL_FORMS for word in plain):
        return True
    if all(word in ROLES or word in CALENDAR or word.lower() in FUNCTION_WORDS for word in plain):
        return True
    inner = [word for word in plain[1:] if word[:1].islower()]
    return sum(word not in INSIDE_NAMES for word in inner) > 1


def is_office(page: Page, start: int, end: int) -> bool:
    """Whether the span is what a minister is of: "State" in "Secretary of State"."""
    last = page.word_before(end)
    first = page.word_at(start)
    if last is None or first > last:
        return False
    words = page.words
    if last + 1 < len(words) and words[last + 1].key in OFFICES and words[last].key in DEPARTMENTS:
        return True
    if words[last].key in OFFICES or (first == last and words[first].key in _ALONE_OFFICES):
        return True
    before = [word.key for word in words[max(0, first - 2) : first]]
    return before[-1:] in (["of"], ["for"]) and before[0] in _BEFORE_OFFICES


def is_titled(page: Page, start: int) -> bool:
    """Whether a title stands right before `text[start]`: "Mr.", "Sen.", "President"."""
    index = page.word_before(start)
    if index is None:
        return False
    word = page.words[index]
    gap = page.prose[word.end : start]
    return word.key in TITLES and gap in {" ", ". "} and not page.is_hidden(word.start, word.end)


def _is_in_role(page: Page, start: int, label: str, name: str) -> bool:
    """Whether a role in lower case stands right before a person's name: "trade minister"."""
    index = page.word_before(start)
    if index is None or page.prose[page.words[index].end : start] != " ":
        return False
    role = page.words[index].key
    if label == "PERSON":
        return role.islower() and role.capitalize() in ROLES
    return role in PERSONAL_ROLES and " " in name


def _is_administration(page: Page, name: str, end: int) -> bool:
    return " " not in name and _ADMINISTRATION.match(page.prose, end) is not None


def _type(name: str, label: str, known: Known | None) -> EntityType | None:
    if known is not None and known.type is not None:
        return known.type
    words = name.split()
    last = words[-1].strip(".,")
    if len(words) > 1 and last in ORGANIZATION_NOUNS:
        return "organization"
    if label == "PERSON" and (any(c.isdigit() for c in name) or "/" in name or "@" in name):
        return None
    if 2 <= len(words) <= 3 and words[0] in GIVEN_NAMES and "&" not in words:
        return "person"
    if label != "ORG" and not name[0].isupper():
        return None
    if label == "PERSON" and " & " in name:
        return "organization"
    return TYPES[label]


@lru_cache(maxsize=10_000)
def words_of(name: str) -> tuple[str, ...]:
    """The words of a person's name without a suffix ("Jr."), for comparison."""
    words = [word.strip(".,'’") for word in name.split()]
    while len(words) > 1 and words[-1] in SUFFIXES:
        words.pop()
    return tuple(words)


@lru_cache(maxsize=10_000)
def legal_core(name: str) -> str:
    """An organization's name without its legal form: "Apple Inc." is "Apple"."""
    words: Sequence[str] = name.split()
    while len(words) > 1 and words[-1].strip(".,").replace(".", "") in LEGAL_FORMS:
        words = words[:-1]
    if len(words) > 1 and words[-1] in {"&", "and"}:
        words = words[:-1]
    return " ".join(words).rstrip(" ,")

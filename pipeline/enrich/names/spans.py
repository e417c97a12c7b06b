"""Turns a recogniser's spans into mentions: edges cut to the name, titles off, junk away."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from pipeline.article import EntityType
from pipeline.enrich.names.cues import is_before_region
from pipeline.enrich.names.gazetteer import Known, lookup
from pipeline.enrich.names.page import Found, Page
from pipeline.enrich.names.rules import Rule
from pipeline.enrich.names.words import (
    CALENDAR,
    DEPARTMENTS,
    DOTTED_FORMS,
    FUNCTION_WORDS,
    GIVEN_NAMES,
    HEADING_WORDS,
    INSIDE_NAMES,
    LEGAL_FORMS,
    OFFICES,
    ORGANIZATION_NOUNS,
    PARTICLES,
    PERSONAL_ROLES,
    PLACE_NOUNS,
    ROLES,
    SUFFIXES,
    THING_NOUNS,
    TITLES,
)
from pipeline.enrich.recognizer.fast_ner import Span

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
# "Bernard L. Madoff", of which a recogniser may see only the first name.
_INITIAL = re.compile(r" (?:[A-Z]\. ?){1,2}[A-Z][^\W\d_]+")
_HYPHENATED = re.compile(r"(?:-[A-Z][^\W\d_]+)+")
# Particles that may begin a bare surname: "Van den Broek said".
_LEADING = PARTICLES - {"du", "ibn", "la", "le", "y"}
_QUARTER = re.compile(r"(?:Q[1-4]|[1-4]Q|FY|H[12])\d{0,4}")
_SURNAME_PARTICLES = frozenset({"den", "der", "van", "von"})
_JOINT = re.compile(r" and | of |\s[-–—]\s|['’]s |(?<=s)['’] |(?<=[^\W_])[.!] ")
_TIME_ZONE = re.compile(r"(?:[ECMP][DS]T|A[CEW][DS]T|BST|GMT|CES?T|IST|JST|HKT)\s?-\s?(?=[A-Z])")
# Behind an organization these are a role in it: "Fed Chair", "Apple CEO".
_ROLES_BEHIND = frozenset(
    {"CEO", "CFO", "CIO", "COO", "CTO", "Chair", "Chairman", "Chairwoman", "Chief", "Governor"}
    | {"President", "Secretary", "Commissioner", "Spokesman", "Spokeswoman", "Analyst", "Economist"}
)
# "Vnesheconombank", "Gazprom Neft": what a firm does is part of its name.
_COMPOUND = re.compile(r"[a-z](?:bank|corp|chem|neft|pharma|soft|tech|telecom)$")
_KIND_NOUNS = ORGANIZATION_NOUNS | PLACE_NOUNS
_NO_LAST_NAMES = ROLES | CALENDAR
_NO_SURNAMES = _NO_LAST_NAMES | _KIND_NOUNS | THING_NOUNS | HEADING_WORDS | TITLES
_SHOUTED = frozenset({"Yahoo", "Yum"})
_OWNER = re.compile(r"['’]s\s|(?<=s)['’]\s")
_NOT_IN_NAMES = frozenset('"“”„«»‹›<>{}=|\\^~`')
_ALONE_OFFICES = ROLES & DEPARTMENTS
_BEFORE_OFFICES = OFFICES | {"Minister", "secretary", "minister"}
_ADMINISTRATION = re.compile(r"\s(?:administration|presidency|White House|cabinet)\b")


def parts(page: Page, span: Span) -> list[Span]:
    """The span, or two when it joins two names: "Visa and Block Inc.", "ByteDance of Beijing"."""
    start = max(0, span.start)
    text = page.prose[start : span.end]
    match = _JOINT.search(text)
    if match is None or Rule.EDGES not in page.rules or page.lookup(text) is not None:
        return [span]
    for match in _JOINT.finditer(text):
        left, right = text[: match.start()], text[match.end() :]
        if left and right and _are_two(page, left, match[0], right):
            return [
                Span(start, start + match.start(), span.label),
                *parts(page, Span(start + match.end(), span.end, span.label)),
            ]
    return [span]


def _are_two(page: Page, left: str, joint: str, right: str) -> bool:
    """Whether two names stand on both sides of a dash, "and", "of", an apostrophe or a stop."""
    first = page.lookup(legal_core(_ARTICLE.sub("", left, count=1)))
    second = page.lookup(legal_core(right))
    if joint.strip() in {"-", "–", "—"}:
        return True
    if joint == " of ":
        last = left.split()[-1]
        place = second is not None and second.type == "place"
        return place and first is not None and first.sure and last not in ORGANIZATION_NOUNS
    if joint.startswith((".", "!")):
        return second is not None and second.sure
    return first is not None and second is not None


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
    titles, edges = Rule.TITLES in page.rules, Rule.EDGES in page.rules
    if edges:
        start, end = _one_line(prose, start, end)
        start, end = _within(start, _name_edges(prose[start:end], label))
    if titles and _PERSON_TITLE.match(prose, start, end):
        label = "PERSON"
    if Rule.FIRST_NAMES in page.rules and _is_half_a_person(page, start, end):
        label = "PERSON"
    if edges and label == "PERSON":
        start, end = _within(start, _person_edges(prose[start:end]))
        start, end = _without_dateline(page, start, end)
        start, end = _whole_person(page, start, end)
    elif edges:
        start, end = _within(start, _capital_edges(prose[start:end]))
    if start >= end or page.is_hidden(start, end):
        return None
    if edges:
        start, end = _with_mark(page, start, end)
    if edges and prose[max(0, start - 3) : start] == "PT ":
        # An Indonesian firm's legal form stands first.
        start, label = start - 3, "ORG"
    name = " ".join(prose[start:end].split())
    known = page.lookup(name)
    if known is not None and label == "PERSON" and not known.sure and known.type != "group":
        known = None
    if known is not None and known.type is None:
        return None
    if Rule.DROPPING in page.rules and (
        (known is None and is_junk(name)) or is_office(page, start, end)
    ):
        return None
    kind = _type(page, name, label, known)
    if kind is None:
        return None
    found = Found(page.field, start, end, kind, name, known, label)
    is_sure = known is not None and known.sure
    if Rule.CONTEXT in page.rules and not is_sure and is_before_region(page, start, end):
        found.type, found.titled = "place", True
        if known is not None and known.type != "place":
            found.known = None
        return found
    if titles and (known is None or not known.sure):
        found.titled = (
            is_titled(page, start)
            or _is_administration(page, name, end)
            or _is_in_role(page, start, label, name)
        )
        if found.titled and name.split()[-1] not in ORGANIZATION_NOUNS and len(name.split()) <= 4:
            found.type, found.known = "person", None
    return found


def _within(start: int, edges: tuple[int, int]) -> tuple[int, int]:
    return start + edges[0], start + edges[1]


# What follows from the written name alone is found out once: names come again and again.


@lru_cache(maxsize=10_000)
def _name_edges(written: str, label: str) -> tuple[int, int]:
    """The bounds of the name in what the recogniser found."""
    return _of_owner(written, *trim(written, 0, len(written)), label)


@lru_cache(maxsize=10_000)
def _person_edges(written: str) -> tuple[int, int]:
    """The bounds of a person's name without titles."""
    return _without_titles(written, 0, len(written))


@lru_cache(maxsize=10_000)
def _capital_edges(written: str) -> tuple[int, int]:
    """The bounds of any other name, which begins and ends with a capital."""
    start, end = _capitalised(written, 0, len(written))
    return _after_time_zone(written, start, end), end


def trim(text: str, start: int, end: int) -> tuple[int, int]:
    """The bounds without quotes, brackets, stops, articles and a possessive at the edges."""
    while start < end:
        before = (start, end)
        while start < end and not text[start].isalnum():
            start += 1
        while start < end and not text[end - 1].isalnum() and not _belongs(text, start, end):
            end -= 1
        piece = text[start:end]
        match = _POSSESSIVE.search(piece)
        if match is not None and (match[0] in "'’" or lookup(piece) is None):
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
    if mark == "!":
        return text[start : end - 1].split()[-1:] in (["Yahoo"], ["Yum"])
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
    while last > first and (bare[last] in _NO_LAST_NAMES or not _is_name_part(bare[last])):
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


def _is_half_a_person(page: Page, start: int, end: int) -> bool:
    """Whether a single word stands before or behind the other half of a person's name."""
    prose = page.prose
    name = prose[start:end]
    known = page.lookup(name)
    if start >= end or not name.isalpha() or (known is not None and known.sure):
        return False
    index = page.word_at(start)
    if name in GIVEN_NAMES:
        following = index + 1
        if following >= len(page.words) or prose[end : page.words[following].start] != " ":
            return False
        return _goes_on(page, following)
    before = page.words[index - 1] if index else None
    return (
        before is not None
        and prose[before.end : start] == " "
        and (before.key in GIVEN_NAMES or before.key in _SURNAME_PARTICLES)
    )


def _whole_person(page: Page, start: int, end: int) -> tuple[int, int]:
    """The bounds of a person's name with the particles, hyphens and names that were cut off."""
    prose = page.prose
    if start >= end:
        return start, end
    if match := _PARTICLES.match(prose, end):
        end = match.end()
    first = page.word_at(start)
    is_bare = " " not in prose[start:end]
    while first > 0 and prose[page.words[first - 1].end : start] == " ":
        word = page.words[first - 1].key
        if not (word.lower() in _LEADING and is_bare) and not (
            word in GIVEN_NAMES and prose[start:end].split()[0] not in GIVEN_NAMES
        ):
            break
        first -= 1
        start = page.words[first].start
    if prose[start:end] in GIVEN_NAMES and (match := _INITIAL.match(prose, end)):
        end = match.end()
    words = prose[start:end].split()
    last = page.word_before(end)
    while last is not None and last + 1 < len(page.words) and len(words) < 4:
        following = page.words[last + 1]
        if prose[end : following.start] != " " or not _goes_on(page, last + 1):
            break
        if len(words) > 1 and not (len(words) == 2 and words[0] in GIVEN_NAMES):
            break
        last += 1
        end = following.end
        words.append(following.key)
    if match := _HYPHENATED.match(prose, end):
        end = match.end()
    return start, end


def _goes_on(page: Page, index: int) -> bool:
    """Whether a capitalised word behind a person's name may be the end of the name."""
    word = page.words[index].key
    return (
        word[0].isupper()
        and len(word) > 1
        and not word.isupper()
        and not page.is_headline
        and page.known_at(index) is None
        and word not in _NO_SURNAMES
        and word.lower() not in FUNCTION_WORDS
    )


def _after_time_zone(text: str, start: int, end: int) -> int:
    # "AEST-Australia Markets", "BST-UK".
    match = _TIME_ZONE.match(text, start, end)
    return match.end() if match else start


def _with_mark(page: Page, start: int, end: int) -> tuple[int, int]:
    """The bounds with the "!" of "Yahoo!", without the full stop of "Inc." that ends a sentence."""
    prose = page.prose
    if prose[end : end + 1] != "!" and prose[end - 1] != ".":
        return start, end
    if prose[end : end + 1] == "!" and prose[start:end].split()[-1] in _SHOUTED:
        return start, end + 1
    form = prose[start:end].split()[-1]
    if form.endswith(".") and form[:-1] in LEGAL_FORMS and page.ends_sentence(end):
        return start, end - 1
    return start, end


def _is_name_part(word: str) -> bool:
    return word[:1].isupper() or word in SUFFIXES


def _capitalised(text: str, start: int, end: int) -> tuple[int, int]:
    """The bounds without words in lower case at the edges, unless that leaves nothing."""
    words = [(start + match.start(), match[0]) for match in _WORD.finditer(text[start:end])]
    first, last = 0, len(words) - 1
    while first < last and (words[first][1].islower() or words[first][1] in FUNCTION_WORDS):
        first += 1
    while last > first and (
        (words[last][1].islower() and not any(c.isdigit() for c in words[last][1]))
        or words[last][1] in _ROLES_BEHIND
        or _QUARTER.fullmatch(words[last][1])
    ):
        last -= 1
    if not words or (first == 0 and last == len(words) - 1):
        return start, end
    return trim(text, words[first][0], words[last][0] + len(words[last][1]))


@lru_cache(maxsize=10_000)
def is_junk(name: str) -> bool:
    """Whether `name` can't be a name: too short, too long, a word, a number, a fragment."""
    words = name.split()
    last = words[-1].strip(".,")
    if last in THING_NOUNS or (len(words) == 1 and last in _KIND_NOUNS):
        return True
    letters = sum(map(str.isalpha, name))
    if letters < 2 or letters * 2 < len(name.replace(" ", "")) or len(words) > MAX_WORDS:
        return True
    if not any(map(str.isupper, name)) or not _NOT_IN_NAMES.isdisjoint(name):
        return True
    plain = [word.strip(".,;:'’()") for word in words]
    if all(word in LEGAL_FORMS for word in plain):
        return True
    if all(
        word in ROLES or word in CALENDAR or word in HEADING_WORDS or word.lower() in FUNCTION_WORDS
        for word in plain
    ):
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
    if words[last].key in OFFICES:
        return True
    if first == last and words[first].key in _ALONE_OFFICES and words[first].key != "Labor":
        return True
    if not first or words[first - 1].key not in ("of", "for"):
        return False
    return words[max(0, first - 2)].key in _BEFORE_OFFICES


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


def _type(page: Page, name: str, label: str, known: Known | None) -> EntityType | None:
    if known is not None and known.type is not None:
        return known.type
    words = name.split()
    last = words[-1].strip(".,")
    if len(words) > 1 and Rule.COMPANY_FORMS in page.rules:
        if last in ORGANIZATION_NOUNS:
            return "organization"
        if last in PLACE_NOUNS:
            return "place"
    if label == "PERSON" and (
        any(c.isdigit() for c in name) or "/" in name or "@" in name or len(words[-1]) == 1
    ):
        return None
    if (
        Rule.FIRST_NAMES in page.rules
        and 2 <= len(words) <= 3
        and words[0] in GIVEN_NAMES
        and "&" not in words
    ):
        return "person"
    if label != "ORG" and not (name[0].isupper() or words[0] in _LEADING):
        return None
    if label == "PERSON" and (" & " in name or _COMPOUND.search(words[0])):
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

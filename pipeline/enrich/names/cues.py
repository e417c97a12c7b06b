"""What the words beside a name say of it: "analyst at X", "shares of X", "in X, Ohio", "X, who"."""

from __future__ import annotations

import re

from pipeline.article import EntityType
from pipeline.enrich.names.page import Found, Page
from pipeline.enrich.names.words import (
    BEFORE_COMPANY,
    BOUGHT,
    CAPITAL_INSIDE,
    COMPANY_KINDS,
    COMPANY_THINGS,
    GIVEN_NAMES,
    TRUST_IN,
)

_REACH = 60
_AFTER_COMPANY = re.compile(
    rf"(?:['’]s?)?,?\s(?:Inc|Corp|Ltd|PLC|plc|LLC)\b|(?:['’]s?)?\s(?:{'|'.join(COMPANY_THINGS)})\b"
    r"|, which\b|, (?:founded|owned|listed|based|headquartered|a unit|a subsidiary|a division)\b"
    r"|\ssaid its?\b|-(?:owned|backed|made|branded)\b"
)
_MEMBER = re.compile(r"['’]s ([A-Z][^\W\d_]+) [A-Z]")
_AFTER_PERSON = re.compile(
    r", (?:who|whose|\d\d)\b|\s(?:said|says|told reporters) s?he\b"
    r"|, (?:an?|the|its|their) (?:[\w-]+ ){0,3}(?:analyst|economist|strategist|trader|spokes\w+"
    r"|professor|lawyer|attorney|chairman|chief executive|director|president|partner|founder)\b"
)
_IN = frozenset({"around", "in", "near", "outside"})
_BEFORE_TOWN = _IN | {"across", "at", "based", "between", "for", "from", "of", "to"}
_EXAMPLES = frozenset({"as", "including", "like"})
_CHAIN = re.compile(r",\s|,?\s(?:and|or|&)\s")


def cue(page: Page, start: int, end: int) -> EntityType | None:
    """What the text around `page.prose[start:end]` says it is, if it says anything."""
    after = page.prose[end : end + _REACH]
    if _AFTER_PERSON.match(after):
        return "person"
    if _AFTER_COMPANY.match(after) or _is_behind_company_words(page, start):
        return "organization"
    member = _MEMBER.match(after)
    if member is not None and member[1] in GIVEN_NAMES:
        return "organization"
    return "place" if is_before_region(page, start, end) else None


def _is_behind_company_words(page: Page, start: int) -> bool:
    """Whether a company's name is announced: "shares of", "an analyst at", "the retailer"."""
    word, before = _words_before(page, start)
    if word in COMPANY_KINDS or word in BOUGHT or word.endswith("maker"):
        return True
    return before in BEFORE_COMPANY.get(word, ())


def _words_before(page: Page, start: int) -> tuple[str, str]:
    """The word right before `start` and the one before it, in lower case; empty for none."""
    index = page.word_before(start)
    if index is None or page.prose[page.words[index].end : start] not in {" ", "\n"}:
        return "", ""
    word = page.words[index]
    if index == 0:
        return word.key.lower(), ""
    before = page.words[index - 1]
    is_near = page.prose[before.end : word.start] in {" ", ", ", "\n"}
    return word.key.lower(), before.key.lower() if is_near else ""


def cue_of(page: Page, found: Found) -> EntityType | None:
    """What form and neighbours of a mention say it is; nothing of a full name of a person."""
    words = found.name.split()
    if found.titled or len(words) > 4:
        return None
    if len(words) > 1 and words[0] in GIVEN_NAMES and page.lookup(found.name) is None:
        return None
    said = cue(page, found.start, found.end)
    if said is not None or found.type not in ("person", "place"):
        return said
    if len(words) == 1 and CAPITAL_INSIDE.match(found.name):
        return "organization"
    if found.type == "person" and len(words) == 1 and _is_among_places(page, found):
        return "place"
    return None


def is_before_region(page: Page, start: int, end: int) -> bool:
    """Whether a state or a country follows: "in Palm Beach, Florida", "Savannah, Ga."."""
    if page.prose[end : end + 2] != ", ":
        return False
    index = page.word_at(end)
    match = page.known_at(index)
    if match is None or match.known.type != "place" or page.words[index].start != end + 2:
        return False
    return match.known.abbreviation or (
        match.known.sure and _words_before(page, start)[0] in _BEFORE_TOWN
    )


def _is_among_places(page: Page, found: Found) -> bool:
    """Whether a single word stands as places do: "in Newman", "in Cornwall and Devon"."""
    start = found.start
    for count in range(5):
        word, before = _words_before(page, start)
        if (word in _IN and before not in TRUST_IN) or (count and word in _EXAMPLES):
            return True
        left = page.before(start)
        if left is None or left.type != "place":
            return False
        if not _CHAIN.fullmatch(page.prose[left.end : start]):
            return False
        start = left.start
    return False


def is_beside(page: Page, start: int, end: int, kind: EntityType) -> bool:
    """Whether "and" or a comma joins `page.prose[start:end]` to a well-known name of `kind`."""
    left, right = page.before(start), page.after(end)
    return any(
        other is not None
        and other.type == kind
        and other.known is not None
        and _CHAIN.fullmatch(page.prose[first:last]) is not None
        for other, first, last in (
            (left, left.end if left else 0, start),
            (right, end, right.start if right else 0),
        )
    )

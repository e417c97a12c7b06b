"""What the words beside a name say of it: "analyst at X", "shares of X", "in X, Ohio", "X, who"."""

from __future__ import annotations

import re

from pipeline.article import EntityType
from pipeline.enrich.page import Found, Page
from pipeline.enrich.words import COMPANY_KINDS, COMPANY_THINGS, GIVEN_NAMES

_REACH = 60
_BEFORE_COMPANY = re.compile(
    r"\b(?:(?:shares?|stocks?|units?|subsidiar(?:y|ies)|division|parent|owners?|customers?|clients?"
    r"|shareholders?|creditors|takeover|acquisition|chairman|chairwoman|chief executive|CEO|CFO"
    r"|CEOs|bonds) of"
    r"|(?:shares?|stakes?|invest(?:s|ed|ing|ments?|ors)?|interests?|holdings?) in"
    r"|(?:bids?|offers?) for"
    r"|(?:owned|run|made|operated|insured|audited|employed) by"
    r"|(?:buys?|bought|buying|acquires?|acquired|acquiring|(?:merges?|merged|merging|merger) with)"
    r"|(?:works?|worked|working) (?:for|at)"
    r"|(?:analysts?|economists?|strategists?|traders?|dealers?|brokers?|partners?|executives?|fellow"
    r"|officers?|managers?|directors?|researchers?|head|research|president|counsel|lawyers?)"
    r"(?:,)? (?:at|with)"
    r"|rivals?|(?:plays?|played|playing) for)\s$"
)
_AFTER_COMPANY = re.compile(
    rf"(?:['’]s?)?,?\s(?:Inc|Corp|Ltd|PLC|plc|LLC)\b|(?:['’]s?)?\s(?:{'|'.join(COMPANY_THINGS)})\b"
    r"|, which\b|, (?:founded|owned|listed|based|headquartered|a unit|a subsidiary|a division)\b"
    r"|\ssaid its?\b|-(?:owned|backed|made|branded)\b"
)
_BEFORE_KIND = re.compile(rf"(?:\b(?i:{'|'.join(COMPANY_KINDS)})|[a-z]maker)\s$")
_MEMBER = re.compile(r"['’]s ([A-Z][^\W\d_]+) [A-Z]")
_AFTER_PERSON = re.compile(
    r", (?:who|whose|\d\d)\b|\s(?:said|says|told reporters) s?he\b"
    r"|, (?:an?|the|its|their) (?:[\w-]+ ){0,3}(?:analyst|economist|strategist|trader|spokes\w+"
    r"|professor|lawyer|attorney|chairman|chief executive|director|president|partner|founder)\b"
)
_IN = re.compile(r"\b(?:in|near|outside|around)\s$")
_NOT_IN = re.compile(
    r"\b(?:stakes?|shares?|stocks?|interests?|invest\w*|confidence|trust|faith|believ\w*|holdings?"
    r"|position|trading|results?|result\w*)\s(?:in|near|outside|around)\s$"
)
_EXAMPLES = re.compile(r"\b(?:such as|including|like)\s$")
_TO = re.compile(r"\b(?:in|near|outside|around|to|from|of|at|based|between|across|for)\s$")
_INSIDE_CAPITAL = re.compile(r"(?!Mc|Mac|De|Di|Du|La|Le|Van|Von|Fitz|O.)[A-Z]?[a-z]+[A-Z]")
_CHAIN = re.compile(r",\s|,?\s(?:and|or|&)\s")


def cue(page: Page, start: int, end: int) -> EntityType | None:
    """What the text around `page.prose[start:end]` says it is, if it says anything."""
    prose = page.prose
    before, after = prose[max(0, start - _REACH) : start], prose[end : end + _REACH]
    if _AFTER_PERSON.match(after):
        return "person"
    if _AFTER_COMPANY.match(after) or _BEFORE_COMPANY.search(before):
        return "organization"
    member = _MEMBER.match(after)
    if _BEFORE_KIND.search(before) or (member is not None and member[1] in GIVEN_NAMES):
        return "organization"
    if is_before_region(page, start, end):
        return "place"
    return None


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
    if len(words) == 1 and _INSIDE_CAPITAL.match(found.name):
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
    before = page.prose[max(0, start - _REACH) : start]
    return match.known.abbreviation or (match.known.sure and _TO.search(before) is not None)


def _is_among_places(page: Page, found: Found) -> bool:
    """Whether a single word stands as places do: "in Newman", "in Cornwall and Devon"."""
    prose = page.prose
    start = found.start
    for count in range(5):
        before = prose[max(0, start - _REACH) : start]
        if _IN.search(before) and not _NOT_IN.search(before):
            return True
        if count and _EXAMPLES.search(before):
            return True
        left = page.before(start)
        if left is None or left.type != "place" or not _CHAIN.fullmatch(prose[left.end : start]):
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

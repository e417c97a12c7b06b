"""Datelines, bylines, credits and named sources: where form alone says what a name is."""

from __future__ import annotations

import re

from pipeline.enrich.names.page import Found, Page
from pipeline.enrich.names.spans import read_name

_DATELINE = re.compile(
    r"(?<!\w)([A-Z][A-Z’'.\-]{2,30}(?: [A-Z][A-Z’'.\-]{1,30}){0,2})(?:--|,? )"
    r"(?:[\w.]{1,12},? ){0,5}\(([A-Z][\w.]{1,20}(?: [A-Z]{4,8})?|dpa)\)"
)
# What a run is made of can't begin what follows it, so that a megabyte takes linear time.
_NAME = r"[A-Z][^\W\d_]*+(?:[.'’-][^\W\d_]++)*+\.?"
_PARTICLE = r"(?:v[ao]n|de[nrl]?|di|da|dos|la|te[rn]|bin|al|el)"
_FULL_NAME = rf"{_NAME}(?: (?:{_PARTICLE} ){{0,2}}{_NAME}){{1,3}}"
_PERSON = re.compile(_FULL_NAME)
_BYLINE = re.compile(
    r"(?:(?:^|[.)\n…] ?|(?<=\w )|\| )By"
    r"|(?:[Rr]eport|[Ee]dit|[Ww]rit|[Cc]ompil|[Cc]ontribut)(?:ing|ed) by"
    r"|[Pp]hoto(?:graph)?s?(?::| by))"
    rf" ({_FULL_NAME}(?:(?:, |,? and ){_FULL_NAME}){{0,4}})"
)
# One of these is in every text in which the pattern matches; looking for them first is quick.
_CREDITING = (
    *("By ", "eporting by ", "eported by ", "diting by ", "dited by ", "riting by ", "rited by "),
    *("ompiling by ", "ompiled by ", "ontributing by ", "ontributed by ", "hoto"),
)
# Where a page gathers news: "| Associated Press – 44 minutes ago".
_SOURCE = re.compile(
    r"(?<=\| )([A-Z][\w.&’']*(?: [A-Z&][\w.&’']*){0,4}) [-–—] "
    r"(?:\d{1,2}|an?) (?:second|minute|hour|day)"
)
_DASHED = re.compile(
    r"^(?:\([^()\n]{1,80}\) )?([A-Z][A-Z’'.\-]{2,30}(?: [A-Z][A-Z’'.\-]{1,30}){0,2})"
    r"(, [A-Z][\w.]+(?: [A-Z][\w.]+)?)?(?:,? [A-Z][a-z]{2,8}\.? \d{1,2})?(?: [-–—]{1,2} )",
    re.M,
)


def add_datelines(page: Page) -> None:
    """Adds the places in capitals that an agency reports from, and it: "PERU, Ohio (AP)"."""
    for match in _DASHED.finditer(page.text):
        name = match[1].title()
        known = page.lookup(name)
        is_place = known is not None and known.type == "place"
        if page.is_free(*match.span(1)) and (is_place or (match[2] and known is None)):
            page.add(Found(page.field, *match.span(1), "place", name, known, titled=True))
    for match in _SOURCE.finditer(page.text) if "| " in page.text else ():
        if page.is_free(*match.span(1)):
            name = match[1]
            known = page.lookup(name)
            if known is None or known.type == "organization":
                page.add(Found(page.field, *match.span(1), "organization", name, known))
    for match in _DATELINE.finditer(page.text):
        agency = match.span(2)
        if page.is_free(*agency):
            page.add(Found(page.field, *agency, "organization", match[2], page.lookup(match[2])))
        start, end = match.span(1)
        name = match[1].title()
        known = page.lookup(name)
        if known is not None and known.type != "place":
            continue
        if page.is_free(start, end):
            page.add(Found(page.field, start, end, "place", name, known, titled=True))


def read_bylines(page: Page) -> None:
    """Makes people of the names in bylines and credits: "By Ann Lee", "Editing by Bo Ek"."""
    if not any(words in page.prose for words in _CREDITING):
        return
    for match in _BYLINE.finditer(page.prose):
        for name in _PERSON.finditer(page.prose, *match.span(1)):
            # Where a line break is lost, the name runs into the text: "Ann Lee Shares fell".
            end = page.words[page.words_in(*name.span())[:2][-1]].end
            inside = page.inside(name.start(), end)
            found = inside[0] if inside else None
            if found is not None and found.known is None and found.end < end:
                page.remove(found)
                found = None
            if found is None:
                found = read_name(page, name.start(), end, "PERSON")
                if found is None or not page.is_free(found.start, found.end):
                    continue
                if found.type == "person" and " " in found.name:
                    page.add(found)
            if found.start == name.start() and " " in found.name and found.known is None:
                found.type, found.titled = "person", True

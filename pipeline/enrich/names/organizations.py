"""Organizations that the recogniser missed or cut short, and the names that one of them goes by."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence, Set

from pipeline.enrich.names.gazetteer import lookup, tokens
from pipeline.enrich.names.page import Found, Page
from pipeline.enrich.names.spans import legal_core, words_of
from pipeline.enrich.names.words import (
    CALENDAR,
    DOTTED_FORMS,
    FUNCTION_WORDS,
    FUND_ENDS,
    FUND_WORDS,
    GIVEN_NAMES,
    HEADING_WORDS,
    LEGAL_FORMS,
    ORGANIZATION_NOUNS,
    PARTICLES,
    ROLES,
    SPONSORS,
)
from pipeline.enrich.tickers.listings import is_wordlike

_REACH = 8
_CONNECTORS = frozenset({"of", "and", "for", "the", "&"})
_ROMANCE = PARTICLES | {"das", "des", "e", "et"}
_FIRM = re.compile(
    r"(?<![\w&.’'-])(?<![&,] )[A-Z][\w’'-]+, (?:[A-Z][\w’'-]+, ){0,3}"
    r"[A-Z][\w’'-]+,? & [A-Z][\w’'-]+"
)
_OF_THE_US = re.compile(r"^(?:US|U\.S\.) ")
_IN_FUNDS = FUND_WORDS | SPONSORS
_ACRONYM = re.compile(r"\s\(([A-Z][A-Za-z&.\-]{1,9})\)")


def fund_spans(page: Page, ticker_names: Collection[str]) -> list[tuple[int, int]]:
    """Where funds are named, in order: their names hold countries and firms that are not meant."""
    spans: list[tuple[int, int]] = []
    names = {_keys(name) for name in ticker_names if is_fund(name)}
    reach = _reach_by_first(names)
    if reach:
        for index, word in enumerate(page.words):
            for count in range(reach.get(word.key.casefold(), 0), 1, -1):
                if _run(page, index, index + count) in names:
                    spans.append((word.start, page.words[index + count - 1].end))
                    break
    for index in page.places(_IN_FUNDS):
        word = page.words[index]
        if word.key in FUND_WORDS:
            first = _left(page, index)
            last = _right(page, index)
            if last - first >= 2 or page.words[first].key in SPONSORS:
                spans.append((page.words[first].start, page.words[last].end))
        else:
            last = _right(page, index)
            ends = [i for i in range(index + 2, last + 1) if page.words[i].key in FUND_ENDS]
            if ends:
                spans.append((word.start, page.words[ends[-1]].end))
    return sorted(spans)


def is_fund(name: str) -> bool:
    """Whether a listed security's name is a fund's, not a company's."""
    words = name.replace(",", " ").split()
    if FUND_WORDS & set(words):
        return True
    return bool(words) and words[0] in SPONSORS and bool(FUND_ENDS & set(words[1:]))


def add_companies(page: Page) -> None:
    """Finds names that end in a legal form ("Quillmark Labs Inc."), also behind a shorter span."""
    for index in page.places(LEGAL_FORMS):
        word = page.words[index]
        if index == 0 or page.is_hidden(word.start, word.end):
            continue
        if not _is_form(page, index):
            continue
        first = _firm_start(page, _left(page, index, connectors=True), index)
        start, end = page.words[first].start, word.end
        for found in page.inside(page.words[index - 1].start, end):
            if found.type != "organization" or page.word_at(found.start) < index - 2 * _REACH:
                continue
            if found.start < start or not _may_begin(page, first, found.start):
                start = found.start
        if first == index or page.is_hidden(start, end):
            continue
        if page.prose[end : end + 1] == "." and word.key in DOTTED_FORMS:
            end += 0 if page.ends_sentence(end + 1) else 1
        _replace(page, start, end)
    for match in _FIRM.finditer(page.prose) if " & " in page.prose else ():
        first = page.word_at(match.start())
        if _may_begin(page, first, match.end()):
            _replace(page, *match.span())


def _firm_start(page: Page, first: int, index: int) -> int:
    """The first word of a firm of several names: "Harrow, Pike & Delgado LLC"."""
    words = page.words
    run = page.prose[words[first].start : words[index].start]
    if " & " not in run:
        return first
    while first > 0 and page.prose[words[first - 1].end : words[first].start] == ", ":
        if not _may_begin(page, first - 1, words[first].start):
            break
        gap = page.prose[words[first - 2].end : words[first - 1].start] if first > 1 else ""
        if gap == " " and words[first - 2].key[0].isupper():
            break
        first -= 1
    return first


def _may_begin(page: Page, first: int, end: int) -> bool:
    """Whether no word from `first` up to the offset `end` is a place, a people or a common word."""
    for index in range(first, page.word_at(end)):
        word = page.words[index].key
        known = page.known_at(index)
        if word in ROLES | HEADING_WORDS or not _is_name_word(word) or word.endswith("ly"):
            return False
        if known is not None and known.known.type != "organization":
            return False
    return not page.is_headline


def add_listed(page: Page, masks: Sequence[tuple[int, int]], ticker_names: Collection[str]) -> None:
    """Finds the company that is named right before its ticker: "Quillmark Labs (QMLB)"."""
    keys = [_keys(name) for name in ticker_names if not is_fund(name)]
    beginnings = {key[:count] for key in keys for count in range(1, len(key) + 1)}
    if not beginnings:
        return
    for start, _ in masks:
        last = page.word_before(start)
        if last is None or page.prose[page.words[last].end : start].strip(" .,('’s"):
            continue
        for first in range(max(0, last - _REACH), last + 1):
            run = _run(page, first, last + 1)
            if page.words[first].key[0].isupper() and run in beginnings:
                _replace(page, page.words[first].start, page.words[last].end)
                break


def _keys(name: str) -> tuple[str, ...]:
    return tuple(token.key.casefold() for token in tokens(name))


def _run(page: Page, first: int, end: int) -> tuple[str, ...]:
    return tuple(token.key.casefold() for token in page.words[first:end])


def _reach_by_first(names: Collection[tuple[str, ...]]) -> dict[str, int]:
    """The length of the longest name that begins with each word."""
    reach: dict[str, int] = {}
    for name in names:
        if name:
            reach[name[0]] = max(reach.get(name[0], 0), len(name))
    return reach


def _replace(page: Page, start: int, end: int) -> None:
    inside = page.inside(start, end)
    if any(found.start < start or found.end > end for found in inside):
        return
    for found in inside:
        page.remove(found)
    name = " ".join(page.prose[start:end].split())
    known = lookup(name) or lookup(legal_core(name))
    if known is not None and known.type != "organization":
        known = None
    page.add(Found(page.field, start, end, "organization", name, known))


def _is_form(page: Page, index: int) -> bool:
    # "Co" and "AG" are words of other kinds too: the form follows a capitalised word directly.
    word = page.words[index]
    gap = page.prose[page.words[index - 1].end : word.start]
    if gap not in {" ", ", ", ". ", "& ", " & "}:
        return False
    if word.key == "CA":
        return "." in page.prose[word.start : word.end]
    return word.key != "Co" or page.prose[word.end : word.end + 1] == "." or gap == " & "


def _left(page: Page, index: int, *, connectors: bool = False) -> int:
    """The index of the first word of the capitalised run that ends at `index`."""
    first = index
    while first > 0 and index - first < _REACH:
        before = page.words[first - 1]
        gap = page.prose[before.end : page.words[first].start]
        if gap not in {" ", "-", "&", " & ", "."} and not (first == index and gap in {", ", ". "}):
            break
        if not _is_name_word(before.key) and not (
            # "Royal Bank of Canada Ltd.", but not "shares of Ford Motor Co."
            connectors
            and first > 1
            and (
                (before.key == "of" and page.words[first - 2].key in ORGANIZATION_NOUNS)
                or (before.key in _ROMANCE and _is_name_word(page.words[first - 2].key))
            )
        ):
            break
        first -= 1
    while first < index and _is_no_part(page, first):
        first += 1
    return first


def _is_no_part(page: Page, index: int) -> bool:
    """Whether a word before a firm's name is none of it: "CEO", "ET", "Photo", "German"."""
    word = page.words[index].key
    known = page.known_at(index)
    if known is not None and known.last == index and known.known.type in (None, "group"):
        return True
    return word in ROLES or word in _CONNECTORS or word in HEADING_WORDS


def _right(page: Page, index: int) -> int:
    last = index
    while last + 1 < len(page.words) and last - index < _REACH:
        after = page.words[last + 1]
        gap = page.prose[page.words[last].end : after.start]
        if gap not in {" ", "-", "&", " & ", "."} or not _is_name_word(after.key):
            break
        last += 1
    return last


def _is_name_word(word: str) -> bool:
    return (
        (any(letter.isupper() for letter in word) or word.isdigit())
        and word.lower() not in FUNCTION_WORDS
        and word not in CALENDAR
    )


def join_organizations(pages: Sequence[Page]) -> dict[str, str]:
    """Gives every mention of an organization its canonical name: the longest, without legal form.

    "Fortescue" joins "Fortescue Metals", "BOJ" joins "Bank of Japan (BOJ)". A well-known name wins.

    Returns:
        The acronyms that the article introduces and the beginnings of names that can mean nothing
        else, each with the canonical name.
    """
    mentions = [found for page in pages for found in page.found if found.type == "organization"]
    for mention in mentions:
        core = legal_core(mention.name)
        known = mention.known or lookup(core) or lookup(_OF_THE_US.sub("", core))
        if known is not None and known.type == "organization" and known.sure:
            mention.known = known
        mention.name = known.name if mention.known and known else legal_core(mention.name)
    acronyms = dict(_acronyms(pages))
    full = {mention.name for mention in mentions if " " in mention.name}
    surfaces = {_text(pages, mention) for mention in mentions}
    cores = {surface: legal_core(surface) for surface in surfaces}
    shorts = _short_forms(full | set(cores.values()))
    # What stands with a legal form somewhere is an organization everywhere.
    shorts |= {core: core for surface, core in cores.items() if core != surface}
    initials = _initials(full)
    names = {mention.name for mention in mentions}
    for page in pages:
        for mention in page.found:
            if mention.titled or (mention.known is not None and mention.known.sure):
                continue
            if mention.type not in ("organization", "person", "place", "product"):
                continue
            name = acronyms.get(mention.name)
            if name is None and mention.name not in ORGANIZATION_NOUNS:
                name = shorts.get(mention.name)
            if name is None and mention.type == "organization":
                name = initials.get(mention.name)
            if name is not None and (name != mention.name or mention.type != "organization"):
                target = lookup(name)
                mention.type = "organization"
                mention.known = target if target and target.type == "organization" else None
                mention.name = target.name if mention.known and target else name
    people = {
        words_of(found.name)[-1] for page in pages for found in page.found if found.type == "person"
    }
    telling = {short: name for short, name in shorts.items() if _is_telling(short, people)}
    return {short: name for short, name in (telling | acronyms).items() if name in names}


def _is_telling(short: str, people: Set[str]) -> bool:
    """Whether the beginning of an organization's name can mean nothing else in the article."""
    words = short.split()
    return (
        len(words[0]) > 3
        and words[0].isalpha()
        and not is_wordlike(words[0].upper())
        and lookup(words[0]) is None
        and not {words[0], words[-1]} & people
        and words[0] not in GIVEN_NAMES
        and words[0] not in ROLES
        and words[0] not in HEADING_WORDS
        and words[0] not in ORGANIZATION_NOUNS
        and _is_name_word(words[0])
        and _is_name_word(words[-1])
    )


def _text(pages: Sequence[Page], mention: Found) -> str:
    page = next(page for page in pages if page.field == mention.field)
    return " ".join(page.prose[mention.start : mention.end].split())


def _acronyms(pages: Sequence[Page]) -> Iterator[tuple[str, str]]:
    for page in pages:
        for mention in page.found:
            match = _ACRONYM.match(page.prose, mention.end)
            if match is None or mention.type != "organization" or page.is_hidden(*match.span(1)):
                continue
            if _abbreviates(match[1], page.prose[mention.start : mention.end]):
                yield match[1], mention.name


def _abbreviates(short: str, name: str) -> bool:
    """Whether the capitals of `short` stand in `name` in this order, the first one first."""
    letters = iter(letter.lower() for letter in name)
    wanted = [letter.lower() for letter in short if letter.isupper()]
    words = [word for word in name.split() if word[:1].isupper()]
    return (
        len(wanted) >= 2
        and name[:1].lower() == wanted[0]
        and len(words) > 1
        and all(letter in letters for letter in wanted)
    )


def _initials(full: Collection[str]) -> dict[str, str]:
    """What may abbreviate one of the names only, by their capitals: three letters or more."""
    names: dict[str, set[str]] = {}
    for name in full:
        letters = "".join(word[0] for word in re.split(r"[\s\-]+", name) if word[:1].isupper())
        if len(letters) > 2:
            names.setdefault(letters, set()).add(name)
    return {letters: min(hits) for letters, hits in names.items() if len(hits) == 1}


def _short_forms(full: Collection[str]) -> dict[str, str]:
    """The beginnings of longer names that belong to one of them only."""
    shorts: dict[str, set[str]] = {}
    for name in full:
        words = name.split()
        for count in range(1, len(words)):
            short = " ".join(words[:count])
            known = lookup(short)
            if words[count - 1] not in _CONNECTORS and (known is None or not known.sure):
                shorts.setdefault(short, set()).add(name)
    result: dict[str, str] = {}
    for short, names in shorts.items():
        longest = max(names, key=len)
        if all(longest.startswith(name) for name in names):
            result[short] = longest
    return result

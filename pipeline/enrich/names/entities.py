"""The people, organizations, places, groups, products and events of an article, joined by name.

A recogniser gives spans; the rules here decide what they are, what belongs together, and what it is
called. Stock indices ("S&P 500", "Nikkei") are no entities: they are neither organizations nor is
there any other facet for them. Funds are known by their tickers.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence, Set

from pipeline.article import Entity, EntityType, TextField
from pipeline.enrich.names.bylines import add_datelines, read_bylines
from pipeline.enrich.names.cues import cue, cue_of, is_beside
from pipeline.enrich.names.dropping import drop_shouted, drop_symbols, drop_words, lower_words
from pipeline.enrich.names.gazetteer import Known, lookup
from pipeline.enrich.names.linking import linked
from pipeline.enrich.names.organizations import (
    add_companies,
    add_listed,
    fund_spans,
    join_organizations,
)
from pipeline.enrich.names.page import Found, Page
from pipeline.enrich.names.people import join_people, surnames
from pipeline.enrich.names.rules import ALL_RULES, Rule
from pipeline.enrich.names.spans import (
    TYPES,
    is_office,
    parts,
    read_name,
    read_span,
    words_of,
)
from pipeline.enrich.names.words import (
    FUNCTION_WORDS,
    GIVEN_NAMES,
    ORGANIZATION_NOUNS,
    PERSONAL_ROLES,
    ROLES,
    TITLES,
    WORD_SURNAMES,
)
from pipeline.enrich.recognizer.fast_ner import Span
from pipeline.enrich.text.masking import mask

__all__ = ["find_entities", "mask"]

_NEAR_GEORGIA = frozenset(
    {"Tbilisi", "Georgian", "Georgians", "Batumi", "Abkhazia", "Caucasus"}
    | {"Russia", "Armenia", "Azerbaijan"}
)
_NEAR_AMAZON = frozenset(
    {"Brazil", "Brazilian", "Peru", "Colombia", "Ecuador", "Manaus", "basin", "deforestation"}
    | {"forest", "forests", "jungle", "loggers", "rainforest", "river"}
)
_NAMES_OF_PEOPLE = GIVEN_NAMES | WORD_SURNAMES | TITLES
_FIRST_PART = re.compile(r"[^\s.\-&'’]*")
_BEFORE_PEOPLE = TITLES | PERSONAL_ROLES
_FIELDS: tuple[TextField, ...] = ("title", "text")

Watch = Callable[[Rule | None, Sequence[Page]], None]


def find_entities(
    fields: Mapping[TextField, str],
    spans: Mapping[TextField, Sequence[Span]],
    masked: Mapping[TextField, Sequence[tuple[int, int]]],
    ticker_names: Collection[str],
    symbol_of: Callable[[str], str | None],
    rules: Set[Rule] = ALL_RULES,
    watch: Watch | None = None,
) -> list[Entity]:
    """The entities of an article, by first mention, the title before the text.

    Args:
        fields: the cleaned title and text.
        spans: what the recogniser found in each field.
        masked: the spans of each field that were hidden from it, in order, as `mask` gives them.
        ticker_names: the names of the securities whose symbols the article gives.
        symbol_of: the symbol of the listed company that goes by a name, if there is one.
        rules: the groups of rules that apply; fewer than all only to measure what one is worth.
        watch: is shown what has been found when a group of rules has been applied; None stands for
            the recogniser.
    """
    pages = [
        _page(field, fields[field], masked.get(field, ()), ticker_names, rules)
        for field in _FIELDS
        if field in fields
    ]
    acronyms: dict[str, str] = {}

    def apply(rule: Rule, *steps: Callable[[Sequence[Page]], object]) -> None:
        if rule in rules:
            for step in steps:
                step(pages)
            if watch is not None:
                watch(rule, pages)

    apply(Rule.BYLINES, _each(add_datelines))
    for page in pages:
        _add_spans(page, spans.get(page.field, ()))
    if watch is not None:
        watch(None, pages)
    apply(Rule.BYLINES, _each(read_bylines))
    apply(Rule.GAZETTEER, _each(_add_known))
    apply(Rule.COMPANY_FORMS, _each(add_companies))
    apply(
        Rule.LISTINGS,
        _each(lambda page: add_listed(page, masked.get(page.field, ()), ticker_names)),
    )
    apply(Rule.TITLES, _each(_add_titled))
    apply(Rule.FIRST_NAMES, _each(_add_first_named))
    apply(Rule.DROPPING, lambda pages: drop_symbols(pages, masked), drop_shouted)
    apply(Rule.LISTINGS, lambda pages: _trust_listings(pages, symbol_of))
    votes = _votes_of_context(pages) if Rule.CONTEXT in rules else {}
    apply(Rule.CONSISTENCY, lambda pages: _one_type_a_name(_ordered(pages), votes))
    apply(Rule.JOINING, lambda pages: join_people(_ordered(pages)))
    apply(Rule.JOINING, lambda pages: acronyms.update(join_organizations(pages)))
    apply(Rule.DROPPING, lambda pages: drop_words(pages, symbol_of))
    apply(Rule.CONSISTENCY, lambda pages: _sweep(pages, acronyms))
    apply(Rule.GAZETTEER, _which_georgia, _which_amazon)
    return linked(pages, symbol_of)


def _each(step: Callable[[Page], None]) -> Callable[[Sequence[Page]], None]:
    def step_on_all(pages: Sequence[Page]) -> None:
        for page in pages:
            step(page)

    return step_on_all


def _add_spans(page: Page, spans: Sequence[Span]) -> None:
    """Adds what the recogniser found, as far as nothing stands there."""
    of_entities = [span for span in spans if span.label in TYPES]
    for span in itertools.chain(*(parts(page, span) for span in of_entities)):
        found = read_span(page, span)
        if found is not None and page.is_free(found.start, found.end):
            page.add(found)


def _page(
    field: TextField,
    text: str,
    masked: Sequence[tuple[int, int]],
    ticker_names: Collection[str],
    rules: Set[Rule],
) -> Page:
    page = Page(field, text, (), rules)
    hidden: list[tuple[int, int]] = []
    funds = fund_spans(page, ticker_names) if Rule.FUNDS in rules else []
    for start, end in sorted([*masked, *funds]):
        if hidden and start < hidden[-1][1]:
            hidden[-1] = (hidden[-1][0], max(end, hidden[-1][1]))
        else:
            hidden.append((start, end))
    page.hidden = hidden
    return page


def _ordered(pages: Sequence[Page]) -> list[Found]:
    return [found for page in pages for found in page.found]


def _add_first_named(page: Page) -> None:
    """Adds the people that were missed and begin with a first name: "Anand Pillai"."""
    if page.is_headline:
        return
    for index, word in enumerate(page.words[:-1]):
        if word.key not in GIVEN_NAMES or not page.is_free(word.start, word.end):
            continue
        if page.known_at(index) is not None:
            continue
        found = read_name(page, word.start, word.end, "PERSON")
        if (
            found is not None
            and found.type == "person"
            and " " in found.name
            and page.stands_alone(page.word_at(found.start), page.word_at(found.end) - 1)
        ):
            inside = page.inside(found.start, found.end)
            if all(other.type == "person" and other.end == found.end for other in inside):
                for other in inside:
                    page.remove(other)
                if page.is_free(found.start, found.end):
                    page.add(found)


def _add_known(page: Page) -> None:
    """Adds the well-known names that were missed, and drops what is only part of one."""
    doubtful: list[tuple[int, int, Known]] = []
    for first, last, known in page.known:
        start, end = page.words[first].start, page.words[last].end
        if is_office(page, start, end):
            # "U.S. Treasury Secretary": the country is meant, not the department.
            country = (
                page.lookup(page.prose[start : page.words[last - 1].end]) if last > first else None
            )
            if country is None or country.type != "place":
                continue
            last, known = last - 1, country
            end = page.words[last].end
        if page.prose[end : end + 1] == "." and known.abbreviation:
            end += 1
        inside = page.inside(start, end)
        if any(found.start < start or found.end > end for found in inside):
            if not (known.sure and known.type == "organization" and last > first):
                continue
            if any(found.type != "person" or found.titled for found in inside):
                continue
        if inside and known.abbreviation and (inside[0].start, inside[0].end) == (start, end - 1):
            page.remove(inside[0])
        elif inside and (known.type is None or last > first):
            if any(found.titled for found in inside) and page.words[first].key not in TITLES:
                continue
            for found in inside:
                page.remove(found)
        elif inside:
            continue
        if known.type is None and last > first:
            page.block(start, end)
        elif known.type is None or page.is_hidden(start, end):
            continue
        elif known.abbreviation or (
            any(letter.isupper() for letter in page.prose[start:end])
            and page.stands_alone(first, last)
        ):
            if known.abbreviation or known.sure:
                name = page.prose[start:end]
                page.add(Found(page.field, start, end, known.type, name, known))
            else:
                doubtful.append((start, end, known))
    for start, end, known in doubtful if Rule.CONTEXT in page.rules else ():
        if known.type is not None and _is_meant(page, start, end, known):
            page.add(Found(page.field, start, end, known.type, page.prose[start:end], known))


def _is_meant(page: Page, start: int, end: int, known: Known) -> bool:
    """Whether the context says that a name is what it may be: "Palm Beach, Florida".

    What the recogniser takes for nothing is capitalised within a sentence because it names
    something: "the rules that Labor opposed".
    """
    if (
        known.type == "organization"
        and page.prose[start:end] not in _NAMES_OF_PEOPLE
        and not page.is_headline
        and not page.begins_sentence(page.word_at(start))
        and page.prose[start - 1] not in "-/"
    ):
        return True
    return cue(page, start, end) == known.type or (
        known.type == "organization" and is_beside(page, start, end, "organization")
    )


def _add_titled(page: Page) -> None:
    """Adds the people that were missed: "Mr. Oduya", and with a full name "envoy Ada Oduya"."""
    words = page.words
    for index in page.places(_BEFORE_PEOPLE):
        in_role = words[index].key in PERSONAL_ROLES
        last = index
        while last - index < 3 and last + 1 < len(words):
            following = words[last + 1].key
            gap = page.prose[words[last].end : words[last + 1].start]
            if gap not in ({" ", ". "} if last == index else {" ", "-"}):
                break
            if (
                not following[0].isupper()
                or following in ROLES
                or following.lower() in FUNCTION_WORDS
            ):
                break
            last += 1
        start, end = words[min(index + 1, len(words) - 1)].start, words[last].end
        if last == index or words[last].key in ORGANIZATION_NOUNS or not page.is_free(start, end):
            continue
        if in_role and last - index < 2:
            continue
        name = page.prose[start:end]
        known = page.lookup(name)
        if name.isupper() or (known is not None and known.sure):
            continue
        page.add(Found(page.field, start, end, "person", name, titled=True))


def _votes_of_context(pages: Sequence[Page]) -> dict[str, Counter[EntityType]]:
    """What the words beside their mentions say of names that are not sure, in votes."""
    people = {
        words_of(found.name)[-1]
        for page in pages
        for found in page.found
        if found.type == "person" and " " in found.name
    }
    votes: dict[str, Counter[EntityType]] = {}
    for page in pages:
        for found in page.found:
            if found.known is not None and found.known.sure:
                continue
            said = cue_of(page, found)
            is_bare = found.known is None and " " not in found.name and not found.titled
            if (
                said is None
                and is_bare
                and found.name not in people
                and is_beside(page, found.start, found.end, "organization")
            ):
                said = "organization"
            if said is not None:
                votes.setdefault(found.name.casefold(), Counter())[said] += 3
    return votes


def _trust_listings(pages: Sequence[Page], symbol_of: Callable[[str], str | None]) -> None:
    """Makes an organization of what bears a listed company's name and was taken for something else.

    A single word that was taken for a person stays: too many companies are called after people.
    """
    for page in pages:
        for found in page.found:
            if found.type == "organization" or found.titled or found.type == "group":
                continue
            if found.known is not None and found.known.sure:
                continue
            if (found.type != "person" or " " in found.name) and symbol_of(found.name):
                found.type, found.known = "organization", None


def _one_type_a_name(found: Sequence[Found], context: Mapping[str, Counter[EntityType]]) -> None:
    """Gives all mentions of a name the type that most have; the first one's when it is a draw."""
    votes: dict[str, Counter[EntityType]] = {}
    known: dict[tuple[str, EntityType], Known] = {}
    for mention in found:
        name = mention.name.casefold()
        votes.setdefault(name, Counter())[mention.type] += 3 if mention.titled else 1
        if mention.known is not None:
            known.setdefault((name, mention.type), mention.known)
    for name, said in context.items():
        votes[name].update(said)
    for mention in found:
        if mention.known is not None and mention.known.sure:
            continue
        name = mention.name.casefold()
        mention.type = votes[name].most_common(1)[0][0]
        mention.known = known.get((name, mention.type))


def _sweep(pages: Sequence[Page], acronyms: Mapping[str, str]) -> None:
    """Adds the bare occurrences of names that are known by now."""
    names = _spellings(pages, acronyms)
    by_word: dict[str, list[str]] = {}
    for name in sorted(names, key=len, reverse=True):
        by_word.setdefault(_FIRST_PART.match(name)[0], []).append(name)  # type: ignore[index]
    lower = lower_words(pages)
    for page in pages:
        for index in page.places(by_word):
            word = page.words[index]
            for name in by_word[word.key]:
                end = word.start + len(name)
                if (
                    not page.prose.startswith(name, word.start)
                    or page.prose[end : end + 1].isalnum()
                ):
                    continue
                last = page.word_before(end)
                if (
                    last is None
                    or not page.is_free(word.start, end)
                    or not page.stands_alone(index, last)
                ):
                    continue
                doubtful = word.key in WORD_SURNAMES or word.key.lower() in lower
                if doubtful and index == last and page.begins_sentence(index):
                    continue
                model = names[name]
                page.add(Found(page.field, word.start, end, model.type, model.name, model.known))
                break


def _which_georgia(pages: Sequence[Page]) -> None:
    """Makes a state of Georgia unless the article speaks of the country's neighbourhood."""
    mentions = [found for page in pages for found in page.found]
    if _NEAR_GEORGIA & {found.name for found in mentions}:
        return
    for found in mentions:
        if found.type == "place" and found.known is not None and found.known.id == "GE":
            found.known = Known("place", "Georgia")


def _which_amazon(pages: Sequence[Page]) -> None:
    """Makes a place of "the Amazon" in an article that speaks of the forest's neighbourhood."""
    if all(_NEAR_AMAZON.isdisjoint(page.distinct) for page in pages):
        return
    for page in pages:
        for found in page.found:
            article = page.prose[max(0, found.start - 4) : found.start]
            if found.name == "Amazon" and article in {"the ", "The "}:
                found.type, found.known = "place", None


def _spellings(pages: Sequence[Page], acronyms: Mapping[str, str]) -> dict[str, Found]:
    found = _ordered(pages)
    prose = {page.field: page.prose for page in pages}
    names: dict[str, Found] = {}
    canonical: dict[str, Found] = {}
    for mention in found:
        names.setdefault(prose[mention.field][mention.start : mention.end], mention)
        names.setdefault(mention.name, mention)
        canonical.setdefault(mention.name, mention)
    for surname, name in surnames(found).items():
        known = lookup(surname)
        if known is None or not known.sure:
            names.setdefault(surname, canonical[name])
    for short, name in acronyms.items():
        if name in canonical:
            names.setdefault(short, canonical[name])
    return {name: model for name, model in names.items() if name[:1].isupper() and len(name) > 1}

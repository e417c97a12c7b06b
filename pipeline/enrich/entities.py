"""The people, organizations, places, groups, products and events of an article, joined by name.

A recogniser gives spans; the rules here decide what they are, what belongs together, and what it is
called. Stock indices ("S&P 500", "Nikkei") are no entities: they are neither organizations nor is
there any other facet for them. Funds are known by their tickers.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from functools import lru_cache

from pipeline.article import Entity, EntityType, Mention, TextField
from pipeline.enrich.cues import cue, cue_of, is_beside
from pipeline.enrich.fast_ner import Span
from pipeline.enrich.gazetteer import Known, lookup
from pipeline.enrich.masking import mask
from pipeline.enrich.organizations import (
    add_companies,
    add_listed,
    fund_spans,
    join_organizations,
)
from pipeline.enrich.page import Found, Page
from pipeline.enrich.people import join_people, surnames
from pipeline.enrich.rules import ALL_RULES, Rule
from pipeline.enrich.spans import (
    TYPES,
    is_office,
    legal_core,
    parts,
    read_name,
    read_span,
    words_of,
)
from pipeline.enrich.words import (
    FUNCTION_WORDS,
    GIVEN_NAMES,
    ORGANIZATION_NOUNS,
    PERSONAL_ROLES,
    ROLES,
    TITLES,
    WORD_SURNAMES,
)

__all__ = ["find_entities", "mask"]

_NEAR_GEORGIA = frozenset(
    {"Tbilisi", "Georgian", "Georgians", "Batumi", "Abkhazia", "Caucasus"}
    | {"Russia", "Armenia", "Azerbaijan"}
)
_NEAR_AMAZON = frozenset(
    {"Brazil", "Brazilian", "Peru", "Colombia", "Ecuador", "Manaus", "basin", "deforestation"}
    | {"forest", "forests", "jungle", "loggers", "rainforest", "river"}
)
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
_NAMES_OF_PEOPLE = GIVEN_NAMES | WORD_SURNAMES | TITLES
_MARKETS = frozenset({"Nasdaq"})
"""Listed companies that lend their name to a market: alone it means the market."""
_MIN_PLAIN = 8
"""An article with fewer capitalised words is written in capitals as a whole."""
_DASHED = re.compile(
    r"^(?:\([^()\n]{1,80}\) )?([A-Z][A-Z’'.\-]{2,30}(?: [A-Z][A-Z’'.\-]{1,30}){0,2})"
    r"(, [A-Z][\w.]+(?: [A-Z][\w.]+)?)?(?:,? [A-Z][a-z]{2,8}\.? \d{1,2})?(?: [-–—]{1,2} )",
    re.M,
)
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

    apply(Rule.BYLINES, _each(_add_datelines))
    for page in pages:
        _add_spans(page, spans.get(page.field, ()))
    if watch is not None:
        watch(None, pages)
    apply(Rule.BYLINES, _each(_read_bylines))
    apply(Rule.GAZETTEER, _each(_add_known))
    apply(Rule.COMPANY_FORMS, _each(add_companies))
    apply(
        Rule.LISTINGS,
        _each(lambda page: add_listed(page, masked.get(page.field, ()), ticker_names)),
    )
    apply(Rule.TITLES, _each(_add_titled))
    apply(Rule.FIRST_NAMES, _each(_add_first_named))
    apply(Rule.DROPPING, lambda pages: _drop_symbols(pages, masked), _drop_shouted)
    apply(Rule.LISTINGS, lambda pages: _trust_listings(pages, symbol_of))
    votes = _votes_of_context(pages) if Rule.CONTEXT in rules else {}
    apply(Rule.CONSISTENCY, lambda pages: _one_type_a_name(_ordered(pages), votes))
    apply(Rule.JOINING, lambda pages: join_people(_ordered(pages)))
    apply(Rule.JOINING, lambda pages: acronyms.update(join_organizations(pages)))
    apply(Rule.DROPPING, lambda pages: _drop_words(pages, symbol_of))
    apply(Rule.CONSISTENCY, lambda pages: _sweep(pages, acronyms))
    apply(Rule.GAZETTEER, _which_georgia, _which_amazon)
    return _entities(pages, symbol_of)


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


def _add_datelines(page: Page) -> None:
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


def _read_bylines(page: Page) -> None:
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


def _drop_symbols(
    pages: Sequence[Page], masked: Mapping[TextField, Sequence[tuple[int, int]]]
) -> None:
    """Drops the symbols of the article's tickers where they were taken for names."""
    symbols = {
        symbol
        for page in pages
        for start, end in masked.get(page.field, ())
        if end - start < 40
        for symbol in re.findall(r"[A-Z]{1,6}", page.text[start:end])
    }
    for page in pages:
        for found in page.found:
            if page.text[found.start : found.end] in symbols and (
                found.known is None or not found.known.sure
            ):
                page.remove(found)


def _drop_shouted(pages: Sequence[Page]) -> None:
    """Drops names in capitals that the rest of the article, if there is one, does not have."""
    if all(page.prose == page.text for page in pages):
        return
    plain: set[str] = set()
    for page in pages:
        for word in page.words:
            if not page.text[word.start : word.end].isupper() and word.key[0].isupper():
                plain.add(word.key)
    if len(plain) < _MIN_PLAIN:
        return
    for page in pages:
        for found in page.found:
            text = page.text[found.start : found.end]
            repaired = text != page.prose[found.start : found.end]
            if repaired and found.known is None and not found.titled and " " in text:
                words = [word.key for word in page.words[slice(*_bounds(page, found))]]
                if not plain.issuperset(words):
                    page.remove(found)


def _bounds(page: Page, found: Found) -> tuple[int, int]:
    return page.word_at(found.start), page.word_at(found.end)


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


def _drop_words(pages: Sequence[Page], symbol_of: Callable[[str], str | None]) -> None:
    """Drops single words at the start of a sentence that the article also writes in lower case."""
    lower = _lower_words(pages)
    for page in pages:
        for found in page.found:
            if (
                found.known is None
                and not found.titled
                and found.name.casefold() in lower
                and page.begins_sentence(page.word_at(found.start))
                and not symbol_of(found.name)
            ):
                page.remove(found)


def _lower_words(pages: Sequence[Page]) -> set[str]:
    return set().union(*(page.lower for page in pages))


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
    lower = _lower_words(pages)
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


def _entities(pages: Sequence[Page], symbol_of: Callable[[str], str | None]) -> list[Entity]:
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

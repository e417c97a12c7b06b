"""Joins the mentions of a person: "Trump" to "Donald Trump", however it was recognised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pipeline.enrich.names.page import Found
from pipeline.enrich.names.spans import words_of


def join_people(found: Sequence[Found]) -> None:
    """Gives every mention of a person the person's canonical name, the first full one.

    A bare surname is its bearer's, whatever type the recogniser gave it, unless it surely names a
    place, or seems to be the well-known company of that name. With two bearers it is the one's who
    is named in full more often, then the one's who is named first: texts write the other one out.

    Args:
        found: all mentions, in the order of the article; changed in place.
    """
    full = _full_names(found)
    if not full:
        return
    bearers = _by_part(full)
    for mention in found:
        words = words_of(mention.name)
        key = tuple(map(str.casefold, words))
        if mention.type == "person" and len(words) > 1 and _person_key(words) in full:
            mention.name = full[_person_key(words)][0]
            continue
        known = mention.known
        if mention.type == "place" and mention.titled:
            continue
        something_else = known is not None and known.sure and known.type != "person"
        if something_else and mention.label != "PERSON":
            continue
        name = bearers.get(key)
        if name is None or name == mention.name:
            continue
        is_company = known is not None and known.type == "organization"
        if is_company and mention.label == "ORG" and not mention.titled:
            continue
        mention.name, mention.type, mention.known = name, "person", None


def surnames(found: Sequence[Found]) -> dict[str, str]:
    """The surnames of the people that are named in full, each with the canonical name."""
    full = {mention.name for mention in found if mention.type == "person" and " " in mention.name}
    counts = Counter(words_of(name)[-1] for name in full)
    return {surname: name for name in full if counts[surname := words_of(name)[-1]] == 1}


def _person_key(words: Sequence[str]) -> tuple[str, str]:
    # Middle names and initials come and go within one article.
    return words[0].casefold(), words[-1].casefold()


def _full_names(found: Sequence[Found]) -> dict[tuple[str, str], tuple[str, int]]:
    full: dict[tuple[str, str], tuple[str, int]] = {}
    for mention in found:
        words = words_of(mention.name)
        if mention.type != "person" or len(words) < 2:
            continue
        key = _person_key(words)
        name, count = full.get(key, (mention.name, 0))
        full[key] = name, count + 1
    return full


def _by_part(full: dict[tuple[str, str], tuple[str, int]]) -> dict[tuple[str, ...], str]:
    """What may stand for a full name: its end ("Le Pen"), and its first word ("Xi") if unshared."""
    parts: dict[tuple[str, ...], tuple[int, str]] = {}
    firsts: dict[tuple[str, ...], set[str]] = {}
    for name, count in full.values():
        words = tuple(map(str.casefold, words_of(name)))
        for start in range(1, len(words)):
            if parts.get(words[start:], (0, ""))[0] < count:
                parts[words[start:]] = count, name
        firsts.setdefault(words[:1], set()).add(name)
    bearers = {part: min(names) for part, names in firsts.items() if len(names) == 1}
    return bearers | {part: name for part, (_, name) in parts.items()}

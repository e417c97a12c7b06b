"""Roles: what a verb says about its subject and its object, by patterns (data/roles.tsv)."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import NamedTuple

from pipeline.enrich.sentiment.clauses import WORDS, Clause, Sentence

_ANY, _OBJECT = frozenset("*"), frozenset("N")
_GAP = 8  # the most tokens that "*" stands for, and between a participle and its "by"


class Role(NamedTuple):
    """The codes for subject and object, and the words of the pattern behind its first one."""

    subject: str
    object: str
    rest: tuple[frozenset[str], ...]


class Found(NamedTuple):
    """A role in a clause, in tokens `start` to `end`.

    Attributes:
        subject: the code for the subject of the clause.
        others: names and their codes.
        passive: the others act.
    """

    start: int
    end: int
    subject: str
    others: list[tuple[int, str]]
    passive: bool


def find_role(sentence: Sentence, clause: Clause, token: int) -> Found | None:
    """The role that begins at a token, if it says something about someone."""
    roles = ROLES.get(sentence.words[token], ())
    noun = token > clause.first and sentence.words[token - 1] in WORDS["determiners"]
    for role in roles:
        if noun and role.subject != "=":
            continue
        match = _match(sentence, role.rest, token + 1, clause.last)
        if match is None:
            continue
        end, objects = match
        if role.object and _may_be_passive(role) and _is_passive(sentence, token, clause.first):
            return _passive(sentence, clause, token, end, role)
        while len(objects) < len(role.object):
            name = sentence.object_from(end, clause.last)
            if name is None:
                break
            objects.append(name)
        else:
            others = list(zip(objects, role.object, strict=False))
            return Found(token, end, role.subject, others, passive=False)
    return None


def _may_be_passive(role: Role) -> bool:
    return not any(words is _ANY or words is _OBJECT for words in role.rest)


def _is_passive(sentence: Sentence, token: int, first: int) -> bool:
    word = sentence.words[token]
    if not word.endswith("ed") and word not in WORDS["participles"]:
        return False
    before = sentence.words[max(first, token - 2) : token]
    return sentence.word(token + 1) == "by" or not WORDS["be"].isdisjoint(before)


def _passive(sentence: Sentence, clause: Clause, token: int, end: int, role: Role) -> Found:
    """A role turned round: its object is the subject, and who acts stands behind "by"."""
    for place in range(end, min(end + _GAP, clause.last)):
        if sentence.words[place] == "by":
            agent = sentence.object_from(place + 1, clause.last)
            if agent is not None:
                others = [(agent, role.subject)]
                return Found(token, place + 1, role.object, others, passive=True)
    return Found(token, end, role.object, [], passive=True)


def _match(
    sentence: Sentence, rest: Sequence[frozenset[str]], token: int, last: int
) -> tuple[int, list[int]] | None:
    """Where a pattern ends whose other words begin at a token, and the name at its N."""
    objects: list[int] = []
    reach = 1
    for words in rest:
        if words is _ANY:
            reach = _GAP
        elif words is _OBJECT:
            name = sentence.object_from(token, last)
            if name is None:
                return None
            objects.append(name)
            token, reach = name + 1, 1
        else:
            for place in range(token, min(token + reach, last)):
                word = sentence.words[place]
                if word in words:
                    break
                if not word:
                    return None
            else:
                return None
            token, reach = place + 1, 1
    return token, objects


def _load() -> dict[str, list[Role]]:
    """The patterns by their first words, the longest first."""
    text = files("pipeline.enrich").joinpath("data/roles.tsv").read_text("utf-8")
    roles: dict[str, list[Role]] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        subject, object_, patterns = line.split("\t")
        object_ = object_.strip(".")
        for pattern in patterns.split(", "):
            first, *rest = pattern.split()
            role = Role(subject, object_, tuple(map(_element, rest)))
            for word in first.split("/"):
                roles.setdefault(word, []).append(role)
    for same_start in roles.values():
        same_start.sort(key=lambda role: -len(role.rest))
    return roles


def _element(text: str) -> frozenset[str]:
    return _ANY if text == "*" else _OBJECT if text == "N" else frozenset(text.split("/"))


ROLES = _load()
"""The patterns by their first words, the longest first."""

"""Where the clauses of a sentence are, and which of its words is the verb of each.

No parser is loaded: clauses are told by connectives, by forms of verbs (data/clause_words.txt) and
by the places of the names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from pipeline.enrich.names.words import read_lists

Span = tuple[int, int]
Name = tuple[int, int, frozenset[int]]
"""Start and end in a sentence, and whom it names."""

WORDS = read_lists("clause_words.txt")
JOINTS = frozenset((",", "and", "or", "nor", "&"))
"""What stands between names that are joined."""

PREDICATES = WORDS["up"] | WORDS["down"] | WORDS["flat"]
_CONNECTIVES, _JOINING, _RELATIVES = WORDS["connectives"], WORDS["joining"], WORDS["relatives"]
_LINKS = _CONNECTIVES | _JOINING
_LEADS = WORDS["prepositions"] | _CONNECTIVES | {"according", "compared", "next"}
NO_VERBS = WORDS["not_verbs"] | WORDS["prepositions"] | _CONNECTIVES | WORDS["before_nouns"]
"""Never a verb, whatever their endings."""

ENDS = frozenset(";:—–-")
_SHARES = frozenset(("shares", "stock"))
_NOBODY: frozenset[int] = frozenset()

# How far, in tokens: a verb from where its subject begins, a relative pronoun from its name, a name
# from a participle before it, a verb from the beginning of a headline; the longest run of links.
_SUBJECT_REACH, _RELATIVE_REACH, _TAIL_REACH, _HEADLINE_REACH, _MAX_LINKS = 14, 3, 8, 3, 4

_TOKEN = re.compile(
    r"""
      's\b
    | \(\w+: | \([+\-−][\d.]+%               # the exchange of a ticker; an aside on a price
    | [+\-−]?[$€£¥]?\d(?:[\d.,]*\d)?%?
    | [^\W\d_](?:[\w&'.-]*[^\W_])?
    | (?<=\s)-(?=\s) | [,;:—–]
    """,
    re.X,
)


class Clause(NamedTuple):
    """Tokens `first` to `last`; `body` is the first one behind its connectives.

    `verb` is that of its subject, if it has one. `aside` are the tokens between commas before it.
    """

    number: int
    first: int
    body: int
    last: int
    verb: int | None
    aside: range


class Sentence:
    """A sentence as tokens, each name being one, and its clauses.

    Args:
        text: the sentence.
        names: in it, in order, not overlapping.

    Attributes:
        words: the tokens in lower case; "" for a name.
        names: whom each token names.
        verbs: which tokens are verbs of a clause.
        clauses: in order; each token is in one of them.
        antecedents: by the first token of a relative clause, the name it is about.
    """

    def __init__(self, text: str, names: Iterable[Name]) -> None:
        self.words: list[str] = []
        self.names: list[frozenset[int]] = []
        self._length = len(text)
        self._spans: list[Span] = []
        text = _lower(text)
        place = 0
        for start, end, targets in names:
            self._add(text, place, start)
            self.words.append("")
            self._spans.append((start, end))
            self.names.append(targets)
            place = end
        self._add(text, place, len(text))
        self.verbs = [
            (word in _VERBS or word[-1:] in _VERB_ENDS or word in PREDICATES)
            and self._is_verb(token, word)
            for token, word in enumerate(self.words)
        ]
        self.antecedents: dict[int, int] = {}
        self.clauses = self._divide()

    def word(self, token: int) -> str:
        """The word there, or "" for a name and outside."""
        return self.words[token] if 0 <= token < len(self.words) else ""

    def is_name(self, token: int) -> bool:
        """Whether there is a name there."""
        return 0 <= token < len(self.words) and not self.words[token]

    def is_number(self, token: int) -> bool:
        """Whether there is a number, a percentage or an amount there."""
        word = self.word(token)
        return word[:1].isdigit() or word[1:2].isdigit()

    def is_origin(self, token: int) -> bool:
        """Whether a name only says whose or from where another one is: "Germany's A"."""
        return self.word(token + 1) == "'s" and (
            self.is_name(token + 2) or (self.is_name(token + 3) and not self.verbs[token + 2])
        )

    def span(self, first: int, last: int) -> Span:
        """From the first of some tokens to the end of the last one; `last` is exclusive.

        The first and the last token of the sentence have the marks before and behind them.
        """
        start = self._spans[first][0] if first else 0
        return start, self._spans[last - 1][1] if last < len(self.words) else self._length

    def object_from(self, token: int, last: int) -> int | None:
        """The name that is the object of what ends before a token, if it is near."""
        for place in range(token, min(token + OBJECT_REACH, last)):
            word = self.words[place]
            if not word:
                if not self.is_origin(place):
                    return place
            elif (
                (word == "," and not self.is_name(place + 1))
                or (self.verbs[place] and place > token)
                or word in _NO_OBJECT
                or (place == token and word in ("in", "at"))
            ):
                return None
        return None

    def group(self, token: int, last: int) -> list[int]:
        """A name and those that are joined to it behind it: "A, B and C"."""
        group = [token]
        for place in range(token + 1, last):
            if not self.words[place]:
                group.append(place)
            elif self.words[place] not in JOINTS:
                break
        return group

    def _add(self, text: str, start: int, end: int) -> None:
        matches = list(_TOKEN.finditer(text, start, end))
        self.words += [match[0] for match in matches]
        self.names += [_NOBODY] * len(matches)
        self._spans += [match.span() for match in matches]

    def _is_verb(self, token: int, word: str) -> bool:
        """Whether a word is, by its form and what is beside it, the verb of a clause."""
        if not word or not token:
            return False
        before = self.words[token - 1]
        if word in PREDICATES or is_change(word):
            return not before or before in _SHARES
        if before in _BEFORE_NOUNS:
            return False
        if word in _VERBS:
            return True
        if word in NO_VERBS or "-" in word:
            return False
        if word.endswith("ed"):
            return self.word(token + 1) != "by"
        return not before and word.endswith("s") and word[0].isalpha()

    def _divide(self) -> list[Clause]:
        begins = [0]
        verb_seen = False
        for token, word in enumerate(self.words):
            if word not in _BREAKS and not self.verbs[token]:
                continue
            begin = self._begin(token, word, verb_seen, begins[-1])
            verb_seen = verb_seen or self.verbs[token]
            if begin is not None and begins[-1] < begin < len(self.words):
                begins.append(begin)
                verb_seen = False
        if not self.words:
            return []
        # What has no name belongs to what is before it: "A has a deal; shares up 3%".
        bounds = pairwise([*begins, len(self.words)])
        begins = [
            first
            for first, last in bounds
            if first == 0 or first in self.antecedents or any(map(self.is_name, range(first, last)))
        ]
        ends = [*begins[1:], len(self.words)]
        return [self._clause(*at) for at in zip(range(len(ends)), begins, ends, strict=True)]

    def _begin(self, token: int, word: str, verb_seen: bool, begun: int) -> int | None:
        """Where a clause begins that is seen to begin at this token, if one is."""
        if word in ENDS:
            return token + 1
        if word in _LINKS:
            return self._after_link(token, verb_seen, begun)
        if self.verbs[token] and word in WORDS["reporting"] and not self.is_number(token + 1):
            infinitive = word in WORDS["foreseeing"]
            return token + 1 if self._opens(token + 1, False, infinitive) else None
        if verb_seen and word in _RELATIVES:
            return self._relative(token)
        return None

    def _after_link(self, token: int, verb_seen: bool, begun: int) -> int | None:
        """Where a clause begins, if one does, at a connective or a comma."""
        comma = self.words[token] == ","
        strong = False
        place = token
        while place < min(token + _MAX_LINKS, len(self.words)) and self.words[place] in _LINKS:
            strong = strong or self.words[place] not in _JOINING
            place += 1
        leading = comma and self.words[begun] in _LEADS
        if (strong or verb_seen or leading) and self._opens(place, strong):
            return token + comma
        if verb_seen and self.word(place) in _RELATIVES:
            return self._relative(place)
        return self._tail(token + 1) if comma else None

    def _relative(self, token: int) -> int | None:
        for place in range(token - 1, max(-1, token - 1 - _RELATIVE_REACH), -1):
            if not self.words[place]:
                self.antecedents[token] = place
                return token
        return None

    def _tail(self, token: int) -> int | None:
        """The token, if a source or a participle begins there: "said A", "lifting B"."""
        word = self.word(token)
        reports = word == "according" or (word in WORDS["reporting"] and word not in NO_VERBS)
        if not reports and word not in WORDS["affecting"]:
            return None
        ahead = range(token + 1, token + 1 + _TAIL_REACH)
        return token if any(map(self.is_name, ahead)) else None

    def _opens(self, token: int, strong: bool, infinitive: bool = False) -> bool:
        """Whether there is a subject with a name, then a verb; or a name, then a number.

        Args:
            token: where the subject would begin.
            strong: what stands before it surely begins a clause, so commas may be in between.
            infinitive: "to" counts as a verb, as in "expect A to fall".
        """
        named = False
        for place in range(token, min(len(self.words), token + _SUBJECT_REACH)):
            word = self.words[place]
            if not word:
                named = True
                if place <= token + 1 and self.is_number(place + 1):
                    return True
            elif self.verbs[place] or (infinitive and named and word == "to"):
                return named
            elif word in _NO_SUBJECT or (word == "," and not strong):
                return False
        return False

    def _clause(self, number: int, first: int, last: int) -> Clause:
        body = first + (first in self.antecedents and first < last - 1)
        while body < last - 1 and self.words[body] in _NO_BODY:
            body += 1
        verb = next((token for token in range(body, last) if self.verbs[token]), None)
        aside = self._aside(body, last)
        if aside:
            verb = aside.stop
        elif verb is None:  # headlines: "A to buy B"
            for token in range(body + 1, min(body + _HEADLINE_REACH, last - 1)):
                if self.words[token] == "to" and self.is_name(token - 1) and self.words[token + 1]:
                    verb = token
        return Clause(number, first, body, last, verb, aside)

    def _aside(self, body: int, last: int) -> range:
        """What stands between a name that is the subject and its verb: ", a rival of B,"."""
        named = False
        comma: int | None = None
        for token in range(body, last - 1):
            word = self.words[token]
            if comma is not None:
                if word == "," and self.verbs[token + 1]:
                    return range(comma, token + 1)
            elif self.verbs[token]:
                break
            elif word == "," and named:
                comma = token
            named = named or not word
        return range(0)


def is_change(word: str) -> bool:
    """Whether a word says how a price has changed: "+3%"."""
    return word[:1] in ("+", "-", "−") and word.endswith("%")


def _lower(text: str) -> str:
    """In lower case, with straight apostrophes, and as long as it was."""
    lower = text.lower()
    if len(lower) != len(text):
        lower = "".join(low if len(low := char.lower()) == 1 else char for char in text)
    return lower.replace("’", "'")


_VERBS, _BEFORE_NOUNS = WORDS["verbs"], WORDS["before_nouns"]
_VERB_ENDS = ("d", "s", "%")  # of the verbs that are known by their endings, and of changes
_BREAKS = _LINKS | ENDS | _RELATIVES
_NO_SUBJECT = ENDS | _RELATIVES | (_CONNECTIVES - JOINTS)
_NO_BODY = _CONNECTIVES | (_JOINING - {"with"})
_NO_OBJECT = (WORDS["prepositions"] - {"of", "in", "at"}) | {"as"}
OBJECT_REACH = 8

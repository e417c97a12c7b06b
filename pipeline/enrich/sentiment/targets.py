"""What a sentence says about each of several names: the clause that is about it, or its role there.

"Norvane rose while Pellworth fell" is good news for one and bad for the other; in "Orbis
downgraded Kellan" the subject only acts. A name in the subject of a clause has what the words of
the clause say; any other what its role says, or nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from pipeline.enrich.sentiment.clauses import (
    ENDS,
    JOINTS,
    NO_VERBS,
    PREDICATES,
    WORDS,
    Clause,
    Name,
    Sentence,
    Span,
    is_change,
)
from pipeline.enrich.sentiment.roles import ROLES, Found, find_role

Says = Literal["same", "opposite", "positive", "neutral", "negative"]


class Named(NamedTuple):
    """Where a sentence names a target, in code points; `target` is its number."""

    start: int
    end: int
    target: int


class Reading(NamedTuple):
    """What is said about a target: what `spans` of the sentence say or its opposite, or a label.

    `spans` are empty when `says` is a label.
    """

    says: Says
    spans: tuple[Span, ...] = ()

    def text(self, sentence: str) -> str:
        """The words that are to be measured; none when `says` is a label."""
        return " ".join(sentence[start:end] for start, end in self.spans)


_POSITIVE, _NEUTRAL, _NEGATIVE = Reading("positive"), Reading("neutral"), Reading("negative")
_LABELS = {"+": _POSITIVE, "0": _NEUTRAL, "-": _NEGATIVE}
_OPPOSITES: dict[Says, Says] = {
    "same": "opposite",
    "opposite": "same",
    "positive": "negative",
    "negative": "positive",
    "neutral": "neutral",
}

_PARENTHESIS = re.compile(r"(?:['’]s)?\s*\((?:\w+:\s*)?\$?")  # between a company and its ticker
_MAY_BE_SOURCE = re.compile(
    r"\b(?:according|analysts?|brokers?|economists?|researchers?|strategists?|spokes\w+|told)\b",
    re.I,
)
_OPPOSED = frozenset(("unlike", "versus"))
_COMPARING = frozenset(("compared", "contrast", "next"))
_COMPARED = {("compared", "with"), ("compared", "to"), ("next", "to"), ("in", "contrast")}
_OF_SOURCES = frozenset(("at", "with", "for", "from"))
_LEADING = frozenset(("in", "on", "at", "from"))
_UPWARD = WORDS["rising"] | WORDS["up"]
_MOVEMENT = _UPWARD | WORDS["falling"] | WORDS["down"]
_WORD = re.compile(r"[^\W\d_][\w-]*|[+\-−](?=\d)")
_TELLING = (
    _MOVEMENT | PREDICATES | WORDS["good"] | WORDS["bad"] | WORDS["heads_good"] | WORDS["heads_bad"]
).union(ROLES, "+-−")
_NAMES_ONLY = ENDS | JOINTS | {""}
_TRAILING = ENDS | JOINTS | {"that"}
_AFTER_MOVEMENT = (
    WORDS["prepositions"] | WORDS["connectives"] | ENDS | {",", "and", "to", "more", "faster"}
)

# How far, in tokens: a role from its subject's verb, a name from a "in" before it, an adjective
# from its name, a predicate from its verb, a preposition from its name.
_ROLE_REACH, _LEAD_REACH, _ADJECTIVE_REACH, _PREDICATE_REACH, _PREPOSITION_REACH = 3, 3, 3, 3, 8
_AGENT_REACH = 20  # what is read of an agent's own words


def read(sentence: str, named: Iterable[Named]) -> dict[int, list[Reading]]:
    """What the sentence says about each target, once for each place that names it.

    Args:
        sentence: one sentence or headline.
        named: the places. Those that overlap are one, and so are a company and, behind it in
            parentheses, its ticker.

    Returns:
        By target; empty if only one is named, unless it is only a source: then all that the
        sentence says is about it.
    """
    names = _joined(sentence, named)
    if len({targets for _, _, targets in names}) > 1:
        return _Reader(Sentence(sentence, names)).readings()
    if names and _MAY_BE_SOURCE.search(sentence):
        reader = _Reader(Sentence(sentence, names))
        if reader.names_a_source():
            return {target: [_NEUTRAL] for target in names[0][2]}
    return {}


def is_telling(sentence: str) -> bool:
    """Whether a sentence has words by which `read` may give a label, whatever is measured."""
    return not _TELLING.isdisjoint(_WORD.findall(sentence.lower()))


def clauses(sentence: str, named: Iterable[Named]) -> list[Span]:
    """The spans of the clauses of a sentence, in order: all its words are in one of them."""
    divided = Sentence(sentence, _joined(sentence, named))
    return [divided.span(clause.first, clause.last) for clause in divided.clauses]


def _joined(sentence: str, named: Iterable[Named]) -> list[Name]:
    """The places in order; those that are one become one."""
    names: list[Name] = []
    for start, end, target in sorted(named):
        if not 0 <= start < end <= len(sentence):
            continue
        if names:
            first, last, targets = names[-1]
            if start < last or _PARENTHESIS.fullmatch(sentence, last, start):
                names[-1] = (first, max(end, last), targets | {target})
                continue
        names.append((start, end, frozenset((target,))))
    return names


class _Reader:
    """Reads the clauses of a sentence one after the other."""

    def __init__(self, sentence: Sentence) -> None:
        self._sentence = sentence
        self._words = sentence.words
        self._readings: dict[int, Reading] = {}  # by the name's token
        self._before: Reading | None = None  # of the last subject with a name

    def readings(self) -> dict[int, list[Reading]]:
        """As `read` has it."""
        for clause in self._sentence.clauses:
            self._read(clause)
        found: dict[int, list[Reading]] = {}
        for token, targets in enumerate(self._sentence.names):
            for target in targets:
                found.setdefault(target, []).append(self._readings[token])
        return found

    def names_a_source(self) -> bool:
        """Whether all names only say who said something."""
        return all(
            self._is_source(token)
            or (self._is_source_clause(clause) and self._of_source(clause, [token]) is _NEUTRAL)
            for clause in self._sentence.clauses
            for token in range(clause.first, clause.last)
            if not self._words[token]
        )

    def _read(self, clause: Clause) -> None:
        same = self._same(clause.body, clause.last)
        antecedent = self._sentence.antecedents.get(clause.first)
        if antecedent is not None:
            self._readings[antecedent] = self._of_predicate(clause) or same
        names = [token for token in range(clause.first, clause.last) if not self._words[token]]
        if not names:
            return
        if self._is_source_clause(clause):
            self._set(names, self._of_source(clause, names))
        elif (said := self._of_list(clause, names[0])) is not None:
            self._set(names, said)
        elif _NAMES_ONLY.issuperset(self._words[clause.first : clause.last]):
            self._set(names, self._of_names(clause))
        elif clause.verb is None:
            self._of_roles(clause, [], same)
            self._set_others(names, self._of_phrase(clause, names[0], same))
        else:
            subjects = self._subjects(clause, clause.verb, names)
            subject = self._of_roles(clause, subjects, same)
            self._set_others(subjects, subject)
            self._of_respective(clause, clause.verb, subjects)
            known = bool(subjects) or antecedent is not None
            for token in names:
                if token not in self._readings:
                    self._readings[token] = self._of_object(clause, token, subject, known)
            if subjects:
                self._before = subject
        for token in names:
            self._readings[token] = self._of_adjective(clause, token) or self._readings[token]

    def _same(self, first: int, last: int) -> Reading:
        """What some tokens say, but for the commas and connectives at their end."""
        while last - 1 > first and self._words[last - 1] in _TRAILING:
            last -= 1
        return Reading("same", (self._sentence.span(first, last),))

    def _set(self, names: Iterable[int], reading: Reading) -> None:
        for token in names:
            self._readings[token] = reading

    def _set_others(self, names: Iterable[int], reading: Reading) -> None:
        """Sets those that have none yet."""
        for token in names:
            self._readings.setdefault(token, reading)

    # Clauses without a subject of their own

    def _is_source_clause(self, clause: Clause) -> bool:
        """Whether a clause only says who said it: "A said", "said A", "according to A"."""
        if self._words[clause.body] == "according":
            return True
        if clause.verb is None or self._words[clause.verb] not in WORDS["reporting"]:
            return False
        if clause.verb == clause.body and clause.first > 0:
            return True
        behind = self._words[clause.verb + 1 : clause.last]
        return all(word in ("", "that", ",") for word in behind)

    def _of_source(self, clause: Clause, names: Sequence[int]) -> Reading:
        """Of a source: nothing, but "Sales fell, A said" is about A."""
        if self._before is None and clause.number == 1 and clause.verb == names[0] + 1:
            return self._same(0, clause.first)
        return _NEUTRAL

    def _of_list(self, clause: Clause, name: int) -> Reading | None:
        """What the head of a list says: "Losers included A and B", "Gainers: A, B"."""
        begin, end = clause.first, name
        if begin and self._words[begin - 1] == ":":
            begin = self._sentence.clauses[clause.number - 1].first
        if clause.verb is not None and self._words[clause.verb] in WORDS["heading"]:
            end = clause.last
        for word in self._words[begin:end]:
            if word in WORDS["heads_good"]:
                return _POSITIVE
            if word in WORDS["heads_bad"]:
                return _NEGATIVE
        return None

    def _of_names(self, clause: Clause) -> Reading:
        """Of a clause of names: before a headline its subject, behind it a source."""
        if clause.first > 0:
            return _NEUTRAL
        return self._same(0, len(self._words))

    def _of_phrase(self, clause: Clause, name: int, same: Reading) -> Reading:
        """Of names in a piece without a verb: "B 2%", "unlike B", "despite losses at B"."""
        if self._before is not None and self._sentence.is_number(name + 1):
            return self._before
        lead = self._words[clause.body : clause.body + 2]
        following = self._sentence.clauses[clause.number + 1 : clause.number + 2]
        if following and (lead[0] in _OPPOSED or tuple(lead) in _COMPARED):
            (main,) = following
            said = self._of_predicate(main) or self._same(main.body, main.last)
            return _opposite(said)
        acts = self._before is not None and lead[0] in WORDS["affecting"]
        return _NEUTRAL if acts or lead[0] in _LEADING else same

    # Subjects

    def _subjects(self, clause: Clause, verb: int, names: Sequence[int]) -> list[int]:
        """The names that are the subject; those that only stand beside it get no sentiment."""
        zone = [token for token in names if token < verb and token not in clause.aside]
        subjects: list[int] = []
        last, is_subject = -1, False
        for token in zone:
            if self._is_source(token) or self._sentence.is_origin(token):
                self._readings[token] = _NEUTRAL
                continue
            if last < 0 or not self._are_joined(last, token):
                leads = self._words[clause.body] in _LEADING and token != zone[-1]
                is_subject = not subjects and not (leads and token <= clause.body + _LEAD_REACH)
            if is_subject:
                subjects.append(token)
            else:
                self._readings[token] = _NEUTRAL
            last = token
        return subjects

    def _are_joined(self, name: int, other: int) -> bool:
        between = self._words[name + 1 : other]
        return not between or not JOINTS.isdisjoint(between)

    def _is_source(self, token: int) -> bool:
        """Whether a name only says where an analyst works, or who was told: "analysts at A"."""
        word = self._sentence.word
        if word(token - 1) in ("tell", "tells", "told") and word(token + 1) == "that":
            return True
        return word(token + 1) in WORDS["sources"] or (
            word(token - 1) in ("at", "with", "for", "from") and word(token - 2) in WORDS["sources"]
        )

    def _only_acts(self, token: int) -> bool:
        """Whether a name only says whose act it is: "A's upgrade", "orders from A"."""
        word = self._sentence.word
        if word(token + 1) == "'s":
            return word(token + 2) in WORDS["acts"]
        return word(token - 1) in ("by", "from") and word(token - 2) in WORDS["acts"]

    def _of_predicate(self, clause: Clause) -> Reading | None:
        """What "jumped", "up 3%", "is ailing" and "little changed" say about their subject."""
        verb = clause.verb
        if verb is None:
            return None
        if is_change(self._words[verb]):
            return _POSITIVE if self._words[verb].startswith("+") else _NEGATIVE
        for token in range(verb, min(verb + _PREDICATE_REACH, clause.last)):
            word = self._words[token]
            if word in ("", "not") or word in WORDS["determiners"]:
                break
            if word in WORDS["flat"] or (word == "changed" and self._words[token - 1] == "little"):
                return _NEUTRAL
            if token > verb and word in WORDS["good"]:
                return _POSITIVE
            if token > verb and word in WORDS["bad"]:
                return _NEGATIVE
        main = self._main(clause, verb)
        word = self._words[main]
        if word not in _MOVEMENT or not self._is_quotation(clause, verb, main):
            return None
        return _POSITIVE if word in _UPWARD else _NEGATIVE

    def _main(self, clause: Clause, verb: int) -> int:
        """The word that tells, behind auxiliaries: "have risen", "closed sharply higher"."""
        place = verb + 1
        if place < clause.last and self._words[verb] in WORDS["auxiliaries"]:
            return place if self._words[place] in _MOVEMENT else verb
        if self._words[verb] in WORDS["moving"]:
            place += place < clause.last and self._words[place].endswith("ly")
            if place < clause.last and self._words[place] in PREDICATES:
                return place
        return verb

    def _is_quotation(self, clause: Clause, verb: int, main: int) -> bool:
        """Whether a clause only says where a name or its figures go: "A's sales have risen 3%"."""
        if main + 1 < clause.last and not self._sentence.is_number(main + 1):
            after = self._words[main + 1]
            if after not in _AFTER_MOVEMENT and not after.endswith("ly"):
                return False
        return all(
            not word or word in WORDS["quotations"] or token in clause.aside
            for token, word in enumerate(self._words[clause.body : verb], clause.body)
        )

    def _of_respective(self, clause: Clause, verb: int, subjects: Sequence[int]) -> None:
        """Gives each subject its own predicate: "A and B rose and fell, respectively"."""
        if self._words[clause.last - 1] != "respectively":
            return
        begins = [verb + (self._words[verb + 1] in PREDICATES)]  # "were up"
        begins += [
            token
            for token in range(begins[0] + 1, clause.last)
            if (self._sentence.verbs[token] or self._words[token] in PREDICATES)
            and self._words[token - 1] in JOINTS
        ]
        if len(begins) != len(subjects):
            return
        head = self._sentence.span(clause.body, verb)
        ends = [*begins[1:], clause.last - 1]
        for subject, begin, end in zip(subjects, begins, ends, strict=True):
            (predicate,) = self._same(begin, end).spans
            self._readings[subject] = Reading("same", (head, predicate))

    # Roles and objects

    def _of_roles(self, clause: Clause, subjects: Sequence[int], same: Reading) -> Reading:
        """Gives names what their roles say; returns what is said of the subject."""
        subject = self._of_predicate(clause)
        token = clause.body
        while token < clause.last:
            found = None
            if self._words[token] in ROLES:
                found = find_role(self._sentence, clause, token)
            token = found.end if found else token + 1
            if not found:
                continue
            own = same
            if found.passive and found.others:
                own = self._same(found.end, min(found.end + _AGENT_REACH, clause.last))
            for name, code in found.others:
                self._set(self._sentence.group(name, clause.last), _of_code(code, same, own))
            if subject is None and subjects and _is_near(clause, found):
                cause = self._same(clause.body, found.start)
                own = _NEUTRAL if self._only_acts(subjects[0]) else cause
                subject = _of_code(found.subject, same, own)
        return subject or same

    def _of_object(self, clause: Clause, token: int, subject: Reading, known: bool) -> Reading:
        """Of a name that is no subject and has no role, by what stands before it.

        Args:
            clause: where it is.
            token: the name.
            subject: what is said of the subject.
            known: the subject has a name.
        """
        if self._is_source(token) or token in clause.aside:
            return _NEUTRAL
        for place in range(token - 1, max(clause.first, token - _PREPOSITION_REACH) - 1, -1):
            word, before = self._words[place], self._sentence.word(place - 1)
            if not word:
                if place == token - 1 or (not known and self._are_joined(place, token)):
                    return self._readings[place]
                break
            if word in _OPPOSED or (word in ("with", "to") and before in _COMPARING):
                return _opposite(subject)
            if word == "against" and known and self._words[clause.verb or 0] in _MOVEMENT:
                return _opposite(subject)
            if word in WORDS["alike"] or (word in WORDS["like_verbs"] and before in ("as", "so")):
                return subject
            if (word in WORDS["prepositions"] and word != "of") or self._sentence.verbs[place]:
                break
        return _NEUTRAL if known else self._same(clause.body, clause.last)

    def _of_adjective(self, clause: Clause, token: int) -> Reading | None:
        """What an adjective before a name says: "ailing A", "the insolvent broker A"."""
        for place in range(token - 1, max(clause.first, token - _ADJECTIVE_REACH) - 1, -1):
            word = self._words[place]
            if word in WORDS["good"]:
                return _POSITIVE
            if word in WORDS["bad"]:
                return _NEGATIVE
            if not word[:1].isalpha() or word in NO_VERBS or self._sentence.verbs[place]:
                return None
        return None


def _is_near(clause: Clause, found: Found) -> bool:
    """Whether a role is the subject's, and not that of a later verb."""
    return clause.verb is not None and 0 <= found.start - clause.verb <= _ROLE_REACH


def _opposite(reading: Reading) -> Reading:
    return reading._replace(says=_OPPOSITES[reading.says])


def _of_code(code: str, same: Reading, own: Reading) -> Reading:
    """What a code of data/roles.tsv stands for: "=" is the same, "~" what its own phrase says."""
    return same if code == "=" else own if code == "~" else _LABELS[code]

"""Synthetic articles for load tests: invented news of realistic length, the same for a seed."""

from __future__ import annotations

import math
import random
import re
import tomllib
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from itertools import accumulate
from statistics import NormalDist
from typing import Any, TypeAlias, TypeVar

from pipeline.article import Submission

MIN_WORDS, MAX_WORDS = 60, 1500

# Lengths are log-normal, as in newspapers' archives. The median is a little under the mean of 330.
_MEDIAN_WORDS, _SPREAD = 290, 0.5
_LONGEST_SENTENCE = 60
_YEAR_START = datetime(2025, 1, 1, tzinfo=UTC)
_YEAR_SECONDS = 365 * 24 * 3600
_COMPANIES, _PEOPLE = 1500, 4000
_STATED_SHARE = 0.25
_PRODUCT_SHARE = 0.6  # of the products named in an article, how many are the one it is about

T = TypeVar("T")
# A template is text, choices between templates, and slots that are filled anew each time.
Slot: TypeAlias = Callable[[], str]
Part: TypeAlias = "str | list[str | Template] | Slot"
Template: TypeAlias = "tuple[Part, ...]"

_TOKEN = re.compile(r"\{\w+\}|[\[\]|]|[^\[\]|{]+")


def generate(count: int, seed: int) -> Iterator[Submission]:
    """`count` synthetic articles, the same ones for the same seed on every machine.

    Ids are `synthetic-<seed>-<n>` with n from 0; a longer run begins with the articles of a shorter
    one. Bodies have 60 to 1,500 words, entities are Zipf-distributed, times are spread over 2025.
    """
    writer = _Writer(seed)
    for number in range(count):
        yield writer.article(f"synthetic-{seed}-{number}")


class _Writer:
    """Writes one article after the other; holds the invented world and who is in this article."""

    def __init__(self, seed: int) -> None:
        # Only random() is used: its sequence is the same in all versions of Python.
        self._random = random.Random(seed).random  # noqa: S311
        material = tomllib.loads(files(__package__).joinpath("generator.toml").read_text("utf-8"))
        # The world is the same for every seed, so that runs with different seeds share entities.
        fixed = random.Random(0).random  # noqa: S311
        self._people = _people(material, fixed)
        self._companies = _companies(material, fixed)
        self._places = _pairs(material["places"], "|", ":")
        self._funds = _pairs(material["funds"], "|", ":")
        self._products: list[str] = material["slots"]["product"]
        self._zipf = {
            size: _zipf(size)
            for size in map(len, (self._people, self._companies, self._places, self._funds))
        }
        self._lengths = _lengths()
        self._sources: list[str] = material["sources"]
        slots = self._slots(material)
        self._stated = [_compile(text, slots) for text in material["stated"]]
        general = [_compile(text, slots) for text in material["general"]]
        self._topics = [
            (
                [_compile(text, slots) for text in topic["titles"]],
                [_compile(text, slots) for text in topic["lead"]],
                [_compile(text, slots) for text in topic["sentences"]] * 2 + general,
            )
            for topic in material["topic"]
        ]

    def article(self, article_id: str) -> Submission:
        """The next article."""
        self._cast()
        titles, leads, pool = self._one_of(self._topics)
        title = self._fill(self._one_of(titles))
        self._told.clear()
        target = self._one_of(self._lengths)
        paragraphs = [self._fill(self._one_of(leads))]
        words = paragraphs[0].count(" ") + 1
        paragraph: list[str] = []
        order: list[Template] = []
        while words < target:
            if not order:
                order = self._shuffled(pool)
            sentence = self._fill(order.pop())
            words += sentence.count(" ") + 1
            paragraph.append(sentence)
            if self._random() < 0.35:
                paragraphs.append(" ".join(paragraph))
                paragraph = []
        if paragraph:
            paragraphs.append(" ".join(paragraph))
        if self._random() < _STATED_SHARE and words < MAX_WORDS - _LONGEST_SENTENCE:
            paragraphs.append(self._fill(self._one_of(self._stated)))
        source = self._one_of(self._sources)
        published = _YEAR_START + timedelta(seconds=int(self._random() * _YEAR_SECONDS))
        return Submission(
            id=article_id,
            source=source,
            url=f"https://{source}.example/{article_id}",
            title=title,
            body="\n\n".join(paragraphs),
            published_at=published.isoformat(),
            language="en",
            metadata={"fiction": True, "synthetic": True},
        )

    def _cast(self) -> None:
        """Chooses who and what the next article is about."""
        company = self._rank(self._companies)
        self._company = self._companies[company]
        self._ceo = self._people[company * 2 + 1]  # the same one in all articles
        self._analyst = self._people[self._rank(self._people)]
        self._product = self._one_of(self._products)
        self._fund_pair = [self._funds[self._rank(self._funds)] for _ in range(2)]
        self._told: set[str] = set()

    def _slots(self, material: dict[str, Any]) -> dict[str, list[str] | Slot]:
        """What each slot's name stands for: words to choose from, or what fills it."""
        small = [str(number) for number in range(4, 30)]
        cents = [f"${dollars}.{cent:02}" for dollars in range(2, 180) for cent in range(5, 100, 15)]
        millions = [f"${number} million" for number in range(12, 990, 3)]
        billions = [f"${number / 10} billion" for number in range(11, 120)]
        words: dict[str, list[str]] = {
            **material["slots"],
            "mood": material["moods"],
            "volume": material["volumes"],
            "house": material["houses"],
            "small": small,
            "number": [str(number) for number in range(30, 980, 7)],
            "thousand": [f"{number},{rest}00" for number in range(2, 190) for rest in (1, 4, 6, 9)],
            "pct": [f"{number / 10}%" for number in range(3, 280)],
            "money": millions + billions,
            "amount": [f"${number}" for number in range(200, 900, 25)],
            "price": cents,
            "year": [str(number) for number in range(2009, 2025)],
            "year_ahead": [str(number) for number in range(2026, 2036)],
        }
        filled: dict[str, Slot] = {
            "company": lambda: self._short_after("company", *self._company),
            "ceo": lambda: self._short_after("ceo", *self._ceo),
            "analyst": lambda: self._short_after("analyst", *self._analyst),
            "rival": self._rival,
            "person": lambda: self._people[self._rank(self._people)][0],
            "city": lambda: self._places[self._rank(self._places)][0],
            "country": lambda: self._places[self._rank(self._places)][1],
            "fund": lambda: self._fund_pair[0][1],
            "symbol": lambda: self._fund_pair[0][0],
            "fund2": lambda: self._fund_pair[1][1],
            "symbol2": lambda: self._fund_pair[1][0],
            "product": self._product_name,
        }
        return {**words, **filled}

    def _rival(self) -> str:
        while (rival := self._companies[self._rank(self._companies)]) is self._company:
            pass
        return rival[1]

    def _product_name(self) -> str:
        return self._product if self._random() < _PRODUCT_SHARE else self._one_of(self._products)

    def _short_after(self, who: str, full: str, short: str) -> str:
        """The full name where it is met first in an article, the short one from then on."""
        if who in self._told:
            return short
        self._told.add(who)
        return full

    def _rank(self, ranked: Sequence[object]) -> int:
        """A Zipf-distributed index: the n-th is met 1/n times as often as the first."""
        cumulated = self._zipf[len(ranked)]
        return bisect(cumulated, self._random() * cumulated[-1])

    def _one_of(self, options: Sequence[T]) -> T:
        return options[int(self._random() * len(options))]

    def _shuffled(self, options: Sequence[Template]) -> list[Template]:
        shuffled = list(options)
        for last in range(len(shuffled) - 1, 0, -1):
            other = int(self._random() * (last + 1))
            shuffled[last], shuffled[other] = shuffled[other], shuffled[last]
        return shuffled

    def _fill(self, template: Template) -> str:
        pieces: list[str] = []
        self._fill_into(pieces.append, template)
        text = "".join(pieces)
        return text[0].upper() + text[1:]

    def _fill_into(self, add: Callable[[str], None], template: Template) -> None:
        random_number = self._random
        for part in template:
            if isinstance(part, str):
                add(part)
            elif isinstance(part, list):
                option = part[int(random_number() * len(part))]
                if isinstance(option, str):
                    add(option)
                else:
                    self._fill_into(add, option)
            else:
                add(part())


def _compile(text: str, slots: dict[str, list[str] | Slot]) -> Template:
    """A template from its text: `{name}` is a slot, `[a|b]` a choice, which may hold both."""
    levels: list[list[list[Part]]] = [[[]]]
    for token in _TOKEN.findall(text):
        if token == "[":  # noqa: S105
            levels.append([[]])
        elif token == "|":  # noqa: S105
            levels[-1].append([])
        elif token == "]":  # noqa: S105
            options = levels.pop()
            levels[-1][-1].append([_plain(option) or tuple(option) for option in options])
        elif token.startswith("{"):
            slot = slots[token[1:-1]]
            levels[-1][-1].append([*slot] if isinstance(slot, list) else slot)
        else:
            levels[-1][-1].append(token)
    return tuple(levels[0][0])


def _plain(option: list[Part]) -> str | None:
    """The option's text if it has neither slots nor choices: those are filled without a detour."""
    return option[0] if len(option) == 1 and isinstance(option[0], str) else None


def _people(material: dict[str, Any], rng: Callable[[], float]) -> list[tuple[str, str]]:
    """Full names with surnames, all different."""
    first = material["first_names"].split()
    starts, ends = material["surname_starts"].split(), material["surname_ends"].split()
    people: dict[str, str] = {}
    while len(people) < _PEOPLE:
        surname = _pick(starts, rng) + _pick(ends, rng)
        people[f"{_pick(first, rng)} {surname}"] = surname
    return list(people.items())


def _companies(material: dict[str, Any], rng: Callable[[], float]) -> list[tuple[str, str]]:
    """Full names ("Abridell Tools Inc.") with short ones ("Abridell Tools"), all different."""
    starts, ends = material["company_starts"].split(), material["company_ends"].split()
    kinds = [kind for line in material["company_kinds"].split() for kind in line.split("|")]
    companies: dict[str, str] = {}
    while len(companies) < _COMPANIES:
        short = f"{_pick(starts, rng)}{_pick(ends, rng)} {_pick(kinds, rng)}"
        companies.setdefault(short, f"{short} {_pick(material['company_forms'], rng)}")
    return [(full, short) for short, full in companies.items()]


def _pick(options: Sequence[str], rng: Callable[[], float]) -> str:
    return options[int(rng() * len(options))]


def _pairs(text: str, between: str, within: str) -> list[tuple[str, str]]:
    pairs = (
        item.split(within) for line in text.splitlines() if line for item in line.split(between)
    )
    return [(first, second) for first, second in pairs]


def _zipf(size: int) -> list[float]:
    return list(accumulate(1 / rank for rank in range(1, size + 1)))


def _lengths() -> list[int]:
    """Quantiles of the log-normal distribution: a table, so that no platform's rounding matters."""
    steps = 1000
    normal = NormalDist()
    quantiles = (normal.inv_cdf((step + 0.5) / steps) for step in range(steps))
    lengths = (round(_MEDIAN_WORDS * math.exp(_SPREAD * quantile)) for quantile in quantiles)
    return [min(max(length, MIN_WORDS), MAX_WORDS - _LONGEST_SENTENCE) for length in lengths]

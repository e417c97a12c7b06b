"""What an article is about: topics, by weighted phrases."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from pipeline.enrich.phrases import PhraseIndex, find_phrases, index_phrases

# What a phrase of each list is worth, once in the text and as much again in the title, and what a
# topic needs. A long article names many things in passing, so there it takes more.
_POINTS = {"sure": 3, "likely": 2, "hint": 1}
_TITLE_FACTOR = 2
_NEEDED_LEAST, _NEEDED, _NEEDED_MOST = 6, 7, 11
_FEW_WORDS = 80  # of a brief, which has room for less
_WORDS_PER_EXTRA_POINT = 150
_SHORT_TEXT = 250  # words
_LEAD_WORDS = 80
# Only this much of a text is looked at, in characters: further on it is about details.
_CONSIDERED = 20_000

_WORD = re.compile(r"[^\W_]+(?:[&'’./-][^\W_]+)*")

_Meanings = tuple[tuple[str, int], ...]  # topics and points


class Points(NamedTuple):
    """What a phrase is worth for a topic; in the title twice, in the lead one more."""

    phrase: str
    points: int


def find_topics(title: str | None, text: str) -> list[str]:
    """The slugs of the topics of an article in English, the clearest first.

    A topic needs a sure phrase, or a likely one in the title, and enough points in all.
    """
    return list(explain_topics(title, text))


def explain_topics(title: str | None, text: str) -> dict[str, list[Points]]:
    """The topics as `find_topics` has them, each with the phrases that speak for it."""
    index = _index()
    given: dict[str, list[Points]] = {}
    clear: set[str] = set()
    words = _words(title or "")
    for start, end, meanings in find_phrases(words, index):
        for topic, worth in meanings:
            phrase = " ".join(words[start:end])
            given.setdefault(topic, []).append(Points(phrase, worth * _TITLE_FACTOR))
            if worth > _POINTS["hint"]:
                clear.add(topic)
    words = _words(text[:_CONSIDERED])
    counted: set[str] = set()
    for start, end, meanings in find_phrases(words, index):
        phrase = " ".join(words[start:end])
        if phrase in counted:
            continue
        counted.add(phrase)
        # Said at once, it is what the article is about.
        lead = int(start < _LEAD_WORDS)
        for topic, worth in meanings:
            given.setdefault(topic, []).append(Points(phrase, worth + lead))
            if worth == _POINTS["sure"]:
                clear.add(topic)
    extra = max(0, len(words) - _SHORT_TEXT) // _WORDS_PER_EXTRA_POINT
    needed = min(_NEEDED + extra, _NEEDED_MOST) if len(words) > _FEW_WORDS else _NEEDED_LEAST
    points = {topic: sum(each.points for each in given[topic]) for topic in clear}
    found = [topic for topic in clear if points[topic] >= needed]
    return {topic: given[topic] for topic in sorted(found, key=lambda t: (-points[t], t))}


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower().replace("’", "'"))


@cache
def _index() -> PhraseIndex[_Meanings]:
    """All phrases of the data file; a phrase may belong to several topics."""
    table = tomllib.loads(files("pipeline.enrich").joinpath("data/topics.toml").read_text("utf-8"))
    meanings: dict[tuple[str, ...], _Meanings] = {}
    for topic, lists in table.items():
        for strength, phrases in lists.items():
            for phrase in phrases:
                bare = phrase.removesuffix("(s)")
                for form in {bare, bare + "s"} if bare != phrase else {phrase}:
                    words = tuple(_words(form))
                    meanings[words] = (*meanings.get(words, ()), (topic, _POINTS[strength]))
    return index_phrases(meanings.items())

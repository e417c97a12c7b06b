"""A summary: the two or three sentences that tell most of an article, verbatim."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

MAX_SENTENCES = 3

# Only this many sentences of an article are looked at: what it is about stands at its beginning.
_CONSIDERED = 60
_MIN_WORDS, _MAX_WORDS = 8, 60
_SHORT_ARTICLE = 6  # sentences, up to which two of them are enough
_MAX_CHARACTERS = 700
_LEAD_BONUS = 1.0  # in shares of the best centrality; falls with the place
_REPEATED = 0.5  # the share of words in common from which a sentence adds nothing

_WORD = re.compile(r"[^\W_]+(?:['’&.-][^\W_]+)*")
_COMMON_WORDS = """
a about after all also an and any are as at be been before but by can could did do for from had has
have he her his how if in into is it its just like may more most new no not of on one or other our
out over said says she should so some such than that the their them then there these they this those
to two up was we were what when which while who will with would you
"""
_COMMON = frozenset(_COMMON_WORDS.split())
# Notes to the reader and the mood of message boards tell nothing of the story.
_ASIDE = re.compile(
    r"""\b(?: fiction: | correction: | for\ updates | click\ here | sign\ up | read\ more
        | subscribe | all\ rights\ reserved | newsletter
        | this\ (?:report|article|story)\ first\ appeared
        | retail\ sentiment | message\ volume )""",
    re.X,
)


def summarize(text: str, sentences: Sequence[tuple[int, int]]) -> str:
    """The most telling sentences of `text` in their order, joined by spaces.

    The first one is always among them; of the others those that stand early and hold words that
    many others hold. A text whose
    sentences are all unusable (too short, too long) gives its beginning, cut at a word.

    Args:
        text: the article.
        sentences: the spans of its sentences, in order.
    """
    considered = [text[start:end] for start, end in sentences[:_CONSIDERED]]
    words = [_content_words(sentence) for sentence in considered]
    usable = [
        place for place, sentence in enumerate(considered) if _is_usable(sentence) and words[place]
    ]
    if not usable:
        return _beginning(text)
    spread = Counter(word for held in words for word in held)
    centrality = {
        place: sum(spread[word] - 1 for word in words[place]) / len(words[place]) ** 0.5
        for place in usable
    }
    best = max(centrality.values()) or 1.0
    score = {
        place: centrality[place] / best + _LEAD_BONUS / (rank + 1) ** 0.5
        for rank, place in enumerate(usable)
    }
    wanted = MAX_SENTENCES if len(considered) > _SHORT_ARTICLE else MAX_SENTENCES - 1
    first, *others = usable
    chosen = [first]
    length = len(considered[first])
    for place in sorted(others, key=lambda place: -score[place]):
        if len(chosen) == wanted:
            break
        fits = length + len(considered[place]) <= _MAX_CHARACTERS
        if fits and not any(_repeats(words[place], words[other]) for other in chosen):
            chosen.append(place)
            length += len(considered[place])
    return " ".join(considered[place] for place in sorted(chosen))


def _content_words(sentence: str) -> set[str]:
    return {word for word in _WORD.findall(sentence[:2000].lower()) if word not in _COMMON}


def _is_usable(sentence: str) -> bool:
    # A language without spaces has its sentences measured in characters instead.
    words = sentence.count(" ") + 1
    enough = words >= _MIN_WORDS or (len(sentence) >= 4 * _MIN_WORDS and words < 3)
    return (
        enough
        and words <= _MAX_WORDS
        and len(sentence) <= _MAX_CHARACTERS
        and not sentence.endswith("?")
        and not _ASIDE.search(sentence.lower())
    )


def _repeats(words: set[str], other: set[str]) -> bool:
    return len(words & other) > _REPEATED * min(len(words), len(other))


def _beginning(text: str) -> str:
    text = text.strip()
    if len(text) <= _MAX_CHARACTERS:
        return text
    cut = text[:_MAX_CHARACTERS]
    return cut[: cut.rfind(" ")] if " " in cut else cut

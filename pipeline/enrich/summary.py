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
# The share of words in common from which a sentence adds nothing; a short one as if it had more.
_REPEATED, _FEW_WORDS = 0.45, 7

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
        | retail\ sentiment | message\ volume | (?:bullish|bearish)['’"”]?\ territory )""",
    re.X,
)
# Begun like this, or with a pronoun before any name, a sentence leans on the one before it.
_LEANING = re.compile(
    r"""["'“‘(\[]* (?: (?: He | She | It | They | This | These | Those | His | Her | But | And | So
        | Yet | However | Instead )\b
      | [A-Z]? [^A-Z“"]*? (?<!that\ ) \b(?: he | she | his | her | him )\b )""",
    re.X,
)
_SAID = re.compile(r"\b(?:sa(?:id|ys)|told|wrote|writes|add(?:ed|s)|according)\b")


def summarize(text: str, sentences: Sequence[tuple[int, int]]) -> str:
    """The most telling sentences of `text` in their order, joined by spaces.

    The first one is always among them; of the others those that stand early and hold words that
    many others hold, and with one that leans on its predecessor ("It was ...") that, too. A text
    whose sentences are all unusable (too short, too long) gives its beginning, cut at a word.

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

    def may_follow(place: int) -> bool:
        length = sum(len(considered[other]) for other in (*chosen, place))
        leans = place - 1 not in chosen and _LEANING.match(considered[place])
        repeats = any(_repeats(words[place], words[other]) for other in chosen)
        return length <= _MAX_CHARACTERS and not leans and not repeats

    others.sort(key=lambda place: -score[place])
    while len(chosen) < wanted:
        following = next((place for place in others if may_follow(place)), None)
        if following is None:
            break
        chosen.append(following)
        others.remove(following)
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
        and not _is_bare_quote(sentence)
        and not _ASIDE.search(sentence.lower())
    )


def _is_bare_quote(sentence: str) -> bool:
    """Whether a sentence is spoken and does not say by whom, or only a part of what is."""
    if sentence.count('"') % 2 or sentence.count("“") != sentence.count("”"):
        return True
    return sentence[0] in '"“' and _SAID.search(sentence) is None


def _repeats(words: set[str], other: set[str]) -> bool:
    return len(words & other) > _REPEATED * max(_FEW_WORDS, min(len(words), len(other)))


def _beginning(text: str) -> str:
    text = text.strip()
    if len(text) <= _MAX_CHARACTERS:
        return text
    cut = text[:_MAX_CHARACTERS]
    return cut[: cut.rfind(" ")] if " " in cut else cut

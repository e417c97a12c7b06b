"""Whether a sentence speaks of the past or the future, near a place in it."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple

from pipeline.enrich.dates.values import Tense
from pipeline.enrich.memo import WordMemo
from pipeline.enrich.names.gazetteer import text_tokens

_DAY_NAMES = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"

# Each alternative between " | " begins with the words before its first blank: see _FIRST_WORDS.
_FUTURE = r"""
    will | won ['’]t | shall | would | could | might | (?-i:may) | should
  | (?:going|ready|poised|about) \s to
  | (?:is|are|was|were) \s (?:now \s)? (?:to|due|set|expected|scheduled) (?=\s)
  | set \s (?:to|for) | due | slated | scheduled | deadline
  | expect(?:s|ed|ing)? | anticipat(?:es?|ed|ing) | projects | predicts? | sees
  | await(?:s|ed|ing)? | brac(?:es?|ed|ing) \s for | prepar(?:es?|ed|ing) \s (?:to|for)
  | plan(?:s|ned|ning)? (?:\s (?:to|for|a|an))? | intends? | aim(?:s|ed|ing)? \s to
  | (?:agreed|promised|vowed|pledged|decided|hopes?|hoping|wants?|seeks?|threaten(?:s|ed)) \s to
  | (?:asked|urged|ordered|invited|required) \s to | told \s \w+ \s to
  | begins? | starts? | opens | resumes? | reconvenes? | expires? | kicks? \s off
  | takes? \s (?:effect|place) | comes? \s into \s (?:force|effect)
"""
# These tell the tense of what follows them, and nothing of what stands before.
_AHEAD = rf"""
    ahead \s of | upcoming | forthcoming | coming | looming | impending | potential(?:ly)?
  | prospective | forecasts? | outlook | guidance | expectations?
  | until | till | tomorrow | by (?=\s{_DAY_NAMES}) | before (?=\s{_DAY_NAMES})
  | effective | starting | beginning
"""
_PAST = r"""
    said | told | was | were | had | did | held | met | made | took | gave | came | went | saw
  | sold | bought | paid | fell | rose | grew | sank | slid | shrank | sprang | swung | began
  | became | led | left | lost | won | kept | brought | sent | spent | stood | struck | spoke
  | broke | wrote | drew | drove | flew | froze | rang | ran | shot | stuck | sought | taught
  | thought | threw | withdrew | understood | found | built | chose | dealt | felt | fought
  | got | heard | laid | meant | tumbled | since | earlier | previously | ago
"""
# Words in -ed are past tenses, unless what stands before makes them adjectives or passives.
_NO_TENSE_AFTER = (
    "a an and any are as be been being by for from her his in is its more most new no not of on or "
    "our some such their these this those the to very with your"
)
_PARTICIPLE = "".join(rf"(?<!\b{word}\s)" for word in _NO_TENSE_AFTER.split()) + (
    r"(?!need|indeed|exceed|proceed|succeed|speed|feed|seed|breed|bleed|embed|unprecedented"
    r"|hundred|sacred|naked|united|limited|embattled|beleaguered)[a-z]{2,}ed"
)
# The infinitive after a name is a headline's future ("Fed to meet Friday"), if no verb comes first.
_HEADLINE = r"(?<![\w-])[A-Z][\w.&’'-]{0,30}\sto\s(?!(?:the|an?|its|his|her|their|this)\b)(?=[a-z])"
_CUE = re.compile(
    rf"(?P<future>(?:(?<![\w-])(?i:{_FUTURE})|['’]ll)(?![\w-]))"
    rf"|(?P<ahead>(?<![\w-])(?i:{_AHEAD})(?![\w-]))"
    rf"|(?P<past>(?<![\w-])(?:(?i:{_PAST})|{_PARTICIPLE})(?![\w-]))"
    rf"|(?P<headline>{_HEADLINE})",
    re.X,
)
_ONLY_HEADLINE = re.compile(rf"(?P<past>)(?P<future>)(?P<headline>{_HEADLINE})")
_FIRST_WORDS = re.compile(
    "|".join(cue.split()[0] for cue in f"{_FUTURE} | {_AHEAD} | {_PAST}".split(" | ")), re.I
)
# How far back a cue is looked for that outweighs a headline's infinitive.
_CUES_BACK = 20


class Cue(NamedTuple):
    """A word that tells the tense.

    Attributes:
        start: where it begins.
        before: the tense of what follows it.
        after: the tense of what it follows; None if it tells nothing of that.
        is_headline: whether it is a headline's infinitive, which other cues outweigh.
    """

    start: int
    before: Tense
    after: Tense | None
    is_headline: bool


def find_cues(text: str, start: int, end: int) -> list[Cue]:
    """The cues in text[start:end], in order."""
    cues: list[Cue] = []
    done = start
    words = text_tokens(text)
    for word in words[bisect_left(words, start, key=_start) :]:
        if word.start >= end:
            break
        place = word.start - (word.key == "ll")
        pattern = _CUES_AT[word.key]
        if pattern is not None and place >= done:
            match = pattern.match(text, place, end)
            if match is not None:
                cues.append(_cue(match))
                done = match.end()
    return cues


_start = attrgetter("start")


def _cues_at(word: str) -> re.Pattern[str] | None:
    """The pattern of the cues that may begin with a word, None without; to try one takes long."""
    if word == "ll" or word.endswith("ed") or _FIRST_WORDS.fullmatch(word):
        return _CUE
    return _ONLY_HEADLINE if word[0].isascii() and word[0].isupper() else None


_CUES_AT = WordMemo(_cues_at)


def _cue(match: re.Match[str]) -> Cue:
    if match["past"]:
        return Cue(match.start(), "past", "past", is_headline=False)
    if match["future"]:
        # "Agreed to meet on Friday" is ahead, but "on Friday they agreed to meet" is over.
        is_over = match[0].split()[0].lower().endswith("ed")
        return Cue(match.start(), "future", "past" if is_over else "future", is_headline=False)
    return Cue(match.start(), "future", None, is_headline=match["headline"] is not None)


def tense_near(cues: Sequence[Cue], start: int) -> Tense | None:
    """The tense at `start`: by the nearest cue before it, else the nearest after it."""
    position = bisect_left(cues, start, key=lambda cue: cue.start)
    before = cues[max(0, position - _CUES_BACK) : position]
    strong = [cue for cue in before if not cue.is_headline]
    if nearest := strong[-1:] or before[-1:]:
        return nearest[0].before
    after = (cue.after for cue in cues[position : position + _CUES_BACK])
    return next((tense for tense in after if tense), None)

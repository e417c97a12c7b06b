"""Which levels of retail sentiment and message volume a sentence states, not just mentions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, NamedTuple

Kind = Literal["sentiment", "volume"]


class Level(NamedTuple):
    """A stated level, "extremely_bullish" or "low"; offsets are the sentence's, quotes included."""

    kind: Kind
    value: str
    start: int
    end: int


class Anchor(NamedTuple):
    """Where a sentence speaks of retail sentiment or of message volume."""

    kind: Kind
    start: int
    end: int


_OPEN = r"[\"'‘“’”`]{0,2}"
_CLOSE = r"[,.]?[\"'’”`]{0,2}"
_SENTIMENT_LEVEL = re.compile(
    rf"(?<![\w-])(?P<open>{_OPEN})(?P<value>(?:extremely[ -])?(?:bullish|bearish)|neutral)"
    rf"(?P<close>{_CLOSE})(?![\w-])",
    re.I,
)
_VOLUME_LEVEL = re.compile(
    rf"(?<![\w-])(?P<open>{_OPEN})(?P<value>(?:extremely[ -])?(?:high|low)|normal)"
    rf"(?P<close>{_CLOSE})(?![\w-])",
    re.I,
)
# With more levels than this a "sentence" is no prose, and looking at each would take too long.
_MAX_LEVELS = 60
_QUOTES = frozenset("\"'‘“’”`")

_SENTIMENT = re.compile(r"\b(?:sentiment|mood)\b", re.I)
_VOLUME = re.compile(
    r"\b(?:(?:24-hour\s+)?messag(?:e|ing)\s+(?:volumes?|activity|levels?|flow|traffic|counts?)|chatter)\b",
    re.I,
)
# "‘High’ and ‘low’ message volume", "high levels of chatter".
_VOLUME_AFTER = re.compile(
    r"(?:\s*(?:,|and)\s*[\"'‘“]?(?:extremely[ -])?(?:high|low|normal)[\"'’”]?){0,6}"
    r"\s*(?:levels?\s+of\s+)?(?:24-hour\s+|retail\s+|user\s+){0,2}(?:messag|chatter)",
    re.I,
)
_PLAIN_VOLUME = re.compile(r"\bvolumes?\b", re.I)
_OTHER_VOLUME = re.compile(
    r"\b(?:trad(?:e|ing)|shares?|sales?|options?|calls?|puts?|average|daily|order|turnover|shipping|"
    r"production|freight)\s+$",
    re.I,
)
# Other people's sentiment, and what makes an unnamed one retail.
_OTHERS_SENTIMENT = re.compile(
    r"\b(?:consumer|business|market|economic|analysts?['’]?|Street|institutional|broader|bond|risk|news|"
    r"options?|builders?|manufacturing|voter|public|buyer|customer|employee|credit|investors?['’]?)"
    r"(?:['’]s)?\s+$",
    re.I,
)
_RETAIL = re.compile(r"\b(?:retail|stocktwits)\b", re.I)
_RETAIL_SENTIMENT = re.compile(r"\bretail\s+(?:\w+\s+)?(?:sentiment|mood)|\bstocktwits", re.I)
_STOCKTWITS = re.compile(
    r"\bstocktwits\b|\bretail\s+(?:traders|investors|users|crowd|sentiment)", re.I
)

_CLAUSE_START = re.compile(
    r"[;:—–]\s|,\s|\b(?:while|whereas|but|though|although|even\s+as|as|despite)\s", re.I
)
# In the clause before a level: it is denied, supposed, or somebody else's.
_DENIED = re.compile(
    r"\b(?:not|no\s+longer|never|nor|neither|without|rather\s+than|instead\s+of|far\s+from|short\s+of|"
    r"shy\s+of|failed\s+to|yet\s+to|nearly|almost|close\s+to|near|cannot|ceased\s+to)\b|n[’']t\b",
    re.I,
)
_SUPPOSED = re.compile(
    r"\b(?:if|If|IF|could|would|might|may|should|unless|until|whether|when|When|likely|expected\s+to|"
    r"poised|set\s+to|about\s+to|potentially|hopes?|perhaps|possibly|were\s+to|forecast|predicts?)\b"
)
_SOMEBODY = re.compile(
    r"\b(?:analysts?|brokers?|brokerages?|Wall\s+Street|the\s+Street|strategists?|economists?|research|"
    r"options?\s+traders?|hedge\s+funds?|rated|ratings?|price\s+targets?|technicians?|consensus|institutions?|"
    r"(?:a|one|another|some|bullish|bearish)\s+(?:\w+\s+)?(?:users?|posters?|traders?|investors?|posts?))\b",
    re.I,
)
_SUBJECT = re.compile(
    r"^\W*(?:(?:and|but|while|whereas)\s+)?((?:[A-Z][\w&.’'-]*\s+)+)(?:is|are|was|were|remains?|stays?|turned)\b"
)
_NOUN_AFTER = re.compile(
    r"\s*(?:ratings?|stance|calls?|views?|outlook|recommendation|notes?|reports?|case|bets?|analysts?|trend|"
    r"patterns?|crossover|signals?|momentum|options?|positions?|users?|comments?|posts?|reversal|investors?|"
    r"traders?|thesis|bias|tilt|targets?|news|wagers?|demand|expectations|commentary)\b",
    re.I,
)
_BEFORE_UNQUOTED = re.compile(
    r"(?:\b(?:is|are|was|were|be|been|remain(?:s|ed|ing)?|stay(?:s|ed|ing)?|turn(?:s|ed|ing)?|to|in|into|within|"
    r"at|the|and|deep(?:er)?|still|now|again|\w+ly|held|holds?|stood|stands?|hit|reached|as|"
    r"amid|with|volumes?|chatter|sentiment|trended|became|an?|of|also|from|by|accompanied)|[,:])\s+$",
    re.I,
)
_AFTER_UNQUOTED = re.compile(
    r"\s*(?:$|[,.;:)(—–]|(?:territory|zone|range|levels?|sentiment|readings?|on|for|from|to|towards?|about|around|"
    r"amid|with|as|at|and|but|while|whereas|versus|compared|against|in|across|by|after|over|this|last|a|"
    r"message|messaging|chatter|retail|volumes?|earlier|today|again|among|throughout|late|early)\b)",
    re.I,
)
_ARTICLE = re.compile(r"\ban?\s+$", re.I)
_ZONE = re.compile(r"\s*(?:territory|zone|range|sentiment|levels?|readings?)\b", re.I)
_FORMER = re.compile(
    r"\b(?:from|versus|vs\.?|against|than|compared\s+(?:to|with)|previously)\s+"
    r"(?:(?:an?|the|its|being|turning|prior|previous|last|week|day|month|’s|'s|earlier|reading|of|deep|in)\s+)*$"
    r"|\blast\s+(?:(?:at|in)\s+)?$",
    re.I,
)
_COMPARED = re.compile(r"\b(?:versus|vs\.?|against|compared\s+(?:to|with))\s+$", re.I)
_OF_ANOTHER = re.compile(r"\s*(?:on|for)\s+(?:the\s+)?[A-Z$]")
_REGRADED = re.compile(r"grad\w+\s+(?:[^,;]{0,40}\s)?to\s+(?:an?\s+)?$", re.I)
_AGO = re.compile(
    r"\s*(?:(?:territory|zone|range|levels?)\s+)?(?:\([^()]*\)\s*)?(?:(?:a|an|one|two|three|four|five|\d+)\s+"
    r"(?:hour|day|session|week|month|quarter|year)s?\s+(?:ago|earlier|before|prior)|yesterday|"
    r"the\s+(?:previous|prior)\s+(?:day|week|session|month)|the\s+(?:day|week|month)\s+before|"
    r"last\s+(?:week|month|year)|earlier\s+(?:this|in\s+the)\s+\w+)\b",
    re.I,
)
_CHANGE = re.compile(
    r"\b(?:flipp|turn|mov|shift|improv|worsen|climb|fell|fall|ris|rose|slid|slipp|dropp|jump|swung|swing|"
    r"inch|edg|plung|sank|surg|soar|to\b)\w*[^,;]*$",
    re.I,
)
_IT_WAS = re.compile(
    r"\bit\s+(?:was|is|has\s+since|remain(?:s|ed)|stay(?:s|ed)|stood|stands|slipped)\b", re.I
)


class Statement(NamedTuple):
    """What a sentence says of levels: those it states, and where it speaks of what."""

    levels: list[Level]
    anchors: list[Anchor]


def read_statement(
    sentence: str, *, speeches: list[tuple[int, int]], retail: bool, follows: bool
) -> Statement:
    """The levels that `sentence` states, in order.

    Args:
        sentence: the sentence's text.
        speeches: spans of it that are somebody's words.
        retail: whether the text around it speaks of retail sentiment or Stocktwits.
        follows: whether the sentence before stated something, which this one may go on with.
    """
    if sentence.rstrip("\"'”’) ").endswith("?"):
        return Statement([], [])
    anchors = _sentiment_anchors(sentence, retail) + _volume_anchors(sentence, retail)
    anchors = sorted(anchor for anchor in anchors if not _within(anchor.start, speeches))
    anchors.sort(key=lambda anchor: anchor.start)
    found = [
        (kind, match, states)
        for kind, pattern, states in _KINDS
        for match in pattern.finditer(sentence)
    ]
    if len(found) > _MAX_LEVELS:
        return Statement([], [])
    levels = [
        Level(kind, re.sub("[ -]", "_", match["value"].lower()), match.start(), match.end())
        for kind, match, states in found
        if not _within(match.start("value"), speeches)
        and not _is_undone(sentence, match)
        and states(sentence, match, anchors, follows)
    ]
    levels.sort(key=lambda level: level.start)
    return Statement(levels, anchors)


def _sentiment_anchors(sentence: str, retail: bool) -> list[Anchor]:
    here = _RETAIL.search(sentence) is not None
    anchors = []
    for match in _SENTIMENT.finditer(sentence):
        before = sentence[max(0, match.start() - 60) : match.start()]
        others = _OTHERS_SENTIMENT.search(before)
        # "Retail investor sentiment" is retail, "investor sentiment" is not.
        if others and not _RETAIL.search(before[max(0, others.start() - 20) :]):
            continue
        if here or retail:
            anchors.append(Anchor("sentiment", match.start(), match.end()))
    return anchors


def _volume_anchors(sentence: str, retail: bool) -> list[Anchor]:
    anchors = [Anchor("volume", m.start(), m.end()) for m in _VOLUME.finditer(sentence)]
    if anchors or not retail:
        return anchors
    return [
        Anchor("volume", match.start(), match.end())
        for match in _PLAIN_VOLUME.finditer(sentence)
        if not _OTHER_VOLUME.search(sentence[max(0, match.start() - 20) : match.start()])
    ]


def _states_sentiment(
    sentence: str, match: re.Match[str], anchors: list[Anchor], follows: bool
) -> bool:
    if _NOUN_AFTER.match(sentence, match.end()):
        return False
    zone = _ZONE.match(sentence, match.end()) is not None
    if not _is_quoted(match) and not _is_predicate(sentence, match, zone):
        return False
    starts = [anchor.start for anchor in anchors if anchor.kind == "sentiment"]
    if any(start < match.start() for start in starts):
        scope = True
    elif _STOCKTWITS.search(sentence):
        # "On Stocktwits, SPY was in ‘bullish’ territory", "‘bullish’ sentiment".
        scope = _is_quoted(match) or zone
    else:
        clause = _clause(sentence, match.start())
        named = bool(_IT_WAS.search(clause)) or sentence[: match.start()].endswith(": ")
        scope = follows and (_is_quoted(match) or zone or named)
    return scope and not _is_somebodys(sentence, match)


def _states_volume(
    sentence: str,
    match: re.Match[str],
    anchors: list[Anchor],
    follows: bool,  # noqa: ARG001
) -> bool:
    if _VOLUME_AFTER.match(sentence, match.end()):
        return True
    volumes = [a for a in anchors if a.kind == "volume"]
    if not any(a.end <= match.start() for a in volumes):
        after = re.match(r"\s*volumes?\b", sentence[match.end() :], re.I)
        return _is_quoted(match) and after is not None and bool(volumes)
    return _is_quoted(match) or _is_predicate(sentence, match, zone=False)


def _is_quoted(match: re.Match[str]) -> bool:
    return bool(match["open"]) and not _QUOTES.isdisjoint(match["close"])


def _is_predicate(sentence: str, match: re.Match[str], zone: bool) -> bool:
    """Whether a level without quotes is what something is, and not just said of a noun."""
    before = sentence[max(0, match.start() - 30) : match.start()]
    if not _BEFORE_UNQUOTED.search(before):
        return False
    if _ARTICLE.search(before) and not zone:
        return False
    return _AFTER_UNQUOTED.match(sentence, match.end("value")) is not None


def _is_undone(sentence: str, match: re.Match[str]) -> bool:
    """Whether a level is denied, supposed, or what was before."""
    clause = _clause(sentence, match.start())
    if _DENIED.search(clause) or _SUPPOSED.search(clause):
        return True
    # "‘Bullish’ compared to ‘bearish’ for INTC": that is another one's level, not a former one.
    compared = _COMPARED.search(clause) and _OF_ANOTHER.match(sentence, match.end())
    if (_FORMER.search(clause) and not compared) or _REGRADED.search(clause):
        return True
    return _AGO.match(sentence, match.end()) is not None and not _CHANGE.search(clause)


def _is_somebodys(sentence: str, match: re.Match[str]) -> bool:
    clause = _clause(sentence, match.start())
    after_anchor = clause[max((m.end() for m in _SENTIMENT.finditer(clause)), default=0) :]
    if _SOMEBODY.search(after_anchor):
        return True
    subject = _SUBJECT.match(clause)
    return (
        subject is not None
        and _SENTIMENT.search(clause) is None
        and re.search(r"[()$]|[A-Z]{2}|Stocktwits", subject[1]) is None
        and _NAMED_BY_TICKER.search(clause) is None
    )


_NAMED_BY_TICKER = re.compile(r"\([A-Z.: ]{1,20}\)|\$[A-Z]")


def _clause(sentence: str, end: int) -> str:
    """The clause that `end` is in, up to there; the comma of "Tesla, Inc." does not begin one."""
    start = 0
    window = sentence[max(0, end - 300) : end]
    for match in _CLAUSE_START.finditer(window):
        if not re.match(r"(?:Inc|Corp|Co|Ltd|LLC|LP|plc|N\.V|S\.A)\b", window[match.end() :]):
            start = match.end()
    return window[start:]


def _within(position: int, spans: list[tuple[int, int]]) -> bool:
    return any(start <= position < end for start, end in spans)


_KINDS: tuple[tuple[Kind, re.Pattern[str], Callable[..., bool]], ...] = (
    ("sentiment", _SENTIMENT_LEVEL, _states_sentiment),
    ("volume", _VOLUME_LEVEL, _states_volume),
)

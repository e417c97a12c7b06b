"""Stated retail sentiment and message volume: what a source itself says of a ticker, never guessed.

Sources such as Stocktwits write "retail sentiment on the stock flipped to ‘bullish’ from ‘neutral’,
with ‘high’ message volume". In each sentence the levels are found that are stated (no analyst's
view, nothing denied or supposed, not what was before), then given to the tickers they are said of.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, cast

from pipeline.article import MessageVolume, StatedSentiment
from pipeline.enrich.tickers.references import Reference, find_references
from pipeline.enrich.tickers.stated_levels import Anchor, Kind, Level, Statement, read_statement
from pipeline.enrich.tickers.tickers import TickerSpan

Stated = dict[str, tuple[StatedSentiment | None, MessageVolume | None]]

_LEVEL_WORD = re.compile(r"\b(?:bullish|bearish|neutral|high|low|normal)\b", re.I)
_SUBJECT = re.compile(r"\b(?:stocktwits|retail|chatter|messag(?:e|ing))\b", re.I)
_RETAIL_TEXT = re.compile(r"\bstocktwits\b|\bretail\s+(?:\w+\s+)?sentiment\b", re.I)
_STOCKTWITS = re.compile(r"\bstocktwits\b", re.I)
_SPEECH = re.compile(
    r"""
    “[^“”\n]{1,2000}”
  | (?<![^\s(])"(?=\S)[^"\n]{1,2000}(?<=\S)"
  | ‘(?:[^‘’\n]|’(?=\w)){1,2000}’
  | (?<![^\s(])'(?=\S)(?:[^'\n]|'(?=\w)){1,2000}(?<=\S)'
    """,
    re.X,
)

# Where, when and how much: of no use in telling whom a level is said of, and blanked out.
_ADVERBIAL = re.compile(
    r"""
    \bon\s+(?:Stocktwits|X|Reddit|the\s+(?:\w+\s+){0,2}(?:platform|site|forum|day|week|month))\b
  | \b(?:on|since|by|for|during|over|as\s+of|in)\s+(?:late\s+|early\s+)?
    (?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day(?:\s+(?:morning|afternoon|evening|night))?
      |(?:the\s+)?(?:past|last)\s+(?:\w+\s+){0,2}(?:hours?|days?|weeks?|months?|sessions?)
      |the\s+(?:first|second|third)\s+time|now|the\s+(?:session|time\s+being))\b
  | \bover\s+the\s+(?:day|week|month)\b
  | \bat\s+the\s+time\s+of\s+(?:writing|reporting|publication)\b
  | \(\s*\d+(?:\.\d+)?(?:\s*/\s*100)?\s*\)
    """,
    re.X | re.I,
)
_LEVEL_NOUN = re.compile(
    r"\s*,?\s*(?:(?:territory|zone|range|levels?|sentiment|readings?|(?:levels?\s+of\s+)?"
    r"(?:(?:messag(?:e|ing)\s+)?(?:volumes?|activity)|(?:retail\s+)?chatter))\s*)?"
    r"(?:(?:prevail|dominat|persist)\w+\s+)?",
    re.I,
)
_PREPOSITION = re.compile(r"(?:on|for|towards?|about|around|regarding|across)\s+(?:both\s+)?", re.I)
_VERB = re.compile(
    r"\b(?:was|were|is|are|has|have|had|remain\w*|stay\w*|turn\w*|flip\w*|stood|stands|said|rose|fell|"
    r"climb\w*|shift\w*|improv\w*|worsen\w*|mov\w+|trended|held|which|while|whereas|but|amid|with)\b",
    re.I,
)
_ANEW = re.compile(r"[;:]|\b(?:while|whereas|but|though|although|despite)\b", re.I)
_GOES_ON = re.compile(r"\s*(?:was|were|is|in|at|stood|remain\w*|stay\w*|to|it)\b", re.I)
_OBJECT = re.compile(
    r"\s+(?:(?:score|meter|reading|gauge)\s+)?(?:on|for|about|around|towards?|surrounding|regarding|over)\s+\S",
    re.I,
)
_POSSESSOR = re.compile(r"\b(?!Stocktwits)[A-Z][\w.&-]*(?:[’']s|s[’'])\s+(?:\w+\s+){0,2}$")
_OF_ITS_OWN = re.compile(
    r"(?:[’']s?)?\s+(?:Stocktwits\s+|retail\s+|investor\s+|own\s+|24-hour\s+)*$", re.I
)
_LED_IN = re.compile(
    r"(?:^|[,;:—–]|\b(?:and|but|while))\s*(?:for|on|as\s+for|in|around)\s+[^,;]{0,80}$", re.I
)
_BETWEEN_LEVELS = re.compile(r"\s*(?:,|and|,\s*and)\s*")
_LINKS = frozenset(
    ("and", "or", "the", "of", "for", "on", "both", "as", "well", "plus", "s", "to", "its")
)
_MAX_GAP = 140


class _Scene(NamedTuple):
    """One sentence, with what helps to tell whom its levels are said of."""

    plain: str
    statement: Statement
    references: list[Reference]
    latest: tuple[str, ...]
    before: tuple[str, ...]


def find_stated(
    text: str, sentences: Sequence[tuple[int, int]], tickers: Sequence[TickerSpan]
) -> Stated:
    """What `text` states of its tickers, by symbol; those of which it states nothing are left out.

    Args:
        text: the article's text.
        sentences: its sentences' spans, in order, in code points.
        tickers: its tickers, as `find_tickers` gives them.
    """
    symbols = list(dict.fromkeys(span.symbol for span in tickers))
    if not symbols or not _SUBJECT.search(text) or not _LEVEL_WORD.search(text):
        return {}
    references = find_references(text, tickers)
    speeches = [match.span() for match in _SPEECH.finditer(text) if len(match[0].split()) > 4]
    retail = _RETAIL_TEXT.search(text) is not None
    stated: dict[Kind, dict[str, str]] = {"sentiment": {}, "volume": {}}
    sole = len(symbols) == 1 and _STOCKTWITS.search(text)
    latest: tuple[str, ...] = tuple(symbols) if sole else ()
    before: tuple[str, ...] = ()
    follows = False
    position = 0
    spoken = 0
    for start, end in sentences:
        first = position
        while position < len(references) and references[position].start < end:
            position += 1
        while spoken < len(speeches) and speeches[spoken][1] <= start:
            spoken += 1
        here = [_shifted(reference, start) for reference in references[first:position]]
        sentence = text[start:end]
        given: dict[Kind, list[tuple[Level, tuple[str, ...]]]] = {"sentiment": [], "volume": []}
        if _LEVEL_WORD.search(sentence):
            inner = [(a - start, b - start) for a, b in speeches[spoken : spoken + 50] if a < end]
            statement = read_statement(sentence, speeches=inner, retail=retail, follows=follows)
            plain = _ADVERBIAL.sub(lambda match: " " * len(match[0]), sentence)
            scene = _Scene(plain, statement, here, latest, before)
            given["sentiment"] = _give(scene, "sentiment", [])
            given["volume"] = _give(scene, "volume", given["sentiment"])
            whole = (0, len(plain))
            follows = any(_topic(scene, a, whole) is not None for a in statement.anchors)
        else:
            follows = False
        for kind, pairs in given.items():
            for level, receivers in pairs:
                stated[kind].update(dict.fromkeys(receivers, level.value))
        receivers_here = (s for pairs in given.values() for _, to in pairs for s in to)
        before = tuple(dict.fromkeys(receivers_here))
        follows = follows or bool(before)
        latest = _latest(here, latest)
    return {
        symbol: (
            cast("StatedSentiment | None", stated["sentiment"].get(symbol)),
            cast("MessageVolume | None", stated["volume"].get(symbol)),
        )
        for symbol in symbols
        if symbol in stated["sentiment"] or symbol in stated["volume"]
    }


def _shifted(reference: Reference, start: int) -> Reference:
    return reference._replace(start=reference.start - start, end=reference.end - start)


def _latest(references: Sequence[Reference], otherwise: tuple[str, ...]) -> tuple[str, ...]:
    """The ticker that was named last."""
    named = [reference.symbols for reference in references if reference.named]
    return named[-1] if named else otherwise


def _give(
    scene: _Scene, kind: Kind, sentiments: list[tuple[Level, tuple[str, ...]]]
) -> list[tuple[Level, tuple[str, ...]]]:
    """Each stated level of a kind with the symbols that it is said of."""
    given: list[tuple[Level, tuple[str, ...]]] = []
    used = 0
    runs = _runs(scene, kind)
    for number, run in enumerate(runs):
        stop = runs[number + 1][0].start if number + 1 < len(runs) else len(scene.plain)
        receivers, end = _receivers(scene, run, (used, stop), given, sentiments)
        used = max(end, run[-1].end)
        if len(run) == 1:
            given.append((run[0], receivers))
        elif len(receivers) == len(run):
            given += [(level, (symbol,)) for level, symbol in zip(run, receivers, strict=True)]
    return [(level, receivers) for level, receivers in given if receivers]


def _runs(scene: _Scene, kind: Kind) -> list[list[Level]]:
    """The levels of a kind, those that are parts of one list together: "‘high’ and ‘low’"."""
    runs: list[list[Level]] = []
    for level in scene.statement.levels:
        if level.kind != kind:
            continue
        if runs and _BETWEEN_LEVELS.fullmatch(_gap(scene.plain, runs[-1][-1], level)):
            runs[-1].append(level)
        else:
            runs.append([level])
    return runs


def _gap(plain: str, one: Level, other: Level) -> str:
    """What stands between two levels; the comma of "‘bullish,’ ‘neutral’" is of the list."""
    comma = "," if "," in plain[one.start : one.end] else ""
    return comma + plain[one.end : other.start]


def _receivers(
    scene: _Scene,
    run: list[Level],
    bounds: tuple[int, int],
    given: list[tuple[Level, tuple[str, ...]]],
    sentiments: list[tuple[Level, tuple[str, ...]]],
) -> tuple[tuple[str, ...], int]:
    """The symbols that a run of levels is said of, and where the words that name them end.

    Args:
        scene: the sentence.
        run: levels of one kind that are listed together, mostly one.
        bounds: the end of what was used before, and the start of the next level of this kind.
        given: what the levels of this kind before in the sentence were given to.
        sentiments: the same of the sentiments, for a volume that is said beside one.
    """
    start, end = run[0].start, run[-1].end
    used, stop = bounds
    known = _symbols_of([pair for pair in (*sentiments, *given) if pair[0].start < start])
    known = known or _symbols_of(sentiments) or scene.before
    forward = _forward(scene, end, stop)
    if forward:
        return _resolved(forward, known), forward[-1].end
    kind = run[0].kind
    anchors = [a for a in scene.statement.anchors if a.kind == kind and used <= a.start < start]
    between = [r for r in scene.references if used <= r.start and r.end <= start]
    if anchors:
        anchor = anchors[-1]
        named = _topic(scene, anchor, (used, start))
        if named is None:
            return (), end
        if named:
            return _resolved(named, known), end
        if kind == "volume" and known:
            return _beside(run, given, sentiments) or known, end
        return _latest([r for r in scene.references if r.end <= start], scene.latest), end
    if kind == "volume" and len(run) > 1 and sentiments:
        return _beside(run, given, sentiments), end
    if between:
        return _resolved(_linked_back(scene.plain, between), known), end
    if given and not _ANEW.search(scene.plain[given[-1][0].end : start]):
        return given[-1][1], end
    if kind == "volume":
        return _beside(run, given, sentiments) or known, end
    return scene.before or scene.latest, end


def _beside(
    run: list[Level],
    given: list[tuple[Level, tuple[str, ...]]],
    sentiments: list[tuple[Level, tuple[str, ...]]],
) -> tuple[str, ...]:
    """Whom the last sentiment before a volume is said of; before a list of volumes, every one."""
    earlier = [pair for pair in sentiments if pair[0].start < run[0].start]
    if len(run) > 1:
        return _symbols_of(earlier)
    return earlier[-1][1] if earlier else _symbols_of(given)


def _symbols_of(pairs: Sequence[tuple[Level, tuple[str, ...]]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(symbol for _, symbols in pairs for symbol in symbols))


def _resolved(references: Sequence[Reference], known: tuple[str, ...]) -> tuple[str, ...]:
    """The references' symbols; one without its own ("across the board") means those spoken of."""
    symbols = [symbol for r in references for symbol in (r.symbols or known)]
    return tuple(dict.fromkeys(symbols))


def _forward(scene: _Scene, end: int, stop: int) -> list[Reference]:
    """The references that a level is followed by: "‘neutral’ for SPY and QQQ"."""
    noun = _LEVEL_NOUN.match(scene.plain, end)
    ahead = [r for r in scene.references if end <= r.start < stop]
    if noun is None or not ahead:
        return []
    if not ahead[0].named and ahead[0].start == noun.end():
        return ahead[:1]
    match = _PREPOSITION.match(scene.plain, noun.end())
    if match is None:
        return []
    gap = scene.plain[match.end() : ahead[0].start]
    if len(gap) > _MAX_GAP or re.search("[;:]", gap) or _VERB.search(gap):
        return []
    linked = _linked(scene.plain, ahead)
    if stop < len(scene.plain) and len(linked) > 1:
        last = linked[-1]
        if _GOES_ON.match(scene.plain, last.end):
            # "‘bullish’ for SPY and QQQ was ‘bearish’": the last one belongs to what follows.
            linked = [r for r in linked if r.symbols != last.symbols]
    return linked


def _topic(scene: _Scene, anchor: Anchor, bounds: tuple[int, int]) -> list[Reference] | None:
    """What the sentiment or volume is of: "retail sentiment on SPY", "SPY’s retail sentiment".

    Empty when the sentence does not say, None when it is of something that is no known ticker.
    """
    within = [r for r in scene.references if bounds[0] <= r.start and r.end <= bounds[1]]
    after = [r for r in within if r.start >= anchor.end]
    if after and not _VERB.search(scene.plain[anchor.end : after[0].start]):
        return _linked(scene.plain, after)
    if _OBJECT.match(scene.plain, anchor.end):
        return None
    earlier = [r for r in within if r.end <= anchor.start]
    if earlier:
        run = _linked_back(scene.plain, earlier)
        gap = scene.plain[run[-1].end : anchor.start]
        lead = scene.plain[max(0, run[0].start - 100) : run[0].start] + " "
        led_in = _LED_IN.search(lead) and not _VERB.search(gap) and len(gap) <= _MAX_GAP
        if led_in or _OF_ITS_OWN.fullmatch(gap):
            return run
    if _POSSESSOR.search(scene.plain[max(0, anchor.start - 60) : anchor.start]):
        return None
    return []


def _linked(plain: str, references: Sequence[Reference]) -> list[Reference]:
    """The first references of a list, up to where the list ends: "SPY, QQQ and DIA"."""
    run = [references[0]]
    for reference in references[1:]:
        if not _is_link(plain[run[-1].end : reference.start], run[-1], reference):
            break
        run.append(reference)
    return run


def _linked_back(plain: str, references: Sequence[Reference]) -> list[Reference]:
    """The last references of a list, from where the list begins."""
    run = [references[-1]]
    for reference in reversed(references[:-1]):
        if not _is_link(plain[reference.end : run[0].start], reference, run[0]):
            break
        run.insert(0, reference)
    return run


def _is_link(gap: str, one: Reference, other: Reference) -> bool:
    """Whether nothing but "and", commas and a name stands between two references."""
    if len(gap) > _MAX_GAP or re.search(r"[;:()\"“”‘]", gap):
        return False
    if one.symbols != other.symbols and not re.search(r",|/|&|\b(?:and|or|plus)\b", gap):
        return False
    words = re.findall(r"\w+", gap)
    return all(word in _LINKS or word[0].isupper() or word[0].isdigit() for word in words)

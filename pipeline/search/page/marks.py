"""Text with marks in it, as HTML: escaped first to last, marked by offsets, never raw HTML."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

from pipeline.article import EnrichedArticle, Mention, TextField
from pipeline.index.highlight import Highlight


class Mark(NamedTuple):
    """A span of a text, [start, end) in code points; `kind` is its class, `label` its title."""

    start: int
    end: int
    kind: str = ""
    label: str = ""


def marked(text: str, marks: Iterable[Mark]) -> Markup:
    """The text with marks around its spans; without its tags it is the text as it was.

    Marks nest. One that begins within another and ends behind it is cut in two where that one ends.
    A span that is not within the text is left out.
    """
    waiting = [(m.start, -m.end, m) for m in marks if 0 <= m.start < m.end <= len(text)]
    heapq.heapify(waiting)
    parts: list[Markup] = []
    ends: list[int] = []
    position = 0

    def up_to(end: int) -> None:
        nonlocal position
        parts.append(escaped(text[position:end]))
        position = end

    def close() -> None:
        up_to(ends.pop())
        parts.append(Markup("</mark>"))

    while waiting:
        start, minus_end, mark = heapq.heappop(waiting)
        end = -minus_end
        while ends and ends[-1] <= start:
            close()
        if ends and end > ends[-1]:
            heapq.heappush(waiting, (ends[-1], -end, mark))
            end = ends[-1]
        up_to(start)
        parts.append(_opening(mark))
        ends.append(end)
    while ends:
        close()
    up_to(len(text))
    return Markup().join(parts)


def _opening(mark: Mark) -> Markup:
    named = Markup(' class="{}"').format(mark.kind) if mark.kind else Markup()
    titled = Markup(' title="{}"').format(mark.label) if mark.label else Markup()
    return Markup("<mark") + named + titled + Markup(">")


def escaped(text: str) -> Markup:
    """Text for HTML, also its carriage returns, which a parser would otherwise change."""
    return Markup(str(escape(text)).replace("\r", "&#13;"))  # noqa: S704 - it is escaped


def passage(found: Highlight) -> Markup:
    """A passage with what was searched for marked in it."""
    return marked(found.text, (Mark(start, end) for start, end in found.spans))


def passages(article: EnrichedArticle, found: Sequence[Highlight]) -> Markup:
    """Passages of an article's text, with dots where something is left out."""
    if not found:
        return Markup()
    before = "" if article.text.startswith(found[0].text) else "… "
    after = "" if article.text.endswith(found[-1].text) else " …"
    return Markup("{}{}{}").format(before, Markup(" … ").join(map(passage, found)), after)


def with_entities(article: EnrichedArticle, field: TextField) -> Markup:
    """An article's title or text with its entities and tickers marked."""
    text = (article.title if field == "title" else article.text) or ""
    marks = [
        Mark(mention.start, mention.end, entity.type, _label(entity.type, entity.name, mention))
        for entity in article.entities
        for mention in entity.mentions
        if mention.field == field
    ]
    marks += [
        Mark(mention.start, mention.end, "ticker", f"ticker: {ticker.symbol}, {ticker.name}")
        for ticker in article.tickers
        for mention in ticker.mentions
        if mention.field == field
    ]
    return marked(text, marks)


def _label(kind: str, name: str, mention: Mention) -> str:
    if isinstance(mention.amount, float | int):
        unit = mention.unit if isinstance(mention.unit, str) else ""
        return f"{kind}: {mention.amount:,.10g} {unit}".rstrip()
    return f"{kind}: {mention.value or name}" if mention.value else f"{kind}: {name}"

"""What people see on a terminal: results, articles, dead letters, progress."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from textwrap import shorten
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from pipeline.article import EnrichedArticle, Mention, Sentiment
from pipeline.index import FacetValue, Histogram, Hit, SearchResult
from pipeline.index.document import Document
from pipeline.index.highlight import Highlight
from pipeline.log.dead import DeadLetter
from pipeline.trends import Trend, Window

if TYPE_CHECKING:
    from pipeline.alerts.records import Alert, ShownSearch
    from pipeline.doctor.finding import Finding
    from pipeline.enrich.explain import Reason

WIDTH = 100
"""Columns where the output is no terminal."""

SHOWN_CHARACTERS = 240
"""So much of a sentence is shown as the reason of a label."""

LOG_SECONDS = 5.0
"""How often progress is told where there is no bar."""

out = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
err = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else WIDTH)

_STYLES = {"positive": "green", "negative": "red", "neutral": "dim"}
_SIGNS = {"positive": "▲", "negative": "▼", "neutral": "•"}
_ENTITY_STYLES = {
    "person": "bold magenta",
    "organization": "bold blue",
    "place": "bold green",
    "ticker": "bold yellow",
}
_LEVELS = {"ok": "green", "warning": "yellow", "problem": "bold red"}
_BARS = " ▁▂▃▄▅▆▇█"

logger = logging.getLogger(__name__)


class Advance(Protocol):
    """Tells how much is done, and how much there is in all where that is known."""

    def __call__(self, done: int, total: int | None = None, note: str = "") -> None:
        """`note` is a word on what happens now."""
        ...


def _silent(done: int, total: int | None = None, note: str = "") -> None:
    del done, total, note


@contextmanager
def bar(description: str) -> Iterator[Advance]:
    """A bar, where stderr is a terminal and what the command prints goes elsewhere."""
    if err.is_terminal and not sys.stdout.isatty():
        with progress(description) as advance:
            yield advance
        return
    yield _silent


@contextmanager
def progress(description: str) -> Iterator[Advance]:
    """A bar on a terminal; elsewhere a log line now and then."""
    if err.is_terminal:
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", style="dim"),
            console=err,
            transient=True,
        ) as shown:
            task = shown.add_task(description, total=None, note="")

            def advance(done: int, total: int | None = None, note: str = "") -> None:
                shown.update(task, completed=done, total=total, note=note)

            yield advance
        return
    told, last = time.monotonic(), ""

    def tell(done: int, total: int | None = None, note: str = "") -> None:
        nonlocal told, last
        if time.monotonic() - told >= LOG_SECONDS:
            told = time.monotonic()
            of = f" of {total:,}" if total is not None else ""
            line = ", ".join(filter(None, (f"{description}: {done:,}{of}", note)))
            if line != last:
                last = line
                logger.info("%s", line)

    yield tell


def show_reasons(article_id: str, reasons: Sequence[Reason]) -> None:
    """An article's labels, those of a kind together, each with the rule or model that gave it."""
    out.print(Text(article_id, "bold"))
    for label in dict.fromkeys(reason.label for reason in reasons):
        out.print(Text(f"\n{label}", "bold cyan"))
        for reason in reasons:
            if reason.label != label:
                continue
            value = Text(shorten(reason.value, SHOWN_CHARACTERS))
            out.print(Padding(value + Text(f"  {reason.by}", "dim"), (0, 2)))
            for words in reason.words:
                out.print(Padding(Text(f"“{shorten(words, SHOWN_CHARACTERS)}”", "dim"), (0, 6)))
    out.print()


def show_result(result: SearchResult, *, first: int = 1, collapsed: bool = False) -> None:
    """Hits with their passages, then facets and the histogram; `collapsed`: one of each group."""
    articles = "article" if result.total == 1 else "articles"
    how = ", near-duplicates once," if collapsed and result.total else ""
    out.print(
        Text.assemble((f"{result.total:,} {articles}", "bold"), f"{how} in {result.took_ms:g} ms")
    )
    for number, hit in enumerate(result.hits, first):
        _show_hit(number, hit)
    if result.total:
        out.print()
        _show_facets(result.facets)
        _show_histogram(result.histogram)
    if result.next:
        out.print(Text(f"more: --after {result.next}", "dim"))


def _show_hit(number: int, hit: Hit) -> None:
    article = hit.article
    out.print()
    titles = [passage for passage in hit.highlights if passage.field == "title"]
    heading = _marked(titles[0]) if titles else Text(headline(article))
    heading.stylize("bold")
    out.print(Text(f"{number}. ") + heading)
    facts = [Text(article.source), Text(_day(article.published_at)), _sentiment(article.sentiment)]
    facts += [Text(" ".join(article.symbols))] if article.symbols else []
    out.print(Padding(Text(" · ").join(facts), (0, 3)))
    for passage in hit.highlights:
        if passage.field == "text":
            out.print(Padding(Text("… ") + _marked(passage) + Text(" …"), (0, 3)))
    notes = [hit.id]
    notes += [f"duplicate of {article.duplicate_of}"] if article.duplicate_of else []
    if hit.duplicates:
        notes.append(f"and {hit.duplicates:,} near-duplicate{'s' if hit.duplicates > 1 else ''}")
    out.print(Padding(Text(" · ".join(notes), "dim"), (0, 3)))


def headline(article: EnrichedArticle, width: int = 90) -> str:
    """The title, or the beginning of the text of an article that has none."""
    text = article.title or article.text
    line = " ".join(text[: width * 2].split())
    return line if len(line) <= width else line[: width - 1].rsplit(" ", 1)[0] + "…"


def _marked(passage: Highlight) -> Text:
    """A passage with its spans in colour, or between asterisks where there is none."""
    if out.color_system is not None:
        text = Text(passage.text.replace("\n", " "))
        for start, end in passage.spans:
            text.stylize("bold yellow", start, end)
        return text
    parts, position = [], 0
    for start, end in passage.spans:
        parts += [passage.text[position:start], "**", passage.text[start:end], "**"]
        position = end
    return Text(" ".join(("".join(parts) + passage.text[position:]).split()))


def _show_facets(facets: Mapping[str, Sequence[FacetValue]]) -> None:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, values in facets.items():
        if values:
            shown = " · ".join(f"{value.value} {value.count}" for value in values)
            grid.add_row(name.replace("_", " "), Text(shown))
    out.print(grid)


def _show_histogram(histogram: Histogram) -> None:
    if not histogram.buckets:
        return
    most = max(bucket.count for bucket in histogram.buckets)
    bars = "".join(_BARS[-(-bucket.count * 8 // most)] for bucket in histogram.buckets)
    first, last = histogram.buckets[0].start, histogram.buckets[-1].start
    size = 16 if histogram.interval.endswith("h") else 10
    line = Text.assemble(("published".ljust(17), "bold"), f"{first[:size]} {bars} {last[:size]}")
    out.print(line + Text(f"  ({histogram.interval} each)", "dim"))


def show_article(article: Document) -> None:
    """An article with its entities and tickers marked in the text, and their table."""
    if article.title:
        out.print(_with_entities(article, "title"))
    facts = {
        "id": Text(article.id),
        "source": Text(article.source),
        "url": Text(article.url or ""),
        "published": Text(_day(article.published_at)),
        "language": Text(article.language or ""),
        "sentiment": _sentiment(article.sentiment),
        "topics": Text(", ".join(article.topics)),
        "duplicate of": Text(article.duplicate_of or ""),
    }
    grid = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        if value:
            grid.add_row(Text(name, "bold"), value)
    out.print(grid)
    out.print()
    out.print(_with_entities(article, "text"))
    if article.tickers:
        out.print()
        out.print(tickers_table(article))


def _with_entities(article: EnrichedArticle, field: str) -> Text:
    text = (article.title if field == "title" else article.text) or ""
    marks: list[tuple[str, Mention]] = [
        (entity.type, mention) for entity in article.entities for mention in entity.mentions
    ]
    marks += [("ticker", mention) for ticker in article.tickers for mention in ticker.mentions]
    marks = sorted((m for m in marks if m[1].field == field), key=lambda m: m[1].start)
    shown, position = Text(), 0
    for kind, mention in marks:
        if mention.start < position:
            continue
        shown.append(text[position : mention.start])
        if out.color_system is not None:
            shown.append(mention.text, _ENTITY_STYLES.get(kind, "underline"))
        else:
            shown.append(f"[{mention.text}|{kind}]")
        position = mention.end
    shown.append(text[position:])
    return shown


def tickers_table(article: EnrichedArticle) -> Table:
    """A table of an article's tickers with what is stated and what is measured of each."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("ticker", "name", "stated sentiment", "stated volume", "measured"):
        table.add_column(column)
    for ticker in article.tickers:
        table.add_row(
            ticker.symbol,
            ticker.name,
            (ticker.stated_sentiment or "–").replace("_", " "),
            (ticker.stated_message_volume or "–").replace("_", " "),
            _sentiment(ticker.sentiment),
        )
    return table


def show_trends(window: Window, trends: Sequence[Trend], newest: datetime | None) -> None:
    """What is said of tickers; where nothing is, when the newest article was published."""
    out.print(f"[bold]{_minute(window.start)} to {_minute(window.end)} UTC[/]")
    if not trends:
        hint = (
            f"; the newest article is of {_day(newest)}: --at {newest:%Y-%m-%d}" if newest else ""
        )
        out.print(f"no article names a ticker{hint}")
        return
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("ticker", style="bold yellow")
    table.add_column("articles", justify="right")
    table.add_column("mean sentiment", justify="right")
    table.add_column("stated of it")
    table.add_column("named with it", overflow="fold")
    for trend in trends:
        mean, stated = trend.mean_sentiment, trend.stated_sentiments.items()
        table.add_row(
            trend.symbol,
            f"{trend.articles:,}",
            "–" if mean is None else f"{mean:+.2f}",
            ", ".join(f"{level.replace('_', ' ')} {count:,}" for level, count in stated),
            ", ".join(f"{entity.name} {entity.count:,}" for entity in trend.entities[:4]),
        )
    out.print(table)


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def show_letters(letters: Sequence[DeadLetter]) -> None:
    """A table of dead letters."""
    if not letters:
        out.print("no dead letters")
        return
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("letter", "article", "when", "stage", "error", "message"):
        table.add_column(column, overflow="fold")
    for letter in letters:
        when = datetime.fromtimestamp(letter.dead_at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(
            letter.ref,
            Text(letter.key or "–"),
            when,
            Text(letter.stage),
            Text(letter.error),
            Text(letter.message),
        )
    out.print(table)


def show_searches(searches: Sequence[ShownSearch]) -> None:
    """A table of saved searches."""
    if not searches:
        out.print("no saved searches; `newsloom alerts add` saves one")
        return
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("name", "query", "filters", "published", "webhook", "saved"):
        table.add_column(column, overflow="fold")
    for search in searches:
        filters = [f"{facet}: {' or '.join(values)}" for facet, values in search.filters.items()]
        since, until = search.since, search.until
        table.add_row(
            Text(search.name),
            Text(search.query or "–"),
            Text("\n".join(filters) or "–"),
            f"{_day(since) if since else ''}–{_minute(until) if until else ''}",
            Text(search.webhook or "–"),
            _minute(search.created_at),
        )
    out.print(table)


def show_alert(alert: Alert) -> None:
    """An alert as it comes: what it is of, and why it matched."""
    titles = [passage for passage in alert.highlights if passage.field == "title"]
    heading = _marked(titles[0]) if titles else Text(alert.title or alert.summary or "untitled")
    heading.stylize("bold")
    out.print(Text(f"{alert.search}: ", "bold cyan") + heading)
    facts = [Text(alert.source), Text(_day(alert.published_at))]
    facts += [Text(", ".join(values)) for values in alert.labels.values()]
    out.print(Padding(Text(" · ").join(facts), (0, 3)))
    for passage in alert.highlights:
        if passage.field == "text":
            out.print(Padding(Text("… ") + _marked(passage) + Text(" …"), (0, 3)))
    notes = [alert.article_id, *([alert.url] if alert.url else [])]
    out.print(Padding(Text(" · ".join(notes), "dim"), (0, 3)))


def show_finding(finding: Finding) -> None:
    """One finding of `newsloom doctor`: its level, what it is about, and what to do."""
    level = Text(f"{finding.level:8}", _LEVELS[finding.level])
    out.print(level + Text(f" {finding.about}: {finding.message}", style=""), soft_wrap=True)
    if finding.remedy:
        out.print(Text(f"{'':8} → {finding.remedy}", "bold"), soft_wrap=True)


def _sentiment(sentiment: Sentiment | None) -> Text:
    if sentiment is None:
        return Text("–")
    sign = _SIGNS[sentiment.label]
    return Text(f"{sign} {sentiment.label} {sentiment.score:+.2f}", _STYLES[sentiment.label])


def _day(moment: datetime | None) -> str:
    if moment is None:
        return "undated"
    at_midnight = (moment.hour, moment.minute, moment.second) == (0, 0, 0)
    return moment.strftime("%Y-%m-%d" if at_midnight else "%Y-%m-%d %H:%M")

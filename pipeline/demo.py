"""The bundled samples through every step, and what comes out of each."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import msgspec
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from pipeline.article import (
    ARTICLES_DEAD,
    ARTICLES_ENRICHED,
    ARTICLES_RAW,
    EnrichedArticle,
    Rejection,
)
from pipeline.config import Settings
from pipeline.index import Index, open_index
from pipeline.index.document import Document
from pipeline.index.query import Query
from pipeline.local import Service
from pipeline.log import open_log
from pipeline.sources import read
from pipeline.terminal import out, progress, show_result

QUERY = "tariffs"


def run(settings: Settings) -> None:
    """Produces, enriches and indexes the samples, then shows counts, labels, a search, a record.

    Raises:
        NewsloomError: the data folder can't be used, or another service uses it.
    """
    rejected: list[Rejection] = []
    with as_file(files("pipeline").joinpath("samples")) as folder:
        service = Service(
            settings,
            inputs=lambda: read([folder], max_body_bytes=settings.max_body_bytes),
            rejected=rejected.append,
        )
        with progress("samples") as advance:
            service.run(drain=True, tick=lambda counts: advance(counts.indexed))
        index = open_index(settings)
        _heading("Stages")
        out.print(_stages(settings, index, service, rejected))
        for rejection in rejected:
            name = Path(rejection.input or "").name
            place = f"{name}, line {rejection.line}" if rejection.line else name
            out.print(Text(f"  rejected: {place}: {rejection.message}", "dim"), soft_wrap=True)
    everything = index.search(Query(size=1000))
    articles = [hit.article for hit in everything.hits]
    _heading("Tickers, as the sources state them")
    out.print(_tickers(articles))
    _heading("Who and where")
    for facet in ("person", "organization", "place"):
        shown = " · ".join(f"{value.value} {value.count}" for value in everything.facets[facet])
        out.print(Text.assemble((f"{facet:<14}", "bold"), shown), soft_wrap=True)
    _heading(f"newsloom search {QUERY} --size 3")
    show_result(index.search(Query(text=QUERY, size=3)))
    _heading("A record of the enriched topic (newsloom tail enriched --from-beginning)")
    out.print(_record(articles))
    _heading("Try next")
    program = "newsloom" if shutil.which("newsloom") else os.path.relpath(sys.argv[0])
    option = f" --data {settings.data}" if settings.data != Settings().data else ""
    for command in (
        f"newsloom serve{option}    # and http://127.0.0.1:8710 in a browser",
        f"newsloom search{option} '\"trade talks\" OR summit' --from 2025-07-01",
        f"newsloom show{option} {articles[0].id}",
        "echo 'Retail sentiment on $AAPL was ‘bullish’.' | newsloom annotate -",
    ):
        out.print(Text("  " + command.replace("newsloom", program, 1)), soft_wrap=True)


def _heading(text: str) -> None:
    out.print()
    out.print(Text(text, "bold cyan"))


def _stages(settings: Settings, index: Index, service: Service, rejected: list[Rejection]) -> Table:
    log = open_log(settings)
    on_topic = {
        topic: log.consume(topic).lag()
        for topic in (ARTICLES_RAW, ARTICLES_ENRICHED, ARTICLES_DEAD)
    }
    log.close()
    counts = service.counts
    read_in_all = counts.accepted + counts.unchanged + len(rejected)
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(justify="right")
    table.add_column(style="dim")
    new = f"{counts.accepted} new, {counts.unchanged} unchanged since last time"
    table.add_row("samples read", str(read_in_all), "")
    table.add_row("rejected", str(len(rejected)), "one line each below")
    table.add_row("on the raw topic", str(on_topic[ARTICLES_RAW]), new)
    table.add_row(
        "on the enriched topic", str(on_topic[ARTICLES_ENRICHED]), "the latest version of each"
    )
    table.add_row("dead letters", str(on_topic[ARTICLES_DEAD]), "")
    table.add_row("searchable", str(index.count()), "")
    return table


def _tickers(articles: Sequence[EnrichedArticle]) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("ticker", "name", "stated sentiment", "message volume", "published"):
        table.add_column(column)
    rows = {
        (
            ticker.symbol,
            ticker.name,
            (ticker.stated_sentiment or "–").replace("_", " "),
            (ticker.stated_message_volume or "–").replace("_", " "),
            article.published_at.strftime("%Y-%m-%d") if article.published_at else "undated",
        )
        for article in articles
        for ticker in article.tickers
        if ticker.stated_sentiment or ticker.stated_message_volume
    }
    for row in sorted(rows, key=lambda row: (row[4], row[0])):
        table.add_row(*row)
    return table


def _record(articles: Sequence[Document]) -> Syntax | Text:
    """One record, without the long lists, as a subscriber reads it."""
    article = max(articles, key=lambda article: len(article.ticker_sentiments))
    record = msgspec.to_builtins(article)
    record.pop("duplicate_of")  # the sink has set it
    for field in ("text", "summary"):
        record[field] = record[field][:80] + "…"
    record["signature"] = _shortened(record["signature"])
    for field in ("entities", "tickers"):
        for labelled in record[field]:
            labelled["mentions"] = _shortened(labelled["mentions"])
        record[field] = _shortened(record[field])
    text = msgspec.json.format(msgspec.json.encode(record)).decode()
    if out.color_system is None:
        return Text(text)
    return Syntax(text, "json", background_color="default", word_wrap=True)


def _shortened(values: list[Any]) -> list[Any]:
    return values if len(values) < 2 else [values[0], f"… {len(values) - 1} more"]

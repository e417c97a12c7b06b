"""The site that browser tests visit: all samples, and articles that were written to do harm."""

from __future__ import annotations

from pathlib import Path

from pipeline.article import Entity, Mention, Ticker
from pipeline.config import Settings, path_of
from pipeline.index.tantivy.writer import open_writer
from pipeline.local import Service
from pipeline.sources import read
from tests.conftest import SAMPLES, enriched

JAPAN_DEAL = "ledgerline-2025-07-23-japan"
"""A sample with a title, a link, many entities and a near-duplicate."""

MOODS = "crowd-mood-01"
"""A sample that states sentiment and volume of three tickers."""

SCRIPT = "<script>alert('harm')</script>"

HARMFUL = enriched(
    "harm/../1?x=%2F#y",
    source=f"wire {SCRIPT}",
    url="javascript:alert('harm')",
    title=f"Harmful {SCRIPT} <img src=x onerror=alert('harm')>",
    text=f"{SCRIPT} Brackets & \"quotes\" 'n' </div></article><style>*{{color:red}}</style> here.",
    summary=f"In short {SCRIPT}",
    people=[f"Eve {SCRIPT}"],
    symbols=["EV<L>"],
    topics=[f"harm{SCRIPT}"],
    metadata={f"key{SCRIPT}": f"value{SCRIPT}"},
    entities=[
        Entity(
            type="person", id="eve", name=f'Eve" onmouseover="alert(1) {SCRIPT}', count=1,
            mentions=[Mention(field="text", start=0, end=8, text="<script>")],
        ),
        Entity(
            type="organization", id="e2", name="Two", count=1,
            mentions=[Mention(field="text", start=4, end=40, text="…")],
        ),
    ],
    tickers=[
        Ticker(
            symbol="EV<L>", name=f"Evil {SCRIPT}",
            mentions=[Mention(field="text", start=31, end=39, text="Brackets")],
        )
    ],
)  # fmt: skip


def filled(folder: Path, *, harmful: bool = True) -> Settings:
    """A data folder with all samples enriched and indexed."""
    settings = Settings(data=folder, processes=1)
    Service(
        settings,
        inputs=lambda: read([SAMPLES], max_body_bytes=settings.max_body_bytes),
        rejected=lambda _: None,
    ).run(drain=True)
    if harmful:
        writer, _ = open_writer(path_of(settings.index_url, "tantivy"))
        writer.add([HARMFUL])
        writer.commit()
        writer.close()
    return settings

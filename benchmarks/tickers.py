"""Lists every ticker that is read in articles, and every listed company that is only named.

    python -m benchmarks.tickers [PATH ...]

A path is what `newsloom` reads, or FiNER-ORD as CSV; without one, the samples that come along.
Hand-made judgement is the measure: each line gives the symbol, its company and the words around it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from benchmarks import entities as finer
from benchmarks.table import show
from pipeline.article import Clock, EnrichedArticle, Mention, RawArticle, Submission, settle
from pipeline.enrich import Enricher
from pipeline.enrich.tickers.tickers import company_name
from pipeline.errors import Rejected
from pipeline.profiles import Profiles
from pipeline.sources import files

SAMPLES = Path(__file__).parent.parent / "pipeline" / "samples"
_AROUND = 34
_BATCH = 32
_LARGEST = 1 << 20  # bytes


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("paths", type=Path, nargs="*", default=[SAMPLES])
    enriched = list(_enriched(parser.parse_args().paths))
    symbols = list(_symbols(enriched))
    show(f"{len(symbols)} tickers", ["symbol", "name", "where"], symbols)
    related = list(_related(enriched))
    show(f"{len(related)} companies that are only named", ["symbol", "name", "where"], related)


def _enriched(paths: Sequence[Path]) -> Iterator[EnrichedArticle]:
    enricher = Enricher(Profiles([]))
    articles = list(_articles(paths))
    for first in range(0, len(articles), _BATCH):
        for article in enricher.enrich(articles[first : first + _BATCH]):
            if isinstance(article, EnrichedArticle):
                yield article


def _articles(paths: Sequence[Path]) -> Iterator[RawArticle]:
    clock = Clock()
    for path in paths:
        for submission in _submissions(path):
            with suppress(Rejected):
                yield settle(submission, source="", clock=clock, max_body_bytes=_LARGEST)


def _submissions(path: Path) -> Iterable[Submission]:
    if path.suffix == ".csv" and path.read_bytes().startswith(b"document_id"):
        return [Submission(body=finer.join(rows)) for rows in finer.read(path)]
    found = files.read([path], max_body_bytes=_LARGEST)
    return (each.value for each in found if isinstance(each.value, Submission))


def _symbols(articles: Iterable[EnrichedArticle]) -> Iterator[tuple[str, str, str]]:
    for article in articles:
        for ticker in article.tickers:
            for mention in ticker.mentions:
                yield ticker.symbol, ticker.name, _context(article, mention)


def _related(articles: Iterable[EnrichedArticle]) -> Iterator[tuple[str, str, str]]:
    for article in articles:
        for entity in article.entities:
            if entity.type == "organization" and entity.id in article.related_symbols:
                name = company_name(entity.id) or ""
                yield entity.id, name, _context(article, entity.mentions[0])


def _context(article: EnrichedArticle, mention: Mention) -> str:
    text = (article.title if mention.field == "title" else article.text) or ""
    around = text[max(0, mention.start - _AROUND) : mention.end + _AROUND // 2]
    return " ".join(around.split())


if __name__ == "__main__":
    main()

"""Articles with their labels at once: no topic, no index. For trying out and for scripts."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from pipeline.article import Clock, RawArticle, Rejection
from pipeline.config import Settings
from pipeline.enrich import Enricher, records
from pipeline.enrich.explain import Reason
from pipeline.enrich.sentiment.measured import open_model
from pipeline.enrichment import enrichers
from pipeline.errors import Rejected
from pipeline.producer import settled
from pipeline.profiles import load_profiles
from pipeline.sources import Located
from pipeline.workers import GivenUp, batches

WAIT_SECONDS = 1.0


def annotate(inputs: Iterable[Located], settings: Settings) -> Iterator[records.Result]:
    """Each input with its labels or its rejection, in order; no topic and no index are involved.

    One batch is done in this process; more are done by all worker processes.
    """
    clock, profiles = Clock(), load_profiles(settings.profiles)
    articles = ((located, settled(located, settings, profiles, clock)) for located in inputs)
    coming = batches(articles, _size)
    first, second = next(coming, []), next(coming, [])
    if not second:
        yield from _answers(
            first, records.load(settings.profiles, settings.sentiment)(_values(first))
        )
        return
    waiting = deque([first, second])
    with enrichers(settings) as workers:
        for batch in waiting:
            workers.submit(_values(batch))
        while waiting:
            while workers.wants_more and (batch := next(coming, [])):
                workers.submit(_values(batch))
                waiting.append(batch)
            if (results := workers.collect(WAIT_SECONDS)) is not None:
                yield from _answers(waiting.popleft(), results)


def explain(
    inputs: Iterable[Located], settings: Settings
) -> Iterator[tuple[str, list[Reason]] | Rejection]:
    """Each input's id with the reasons of its labels, or its rejection, in order."""
    clock, profiles = Clock(), load_profiles(settings.profiles)
    enricher = Enricher(profiles, open_model(settings.sentiment))
    for located in inputs:
        raw = settled(located, settings, profiles, clock)
        if isinstance(raw, Rejection):
            yield raw
            continue
        try:
            yield raw.id, enricher.explain(raw)
        except Rejected as error:
            yield located.rejection(error.reason, str(error), raw.id)


_Settled = tuple[Located, RawArticle | Rejection]


def _values(batch: Sequence[_Settled]) -> list[bytes]:
    return [msgspec.json.encode(raw) for _, raw in batch if isinstance(raw, RawArticle)]


def _size(item: _Settled) -> int:
    return len(item[1].body) if isinstance(item[1], RawArticle) else 0


def _answers(
    batch: Sequence[_Settled], results: Sequence[records.Result | GivenUp]
) -> Iterator[records.Result]:
    labelled = iter(results)
    for located, raw in batch:
        if isinstance(raw, Rejection):
            yield raw
            continue
        result = next(labelled)
        if isinstance(result, records.EnrichedRecord):
            yield result
        else:
            yield located.rejection(result.reason, result.message, raw.id)

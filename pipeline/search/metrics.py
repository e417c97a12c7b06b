"""What Prometheus asks for: the counters, and how much there is and waits now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest

from pipeline.article import ARTICLES_ENRICHED, ARTICLES_RAW
from pipeline.config import Settings, path_of
from pipeline.errors import NewsloomError
from pipeline.log import open_log
from pipeline.maintenance import ENRICHERS, index_group
from pipeline.search.context import InContext
from pipeline.search.openapi import METRICS

router = APIRouter(default_response_class=Response)


@router.get("/metrics", openapi_extra=METRICS)
def metrics(context: InContext) -> Response:
    """Counters of this server, in the text format of Prometheus."""
    found = context.metrics
    found.streams.set(len(context.streams))
    _set(found.documents, context.index.count)
    for step, lag in _lags(context.settings):
        _set(found.lag.labels(step), lag)
    return Response(generate_latest(found.registry), media_type=CONTENT_TYPE_LATEST)


def _set(gauge: Gauge, ask: Callable[[], float]) -> None:
    """The value as it is now; NaN while nobody can tell."""
    value = float("nan")
    with suppress(NewsloomError):
        value = ask()
    gauge.set(value)


def _lags(settings: Settings) -> Iterator[tuple[str, Callable[[], float]]]:
    """What can be asked at little cost: of an embedded log. Workers tell of theirs on servers."""
    if not settings.log_url.startswith("sqlite:"):
        return

    def of(topic: str, group: str) -> int:
        log = open_log(settings, create=False)
        try:
            return log.consume(topic, group).lag()
        finally:
            log.close()

    yield "enrich", lambda: of(ARTICLES_RAW, ENRICHERS)
    if settings.index_url.startswith("tantivy:"):
        from pipeline.index.tantivy.folder import current

        folder = path_of(settings.index_url, "tantivy")
        yield "index", lambda: of(ARTICLES_ENRICHED, index_group(current(folder)))

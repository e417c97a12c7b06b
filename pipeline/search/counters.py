"""What is counted of requests, and what counts them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from http import HTTPStatus

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LASTING = "/api/stream"
"""How long a stream lasts says nothing of how fast answers are."""

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """Counters of one application, in a registry of its own."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "newsloom_http_requests",
            "Requests that were answered.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "newsloom_http_request_seconds",
            "From a request's headers to the end of its answer; streams are left out.",
            ("route",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "newsloom_http_in_flight", "Requests that are being answered.", registry=self.registry
        )
        self.streams = Gauge(
            "newsloom_http_streams", "Streams that are open.", registry=self.registry
        )
        self.articles = Counter(
            "newsloom_http_articles",
            "Articles that were posted.",
            ("outcome",),
            registry=self.registry,
        )
        self.documents = Gauge(
            "newsloom_index_documents", "Articles in the index.", registry=self.registry
        )
        self.lag = Gauge(
            "newsloom_lag",
            "Records that a step of the embedded service has not done yet.",
            ("step",),
            registry=self.registry,
        )

    def produced(self, counts: Mapping[str, int]) -> None:
        """Counts what became of the articles of a request."""
        for outcome, count in counts.items():
            self.articles.labels(outcome).inc(count)


class Measured:
    """Counts every request that an application answers.

    Args:
        app: the application.
        metrics: takes the counts.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        begun = time.perf_counter()
        status = HTTPStatus.INTERNAL_SERVER_ERROR.value

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with self._metrics.in_flight.track_inprogress():
            try:
                await self._app(scope, receive, noted)
            finally:
                route = getattr(scope.get("route"), "path", "other")
                method = scope["method"] if scope["method"] in METHODS else "other"
                self._metrics.requests.labels(route, method, status).inc()
                if route != LASTING:
                    self._metrics.seconds.labels(route).observe(time.perf_counter() - begun)

"""The application that `newsloom serve` runs: the API's routes and the page's."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from pipeline import __version__
from pipeline.config import Settings
from pipeline.errors import ConfigurationError, NewsloomError
from pipeline.search import alerts_api, api, health, metrics, page, produce
from pipeline.search.access import LOOPBACK_NAMES, Access
from pipeline.search.answers import problem, retry_after
from pipeline.search.context import Context
from pipeline.search.counters import Measured
from pipeline.search.faults import Faults
from pipeline.search.headers import SecurityHeaders
from pipeline.search.limits import BodyLimit, RateLimit
from pipeline.search.openapi import documented
from pipeline.search.token import Token

RETRY_SECONDS = 5


def create_app(settings: Settings, *, loopback: bool = True) -> FastAPI:
    """The application over the log and index of `settings`; opens both when they are first needed.

    No route asks a server of others for anything: the OpenAPI document is at /api/openapi.json,
    without the page that FastAPI would load from elsewhere to show it.

    Args:
        settings: where everything is, and who may ask.
        loopback: only programs of this machine reach it.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    app = FastAPI(
        title="newsloom",
        version=__version__,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.context = context = Context(settings)
    app.state.token = token = Token(settings.token)
    for part in (api, produce, health, metrics):
        app.include_router(part.router)
    app.state.alerts = alerts_api.Desk(settings)
    app.include_router(alerts_api.router)
    app.add_exception_handler(HTTPException, _as_said)
    app.add_exception_handler(ConfigurationError, _wrong_request)
    app.add_exception_handler(NewsloomError, _try_again)
    app.openapi = documented(app, with_token=bool(token))  # type: ignore[assignment]

    # The last one is the first that a request comes to.
    app.add_middleware(BodyLimit, most=settings.request_bytes)
    app.add_middleware(Access, token=token, names=_names(settings, loopback=loopback))
    app.add_middleware(RateLimit, rate=settings.request_rate)
    app.add_middleware(Faults)
    app.add_middleware(Measured, metrics=context.metrics)
    app.add_middleware(SecurityHeaders)

    page.install(app)
    return app


def _names(settings: Settings, *, loopback: bool) -> frozenset[str] | None:
    """The host names that requests may be for; None: any, where the token is what counts."""
    hosts = {name for host in settings.hosts.split(",") if (name := host.strip().lower())}
    return LOOPBACK_NAMES | hosts if loopback or hosts else None


def _as_said(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, HTTPException)
    return problem(error.status_code, error.detail, error.headers)


def _wrong_request(request: Request, error: Exception) -> Response:
    del request
    return problem(422, str(error))


def _try_again(request: Request, error: Exception) -> Response:
    del request
    return problem(503, str(error), retry_after(RETRY_SECONDS))

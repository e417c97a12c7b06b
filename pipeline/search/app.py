"""The application that `newsloom serve` runs: the API's routes and the page's."""

from __future__ import annotations

import msgspec
from fastapi import FastAPI, Request, Response

from pipeline import __version__
from pipeline.config import Settings
from pipeline.errors import ConfigurationError, IndexDamaged, Transient
from pipeline.search import alerts_api, api, page
from pipeline.search.context import Context


def create_app(settings: Settings) -> FastAPI:
    """The application over the log and index of `settings`; opens both when they are first needed.

    No route asks a server of others for anything: the OpenAPI document is at /api/openapi.json,
    without the page that FastAPI would load from elsewhere to show it.
    """
    app = FastAPI(
        title="newsloom",
        version=__version__,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.context = Context(settings)
    app.state.alerts = alerts_api.Desk(settings)
    app.include_router(api.router, prefix="/api")
    app.include_router(alerts_api.router, prefix="/api")
    app.add_exception_handler(ConfigurationError, _wrong_request)
    app.add_exception_handler(Transient, _try_again)
    app.add_exception_handler(IndexDamaged, _try_again)

    page.install(app)
    return app


def _wrong_request(request: Request, error: Exception) -> Response:
    del request
    return Response(msgspec.json.encode({"detail": str(error)}), 422, media_type="application/json")


def _try_again(request: Request, error: Exception) -> Response:
    del request
    return Response(msgspec.json.encode({"detail": str(error)}), 503, media_type="application/json")

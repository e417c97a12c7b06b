"""The OpenAPI document: what FastAPI does not know of parameters, bodies and answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from pipeline.alerts.recent import MOST
from pipeline.alerts.records import Alert, JustSaved, ShownSearch
from pipeline.article import SentimentLabel, StatedSentiment, Submission
from pipeline.index import FacetValue, SearchResult
from pipeline.index.document import Document
from pipeline.index.query import FACETS, Sort
from pipeline.search.parameters import MOST_CHARACTERS, MOST_HITS, MOST_VALUES, VALUE_CHARACTERS
from pipeline.search.records import Live, NewSearch, NothingProduced, Problem, Produced, Ready
from pipeline.trends import Trend, WindowName

MOST_SUGGESTIONS = 100
MOST_TRENDS = 100
PREFIX_CHARACTERS = 100

_RECORDS = (
    SearchResult,
    Document,
    FacetValue,
    Trend,
    Submission,
    Produced,
    NothingProduced,
    Problem,
    Live,
    Ready,
    ShownSearch,
    NewSearch,
    JustSaved,
    Alert,
)
_LEVELS = {"sentiment": get_args(SentimentLabel), "stated_sentiment": get_args(StatedSentiment)}

_PLACE = "#/components/schemas/{name}"

Schema = dict[str, Any]


def _ref(name: str) -> Schema:
    return {"$ref": _PLACE.format(name=name)}


def _parameter(name: str, description: str, schema: Schema, where: str = "query") -> Schema:
    return {
        "name": name,
        "in": where,
        "required": where == "path",
        "description": description,
        "schema": schema,
    }


def _answer(description: str, schema: Schema, media: str = "application/json") -> Schema:
    return {"description": description, "content": {media: {"schema": schema}}}


def _problem(description: str) -> Schema:
    return _answer(description, _ref("Problem"))


def _later(description: str) -> Schema:
    header = {"description": "Seconds until it is worth another try.", "schema": {"type": "string"}}
    return {**_problem(description), "headers": {"Retry-After": header}}


_ALWAYS = {
    "400": _problem("The request is for another host, or no HTTP."),
    "429": _later("The client sends too many requests."),
    "500": _problem("A mistake of ours."),
}
_INDEXED = {
    **_ALWAYS,
    "401": _problem("The token is missing."),
    "422": _problem("A parameter is wrong; the detail names it."),
    "503": _later("The index does not answer, there is none yet, or it is asked too much."),
}
_OF_ANOTHER_SITE = {"403": _problem("A browser sends this for a page of another site.")}
_MOMENT = {"anyOf": [{"type": "string", "format": f} for f in ("date", "date-time")]}
_WORD: Schema = {"type": "string", "maxLength": VALUE_CHARACTERS}
_YES = {"type": "boolean", "default": False}


def _facet(name: str) -> Schema:
    values = {"type": "string", "enum": list(_LEVELS[name])} if name in _LEVELS else _WORD
    shown = name.replace("_", " ")
    return _parameter(
        name,
        f"Only with this {shown}; repeated: with any of them.",
        {"type": "array", "items": values, "maxItems": MOST_VALUES // len(FACETS)},
    )


def _size(most: int, default: int, least: int = 0) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most, "default": default}


_FACETS = [_facet(name) for name in FACETS]

SEARCH: Schema = {
    "parameters": [
        _parameter(
            "q",
            'Words, "phrases", -word, OR; empty: all articles.',
            {"type": "string", "maxLength": MOST_CHARACTERS},
        ),
        *_FACETS,
        _parameter("from", "Published on or after this day or moment.", _MOMENT),
        _parameter("to", "Published on or before this day or moment.", _MOMENT),
        _parameter(
            "sort",
            "Order; without words relevance is newest.",
            {"type": "string", "enum": list(get_args(Sort)), "default": "relevance"},
        ),
        _parameter(
            "recent",
            "The score halves with each such span of age before `to`, or today: 12h, 7d, 4w.",
            {"type": "string", "pattern": r"^[1-9]\d{0,3}[hdw]$"},
        ),
        _parameter("collapse", "Of near-duplicates only the first.", _YES),
        _parameter("size", "How many hits.", _size(MOST_HITS, 10)),
        _parameter("after", "The page behind: `next` of the one before.", {"type": "string"}),
    ],
    "responses": {"200": _answer("What was found.", _ref("SearchResult")), **_INDEXED},
}

ARTICLE: Schema = {
    "parameters": [_parameter("article_id", "Percent-encoded.", {"type": "string"}, "path")],
    "responses": {
        "200": _answer("The article.", _ref("Document")),
        **_INDEXED,
        "404": _problem("There is no such article, or it was withdrawn."),
    },
}

SUGGEST: Schema = {
    "parameters": [
        _parameter(
            "q",
            "What they begin with, in whatever case.",
            {"type": "string", "maxLength": PREFIX_CHARACTERS},
        ),
        _parameter("size", "How many.", _size(MOST_SUGGESTIONS, 10)),
    ],
    "responses": {
        "200": _answer("The most frequent first.", {"type": "array", "items": _ref("FacetValue")}),
        **_INDEXED,
    },
}

TRENDS: Schema = {
    "parameters": [
        _parameter(
            "symbol",
            "Of this ticker; can be repeated.",
            {"type": "array", "items": _WORD, "maxItems": MOST_TRENDS},
        ),
        _parameter(
            "window",
            "How long.",
            {"type": "string", "enum": list(get_args(WindowName)), "default": "24h"},
        ),
        _parameter("at", "The day or moment that it ends with, not now.", _MOMENT),
        _parameter("size", "How many tickers, where none is named.", _size(MOST_TRENDS, 10, 1)),
    ],
    "responses": {
        "200": _answer("One for each ticker.", {"type": "array", "items": _ref("Trend")}),
        **_INDEXED,
    },
}

STREAM: Schema = {
    "parameters": [
        *_FACETS,
        _parameter("from_beginning", "All that the topic holds first.", _YES),
        _parameter(
            "after",
            "The id of the last event that was received, where Last-Event-ID can't be sent.",
            {"type": "string"},
        ),
        _parameter(
            "Last-Event-ID",
            "The id of the last event that was received.",
            {"type": "string"},
            "header",
        ),
    ],
    "responses": {
        "200": _answer(
            "Server-sent events: the data of each is an enriched article, a JSON object on one"
            " line (see `newsloom schema print enriched`). An event without data is only an id.",
            {"type": "string"},
            "text/event-stream",
        ),
        **_INDEXED,
        "429": _later("Too many requests, or so many streams are open as may be."),
        "503": _later("The log does not answer."),
    },
}

PRODUCE: Schema = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "oneOf": [
                        _ref("Submission"),
                        {"type": "array", "items": _ref("Submission"), "minItems": 1},
                    ]
                }
            },
            "application/x-ndjson": {
                "schema": {"type": "string", "description": "A Submission on each line."}
            },
        },
    },
    "responses": {
        "202": _answer("What is accepted is durable.", _ref("Produced")),
        **_ALWAYS,
        "401": _problem("The token is missing."),
        **_OF_ANOTHER_SITE,
        "408": _problem("The body took too long."),
        "413": _problem("The body is too large, or has too many articles."),
        "415": _problem("The body is of a kind that is not read."),
        "422": _answer("Nothing of it could be used.", _ref("NothingProduced")),
        "503": _later("The log does not answer: send the same again later."),
    },
}

_LOGGED = {
    **_ALWAYS,
    "401": _problem("The token is missing."),
    "422": _problem("Something of it is not allowed; the detail names it."),
    "503": _later("The log does not answer."),
}

SEARCHES: Schema = {
    "responses": {
        "200": _answer("By name.", {"type": "array", "items": _ref("ShownSearch")}),
        **_LOGGED,
    },
}

SAVE: Schema = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": _ref("NewSearch")}},
    },
    "responses": {
        "201": _answer("It is saved.", _ref("JustSaved")),
        **_LOGGED,
        **_OF_ANOTHER_SITE,
        "408": _problem("The body took too long."),
        "413": _problem("The body is too large."),
        "415": _problem("The body is no JSON."),
    },
}

REMOVE: Schema = {
    "parameters": [_parameter("name", "Percent-encoded.", {"type": "string"}, "path")],
    "responses": {
        "204": {"description": "It is no more."},
        **_LOGGED,
        **_OF_ANOTHER_SITE,
        "404": _problem("There is no saved search of that name."),
    },
}

RECENT: Schema = {
    "parameters": [
        _parameter("search", "Of this saved search alone.", {"type": "string"}),
        _parameter("size", "How many.", _size(MOST, 50)),
    ],
    "responses": {
        "200": _answer("The newest first.", {"type": "array", "items": _ref("Alert")}),
        **_LOGGED,
    },
}

LIVE: Schema = {
    "responses": {
        "200": _answer("It does.", _ref("Live")),
        "400": _ALWAYS["400"],
        "500": _ALWAYS["500"],
    }
}

READY: Schema = {
    "responses": {
        "200": _answer("They do.", _ref("Ready")),
        "503": _answer("One of them does not.", _ref("Ready")),
        **_ALWAYS,
    }
}

METRICS: Schema = {
    "responses": {
        "200": _answer("All counters.", {"type": "string"}, "text/plain"),
        **_ALWAYS,
        "401": _problem("The token is missing."),
    }
}


def documented(app: FastAPI, *, with_token: bool) -> Callable[[], Mapping[str, Any]]:
    """Gives the application's OpenAPI document, made once.

    Args:
        app: with all its routes.
        with_token: whether requests have to show one.
    """

    def document() -> Mapping[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, with_token=with_token)
        return app.openapi_schema

    return document


def _document(app: FastAPI, *, with_token: bool) -> dict[str, Any]:
    found = get_openapi(
        title=app.title,
        version=app.version,
        description="News with entities, tickers and sentiment: find it, follow it, add to it.",
        routes=app.routes,
    )
    components = found.setdefault("components", {})
    _, schemas = msgspec.json.schema_components(_RECORDS, ref_template=_PLACE)
    components["schemas"] = {**components.get("schemas", {}), **schemas}
    if with_token:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        for path, operations in found["paths"].items():
            for operation in operations.values():
                operation["security"] = [] if path.startswith("/health/") else [{"token": []}]
    return found

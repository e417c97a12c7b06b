"""Saved searches and alerts over HTTP, on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
import pytest
from jsonschema import Draft202012Validator

from pipeline.alerts.searches import Searches
from pipeline.article import ARTICLES_ENRICHED
from pipeline.config import Settings
from pipeline.local import Service
from pipeline.log import Record, open_log
from pipeline.search.alerts_api import MOST_BYTES
from pipeline.search.server import serving
from tests.conftest import enriched
from tests.servers.kafka import KafkaBroker
from tests.servers.topics import empty_topics

SPY = {"name": "spy", "query": "levy", "filters": {"ticker": ["$spy"]}}


@pytest.fixture
def client(settings: Settings) -> Iterator[httpx.Client]:
    with serving(settings, "127.0.0.1", 0) as server, httpx.Client(base_url=server.url) as client:
        yield client


def publish(settings: Settings, *ids: str) -> None:
    with closing(open_log(settings)) as log:
        for article_id in ids:
            article = enriched(
                article_id, text="A levy.", symbols=["SPY"], ingested_at=datetime.now(UTC)
            )
            log.publish(ARTICLES_ENRICHED, [Record(article_id, msgspec.json.encode(article))])


def test_a_search_is_saved_listed_and_removed(client: httpx.Client) -> None:
    assert client.get("/api/alerts").json() == []
    made = client.post("/api/alerts", json=SPY | {"from": "2025-07-01", "to": "2025-07-31"})
    assert made.status_code == 201
    saved = made.json()
    assert saved["filters"] == {"ticker": ["SPY"]}
    assert (saved["since"], saved["until"]) == ("2025-07-01T00:00:00Z", "2025-08-01T00:00:00Z")
    shown = {name: saved[name] for name in saved if name not in ("secret", "warning")}
    assert client.get("/api/alerts").json() == [shown]
    gone = client.delete("/api/alerts/spy")
    assert (gone.status_code, gone.content) == (204, b"")
    assert client.get("/api/alerts").json() == []
    assert client.delete("/api/alerts/spy").status_code == 404


def test_a_secret_that_is_made_is_shown_once_and_what_is_wrong_with_a_webhook_too(
    client: httpx.Client, settings: Settings
) -> None:
    saved = client.post("/api/alerts", json=SPY | {"webhook": "http://127.0.0.1/token"}).json()
    assert saved["secret"].startswith("whsec_")
    assert "NEWSLOOM_WEBHOOK_NETWORKS" in saved["warning"]
    with closing(open_log(settings)) as log:
        (kept,) = Searches(log)
    assert kept.webhook is not None
    assert kept.webhook.secret == saved["secret"]
    text = client.get("/api/alerts").text
    assert saved["secret"] not in text
    assert "token" not in text


def test_a_secret_that_was_given_is_not_shown(client: httpx.Client) -> None:
    body = SPY | {"webhook": "http://127.0.0.1/", "secret": "s" * 20}
    answer = client.post("/api/alerts", json=body)
    assert answer.status_code == 201
    assert "s" * 20 not in answer.text


def test_the_latest_alerts_come_newest_first_of_all_searches_or_of_one(
    client: httpx.Client, settings: Settings
) -> None:
    assert client.get("/api/alerts/recent").json() == []
    for name in ("spy", "also spy"):
        client.post("/api/alerts", json=SPY | {"name": name})
    for article_id in "ab":
        publish(settings, article_id)
        Service(settings, rejected=lambda _: None).run(drain=True)
    latest = client.get("/api/alerts/recent").json()
    assert sorted(alert["article_id"] for alert in latest[:2]) == ["b", "b"]
    assert len(latest) == 4
    of_one = client.get("/api/alerts/recent", params={"search": "also spy", "size": 1}).json()
    assert [(alert["search"], alert["article_id"]) for alert in of_one] == [("also spy", "b")]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": ""}, "a name has"),
        ({"name": "a/b"}, "a name has"),
        ({"query": "", "filters": {}}, "every article would match"),
        ({"query": "word " * 65}, "more than 64 words"),
        ({"filters": {"planet": ["Mars"]}}, "planet: no such facet"),
        ({"filters": {"sentiment": ["cheerful"]}}, "expected one of"),
        ({"from": "yesterday"}, "is no date"),
        ({"webhook": "ftp://example.com"}, "a webhook is a URL"),
        ({"secret": "s" * 20}, "name one"),
        ({"colour": "red"}, "colour"),
        ({"query": 1}, "query"),
    ],
)
def test_what_is_not_allowed_is_named(
    client: httpx.Client, change: dict[str, Any], said: str
) -> None:
    answer = client.post("/api/alerts", json=SPY | change)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    assert client.get("/api/alerts").json() == []


def test_a_name_can_be_taken_once(client: httpx.Client) -> None:
    client.post("/api/alerts", json=SPY)
    answer = client.post("/api/alerts", json=SPY)
    assert answer.status_code == 422
    assert "there is a saved search 'spy' already" in answer.json()["detail"]


def test_a_form_of_another_page_can_save_nothing(client: httpx.Client) -> None:
    """Browsers send these without asking, with whatever the form has."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        body = msgspec.json.encode(SPY)
        answer = client.post("/api/alerts", content=body, headers={"Content-Type": kind})
        assert answer.status_code == 415
    assert client.get("/api/alerts").json() == []


def test_what_is_too_large_is_not_read_to_its_end(client: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(1000):
            yield b"x" * MOST_BYTES

    sent = client.post(
        "/api/alerts", content=endless(), headers={"Content-Type": "application/json"}
    )
    assert sent.status_code == 413


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 50_000, b'{"name": "\\ud800"}'])
def test_what_is_no_json_of_a_search_is_refused(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/api/alerts", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422


def test_names_of_other_alphabets_can_be_removed(client: httpx.Client) -> None:
    for name in ("Zölle & Abgaben", "関税", "a.b", "it's"):
        assert client.post("/api/alerts", json=SPY | {"name": name}).status_code == 201
        assert client.delete(f"/api/alerts/{name}").status_code == 204
    assert client.get("/api/alerts").json() == []


def test_answers_have_the_form_that_the_document_says(
    client: httpx.Client, settings: Settings
) -> None:
    document = client.get("/api/openapi.json").json()

    def fits(path: str, method: str, answer: httpx.Response) -> None:
        said = document["paths"][path][method]["responses"][str(answer.status_code)]
        schema = said["content"]["application/json"]["schema"]
        schema["components"] = document["components"]
        Draft202012Validator.check_schema(schema)
        Draft202012Validator(schema).validate(answer.json())

    fits("/api/alerts", "post", client.post("/api/alerts", json=SPY))
    fits("/api/alerts", "post", client.post("/api/alerts", json=SPY))
    fits("/api/alerts", "get", client.get("/api/alerts"))
    publish(settings, "a")
    Service(settings, rejected=lambda _: None).run(drain=True)
    latest = client.get("/api/alerts/recent")
    assert latest.json()
    fits("/api/alerts/recent", "get", latest)
    fits("/api/alerts/recent", "get", client.get("/api/alerts/recent", params={"size": -1}))
    fits("/api/alerts/{name}", "delete", client.delete("/api/alerts/nobody"))


def test_it_is_the_same_on_kafka(kafka_broker: KafkaBroker) -> None:
    empty_topics(kafka_broker, partitions=2)
    settings = Settings(log=kafka_broker.url)
    with serving(settings, "127.0.0.1", 0) as server, httpx.Client(base_url=server.url) as client:
        assert client.post("/api/alerts", json=SPY, timeout=60).status_code == 201
        assert [search["name"] for search in client.get("/api/alerts").json()] == ["spy"]
        assert client.get("/api/alerts/recent").json() == []
        assert client.delete("/api/alerts/spy").status_code == 204
        assert client.get("/api/alerts").json() == []


def test_a_log_that_is_away_is_said_and_asked_again(settings: Settings) -> None:
    settings.data.parent.mkdir(exist_ok=True)
    settings.data.write_text("a file where a folder should be")
    with serving(settings, "127.0.0.1", 0) as server, httpx.Client(base_url=server.url) as client:
        assert client.get("/api/alerts").status_code == 503
        settings.data.unlink()
        assert client.get("/api/alerts").json() == []

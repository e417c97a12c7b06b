"""A producer over HTTP: what is accepted is on the raw topic, and nothing twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from pipeline.article import ARTICLES_RAW, RawArticle
from pipeline.config import Settings
from pipeline.log import messages, open_log
from pipeline.search import produce
from pipeline.search.publisher import MOST_WAITING, Busy, Publisher
from pipeline.search.server import serving
from pipeline.sources import Located
from tests.search.conftest import client_of

NDJSON = {"Content-Type": "application/x-ndjson"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def producer(empty: Settings) -> Iterator[httpx.Client]:
    """Posts to a server whose raw topic is empty, in a folder and on Kafka."""
    with serving(empty, "127.0.0.1", 0) as server, client_of(server) as client:
        yield client


@pytest.fixture
def embedded(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data", request_rate=0)


@pytest.fixture
def poster(embedded: Settings) -> Iterator[httpx.Client]:
    with serving(embedded, "127.0.0.1", 0) as server, client_of(server) as client:
        yield client


def raw(settings: Settings) -> list[RawArticle]:
    with closing(open_log(settings)) as log:
        found = [msgspec.json.decode(m.value, type=RawArticle) for m in messages(log, ARTICLES_RAW)]
    return sorted(found, key=lambda article: article.body)


def test_an_article_that_is_accepted_is_on_the_raw_topic(
    producer: httpx.Client, empty: Settings
) -> None:
    answer = producer.post("/api/articles", json={"body": "Rates rose.", "source": "wire"})
    assert answer.status_code == 202
    (article,) = raw(empty)
    assert (article.body, article.source) == ("Rates rose.", "wire")
    (item,) = answer.json()["items"]
    assert item == {"outcome": "accepted", "id": article.id}


def test_an_array_and_lines_bring_many(producer: httpx.Client, empty: Settings) -> None:
    array = producer.post("/api/articles", json=[{"body": "a"}, {"body": "b"}])
    lines = producer.post(
        "/api/articles", content=b'{"body":"c"}\n\n{"body":"d"}\n', headers=NDJSON
    )
    assert array.json()["accepted"] == lines.json()["accepted"] == 2
    assert [item.get("line") for item in lines.json()["items"]] == [1, 3]
    assert [article.body for article in raw(empty)] == ["a", "b", "c", "d"]


def test_posting_the_same_again_changes_nothing(poster: httpx.Client, embedded: Settings) -> None:
    first = poster.post("/api/articles", json={"body": "Rates rose."}).json()
    again = poster.post("/api/articles", json=[{"body": "Rates rose."}, {"body": "Rates rose."}])
    assert again.status_code == 202
    assert again.json()["unchanged"] == 2
    assert {item["id"] for item in again.json()["items"]} == {first["items"][0]["id"]}
    assert len(raw(embedded)) == 1


def test_of_a_mix_all_that_can_be_used_is_accepted_and_the_rest_is_named(
    producer: httpx.Client, empty: Settings
) -> None:
    lines = b'{"body":"good"}\n{"body":""}\n{"body":3}\nno json\n'
    answer = producer.post("/api/articles", content=lines, headers=NDJSON)
    assert answer.status_code == 202
    said = answer.json()
    assert (said["accepted"], said["unchanged"], said["rejected"]) == (1, 0, 3)
    rejected = [(i["line"], i["reason"]) for i in said["items"] if i["outcome"] == "rejected"]
    assert rejected == [(2, "empty_body"), (3, "wrong_shape"), (4, "broken_json")]
    assert [article.body for article in raw(empty)] == ["good"]


@pytest.mark.parametrize(
    ("content", "headers", "reason"),
    [
        (b'{"title":"no body"}', JSON, "empty_body"),
        (b'{"body":3}', JSON, "wrong_shape"),
        (b'{"body":', JSON, "broken_json"),
        (b"", JSON, "broken_json"),
        (b'"text"', JSON, "wrong_shape"),
        (b'[{"body":"a"}', JSON, "broken_json"),
        (b'{"body":"a","published_at":"soon"}', JSON, "bad_time"),
        (b"\xff", NDJSON, "undecodable"),
        (b"[" * 100_000, JSON, "too_deep"),
    ],
)
def test_where_nothing_can_be_used_the_answer_says_why(
    poster: httpx.Client, content: bytes, headers: dict[str, str], reason: str
) -> None:
    answer = poster.post("/api/articles", content=content, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["detail"]
    assert [item["reason"] for item in answer.json()["items"]] == [reason]


@pytest.mark.parametrize(("content", "headers"), [(b"[]", JSON), (b"\n\n", NDJSON)])
def test_a_request_without_an_article_is_refused(
    poster: httpx.Client, content: bytes, headers: dict[str, str]
) -> None:
    answer = poster.post("/api/articles", content=content, headers=headers)
    assert (answer.status_code, answer.json()["items"]) == (422, [])


@pytest.mark.parametrize(
    "headers",
    [{}, {"Content-Type": "text/plain"}, {**JSON, "Content-Encoding": "gzip"}],
)
def test_a_body_of_another_kind_is_not_read(poster: httpx.Client, headers: dict[str, str]) -> None:
    answer = poster.post("/api/articles", content=b'{"body":"a"}', headers=headers)
    assert answer.status_code == 415


def test_too_many_articles_are_refused_at_once(
    poster: httpx.Client, embedded: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(produce, "MOST_ARTICLES", 2)
    answer = poster.post("/api/articles", json=[{"body": "a"}, {"body": "b"}, {"body": "c"}])
    assert answer.status_code == 413
    assert raw(embedded) == []


def test_many_producers_at_a_time_lose_nothing(poster: httpx.Client, embedded: Settings) -> None:
    def post(number: int) -> int:
        return poster.post("/api/articles", json={"body": f"Story {number:03}."}).status_code

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(post, range(100))) == {202}
    assert [article.body for article in raw(embedded)] == [f"Story {n:03}." for n in range(100)]


def test_without_a_log_the_answer_says_when_to_try_again(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = Settings(data=tmp_path / "file" / "data")
    with serving(settings, "127.0.0.1", 0) as server, client_of(server) as client:
        answer = client.post("/api/articles", json={"body": "a"})
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.json()["detail"]


def test_a_log_that_comes_back_is_used_again(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.write_text("")
    settings = Settings(data=folder / "data")
    with serving(settings, "127.0.0.1", 0) as server, client_of(server) as client:
        assert client.post("/api/articles", json={"body": "a"}).status_code == 503
        folder.unlink()
        folder.mkdir()
        assert client.post("/api/articles", json={"body": "a"}).status_code == 202
    assert [article.body for article in raw(settings)] == ["a"]


def test_what_takes_too_long_is_not_said_to_be_durable(
    embedded: Settings, poster: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(produce, "DURABLE_SECONDS", 0.2)
    go_on = threading.Event()

    def hang(_: Publisher, requests: Any) -> Any:
        go_on.wait(60)
        return [[] for _ in requests]

    monkeypatch.setattr(Publisher, "_publish", hang)
    try:
        answer = poster.post("/api/articles", json={"body": "a"})
    finally:
        go_on.set()
    assert answer.status_code == 503
    assert "send it again" in answer.json()["detail"]


def test_a_publisher_that_is_behind_takes_no_more(
    embedded: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, began = threading.Event(), threading.Event()

    def hang(_: Publisher, requests: Any) -> Any:
        began.set()
        go_on.wait(60)
        return [[] for _ in requests]

    monkeypatch.setattr(Publisher, "_publish", hang)
    publisher = Publisher(embedded)
    waiting = [publisher.publish([])]
    assert began.wait(10)
    waiting += [publisher.publish([]) for _ in range(MOST_WAITING)]
    with pytest.raises(Busy):
        publisher.publish([])
    go_on.set()
    assert [future.result(10) for future in waiting] == [[]] * (MOST_WAITING + 1)
    publisher.close()


def test_closing_finishes_what_was_handed_in(embedded: Settings) -> None:
    from pipeline.article import Submission

    publisher = Publisher(embedded)
    futures = [
        publisher.publish([Located(Submission(body=f"{number:02}"), "", None)])
        for number in range(10)
    ]
    publisher.close()
    assert all(future.done() for future in futures)
    assert [article.body for article in raw(embedded)] == [f"{n:02}" for n in range(10)]


def test_what_is_posted_is_counted(poster: httpx.Client) -> None:
    poster.post("/api/articles", json=[{"body": "a"}, {"body": ""}])
    poster.post("/api/articles", content=json.dumps({"body": "a"}), headers=JSON)
    counted = poster.get("/metrics").text
    for outcome in ("accepted", "unchanged", "rejected"):
        assert f'newsloom_http_articles_total{{outcome="{outcome}"}} 1.0' in counted

"""How much one client may ask for, and one application take in."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.exceptions import HTTPException

from pipeline.config import Settings
from pipeline.errors import ConfigurationError, IndexUnavailable
from pipeline.index.query import Query
from pipeline.search import limits
from pipeline.search.limits import BODIES_IN_HAND, BURST_SECONDS, BodyLimit, Buckets, client_of
from pipeline.search.pool import SharedIndex
from pipeline.search.server import serving
from tests.search.conftest import client_of as asking

HEAD = (
    "POST /api/articles HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    "Content-Length: {}\r\n\r\n"
)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


# Requests a second


def test_a_client_may_send_at_its_rate_and_a_burst_after_silence() -> None:
    clock = Clock()
    buckets = Buckets(10, clock)
    assert [buckets.wait("a") for _ in range(10 * BURST_SECONDS)] == [0.0] * 10 * BURST_SECONDS
    assert buckets.wait("a") == pytest.approx(0.1)
    assert buckets.wait("b") == 0.0
    clock.now += 0.1
    assert buckets.wait("a") == 0.0
    assert buckets.wait("a") > 0
    clock.now += 1_000
    assert [buckets.wait("a") > 0 for _ in range(10 * BURST_SECONDS + 1)].count(True) == 1


def test_no_more_clients_are_kept_in_mind_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_CLIENTS", 3)
    buckets = Buckets(1, Clock())
    for number in range(100):
        buckets.wait(f"{number}")
    assert len(buckets._clients) == 3


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", ""),
    ],
)
def test_a_client_is_an_address_or_a_customer_s_network(address: str, client: str) -> None:
    assert client_of({"client": (address, 1)}) == client


def test_a_client_that_asks_too_often_is_told_when_to_come_again(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, request_rate=1)
    with serving(settings, "127.0.0.1", 0) as server, asking(server) as client:
        answers = [client.get("/health/ready") for _ in range(BURST_SECONDS + 3)]
        assert answers[0].status_code != 429
        assert answers[-1].status_code == 429
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert client.get("/health/live").status_code == 200


@pytest.mark.parametrize(("proxies", "believed"), [("", False), ("127.0.0.1, ::1", True)])
def test_whom_a_request_is_of_is_believed_of_our_own_proxy_alone(
    tmp_path: Path, proxies: str, believed: bool
) -> None:
    settings = Settings(data=tmp_path, request_rate=1, proxies=proxies)
    with serving(settings, "127.0.0.1", 0) as server, asking(server) as client:
        statuses = {
            client.get("/api/none", headers={"X-Forwarded-For": f"192.0.2.{n}"}).status_code
            for n in range(BURST_SECONDS + 5)
        }
    assert statuses == ({404} if believed else {404, 429})


# Bodies


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_large_is_refused(tmp_path: Path, declared: bool) -> None:
    settings = Settings(data=tmp_path, request_bytes=100_000)
    body = b" " * 150_000

    def parts() -> Iterator[bytes]:
        yield from (body[:75_000], body[75_000:])

    with serving(settings, "127.0.0.1", 0) as server, asking(server) as client:
        headers = {"Content-Type": "application/json"}
        content = body if declared else parts()
        answer = client.post("/api/articles", content=content, headers=headers)
        assert answer.status_code == 413
        assert "100,000" in answer.json()["detail"]


def test_a_body_that_does_not_come_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BodyLimit.__init__, "__kwdefaults__", {"seconds": 0.2})
    with serving(Settings(data=tmp_path), "127.0.0.1", 0) as server:
        place = urlsplit(server.url)
        with socket.create_connection((place.hostname, place.port), timeout=30) as slow:
            slow.sendall(HEAD.format(100).encode() + b'{"body":')
            answer = b"".join(iter(lambda: slow.recv(10_000), b""))
    assert answer.startswith(b"HTTP/1.1 408")


def test_all_bodies_together_are_bounded() -> None:
    async def scenario() -> None:
        read_on = asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await read_on.wait()

        limit = BodyLimit(app, most=100)

        async def receive() -> Any:
            return {"type": "http.request", "body": b"x" * 100, "more_body": False}

        async def send(message: Any) -> None: ...

        async def request() -> None:
            await limit({"type": "http"}, receive, send)

        tasks = [asyncio.create_task(request()) for _ in range(BODIES_IN_HAND)]
        await asyncio.sleep(0)
        with pytest.raises(HTTPException) as refused:
            await request()
        assert refused.value.status_code == 503
        read_on.set()
        await asyncio.gather(*tasks)
        await request()  # their room is free again

    asyncio.run(scenario())


# Searches


class Slow:
    """An index that answers when it is told to."""

    def __init__(self, go_on: threading.Event, asked: list[object]) -> None:
        self._go_on, self._asked = go_on, asked

    def count(self) -> int:
        self._asked.append(self)
        assert self._go_on.wait(30)
        return 1


def shared(open_index: Callable[[], Any], **bounds: Any) -> SharedIndex:
    return SharedIndex(open_index, **bounds)


def test_the_index_is_asked_so_much_at_a_time_and_further_questions_are_refused() -> None:
    go_on, asked = threading.Event(), list[object]()
    index = shared(lambda: Slow(go_on, asked), at_a_time=2, waiting=1, patience=30)
    with ThreadPoolExecutor(3) as threads:
        answers = [threads.submit(index.count) for _ in range(3)]
        while index._admitted._value:
            pass
        with pytest.raises(IndexUnavailable, match="too many"):
            index.count()
        go_on.set()
        assert [answer.result() for answer in answers] == [1, 1, 1]
    assert asked[0] is not asked[1]  # each has a reader of its own, that nobody changes meanwhile
    assert asked[2] in asked[:2]


def test_a_question_that_waits_too_long_is_refused() -> None:
    go_on, asked = threading.Event(), list[object]()
    index = shared(lambda: Slow(go_on, asked), at_a_time=1, waiting=1, patience=0.05)
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(index.count)
        while not asked:
            pass
        with pytest.raises(IndexUnavailable, match="too long"):
            index.count()
        go_on.set()
        assert answer.result() == 1
    assert index.count() == 1


def test_an_index_that_is_not_there_is_unavailable_and_a_wrong_query_is_wrong() -> None:
    def missing() -> Any:
        raise ConfigurationError("no index here yet")

    index = shared(missing, at_a_time=1)
    for _ in range(3):
        with pytest.raises(IndexUnavailable, match="no index here yet"):
            index.search(Query())
    with pytest.raises(ConfigurationError):
        index.search(Query(after="x"))

"""Where it answers, and what it does while the index changes or is not there."""

from __future__ import annotations

import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from pipeline.config import Settings
from pipeline.errors import ConfigurationError
from pipeline.index.tantivy.writer import open_writer
from pipeline.log.sqlite import SqliteLog
from pipeline.reindex import reindex
from pipeline.search.server import AddressTaken, Server, is_loopback, place_of, serving
from tests.conftest import enriched
from tests.search.conftest import client_of, publish
from tests.servers.elasticsearch import ElasticsearchNode
from tests.servers.processes import free_ports

NEWSLOOM = [sys.executable, "-c", "from pipeline.cli import main; main()"]


@contextmanager
def running(*words: str | Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A command that serves, and where: as it says itself."""
    command = [*NEWSLOOM, *map(str, words)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout
            line = process.stdout.readline()
            yield process, line.strip()
        finally:
            process.kill()


def index(settings: Settings, *ids: str) -> None:
    writer, _ = open_writer(settings.data / "index")
    writer.add([enriched(article_id) for article_id in ids])
    writer.commit()
    writer.close()


@pytest.mark.parametrize(
    ("address", "place"),
    [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:0", ("::1", 0)), ("host:65535", ("host", 65535))],
)
def test_an_address_is_a_host_and_a_port(address: str, place: tuple[str, int]) -> None:
    assert place_of(address) == place


@pytest.mark.parametrize("address", ["", "80", ":80", "host", "host:", "host:65536", "::1:80"])
def test_what_is_no_address_is_said_to_be_none(address: str) -> None:
    with pytest.raises(ConfigurationError, match="NEWSLOOM_SERVE"):
        place_of(address)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
        ("news.example", False),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_an_address_that_is_taken_is_named(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        with pytest.raises(AddressTaken, match=f"127.0.0.1:{port}"):
            Server(Settings(data=tmp_path), "127.0.0.1", port)


def test_serve_says_where_it_answers_and_ends_at_a_signal(tmp_path: Path) -> None:
    with running("serve", "--port", "0", "--data", tmp_path) as (process, said):
        url = said.removeprefix("newsloom answers at ")
        assert httpx.get(f"{url}/health/live").json() == {"status": "ok"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_an_answer_does_not_wait_for_the_acknowledgement_of_its_beginning(tmp_path: Path) -> None:
    with (
        serving(Settings(data=tmp_path, request_rate=0), "127.0.0.1", 0) as server,
        client_of(server) as client,
    ):
        seconds = []
        for _ in range(100):
            begun = time.perf_counter()
            client.get("/health/live")
            seconds.append(time.perf_counter() - begun)
    assert statistics.median(seconds) < 0.035


def test_up_serves_what_it_indexes(tmp_path: Path) -> None:
    with running("up", "--port", "0", "--data", tmp_path) as (process, said):
        url = said.removeprefix("newsloom answers at ")
        with httpx.stream("GET", f"{url}/api/stream?from_beginning=1", timeout=60) as stream:
            posted = httpx.post(f"{url}/api/articles", json={"body": "Tokyo was quiet."})
            assert posted.status_code == 202
            assert any("Tokyo was quiet." in line for line in stream.iter_lines())
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_up_goes_on_where_another_program_has_the_usual_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.cli import serve

    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        monkeypatch.setattr(serve, "_address", lambda *_: ("127.0.0.1", port))
        with serve.served_beside(Settings(data=tmp_path), None, None):
            pass
        with (
            pytest.raises(AddressTaken),
            serve.served_beside(Settings(data=tmp_path), None, port),
        ):
            pass


def test_an_index_that_is_not_there_yet_is_said_to_be_missing_until_it_is(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    with serving(settings, "127.0.0.1", 0) as server, client_of(server) as client:
        answer = client.get("/api/search")
        assert answer.status_code == 503
        assert "newsloom up" in answer.json()["detail"]
        assert client.get("/health/ready").json()["missing"] == ["index"]
        index(settings, "a")
        assert client.get("/api/search").json()["total"] == 1
        assert client.get("/health/ready").status_code == 200


def test_searches_go_on_while_the_index_changes_and_is_swapped(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, request_rate=0)
    SqliteLog(tmp_path / "log.db").close()
    ids = [f"{number:02}" for number in range(20)]
    publish(settings, *(enriched(article_id) for article_id in ids))
    index(settings, *ids)
    with serving(settings, "127.0.0.1", 0) as server, client_of(server) as client:

        def search(_: int) -> tuple[int, int]:
            answer = client.get("/api/search", params={"size": 100})
            assert answer.status_code == 200, answer.text
            return len(answer.json()["hits"]), answer.json()["total"]

        with ThreadPoolExecutor(8) as threads:
            found = [threads.submit(search, number) for number in range(150)]
            for number in range(5):
                index(settings, f"new{number}")
                assert reindex(settings, lambda *_: None) == 20
            answers = {future.result() for future in found}
        assert all(hits == total and 20 <= hits <= 25 for hits, total in answers)
        assert search(0) == (20, 20)


def test_an_index_without_its_servers_is_unavailable(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    settings = Settings(data=tmp_path, index=f"http://127.0.0.1:{port}")
    with serving(settings, "127.0.0.1", 0) as server, client_of(server) as client:
        assert client.get("/api/search").status_code == 503
        assert client.get("/health/ready").json()["missing"] == ["index"]
        assert "newsloom_index_documents NaN" in client.get("/metrics").text


def test_servers_that_are_not_set_up_are_said_to_be(
    tmp_path: Path, elasticsearch_node: ElasticsearchNode
) -> None:
    from pipeline.index.elasticsearch.client import ALIAS, connect

    settings = Settings(data=tmp_path, index=elasticsearch_node.url)
    with connect(settings) as connection:
        for name in connection.indices.get(index=f"{ALIAS}-*", expand_wildcards="all"):
            connection.indices.delete(index=name)
    with serving(settings, "127.0.0.1", 0) as server, client_of(server) as client:
        answer = client.get("/api/search")
    assert answer.status_code == 503
    assert "newsloom setup" in answer.json()["detail"]


def test_metrics_count_requests_by_route_and_tell_what_waits(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    index(settings, "a", "b")
    publish(settings, enriched("a"))
    with serving(settings, "127.0.0.1", 0) as server, client_of(server) as client:
        client.get("/api/articles/a")
        client.get("/api/articles/none")
        client.get("/no/such/path")
        counted = client.get("/metrics").text
    route = 'method="GET",route="/api/articles/{article_id:path}"'
    assert f'newsloom_http_requests_total{{{route},status="200"}} 1.0' in counted
    assert f'newsloom_http_requests_total{{{route},status="404"}} 1.0' in counted
    assert 'route="other",status="404"} 1.0' in counted
    assert "newsloom_index_documents 2.0" in counted
    assert 'newsloom_lag{step="index"} 1.0' in counted
    assert "newsloom_http_request_seconds_bucket" in counted


def test_a_mistake_of_ours_is_no_traceback_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from pipeline.search import api

    def fail(_: object) -> None:
        raise RuntimeError("inner secret")

    monkeypatch.setattr(api, "query_of", fail)
    with serving(Settings(data=tmp_path), "127.0.0.1", 0) as server, client_of(server) as client:
        answer = client.get("/api/search")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "GET /api/search failed" in caplog.text

"""Who is answered: with the token, for this host, and not at the bidding of others' pages."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.config import Settings
from pipeline.errors import ConfigurationError
from pipeline.search.server import Server, serving
from pipeline.search.token import COOKIE, Token
from tests.search.conftest import client_of

TOKEN = "a-token-of-enough-characters"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
ARTICLE: Any = {"json": {"body": "Rates rose."}}


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[httpx.Client]:
    """Asks a server that wants a token, without showing it."""
    settings = Settings(data=tmp_path / "data", token=TOKEN, hosts="news.example, other.example")
    with serving(settings, "127.0.0.1", 0) as server, client_of(server) as client:
        yield client


@pytest.fixture
def local(tmp_path: Path) -> Iterator[tuple[Server, httpx.Client]]:
    """Asks a server that wants none."""
    settings = Settings(data=tmp_path / "data")
    with serving(settings, "127.0.0.1", 0) as server, client_of(server) as client:
        yield server, client


# The token


@pytest.mark.parametrize("path", ["/api/search", "/api/openapi.json", "/metrics", "/", "/nothing"])
def test_without_the_token_nothing_is_told(guarded: httpx.Client, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
        answer = guarded.get(path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_with_the_token_all_is_answered(guarded: httpx.Client) -> None:
    assert guarded.get("/metrics", headers=BEARER).status_code == 200
    assert guarded.post("/api/articles", headers=BEARER, **ARTICLE).status_code == 202


def test_health_needs_no_token_but_says_more_with_it(guarded: httpx.Client) -> None:
    assert guarded.get("/health/live").status_code == 200
    plain = guarded.get("/health/ready")
    assert (plain.status_code, plain.json()["missing"], plain.json()["why"]) == (503, ["index"], {})
    assert guarded.get("/health/ready", headers=BEARER).json()["why"].keys() == {"index"}


def test_a_person_enters_the_token_once_and_gets_where_they_wanted(guarded: httpx.Client) -> None:
    sent = guarded.get("/search?q=a%20b", headers={"Accept": "text/html,*/*"})
    assert (sent.status_code, sent.headers["location"]) == (
        303,
        "/login?next=%2Fsearch%3Fq%3Da%2520b",
    )
    form = guarded.get(sent.headers["location"])
    assert 'value="/search?q=a%20b"' in form.text
    entered = guarded.post("/login", data={"token": TOKEN, "next": "/metrics"})
    assert (entered.status_code, entered.headers["location"]) == (303, "/metrics")
    assert guarded.get("/metrics").status_code == 200
    assert guarded.get("/login").headers["location"] == "/"


def test_the_cookie_is_for_this_site_alone_and_does_not_hold_the_token(
    guarded: httpx.Client,
) -> None:
    cookie = guarded.post("/login", data={"token": TOKEN}).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert TOKEN not in cookie
    wrong = guarded.get("/metrics", headers={"Cookie": f"{COOKIE}={TOKEN}"})
    assert wrong.status_code == 401


def test_behind_tls_the_cookie_is_never_sent_without(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, token=TOKEN, proxies="127.0.0.1")
    with serving(settings, "127.0.0.1", 0) as server, client_of(server) as client:
        for scheme, secure in (("https", True), ("http", False)):
            headers = {"X-Forwarded-Proto": scheme}
            answer = client.post("/login", data={"token": TOKEN}, headers=headers)
            assert ("Secure" in answer.headers["set-cookie"]) is secure


def test_a_wrong_token_is_said_to_be_one(guarded: httpx.Client) -> None:
    answer = guarded.post("/login", data={"token": "wrong", "next": "/metrics"})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert guarded.post("/login", data={"token": "x" * 20_000}).status_code == 413


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example", "evil", ""],
)
def test_nobody_is_sent_to_another_site(guarded: httpx.Client, elsewhere: str) -> None:
    answer = guarded.post("/login", data={"token": TOKEN, "next": elsewhere})
    assert answer.headers["location"] == "/"


def test_the_form_shows_addresses_as_text(guarded: httpx.Client) -> None:
    form = guarded.get("/login", params={"next": '/"><script>alert(1)</script>'})
    assert "<script>" not in form.text


@pytest.mark.parametrize("token", ["short", "with spaces that are long enough", "é" * 20])
def test_a_token_that_is_no_good_one_is_refused(token: str) -> None:
    with pytest.raises(ConfigurationError, match="NEWSLOOM_TOKEN") as error:
        Token(token)
    assert token not in str(error.value)


def test_the_token_is_in_no_log_and_no_repr(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(data=tmp_path / "data", token=TOKEN)
    with (
        caplog.at_level(logging.DEBUG),
        serving(settings, "127.0.0.1", 0) as server,
        client_of(server, headers=BEARER) as client,
    ):
        client.get("/api/search")
        client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}x"})
    ours = [record.getMessage() for record in caplog.records if record.name != "httpx"]
    assert TOKEN not in " ".join(ours)
    assert TOKEN not in repr(settings)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_others_than_this_machine_are_not_answered_without_a_token(
    tmp_path: Path, host: str
) -> None:
    with pytest.raises(ConfigurationError, match="NEWSLOOM_TOKEN"):
        Server(Settings(data=tmp_path), host, 0)


def test_with_a_token_any_address_can_be_bound(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, token=TOKEN)
    with serving(settings, "0.0.0.0", 0) as server:
        port = server.url.rsplit(":", 1)[1]
        url = f"http://127.0.0.1:{port}/metrics"
        assert httpx.get(url).status_code == 401
        assert httpx.get(url, headers={**BEARER, "Host": "whatever"}).status_code == 200


# Hosts


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1:8710", "[::1]:80", "LOCALHOST", "localhost."]
)
def test_a_loopback_server_answers_for_this_machine(
    local: tuple[Server, httpx.Client], host: str
) -> None:
    assert local[1].get("/health/live", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil", "[", ""]
)
def test_a_name_that_others_had_point_here_is_refused(
    local: tuple[Server, httpx.Client], host: str
) -> None:
    answer = local[1].get("/api/search", headers={"Host": host})
    assert answer.status_code == 400


def test_names_of_a_proxy_can_be_added(guarded: httpx.Client) -> None:
    for host in ("news.example", "other.example:443", "localhost"):
        assert guarded.get("/health/live", headers={"Host": host}).status_code == 200
    assert guarded.get("/health/live", headers={"Host": "evil.example"}).status_code == 400


# Pages of others


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_another_site_can_change_nothing(
    local: tuple[Server, httpx.Client], headers: dict[str, str]
) -> None:
    assert local[1].post("/api/articles", headers=headers, **ARTICLE).status_code == 403


def test_our_own_page_and_programs_can(local: tuple[Server, httpx.Client]) -> None:
    server, client = local
    for headers in ({}, {"Origin": server.url}, {"Sec-Fetch-Site": "same-origin"}):
        assert client.post("/api/articles", headers=headers, **ARTICLE).status_code == 202


def test_a_cookie_alone_changes_nothing(guarded: httpx.Client) -> None:
    guarded.post("/login", data={"token": TOKEN})
    assert guarded.post("/api/articles", **ARTICLE).status_code == 403
    own = {"Sec-Fetch-Site": "same-origin"}
    assert guarded.post("/api/articles", headers=own, **ARTICLE).status_code == 202


def test_who_shows_the_token_in_a_header_is_no_page_of_others(guarded: httpx.Client) -> None:
    headers = {**BEARER, "Origin": "https://tool.example"}
    assert guarded.post("/api/articles", headers=headers, **ARTICLE).status_code == 202


# Headers


@pytest.mark.parametrize(
    "path", ["/api/search", "/health/live", "/nothing", "/login", "/api/openapi.json", "/"]
)
def test_every_answer_says_what_a_browser_may_do_with_it(
    local: tuple[Server, httpx.Client], path: str
) -> None:
    for headers in ({}, {"Host": "evil.example"}):
        answer = local[1].get(path, headers=headers)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in answer.headers
        assert "server" not in answer.headers

"""One try at a webhook: what is sent, how it is signed, where it may go, what an answer means."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.alerts import webhook as module
from pipeline.alerts.records import Webhook
from pipeline.alerts.webhook import (
    Answer,
    may_be_called,
    networks_of,
    new_client,
    post,
    sign,
    unreachable,
)
from pipeline.errors import ConfigurationError
from tests.alerts.receiver import LOOPBACK, Receiver, receiving

SECRET = "a-secret-of-a-receiver"
BODY = '{"article_id": "ä"}'.encode()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@contextmanager
def receiving_tls(context: ssl.SSLContext) -> Iterator[int]:
    """A server that answers 204 to the first request that gets through; gives its port."""

    def serve() -> None:
        with suppress(OSError):
            accepted, _ = listening.accept()
            with accepted, context.wrap_socket(accepted, server_side=True) as secured:
                received = b""
                while BODY not in received:
                    received += secured.recv(100_000)
                secured.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            thread.join()


def try_once(url: str, networks: str = LOOPBACK, client: Any = None) -> Answer:
    async def tried() -> Answer:
        async with client or new_client() as used:
            hook = Webhook(url=url, secret=SECRET)
            return await post(used, hook, "delivery-1", BODY, networks_of(networks))

    return asyncio.run(tried())


def test_an_alert_is_posted_as_it_is_with_its_id(receiver: Receiver) -> None:
    assert try_once(receiver.url + "?key=1").refused is None
    (request,) = receiver.requests
    assert (request.path, request.body) == ("/hook?key=1", BODY)
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Newsloom-Delivery"] == "delivery-1"
    assert request.headers["Host"] == receiver.url.split("/")[2]


def test_who_knows_the_secret_can_tell_that_it_is_ours_and_how_old_it_is(
    receiver: Receiver,
) -> None:
    try_once(receiver.url)
    (request,) = receiver.requests
    fields = dict(part.split("=") for part in request.headers["Newsloom-Signature"].split(","))
    signed = fields["t"].encode() + b"." + request.body
    assert fields["v1"] == hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert abs(int(fields["t"]) - time.time()) < 60


def test_a_signature_is_of_the_time_the_body_and_the_secret() -> None:
    assert sign("key", 1, b"{}") == (
        "t=1,v1=" + hmac.new(b"key", b"1.{}", hashlib.sha256).hexdigest()
    )
    others = {sign("key", 2, b"{}"), sign("key", 1, b"{ }"), sign("yek", 1, b"{}")}
    assert len(others | {sign("key", 1, b"{}")}) == 4


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_success_is_one(receiver: Receiver, status: int) -> None:
    receiver.statuses(status)
    assert try_once(receiver.url) == Answer(refused=None)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(receiver: Receiver, status: int) -> None:
    receiver.statuses(status)
    answer = try_once(receiver.url)
    assert answer.refused is False
    assert answer.why.endswith(f"status {status}")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_what_will_not_pass_is_not_tried_again(receiver: Receiver, status: int) -> None:
    receiver.statuses(status)
    assert try_once(receiver.url).refused is True


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(receiver: Receiver, status: int) -> None:
    receiver.statuses(status)
    answer = try_once(receiver.url)
    assert answer.refused is True
    assert "redirects are not followed" in answer.why
    assert len(receiver.requests) == 1


def test_a_receiver_that_is_not_there_may_be_later() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # it does not listen
        assert try_once(f"http://127.0.0.1:{bound.getsockname()[1]}/").refused is False


def test_a_name_that_is_not_known_may_be_later() -> None:
    assert try_once("http://nobody.invalid/").refused is False


def test_a_receiver_that_does_not_answer_is_not_waited_for(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.3)
    receiver.hang()
    begun = time.monotonic()
    answer = try_once(receiver.url)
    assert time.monotonic() - begun < 5
    assert answer.refused is False
    assert answer.why.endswith("no answer within 0.3 s")


def test_the_time_limit_is_for_the_whole_answer_not_for_each_byte(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.5)

    def trickle(_: Any, handler: Any) -> int:
        for byte in b"HTTP/1.1 204 No Content\r\n" * 1000:
            if receiver.released.wait(0.05):
                break
            handler.wfile.write(bytes([byte]))
        return 0

    receiver.answer = trickle
    begun = time.monotonic()
    assert try_once(receiver.url).refused is False
    assert time.monotonic() - begun < 5


def test_what_a_receiver_says_is_not_read(receiver: Receiver) -> None:
    def endless(_: Any, handler: Any) -> int:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
        while not receiver.released.is_set():
            handler.wfile.write(b"x" * 100_000)
        return 0

    receiver.answer = endless
    assert try_once(receiver.url).refused is None


# Where it may go


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0",
        "100.64.0.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "255.255.255.255", "240.0.0.1",
        "::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "fc00::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::", "2002:c0a8:101::1",
    ],
)  # fmt: skip
def test_private_addresses_are_not_called_in_whatever_form(address: str) -> None:
    assert not may_be_called(address, [])


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "64:ff9b::808:808"])
def test_addresses_of_the_internet_are_called(address: str) -> None:
    assert may_be_called(address, [])


def test_networks_that_are_named_are_called_too() -> None:
    networks = networks_of("10.0.0.0/8, fd00::/8,")
    assert may_be_called("10.1.2.3", networks)
    assert may_be_called("::ffff:10.1.2.3", networks)
    assert may_be_called("fd12::1", networks)
    assert not may_be_called("192.168.1.1", networks)


@pytest.mark.parametrize("text", ["10.0.0.0/33", "localhost", "10.0.0.1/8", "10.0.0.0/8;"])
def test_what_is_no_list_of_networks_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="NEWSLOOM_WEBHOOK_NETWORKS"):
        networks_of(text)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1"])
def test_a_receiver_on_this_machine_is_not_called_unless_its_network_is_named(
    receiver: Receiver, host: str
) -> None:
    url = receiver.url.replace("127.0.0.1", host)
    answer = try_once(url, networks="")
    assert answer.refused is True
    assert "not on the public internet" in answer.why
    assert receiver.requests == []
    assert "not on the public internet" in str(unreachable(Webhook(url=url, secret=SECRET), []))
    assert try_once(url).refused is None


def test_the_address_that_was_checked_is_the_one_that_is_called(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that gives a public address for the check and a private one after."""
    asked = []
    lookup = socket.getaddrinfo

    def rebinding(host: str, *args: Any, **options: Any) -> Any:
        if host in ("rebinding.example", b"rebinding.example"):
            asked.append(host)
            host = "192.0.2.1" if len(asked) == 1 else "127.0.0.1"
        return lookup(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    url = receiver.url.replace("127.0.0.1", "rebinding.example")
    answer = try_once(url, networks="192.0.2.0/24")
    assert answer.refused is not None
    assert receiver.requests == []
    assert len(asked) == 1


def test_certificates_are_of_the_name_although_the_address_is_called(
    tmp_path: Path,
) -> None:
    for name in ("localhost", "elsewhere.example"):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
             "-keyout", tmp_path / f"{name}.key", "-out", tmp_path / f"{name}.pem",
             "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"],
            check=True, capture_output=True,
        )  # fmt: skip
    for name, refused in (("localhost", None), ("elsewhere.example", False)):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / f"{name}.pem", tmp_path / f"{name}.key")
        trusted = ssl.create_default_context(cafile=tmp_path / f"{name}.pem")
        with receiving_tls(context) as port:
            client = httpx.AsyncClient(verify=trusted, trust_env=False)
            answer = try_once(f"https://localhost:{port}/", client=client)
        assert answer.refused is refused, answer


def test_no_address_or_header_is_logged(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    try_once(receiver.url + "/token-in-the-path")
    assert "token-in-the-path" not in caplog.text
    assert "v1=" not in caplog.text


def test_what_is_said_of_a_failure_has_no_secret_of_the_url(receiver: Receiver) -> None:
    receiver.statuses(500)
    answer = try_once(receiver.url + "/token-in-the-path?key=hidden")
    assert "token" not in answer.why
    assert "hidden" not in answer.why

"""The receiver of docs/alerts.md, as it stands there, is called by what calls receivers."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from pathlib import Path

import pytest

from pipeline.alerts.records import Webhook
from pipeline.alerts.webhook import Answer, networks_of, new_client, post
from tests.alerts.receiver import LOOPBACK
from tests.conftest import ROOT
from tests.docs.examples import examples
from tests.docs.test_consumers import lines, running
from tests.faults.test_kills import wait_for
from tests.servers.processes import free_ports

ALERTS = ROOT / "docs" / "alerts.md"
SECRET = "whsec_0123456789abcdef"
BODY = json.dumps({"article_id": "ä"}).encode()


def call(port: int, secret: str) -> Answer:
    async def called() -> Answer:
        async with new_client() as client:
            hook = Webhook(url=f"http://127.0.0.1:{port}/", secret=secret)
            return await post(client, hook, "1f0c", BODY, networks_of(LOOPBACK))

    return asyncio.run(called())


def listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def test_the_receiver_takes_what_is_signed_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (port,) = free_ports(1)
    example = examples(ALERTS)["A receiver"]
    assert len(example.splitlines()) <= 22
    program = example.replace("8000", f"{port}")
    with running(tmp_path, program, SECRET=SECRET) as receiver:
        wait_for(lambda: listens(port))
        forged = call(port, "x" * 20)
        assert forged.refused is True
        assert forged.why.endswith("status 403")
        monkeypatch.setattr("pipeline.alerts.webhook.time.time", lambda: 1_752_750_000.0)
        assert call(port, SECRET).refused is True  # it is old
        monkeypatch.undo()
        assert call(port, SECRET).refused is None
        printed = lines(receiver, 4)[-1]
        assert printed == f"1f0c {BODY.decode()}"


def test_the_numbers_are_those_of_the_code() -> None:
    from pipeline.alerts.records import MAX_QUERY, MOST_SEARCHES
    from pipeline.alerts.sending import DOWN_SECONDS, TRIES
    from pipeline.alerts.webhook import ANSWER_SECONDS

    text = re.sub(r"\s+", " ", ALERTS.read_text("utf-8"))
    assert f"There can be {MOST_SEARCHES:,} saved searches" in text
    assert f"a query up to {MAX_QUERY:,} characters" in text
    assert ANSWER_SECONDS == 10
    assert "within ten seconds" in text
    assert TRIES == 8
    assert "eight times in all" in text
    assert DOWN_SECONDS == 60
    assert "at once for a minute" in text

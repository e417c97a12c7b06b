"""Kill the server at any moment: what it said is accepted is there, and streams go on."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from pipeline.article import ARTICLES_ENRICHED, ARTICLES_RAW
from pipeline.config import Settings
from pipeline.log import Record, messages, open_log
from pipeline.log.sqlite import SqliteLog
from tests.conftest import enriched
from tests.faults.cluster import Cluster
from tests.faults.conftest import ROUNDS
from tests.faults.test_kills import wait_for
from tests.servers.processes import free_ports

NEWSLOOM = [sys.executable, "-c", "from pipeline.cli import main; main()"]
POSTERS = 4


@contextmanager
def serving(*words: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The real command, and where it answers; killed at the end."""
    command = [*NEWSLOOM, "serve", *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
    ) as process:
        try:
            assert process.stdout
            said = process.stdout.readline().strip()
            assert said.startswith("newsloom answers at "), said
            yield process, said.removeprefix("newsloom answers at ")
        finally:
            process.kill()


def post_until_killed(
    process: subprocess.Popen[str], url: str, name: str, seconds: float
) -> set[str]:
    """Posts articles from several threads, kills the server; gives what it said is accepted."""
    accepted: set[str] = set()

    def post(poster: int) -> None:
        with contextlib.suppress(httpx.TransportError), httpx.Client(timeout=30) as client:
            for number in range(1_000_000):
                article = {"id": f"{name}-{poster}-{number}", "body": f"Story {number}. " * 20}
                answer = client.post(f"{url}/api/articles", json=article)
                if answer.status_code == 202:
                    accepted.add(answer.json()["items"][0]["id"])

    threads = [threading.Thread(target=post, args=(number,)) for number in range(POSTERS)]
    for thread in threads:
        thread.start()
    while len(accepted) < POSTERS:
        time.sleep(0.01)
    time.sleep(seconds)
    process.kill()
    for thread in threads:
        thread.join(60)
    return accepted


def rounds(settings: Settings, *words: str, **environment: str) -> int:
    """Kills servers that articles are posted to; gives how many articles they had accepted."""
    moments = random.Random(3)
    accepted: set[str] = set()
    for number in range(ROUNDS):
        with serving("--port", "0", *words, **environment) as (process, url):
            accepted |= post_until_killed(process, url, f"{number}", moments.uniform(0, 1))
    with closing(open_log(settings)) as log:
        there = [message.key for message in messages(log, ARTICLES_RAW)]
    assert accepted <= set(there)
    return len(accepted)


def test_what_a_killed_server_accepted_is_on_the_raw_topic(tmp_path: Path, note: Any) -> None:
    limits = {"NEWSLOOM_REQUEST_RATE": "0"}
    note("articles", rounds(Settings(data=tmp_path), "--data", str(tmp_path), **limits))
    note("faults", ROUNDS)


def test_what_a_killed_server_accepted_is_on_the_raw_topic_of_kafka(
    cluster: Cluster, note: Any
) -> None:
    environment = {"NEWSLOOM_LOG": cluster.broker.url, "NEWSLOOM_REQUEST_RATE": "0"}
    note("articles", rounds(Settings(log=cluster.broker.url), **environment))
    cluster.faults += ROUNDS


def test_a_stream_goes_on_behind_its_last_event_whenever_the_server_is_killed(
    tmp_path: Path, note: Any
) -> None:
    (port,) = free_ports(1)
    moments = random.Random(5)
    published: list[str] = []
    seen: list[str] = []
    last: dict[str, str] = {}
    enough = threading.Event()

    def publish() -> None:
        log = SqliteLog(tmp_path / "log.db")
        while not enough.wait(0.01 * moments.random()):
            article = enriched(f"{len(published)}")
            record = Record(article.id, msgspec.json.encode(article), revision=article.revision)
            log.publish(ARTICLES_ENRICHED, [record])
            published.append(article.id)
        log.close()

    def listen(url: str) -> None:
        address, event = f"{url}/api/stream?from_beginning=1", {}
        with (
            contextlib.suppress(httpx.TransportError),
            httpx.stream("GET", address, headers=last, timeout=60) as answer,
        ):
            for line in answer.iter_lines():
                if line:
                    name, _, value = line.partition(": ")
                    event[name] = value
                    continue
                # Only now is the event whole.
                last["Last-Event-ID"] = event["id"]
                if "data" in event:
                    seen.append(msgspec.json.decode(event["data"])["id"])
                event.clear()

    publishing = threading.Thread(target=publish)
    publishing.start()
    for number in range(ROUNDS + 1):
        with serving("--port", f"{port}", "--data", str(tmp_path)) as (process, url):
            listening = threading.Thread(target=listen, args=(url,))
            listening.start()
            before = len(seen)
            wait_for(lambda before=before: len(seen) > before)
            time.sleep(moments.uniform(0, 0.5))
            if number == ROUNDS:
                enough.set()
                publishing.join()
                wait_for(lambda: len(seen) >= len(published))
            process.kill()
            listening.join(60)
    assert seen == published
    note("faults", ROUNDS)
    note("articles", len(seen))

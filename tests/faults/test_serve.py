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
from tests.servers.processes import free_ports

NEWSLOOM = [sys.executable, "-c", "from pipeline.cli import main; main()"]
POSTERS = 4
ENRICHED = 200


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


def rounds(settings: Settings, note: Any, *words: str, **environment: str) -> None:
    moments = random.Random(3)
    accepted: set[str] = set()
    for number in range(ROUNDS):
        with serving("--port", "0", *words, **environment) as (process, url):
            accepted |= post_until_killed(process, url, f"{number}", moments.uniform(0, 1))
    with closing(open_log(settings)) as log:
        there = [message.key for message in messages(log, ARTICLES_RAW)]
    assert accepted <= set(there)
    note("faults", ROUNDS)
    note("articles", len(accepted))


def test_what_a_killed_server_accepted_is_on_the_raw_topic(tmp_path: Path, note: Any) -> None:
    limits = {"NEWSLOOM_REQUEST_RATE": "0"}
    rounds(Settings(data=tmp_path), note, "--data", str(tmp_path), **limits)


def test_what_a_killed_server_accepted_is_on_the_raw_topic_of_kafka(
    cluster: Cluster, note: Any
) -> None:
    environment = {"NEWSLOOM_LOG": cluster.broker.url, "NEWSLOOM_REQUEST_RATE": "0"}
    rounds(Settings(log=cluster.broker.url), note, **environment)


def test_a_stream_goes_on_behind_its_last_event_whenever_the_server_is_killed(
    tmp_path: Path, note: Any
) -> None:
    (port,) = free_ports(1)
    moments = random.Random(5)
    seen: list[str] = []
    last: dict[str, str] = {}
    done = threading.Event()

    def publish() -> None:
        log = SqliteLog(tmp_path / "log.db")
        for number in range(ENRICHED):
            article = enriched(f"{number}")
            record = Record(article.id, msgspec.json.encode(article), revision=article.revision)
            log.publish(ARTICLES_ENRICHED, [record])
            done.wait(0.01 * moments.random())
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
                    if len(seen) >= ENRICHED:
                        return
                event.clear()

    publishing = threading.Thread(target=publish)
    publishing.start()
    faults = 0
    while len(set(seen)) < ENRICHED:
        with serving("--port", f"{port}", "--data", str(tmp_path)) as (process, url):
            listening = threading.Thread(target=listen, args=(url,))
            listening.start()
            listening.join(moments.uniform(0.1, 0.5) if faults < ROUNDS else 120)
            process.kill()
            listening.join(60)
            faults += 1
            assert faults <= ROUNDS + 1
    publishing.join()
    assert sorted(seen, key=int) == [f"{number}" for number in range(ENRICHED)]
    note("faults", faults - 1)

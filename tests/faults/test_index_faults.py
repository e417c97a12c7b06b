"""Elasticsearch stops, hangs, refuses and breaks off, sinks are killed: nothing is lost or old.

The enriched topic is filled directly, so that many documents are on their way when something
happens. In the end every record is a document or a dead letter, and each document is its newest
version: what a run gives that nobody disturbs.
"""

from __future__ import annotations

import logging
import os
import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from elasticsearch import Elasticsearch

from pipeline.article import EnrichedArticle
from pipeline.config import Settings
from pipeline.index.elasticsearch.client import ALIAS, connect
from pipeline.index.elasticsearch.setup import composed
from pipeline.log import Record
from pipeline.reindex import reindex
from tests.conftest import enriched
from tests.faults.conftest import ROUNDS
from tests.faults.test_kills import wait_for
from tests.servers.both import (
    articles,
    dead,
    drain,
    environment,
    indexed,
    lag,
    publish,
    put,
    running_sink,
)
from tests.servers.elasticsearch import PASSWORD, USER, ElasticsearchNode
from tests.servers.proxy import Answer, Forward, Proxy, cuts, fails, items_fail, proxy_before
from tests.test_cli import NEWSLOOM, newsloom

IDS = 600
EACH = 12
"""Records that are published at a time, ten times a second."""

MANY = ROUNDS if ROUNDS >= 20 else 0
"""Rounds of the full matrix; `make test` plays each kind once or twice."""

Note = Callable[[str, object], None]


class Load:
    """Publishes versions of articles all the while, some withdrawn, and some that are none."""

    def __init__(self, settings: Settings, seed: int) -> None:
        self.newest: dict[str, EnrichedArticle] = {}
        self.poison: set[str] = set()
        self.records = 0
        self._settings = settings
        self._random = random.Random(seed)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._publish)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _publish(self) -> None:
        while not self._ended.wait(0.1):
            put(self._settings, [self._record() for _ in range(EACH)])

    def _record(self) -> Record:
        self.records += 1
        if self._random.random() < 0.01:
            key = f"poison-{self.records}"
            self.poison.add(key)
            return Record(key, self._random.choice([b"", b"{", b'{"id": 1}', b"\xff"]))
        withdrawn = self._random.random() < 0.02
        article = enriched(
            f"{self._random.randrange(IDS):04}",
            revision=self.records,
            text="" if withdrawn else f"Version {self.records}. " + "Nothing happened. " * 20,
            withdrawn=withdrawn,
        )
        self.newest[article.id] = article
        return Record(article.id, msgspec.json.encode(article))

    def check(self, note: Note) -> None:
        """Waits until all is done; then it has to be what was published."""
        wait_for(lambda: lag(self._settings) == 0, 180)
        expected = {key: article for key, article in self.newest.items() if not article.withdrawn}
        assert indexed(self._settings) == expected
        assert {key for key, _ in dead(self._settings)} == self.poison
        note("articles", self.records)


class Sinks:
    """Sinks, each in a process of its own; a failed test shows what they said."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._environment = os.environ | environment(settings)
        self._folder = folder
        self._processes = [self._start(), self._start()]

    def _start(self) -> subprocess.Popen[bytes]:
        number = len(list(self._folder.glob("sink-*.log")))
        with (self._folder / f"sink-{number:02}.log").open("wb") as output:
            return subprocess.Popen(
                [*NEWSLOOM, "sink"], env=self._environment, stdout=output, stderr=output
            )

    def replace(self, number: int) -> None:
        """Kills one, and puts another in its place."""
        self._kill(self._processes[number])
        self._processes[number] = self._start()

    def close(self) -> None:
        """Kills all."""
        for process in self._processes:
            self._kill(process)
        for path in sorted(self._folder.glob("sink-*.log")):
            print(f"--- {path.name}\n{path.read_text(errors='replace')[-3000:]}")

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()


@pytest.fixture
def client(on_servers: Settings) -> Iterator[Elasticsearch]:
    with connect(on_servers) as client:
        yield client


def behind(settings: Settings, proxy: Proxy) -> Settings:
    return msgspec.structs.replace(settings, index=proxy.url)


# Fault 3: the index is away, or does not do what it is asked


def test_elasticsearch_stopped_killed_and_paused_under_load(
    on_servers: Settings, elasticsearch_node: ElasticsearchNode, tmp_path: Path, note: Note
) -> None:
    moments = random.Random(31)
    done = 0

    def pause() -> None:
        elasticsearch_node.pause()
        # Now and then for longer than an answer is waited for.
        time.sleep(35 if MANY and done % 6 == 1 else moments.uniform(1, 4))
        elasticsearch_node.resume()

    def stop() -> None:
        elasticsearch_node.stop()
        elasticsearch_node.start()

    def kill() -> None:
        elasticsearch_node.kill()
        elasticsearch_node.start()

    try:
        with closing(Sinks(on_servers, tmp_path)), Load(on_servers, 32) as load:
            for number in range(max(MANY, 2)):
                time.sleep(moments.uniform(0.5, 3))
                (kill, pause, stop)[number % 3]()
                done += 1
            load.__exit__()
            load.check(note)
    finally:
        if elasticsearch_node.running:
            elasticsearch_node.resume()
        else:
            elasticsearch_node.start()
    note("faults", done)


def test_requests_refused_overloaded_and_broken_off_under_load(
    on_servers: Settings, elasticsearch_node: ElasticsearchNode, tmp_path: Path, note: Note
) -> None:
    chance = random.Random(33)
    played: list[str] = []
    lock = threading.Lock()

    def slow(body: bytes, forward: Forward) -> Answer:
        time.sleep(0.5)
        return forward(body)

    def misbehave(body: bytes, forward: Forward) -> Answer:
        with lock:
            tricks = {
                "429": fails(429),
                "503": fails(503),
                "items 429": items_fail(429, lambda n: n % 3 == 0),
                "items 500": items_fail(500, lambda n: n % 7 == 0),
                "cut": cuts(chance.randrange(200)),
                "slow": slow,
            }
            name = chance.choice(list(tricks))
            # Nobody gets anything done where nearly everything fails, as a real one does not.
            trick = tricks[name] if chance.random() < 0.5 else None
            if trick is not None:
                played.append(name)
        return trick(body, forward) if trick is not None else forward(body)

    with proxy_before(elasticsearch_node.url) as proxy:
        proxy.always = misbehave
        with (
            closing(Sinks(behind(on_servers, proxy), tmp_path)),
            Load(on_servers, 34) as load,
        ):
            wait_for(lambda: len(played) >= max(5 * MANY, 20), 600)
            proxy.always = None
            load.__exit__()
            load.check(note)
    assert len(set(played)) == 6
    note("faults", len(played))


def test_sinks_killed_under_load(on_servers: Settings, tmp_path: Path, note: Note) -> None:
    moments = random.Random(35)
    rounds = max(MANY, 4)
    with closing(Sinks(on_servers, tmp_path)) as sinks, Load(on_servers, 36) as load:
        for number in range(rounds):
            # A process takes about two seconds until it writes.
            time.sleep(moments.uniform(0.5, 4))
            sinks.replace(number % 2)
        load.__exit__()
        load.check(note)
    note("faults", rounds)


# Fault 6: what waiting does not mend, and what a person mends


def test_a_mapping_conflict_makes_dead_letters_that_can_be_sent_back_when_it_is_mended(
    on_servers: Settings, client: Elasticsearch
) -> None:
    wanted = composed()
    wanted["mappings"]["properties"]["symbols"] = {"type": "long"}
    client.indices.delete(index=f"{ALIAS}-000001")
    client.indices.create(index=f"{ALIAS}-000001", aliases={ALIAS: {}}, mappings=wanted["mappings"])
    publish(
        on_servers, [*articles(20), enriched("a", symbols=["SPY"]), enriched("b", symbols=["1"])]
    )
    drain(on_servers)
    assert dead(on_servers) == [("a", "document_parsing_exception")]
    assert set(indexed(on_servers)) == {article.id for article in articles(20)} | {"b"}
    assert lag(on_servers) == 0

    reindex(on_servers, lambda done, left: None)
    answer = newsloom("dead", "retry", **environment(on_servers))
    assert answer.out == "1 sent back, 0 superseded by a newer version\n"
    drain(on_servers)
    assert indexed(on_servers)["a"] == enriched("a", symbols=["SPY"])
    assert dead(on_servers) == []


def test_an_oversized_document_is_a_dead_letter_and_stops_nobody(
    on_servers: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.index.elasticsearch.writer.MAX_REQUEST_BYTES", 3_000_000)
    large = enriched("large", text="A long story. " * 250_000)
    publish(on_servers, [*articles(20), large, enriched("last")])
    drain(on_servers)
    assert dead(on_servers) == [("large", "document_too_large")]
    assert set(indexed(on_servers)) == {article.id for article in articles(20)} | {"last"}
    assert lag(on_servers) == 0


def test_credentials_that_are_refused_are_said_and_it_goes_on_when_they_are_mended(
    on_servers: Settings, client: Elasticsearch, caplog: pytest.LogCaptureFixture
) -> None:
    user, password = "sink-user", "sink-password"
    client.security.put_user(username=user, password=password, roles=["superuser"])
    own = on_servers.index.replace(f"{USER}:{PASSWORD}@", f"{user}:{password}@")
    publish(on_servers, articles(20))
    with (
        caplog.at_level(logging.INFO),
        running_sink(msgspec.structs.replace(on_servers, index=own)) as sink,
    ):
        wait_for(lambda: lag(on_servers) == 0)
        client.security.change_password(username=user, password="another-password")
        publish(on_servers, articles(20, revision=2))
        wait_for(lambda: "refuses our credentials: 401" in caplog.text)
        assert lag(on_servers) == 20
        client.security.change_password(username=user, password=password)
        wait_for(lambda: lag(on_servers) == 0)
        assert sink.counts.indexed == 40
    assert "goes on after" in caplog.text
    assert password not in caplog.text
    assert indexed(on_servers) == {article.id: article for article in articles(20, revision=2)}


def test_a_key_that_expires_is_replaced_and_nothing_is_lost(
    on_servers: Settings, client: Elasticsearch
) -> None:
    key = client.security.create_api_key(name="soon", expiration="4s")
    expires = datetime.fromtimestamp(key["expiration"] / 1000, UTC)
    settings = msgspec.structs.replace(on_servers, index_api_key=key["encoded"])
    publish(on_servers, articles(20))
    with running_sink(settings) as old:
        wait_for(lambda: lag(on_servers) == 0)
        wait_for(lambda: datetime.now(UTC) > expires)
        publish(on_servers, articles(20, revision=2))
        wait_for(lambda: "credentials: 401" in (old._index_trouble.waiting_for or ""))
    assert lag(on_servers) == 20
    key = client.security.create_api_key(name="new")
    drain(msgspec.structs.replace(on_servers, index_api_key=key["encoded"]))
    assert lag(on_servers) == 0
    assert indexed(on_servers) == {article.id: article for article in articles(20, revision=2)}

"""The sink between real servers: what it promises, also when one of them is away."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka import KafkaAdminClient, KafkaProducer

from pipeline.article import ARTICLES_ENRICHED
from pipeline.config import Settings
from pipeline.errors import ConfigurationError, StorageUnavailable
from pipeline.index import open_index
from pipeline.index.elasticsearch.client import connect
from pipeline.log import Record
from pipeline.log.kafka import KafkaLog
from pipeline.log.kafka_client import SESSION_SECONDS
from pipeline.sink import GROUP
from pipeline.watchdog import STALLED
from tests.conftest import as_published, enriched
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
from tests.servers.elasticsearch import ElasticsearchNode
from tests.servers.kafka import KafkaBroker
from tests.servers.processes import free_ports
from tests.servers.proxy import Proxy, fails, hangs, items_fail, proxy_before
from tests.servers.topics import delete_topics
from tests.test_cli import NEWSLOOM, newsloom


@pytest.fixture
def settings(on_servers: Settings) -> Settings:
    return on_servers


@pytest.fixture
def proxy(elasticsearch_node: ElasticsearchNode) -> Iterator[Proxy]:
    with proxy_before(elasticsearch_node.url) as proxy:
        yield proxy


@pytest.fixture
def behind(settings: Settings, proxy: Proxy) -> Settings:
    """The same, with a proxy before the index."""
    return msgspec.structs.replace(settings, index=proxy.url)


@contextmanager
def started(settings: Settings, **others: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command in a process of its own, which is killed if it has not ended by itself."""
    with subprocess.Popen(
        [*NEWSLOOM, "sink"],
        env=os.environ | environment(settings, **others),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def health(address: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(f"http://{address}/health", timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
    except OSError:
        return 0, {}


# What becomes of records


def test_every_record_becomes_a_document_and_is_committed(settings: Settings) -> None:
    publish(settings, articles(1200))
    assert drain(settings).counts.indexed == 1200
    assert set(indexed(settings)) == {article.id for article in articles(1200)}
    assert lag(settings) == 0


def test_what_can_not_be_a_document_is_a_dead_letter_and_all_others_are_indexed(
    settings: Settings,
) -> None:
    publish(settings, articles(10))
    put(settings, [Record("broken", b"{"), Record("empty", b"")])
    deep: Any = 1
    for _ in range(50):
        deep = {"a": deep}
    publish(settings, [enriched("deep", metadata=deep)])
    sink = drain(settings)
    assert (sink.counts.indexed, sink.counts.dead) == (10, 3)
    assert set(indexed(settings)) == {article.id for article in articles(10)}
    assert dead(settings) == [
        ("broken", "malformed_record"),
        ("deep", "document_parsing_exception"),
        ("empty", "malformed_record"),
    ]
    assert lag(settings) == 0


def test_fields_that_this_release_does_not_know_are_left_out(settings: Settings) -> None:
    newer = msgspec.to_builtins(enriched("a")) | {"mood": "sunny"}
    put(settings, [Record("a", json.dumps(newer).encode())])
    assert drain(settings).counts.dead == 0
    found = open_index(settings).get("a")
    assert found is not None
    assert as_published(found) == enriched("a")


def test_of_two_revisions_the_newer_one_stands_in_whatever_order_they_come(
    settings: Settings,
) -> None:
    publish(settings, [enriched("a", revision=2, text="New."), enriched("a", text="Old.")])
    assert drain(settings).counts.dead == 0
    found = open_index(settings).get("a")
    assert found is not None
    assert found.text == "New."


def test_a_withdrawn_article_leaves_a_stub_that_no_search_shows(settings: Settings) -> None:
    publish(settings, [enriched("a"), enriched("b")])
    drain(settings)
    publish(settings, [enriched("a", revision=2, text="", withdrawn=True), enriched("a")])
    drain(settings)
    assert set(indexed(settings)) == {"b"}
    assert open_index(settings).get("a") is None
    assert open_index(settings).count() == 1
    with connect(settings) as client:
        stub = client.get(index="newsloom-articles", id="a")
    assert (stub["_version"], stub["_source"]["text"]) == (2, "")


def test_a_record_that_is_too_large_for_a_dead_letter_stops_nobody(
    settings: Settings, kafka_broker: KafkaBroker
) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka_broker.address, max_request_size=9_000_000)
    producer.send(ARTICLES_ENRICHED, key=b"huge", value=b"[" * 8_400_000).get(10)
    producer.close()
    publish(settings, articles(3))
    sink = drain(settings)
    assert (sink.counts.indexed, sink.counts.dead) == (3, 1)
    assert dead(settings) == [("huge", "malformed_record")]
    assert lag(settings) == 0


# Servers that are away


def test_nothing_is_committed_before_the_index_has_it(
    settings: Settings, behind: Settings, proxy: Proxy
) -> None:
    proxy.always = fails(503)
    publish(settings, articles(100))
    with running_sink(behind):
        wait_for(lambda: len(proxy.sizes) > 3)
    assert lag(settings) == 100
    proxy.always = None
    assert drain(behind).counts.indexed == 100
    assert lag(settings) == 0


def test_what_is_settled_is_committed_although_something_behind_it_waits(
    settings: Settings, behind: Settings, proxy: Proxy
) -> None:
    publish(settings, articles(100))
    with running_sink(behind):
        wait_for(lambda: lag(settings) == 0)
        proxy.always = fails(503)
        publish(settings, articles(50, revision=2))
        wait_for(lambda: sum(proxy.sizes) > 100)
    assert lag(settings) == 50


def test_an_outage_is_told_once_and_so_is_its_end(
    settings: Settings, behind: Settings, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    proxy.always = fails(401, {"error": "unable to authenticate", "status": 401})
    publish(settings, articles(10))
    with caplog.at_level(logging.INFO), running_sink(behind) as sink:
        wait_for(lambda: len(proxy.sizes) > 3)
        proxy.always = None
        wait_for(lambda: sink.counts.indexed == 10)
    said = [message for message in caplog.messages if "waiting" in message]
    assert len(said) == 1
    assert "refuses our credentials: 401 unable to authenticate" in said[0]
    assert len([message for message in caplog.messages if "goes on" in message]) == 1


def test_while_the_index_is_away_a_sink_holds_little_and_keeps_its_place_in_the_group(
    settings: Settings, behind: Settings, proxy: Proxy, kafka_broker: KafkaBroker
) -> None:
    def members() -> set[str]:
        (group,) = admin.describe_groups([GROUP]).values()
        return {member["member_id"] for member in group["members"]}

    proxy.always = fails(503)
    publish(settings, articles(3500))
    with running_sink(behind) as sink:
        wait_for(lambda: len(proxy.sizes) > 3)
        admin = KafkaAdminClient(bootstrap_servers=kafka_broker.address)
        mine = members()
        assert len(mine) == 1
        until = time.monotonic() + SESSION_SECONDS + 2
        wait_for(lambda: members() != mine or time.monotonic() > until)
        assert members() == mine
        admin.close()
        assert sink.counts.indexed == 0
        proxy.always = None
        wait_for(lambda: sink.counts.indexed == 3500)
    assert lag(settings) == 0


def test_items_that_are_too_many_are_written_later_and_none_is_lost(
    settings: Settings, behind: Settings, proxy: Proxy
) -> None:
    proxy.tricks += [items_fail(429, lambda n: n % 3 == 0)] * 4
    publish(settings, articles(1000))
    assert drain(behind).counts.indexed == 1000
    assert len(indexed(settings)) == 1000


def test_a_dead_letter_that_is_not_acknowledged_keeps_its_record_from_being_committed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = threading.Semaphore(0)
    mended = threading.Event()
    real = KafkaLog.publish

    def publishing(log: KafkaLog, topic: str, records: Sequence[Record]) -> Any:
        if topic == "newsloom.articles.dead" and not mended.is_set():
            tried.release()
            raise StorageUnavailable("no acknowledgement")
        return real(log, topic, records)

    put(settings, [Record("broken", b"{")])
    monkeypatch.setattr(KafkaLog, "publish", publishing)
    with running_sink(settings) as sink:
        assert tried.acquire(timeout=30)
        assert tried.acquire(timeout=30)
        assert lag(settings) == 1
        mended.set()
        wait_for(lambda: sink.counts.dead == 1)
        wait_for(lambda: lag(settings) == 0)
    assert dead(settings) == [("broken", "malformed_record")]


def test_without_a_broker_a_sink_waits_for_it_and_can_be_stopped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    port, index = free_ports(2)
    settings = Settings(log=f"kafka://127.0.0.1:{port}", index=f"http://127.0.0.1:{index}")
    with running_sink(settings):
        wait_for(lambda: f"waiting: Kafka at 127.0.0.1:{port}" in caplog.text)


# Several of them


def test_several_sinks_share_the_work(settings: Settings) -> None:
    with running_sink(settings) as one, running_sink(settings) as other:
        wait_for(lambda: all(sink._consumer and sink._consumer.partitions for sink in (one, other)))
        publish(settings, articles(1000))
        wait_for(lambda: one.counts.indexed + other.counts.indexed >= 1000)
        assert one.counts.indexed
        assert other.counts.indexed
    assert len(indexed(settings)) == 1000
    assert lag(settings) == 0


# The process


def test_sigterm_ends_it_with_0_and_ctrl_c_with_130(settings: Settings) -> None:
    for number, status in ((signal.SIGTERM, 0), (signal.SIGINT, 130)):
        publish(settings, articles(50))
        with started(settings) as process:
            wait_for(lambda: lag(settings) == 0)
            process.send_signal(number)
            assert process.wait(20) == status


def test_sigterm_in_an_outage_ends_it_within_seconds_and_commits_nothing(
    settings: Settings, behind: Settings, proxy: Proxy
) -> None:
    publish(settings, articles(50))
    for trick in (fails(503), hangs(until := threading.Event())):
        proxy.always = trick
        proxy.sizes.clear()
        with started(behind) as process:
            wait_for(lambda: proxy.sizes)
            begun = time.monotonic()
            process.terminate()
            assert process.wait(20) == 0
            assert time.monotonic() - begun < 10
        assert lag(settings) == 50
    proxy.always = None
    until.set()


def test_with_drain_it_ends_when_all_is_indexed_and_says_what_it_did(settings: Settings) -> None:
    publish(settings, articles(20))
    answer = newsloom("sink", "--drain", "--json", **environment(settings))
    assert (answer.status, answer.lines) == (0, [{"indexed": 20, "dead": 0}])
    put(settings, [Record("broken", b"{")])
    answer = newsloom("sink", "--drain", **environment(settings))
    assert (answer.status, answer.out) == (1, "0 indexed, 1 dead letters\n")


def test_without_servers_it_says_which_command_does_it(tmp_path: Path) -> None:
    answer = newsloom("sink", data=tmp_path)
    assert answer.status == 2
    assert "`newsloom up`" in answer.err
    assert answer.err.count("\n") == 1


def test_without_topics_it_says_how_to_make_them(
    settings: Settings, kafka_broker: KafkaBroker
) -> None:
    delete_topics(kafka_broker)
    with pytest.raises(ConfigurationError, match="newsloom setup"):
        drain(settings)


def test_health_tells_lag_progress_and_what_is_waited_for(
    settings: Settings, behind: Settings, proxy: Proxy
) -> None:
    address = f"127.0.0.1:{free_ports(1)[0]}"
    watched = msgspec.structs.replace(behind, health=address, stall_seconds=4)
    publish(settings, articles(10))
    with running_sink(watched):
        wait_for(lambda: health(address)[1].get("progress") == 10)
        proxy.always = fails(503)
        publish(settings, articles(10, revision=2))
        wait_for(lambda: health(address)[1]["lag"] == 10 and health(address)[1]["waiting_for"])
        code, said = health(address)
        assert (code, said["status"], said["progress"]) == (200, "ok", 10)
        assert "503" in said["waiting_for"]
        proxy.always = None
        wait_for(lambda: health(address)[1]["progress"] == 20)
        wait_for(lambda: health(address)[1]["waiting_for"] is None)


def test_a_sink_that_gets_nowhere_although_all_servers_answer_ends_with_status_70(
    settings: Settings, behind: Settings, proxy: Proxy
) -> None:
    address = f"127.0.0.1:{free_ports(1)[0]}"
    proxy.always = hangs(until := threading.Event())
    publish(settings, articles(10))
    with started(behind, NEWSLOOM_STALL_SECONDS="3", NEWSLOOM_HEALTH=address) as process:
        wait_for(lambda: health(address)[0] == 503)
        assert health(address)[1]["status"] == "stalled"
        assert process.wait(30) == STALLED
        assert process.stderr is not None
        assert b"nothing was done for 3 s, although 10 records wait" in process.stderr.read()
    until.set()


def test_a_sink_that_is_kept_from_writing_is_left_alone_by_its_watchdog(
    settings: Settings, elasticsearch_node: ElasticsearchNode
) -> None:
    address = f"127.0.0.1:{free_ports(1)[0]}"
    watched = msgspec.structs.replace(settings, health=address, stall_seconds=1)
    with connect(settings) as client, running_sink(watched):
        client.indices.add_block(index="newsloom-articles-000001", block="write")
        publish(settings, articles(10))
        until = time.monotonic() + 4
        wait_for(lambda: time.monotonic() > until)
        assert health(address)[1]["status"] == "ok"
        assert "`newsloom setup` lifts the block" in health(address)[1]["waiting_for"]

"""What is Kafka's own: partitions, groups that share them, absent brokers, topics set up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from pipeline.article import ARTICLES_DEAD, ARTICLES_ENRICHED, ARTICLES_RAW, MAX_RECORD_BYTES
from pipeline.config import Settings
from pipeline.errors import ConfigurationError, StorageUnavailable, Terminal
from pipeline.log import Consumer, Message, Record, open_log
from pipeline.log.dead import bury, find, letters, readable, retry
from pipeline.log.kafka import KafkaConsumption, KafkaLog, _bounded
from pipeline.log.kafka_client import administrating, servers_of
from pipeline.log.kafka_topics import ALL_TOPICS, TopicChange, partition_count, setup_topics
from tests.servers.fixtures import running
from tests.servers.kafka import KafkaBroker
from tests.servers.processes import free_ports
from tests.servers.topics import delete_topics, empty_topics

PARTITIONS = 4
SETUP: dict[str, Any] = {"partitions": PARTITIONS, "replication": 1, "retention_days": 30}


@pytest.fixture
def broker(kafka_broker: KafkaBroker) -> KafkaBroker:
    empty_topics(kafka_broker, partitions=PARTITIONS)
    return kafka_broker


@pytest.fixture
def log(broker: KafkaBroker) -> Iterator[KafkaLog]:
    opened = KafkaLog([broker.address])
    yield opened
    opened.close()


def records(count: int, value: bytes = b"v") -> list[Record]:
    return [Record(f"k{number}", value) for number in range(count)]


def drain(consumer: Consumer) -> list[Message]:
    found: list[Message] = []
    while messages := consumer.poll(100, 0):
        found += messages
    return found


def test_the_settings_name_a_cluster(broker: KafkaBroker) -> None:
    log = open_log(Settings(log=broker.url))
    log.publish(ARTICLES_RAW, [Record("k", b"v")])
    assert [m.value for m in drain(log.consume(ARTICLES_RAW))] == [b"v"]
    log.close()


@pytest.mark.parametrize(
    ("url", "servers"),
    [
        ("kafka://localhost:9092", ["localhost:9092"]),
        ("kafka://a.example:9092,10.0.0.2:9093", ["a.example:9092", "10.0.0.2:9093"]),
        ("kafka://[::1]:9092", ["[::1]:9092"]),
    ],
)
def test_a_url_names_the_servers(url: str, servers: list[str]) -> None:
    assert servers_of(url) == servers


@pytest.mark.parametrize("url", ["kafka:", "kafka://", "kafka://a", "kafka://a:b", "kafka://a:1,"])
def test_a_wrong_url_is_said_to_be_one(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"kafka://HOST:PORT"):
        open_log(Settings(log=url))


def test_a_key_stays_in_its_partition_and_its_records_in_order(log: KafkaLog) -> None:
    for version in range(3):
        log.publish(ARTICLES_RAW, records(50, b"%d" % version))
    places: dict[str | None, set[int]] = {}
    order: dict[str | None, list[bytes]] = {}
    for message in drain(log.consume(ARTICLES_RAW)):
        places.setdefault(message.key, set()).add(message.partition)
        order.setdefault(message.key, []).append(message.value)
    assert len(places) == 50
    assert all(len(partitions) == 1 for partitions in places.values())
    assert len(set().union(*places.values())) == PARTITIONS
    assert all(values == [b"0", b"1", b"2"] for values in order.values())


def test_the_members_of_a_group_share_its_partitions(log: KafkaLog) -> None:
    members = [log.consume(ARTICLES_RAW, "group") for _ in range(2)]

    def shares() -> list[int]:
        return [len(member._consumer.assignment()) for member in members]

    deadline = time.monotonic() + 30
    while shares() != [PARTITIONS // 2] * 2:
        assert time.monotonic() < deadline
        for member in members:
            member.poll(1, 0.1)
    log.publish(ARTICLES_RAW, records(100))
    found: list[set[str | None]] = [set(), set()]
    while len(found[0] | found[1]) < 100:
        assert time.monotonic() < deadline
        for member, keys in zip(members, found, strict=True):
            messages = member.poll(100, 0.1)
            keys |= {message.key for message in messages}
            member.commit(messages)
    assert all(found)


def test_a_member_whose_polls_are_short_takes_part_in_a_division_that_new_partitions_cause(
    broker: KafkaBroker, log: KafkaLog
) -> None:
    member = log.consume(ARTICLES_RAW, "group")
    while not member.partitions:
        member.poll(1, 0.1)
    with administrating([broker.address], ARTICLES_RAW) as admin:
        admin.create_partitions({ARTICLES_RAW: 2 * PARTITIONS})
    deadline = time.monotonic() + 30
    while len(member.partitions) < 2 * PARTITIONS:
        assert time.monotonic() < deadline
        if not member.joining:
            member._consumer._client.cluster.request_update()  # it would look in five minutes
        member.poll(1, 0.001)


def test_a_commit_covers_every_partition_of_its_messages(log: KafkaLog) -> None:
    log.publish(ARTICLES_RAW, records(100))
    consumer = log.consume(ARTICLES_RAW, "group")
    consumer.commit(drain(consumer))
    consumer.close()
    again = log.consume(ARTICLES_RAW, "group")
    assert again.lag() == 0
    assert drain(again) == []


def test_a_commit_after_the_group_was_divided_anew_is_no_error(log: KafkaLog) -> None:
    log.publish(ARTICLES_RAW, records(100))
    late = log.consume(ARTICLES_RAW, "group")
    messages = drain(late)
    other = log.consume(ARTICLES_RAW, "group")
    deadline = time.monotonic() + 30
    while not other.poll(10, 0.1):
        assert time.monotonic() < deadline
        late.wait(0.1)
    late.commit(messages)


def test_work_goes_on_soon_after_a_member_was_killed(broker: KafkaBroker, log: KafkaLog) -> None:
    program = (
        "import sys, time; from pipeline.log.kafka import KafkaLog;"
        f" c = KafkaLog([{broker.address!r}]).consume({ARTICLES_RAW!r}, 'group');"
        " print(len(c.poll(1, 0)), flush=True); time.sleep(600)"
    )
    log.publish(ARTICLES_RAW, records(10))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as member:
        assert member.stdout is not None
        assert member.stdout.readline() == b"1\n"
        member.send_signal(signal.SIGKILL)
    begun = time.monotonic()
    successors = [log.consume(ARTICLES_RAW, "group") for _ in range(2)]
    shared = threading.Event()
    found: list[Message] = []

    def succeed(successor: KafkaConsumption) -> None:
        """Polls, and asks between the polls what would stand behind joining at the broker."""
        while not shared.is_set() and time.monotonic() - begun < 20:
            found.extend(successor.poll(10, 0.2))
            successor.lag()
            if found and all(len(other.partitions) == PARTITIONS // 2 for other in successors):
                shared.set()

    with ThreadPoolExecutor() as threads:
        list(threads.map(succeed, successors))
    assert shared.is_set()


def test_a_waiting_member_takes_part_in_a_division_and_loses_nothing(log: KafkaLog) -> None:
    log.publish(ARTICLES_RAW, records(100))
    waiting = log.consume(ARTICLES_RAW, "group")
    first = waiting.poll(10, 0)
    waiting.commit(first)
    other = log.consume(ARTICLES_RAW, "group")
    second: list[Message] = []
    deadline = time.monotonic() + 30
    while not second:
        assert time.monotonic() < deadline
        waiting.wait(0.1)
        second = other.poll(10, 0.1)
    other.commit(second)
    other.close()
    waiting.wait(1)
    keys = {m.key for m in first + second}
    while len(keys) < 100:  # what the other one had comes back with the next heartbeat
        assert time.monotonic() < deadline
        keys |= {m.key for m in waiting.poll(100, 0.1)}


def test_keys_that_are_no_utf8_keep_their_bytes(broker: KafkaBroker, log: KafkaLog) -> None:
    producer = KafkaProducer(bootstrap_servers=broker.address)
    producer.send(ARTICLES_RAW, key=b"\xff\x00k", value=b"poison").get(10)
    producer.close()
    (message,) = drain(log.consume(ARTICLES_RAW))
    assert readable(message.key) == "\ufffd\x00k"
    log.publish(ARTICLES_DEAD, [bury(message, error="e", explanation="x", stage="enrich")])
    (letter,) = letters(log)
    assert letter.key == "\ufffd\x00k"
    retry(log, letter)
    keys = [m.key for m in drain(log.consume(ARTICLES_RAW))]
    assert keys == [message.key] * 2


def test_a_null_value_of_others_is_an_empty_one(broker: KafkaBroker, log: KafkaLog) -> None:
    producer = KafkaProducer(bootstrap_servers=broker.address)
    producer.send(ARTICLES_ENRICHED, key=b"k", value=None).get(10)
    producer.close()
    assert [m.value for m in drain(log.consume(ARTICLES_ENRICHED))] == [b""]


def test_dead_letters_of_all_partitions_are_found_by_their_names(log: KafkaLog) -> None:
    log.publish(ARTICLES_RAW, records(20))
    buried = [
        bury(message, error="invalid", explanation="why", stage="enrich")
        for message in drain(log.consume(ARTICLES_RAW))
    ]
    log.publish(ARTICLES_DEAD, buried)
    found = list(letters(log))
    assert len({letter.ref for letter in found}) == 20
    chosen = found[7]
    assert find(log, chosen.ref) == chosen
    retry(log, chosen)
    assert chosen.ref not in {letter.ref for letter in letters(log)}


def test_a_record_that_is_too_large_is_named_and_none_is_sent(log: KafkaLog) -> None:
    large = Record("large", bytes(MAX_RECORD_BYTES + 1))
    with pytest.raises(Terminal, match="the record large has 8,000,001 bytes"):
        log.publish(ARTICLES_RAW, [Record("small", b""), large])
    assert drain(log.consume(ARTICLES_RAW)) == []


def test_a_record_that_the_broker_refuses_is_named(broker: KafkaBroker, log: KafkaLog) -> None:
    with pytest.raises(Terminal, match="the record None"):  # a compacted topic takes no such
        log.publish(ARTICLES_ENRICHED, [Record(None, b"v")])
    log.publish(ARTICLES_ENRICHED, [Record("k", b"v")])
    assert [m.key for m in drain(log.consume(ARTICLES_ENRICHED))] == ["k"]


@pytest.mark.parametrize(
    ("sizes", "runs"), [([], []), ([5], [1]), ([4, 4, 4], [2, 1]), ([20, 1, 20], [1, 1, 1])]
)
def test_no_more_bytes_wait_for_the_broker_than_allowed(sizes: list[int], runs: list[int]) -> None:
    waiting = [Record(None, bytes(size)) for size in sizes]
    batches = list(_bounded(waiting, 10))
    assert [len(batch) for batch in batches] == runs
    assert [record for batch in batches for record in batch] == waiting


def test_without_a_broker_the_error_may_pass_and_says_where(free_port: int) -> None:
    log = KafkaLog([f"127.0.0.1:{free_port}"])
    with pytest.raises(StorageUnavailable, match=f"Kafka at 127.0.0.1:{free_port}"):
        log.consume(ARTICLES_RAW)
    log.close()


@pytest.mark.parametrize(
    "attempt",
    [
        lambda servers: KafkaLog(servers).consume(ARTICLES_RAW),
        lambda servers: KafkaLog(servers).publish(ARTICLES_RAW, records(1)),
        partition_count,
    ],
    ids=["consumer", "producer", "admin"],
)
def test_an_attempt_without_a_broker_leaves_no_thread(
    attempt: Callable[[list[str]], object], free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.log.kafka_client.ANSWER_SECONDS", 1)
    before = threading.active_count()
    with pytest.raises(StorageUnavailable):
        attempt([f"127.0.0.1:{free_port}"])
    assert threading.active_count() == before


@pytest.fixture
def free_port() -> int:
    return free_ports(1)[0]


def test_a_publication_outlasts_a_restart_of_the_broker() -> None:
    with running(KafkaBroker) as own:
        setup_topics([own.address], **SETUP)
        log = KafkaLog([own.address])
        log.publish(ARTICLES_RAW, records(10))
        consumer = log.consume(ARTICLES_RAW)
        assert len(drain(consumer)) == 10
        own.kill()
        back = threading.Timer(2, own.start)
        back.start()
        log.publish(ARTICLES_RAW, records(10))
        back.join()
        deadline = time.monotonic() + 20
        found: list[Message] = []
        while len(found) < 10 and time.monotonic() < deadline:
            found += consumer.poll(100, 1)
        assert len(found) == 10
        log.close()


def test_topics_that_are_missing_are_an_error_that_says_how_to_make_them(
    broker: KafkaBroker, log: KafkaLog
) -> None:
    delete_topics(broker)
    for use in (
        lambda: log.consume(ARTICLES_RAW),
        lambda: log.publish(ARTICLES_RAW, records(1)),
        lambda: log.read(ARTICLES_RAW, 0, 0),
    ):
        with pytest.raises(ConfigurationError, match=f"no topic {ARTICLES_RAW}; `newsloom setup`"):
            use()


def test_setting_up_makes_the_topics_once(broker: KafkaBroker) -> None:
    delete_topics(broker)
    asked = setup_topics([broker.address], **SETUP, check=True)
    made = setup_topics([broker.address], **SETUP)
    assert [change.topic for change in made] == list(ALL_TOPICS)
    assert asked == [change._replace(made=False) for change in made]
    assert all(change.made and change.before is None for change in made)
    assert setup_topics([broker.address], **SETUP) == []


def test_setting_up_mends_what_can_be_mended_and_tells_the_rest(broker: KafkaBroker) -> None:
    wanted = SETUP | {"retention_days": 1, "partitions": PARTITIONS + 1}
    asked = setup_topics([broker.address], **wanted, check=True)
    changes = setup_topics([broker.address], **wanted)
    assert TopicChange(ARTICLES_RAW, "retention.ms", "2592000000", "86400000", True) in changes
    assert TopicChange(ARTICLES_RAW, "partitions", "4", "5", False) in changes
    assert {change.setting for change in changes if change.topic == ARTICLES_ENRICHED} == {
        "partitions"
    }
    assert [change[:4] for change in asked] == [change[:4] for change in changes]
    left = setup_topics([broker.address], **wanted)
    assert {change.setting for change in left} == {"partitions"}


def test_setting_up_with_too_few_brokers_says_so(broker: KafkaBroker) -> None:
    delete_topics(broker)
    with pytest.raises(ConfigurationError):
        setup_topics([broker.address], **SETUP | {"replication": 3})


def test_memory_stays_flat_over_many_records(log: KafkaLog) -> None:
    def resident() -> int:
        pages = Path("/proc/self/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    value = os.urandom(100_000)
    log.publish(ARTICLES_RAW, records(100, value))
    before = resident()
    for _ in range(5):
        log.publish(ARTICLES_RAW, records(1000, value))
    assert resident() - before < 150_000_000

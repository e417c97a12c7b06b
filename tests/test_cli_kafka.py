"""The same commands on Kafka's topics: what they print, and their exit status."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator

import pytest

from pipeline.article import ARTICLES_DEAD, ARTICLES_RAW
from pipeline.log.dead import bury
from pipeline.log.kafka import KafkaLog
from tests.conftest import SAMPLES
from tests.servers.kafka import KafkaBroker
from tests.servers.processes import free_ports
from tests.servers.topics import delete_topics, empty_topics
from tests.test_cli import NEWSLOOM, Answer, newsloom

WIRE = SAMPLES / "wire-2025-06.jsonl"


@pytest.fixture
def broker(kafka_broker: KafkaBroker) -> KafkaBroker:
    empty_topics(kafka_broker, partitions=3)
    return kafka_broker


@pytest.fixture
def log(broker: KafkaBroker) -> Iterator[KafkaLog]:
    opened = KafkaLog([broker.address])
    yield opened
    opened.close()


def raw(log: KafkaLog) -> dict[str | None, bytes]:
    found: dict[str | None, bytes] = {}
    consumer = log.consume(ARTICLES_RAW)
    while messages := consumer.poll(500, 0):
        found |= {message.key: message.value for message in messages}
    return found


def test_what_is_produced_is_on_the_topic(broker: KafkaBroker, log: KafkaLog) -> None:
    expected = len(WIRE.read_text().splitlines())
    answer = newsloom("produce", WIRE, NEWSLOOM_LOG=broker.url)
    assert answer == Answer(0, f"{expected:,} accepted, 0 rejected, 0 unchanged\n", "")
    articles = raw(log)
    assert len(articles) == expected
    assert all(json.loads(value)["id"] == key for key, value in articles.items())


def test_rejected_inputs_are_told_and_the_others_produced(broker: KafkaBroker) -> None:
    broken = SAMPLES / "broken-line.jsonl"
    answer = newsloom("produce", broken, "--json", NEWSLOOM_LOG=broker.url)
    assert answer.status == 1
    assert answer.lines[0]["rejected"] == 1
    assert answer.lines[0]["accepted"] >= 1
    assert "broken-line.jsonl:2" in answer.err


def test_tail_gives_the_records_of_a_topic_and_ends_with_its_reader(broker: KafkaBroker) -> None:
    newsloom("produce", WIRE, NEWSLOOM_LOG=broker.url)
    command = ["env", f"NEWSLOOM_LOG={broker.url}", *NEWSLOOM, "tail", "raw", "--from-beginning"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tail:
        assert tail.stdout is not None
        assert tail.stderr is not None
        line = json.loads(tail.stdout.readline())
        tail.terminate()
        tail.wait(30)
        assert tail.stderr.read() == b""
    assert line["body"]


def test_ctrl_c_ends_tail(broker: KafkaBroker) -> None:
    newsloom("produce", WIRE, NEWSLOOM_LOG=broker.url)
    command = ["env", f"NEWSLOOM_LOG={broker.url}", *NEWSLOOM, "tail", "raw", "--from-beginning"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tail:
        assert tail.stdout is not None
        tail.stdout.readline()
        tail.send_signal(signal.SIGINT)
        assert tail.wait(10) == 130


def test_a_dead_letter_is_listed_shown_and_sent_back(broker: KafkaBroker, log: KafkaLog) -> None:
    newsloom("produce", WIRE, NEWSLOOM_LOG=broker.url)
    (message,) = log.consume(ARTICLES_RAW).poll(1, 10)
    log.publish(ARTICLES_DEAD, [bury(message, error="invalid", explanation="why", stage="enrich")])

    (letter,) = newsloom("dead", "list", "--json", NEWSLOOM_LOG=broker.url).lines
    assert (letter["key"], letter["error"], letter["attempts"]) == (message.key, "invalid", 1)
    assert (letter["partition"], letter["offset"]) == (message.partition, message.offset)

    shown = newsloom("dead", "show", letter["ref"], NEWSLOOM_LOG=broker.url)
    assert shown.out.encode() == message.value + b"\n"
    assert "invalid: why" in shown.err

    sent = newsloom("dead", "retry", letter["ref"], NEWSLOOM_LOG=broker.url)
    assert sent.out == "1 sent back, 0 superseded by a newer version\n"
    assert newsloom("dead", "list", "--json", NEWSLOOM_LOG=broker.url).lines == []
    consumer = log.consume(ARTICLES_RAW)
    keys = [m.key for m in consumer.poll(500, 0) + consumer.poll(500, 0) + consumer.poll(500, 0)]
    assert keys.count(message.key) == 2


def test_without_topics_the_command_says_how_to_make_them(broker: KafkaBroker) -> None:
    delete_topics(broker)
    answer = newsloom("produce", WIRE, NEWSLOOM_LOG=broker.url)
    assert answer.status == 2
    assert answer.err == (
        f"newsloom: Kafka at {broker.address} has no topic {ARTICLES_RAW}; `newsloom setup` makes"
        " it\n"
    )


def test_without_a_broker_the_command_says_so_in_one_line() -> None:
    (port,) = free_ports(1)
    answer = newsloom("dead", "list", NEWSLOOM_LOG=f"kafka://127.0.0.1:{port}")
    assert answer.status == 2
    assert answer.err.startswith(f"newsloom: Kafka at 127.0.0.1:{port}: ")
    assert answer.err.count("\n") == 1

"""The examples of docs/consumers.md, as they stand there, against a real broker."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.article import ARTICLES_ENRICHED, MAX_RECORD_BYTES, EnrichedArticle, Sentiment
from pipeline.config import Settings
from pipeline.log import Record, open_log
from pipeline.log.sqlite import SqliteLog
from tests.conftest import enriched
from tests.docs.examples import CONSUMERS, examples
from tests.servers.kafka import KafkaBroker
from tests.servers.topics import empty_topics

EXAMPLES = examples(CONSUMERS)
ADDRESS = "localhost:9092"


def largest() -> EnrichedArticle:
    """An article whose record is as large as any may be, and can't be compressed much."""
    article = enriched("largest", revision=1, symbols=["EWJ"], sentiment=mood("neutral"))
    room = MAX_RECORD_BYTES - len(msgspec.json.encode(article))
    article.summary = os.urandom(room // 2).hex()
    return article


def mood(label: Any) -> Sentiment:
    return Sentiment(label=label, score=0, confidence=1)


ARTICLES = [
    enriched("one", revision=1, text="first", symbols=["SPY"], sentiment=mood("negative")),
    enriched("one", revision=2, text="second", symbols=["SPY"], sentiment=mood("positive")),
    enriched("other", revision=1, text="of no ticker"),
    largest(),
    enriched("one", revision=3, text="", withdrawn=True),
]


def publish(settings: Settings, articles: Sequence[EnrichedArticle] = ARTICLES) -> None:
    log = open_log(settings)
    for article in articles:
        record = Record(article.id, msgspec.json.encode(article), revision=article.revision)
        log.publish(ARTICLES_ENRICHED, [record])
    log.close()


@pytest.fixture
def broker(kafka_broker: KafkaBroker) -> KafkaBroker:
    empty_topics(kafka_broker, partitions=1)
    publish(Settings(log=kafka_broker.url))
    return kafka_broker


@contextmanager
def running(
    folder: Path, example: str, *words: str, **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """A program of an example's lines, in a folder of its own; what it prints is in one stream."""
    (folder / "example.py").write_text(example)
    with subprocess.Popen(
        [sys.executable, "example.py", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | environment,
    ) as program:
        try:
            yield program
            program.send_signal(signal.SIGINT)
            program.wait(30)
        finally:
            program.kill()


def lines(program: subprocess.Popen[str], count: int) -> list[str]:
    assert program.stdout is not None
    read = [program.stdout.readline() for _ in range(count)]
    assert all(read), "the program has ended"
    return [line.rstrip("\n")[:200] for line in read]


def at(broker: KafkaBroker, example: str) -> str:
    assert example.count(ADDRESS) == 1
    return example.replace(ADDRESS, broker.address)


def test_every_section_with_an_example_has_a_test() -> None:
    assert set(EXAMPLES) == {"pipeline.subscribe", "kafka-python", "Faust", "The console consumer"}


def test_pipeline_subscribe_on_the_embedded_log(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "newsloom-data")
    publish(settings, ARTICLES[:2])
    with running(tmp_path, EXAMPLES["pipeline.subscribe"]) as program:
        assert lines(program, 1) == ["one ['SPY'] "]
        publish(settings, ARTICLES[2:])
        (large, withdrawn) = lines(program, 2)
    assert large.startswith("largest ['EWJ'] ")
    assert withdrawn == "one is withdrawn"
    assert SqliteLog(tmp_path / "newsloom-data" / "log.db").committed(ARTICLES_ENRICHED, "alerts")


def test_pipeline_subscribe_on_kafka(broker: KafkaBroker, tmp_path: Path) -> None:
    with running(tmp_path, EXAMPLES["pipeline.subscribe"], NEWSLOOM_LOG=broker.url) as program:
        first, second, large, withdrawn = lines(program, 4)
    assert first == second == "one ['SPY'] "
    assert large.startswith("largest ['EWJ'] ")
    assert withdrawn == "one is withdrawn"


def test_kafka_python_reads_each_version_once_and_commits(
    broker: KafkaBroker, tmp_path: Path
) -> None:
    example = at(broker, EXAMPLES["kafka-python"])
    with running(tmp_path, example) as program:
        shown = lines(program, 5)
        publish(Settings(log=broker.url), [ARTICLES[4], enriched("last", text="x")])
        assert lines(program, 1) == ["last 1 characters"]
    assert [line.split()[0] for line in shown] == ["one", "one", "other", "largest", "one"]
    assert shown[1] == "one 6 characters"
    assert shown[4] == "one removed"
    with running(tmp_path, example) as program:  # what was committed does not come again
        publish(Settings(log=broker.url), [enriched("new", text="xy")])
        while (line := lines(program, 1)[0]) != "new 2 characters":
            assert line.startswith(("one removed", "last"))


def test_faust_reads_every_record(broker: KafkaBroker, tmp_path: Path) -> None:
    example = at(broker, EXAMPLES["Faust"])
    (command,) = re.findall("`python moods.py (.*)`", CONSUMERS.read_text())
    words = ["--quiet", *command.split()]
    with running(tmp_path, example, *words) as program:
        shown: list[str] = []
        while len(shown) < 3:
            (line,) = lines(program, 1)
            shown += re.findall(r"(?:one|largest): \w+", line)
    assert shown == ["one: negative", "one: positive", "largest: neutral"]


def test_the_console_consumer_shows_keys_and_values(broker: KafkaBroker) -> None:
    program, *words = shlex.split(at(broker, EXAMPLES["The console consumer"]))
    assert program == "kafka-console-consumer.sh"
    done = subprocess.run(
        [*broker.tool("org.apache.kafka.tools.consumer.ConsoleConsumer"), *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    shown = [line.split("\t") for line in done.stdout.splitlines()]
    assert [line[:3] for line in shown] == [
        ["Partition:0", f"Offset:{number}", key]
        for number, key in enumerate(("one", "one", "other"))
    ]
    assert msgspec.json.decode(shown[1][3], type=EnrichedArticle) == ARTICLES[1]

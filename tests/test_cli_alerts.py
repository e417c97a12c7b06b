"""`newsloom alerts` as people and scripts use it: what it prints, and its exit status."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from pipeline.alerting import Counts
from pipeline.alerts.step import AlertStep
from pipeline.article import ARTICLES_ENRICHED
from pipeline.config import Settings
from pipeline.log import Record, open_log
from tests.alerts.receiver import LOOPBACK, receiving
from tests.conftest import enriched
from tests.faults.test_kills import wait_for
from tests.servers.kafka import KafkaBroker
from tests.servers.processes import free_ports
from tests.servers.topics import delete_topics, empty_topics
from tests.test_cli import NEWSLOOM, Answer, newsloom


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def publish(settings: Settings, article_id: str) -> None:
    article = enriched(
        article_id,
        title="A levy is announced",
        text="It is a levy on imports.",
        url=f"https://news.example/{article_id}",
        places=["Japan"],
        ingested_at=datetime.now(UTC),
    )
    with closing(open_log(settings)) as log:
        log.publish(ARTICLES_ENRICHED, [Record(article_id, msgspec.json.encode(article))])


def match(settings: Settings) -> None:
    with closing(open_log(settings)) as log:
        step = AlertStep(log, settings.retention_days, Counts(), remembers=True)
        while not step.idle:
            step.advance(0)


def save(data: Path, *words: str) -> Answer:
    return newsloom("alerts", "add", *words, data=data)


def test_a_search_is_saved_with_a_query_and_filters_as_a_search_takes_them(data: Path) -> None:
    added = save(
        data, "levies", "levy OR tariff", "-steel", "--place", "Japan", "--ticker", "$spy",
        "--from", "2025-07-01", "--to", "2025-07-31",
    )  # fmt: skip
    assert added == (0, "levies: saved\n", "")
    (search,) = newsloom("alerts", "list", "--json", data=data).lines
    assert search.pop("created_at")
    assert search == {
        "name": "levies",
        "query": "levy OR tariff -steel",
        "filters": {"ticker": ["SPY"], "place": ["Japan"]},
        "since": "2025-07-01T00:00:00Z",
        "until": "2025-08-01T00:00:00Z",
        "webhook": None,
    }
    shown = newsloom("alerts", "list", data=data).out
    for word in ("levies", "levy OR tariff -steel", "ticker: SPY", "place: Japan", "2025-07-01"):
        assert word in shown


def test_a_secret_is_shown_once(data: Path) -> None:
    added = save(data, "a", "levy", "--webhook", "https://192.0.2.1/token?key=hidden")
    secret = added.out.split()[-1]
    assert secret.startswith("whsec_")
    assert "warning: 192.0.2.1 is not on the public internet" in added.err
    given = save(data, "b", "levy", "--webhook", "https://192.0.2.1/", "--secret", "s" * 20)
    assert "s" * 20 not in given.out + given.err
    (as_json,) = save(data, "c", "levy", "--webhook", "https://192.0.2.1/", "--json").lines
    assert as_json["secret"].startswith("whsec_")
    for words in (["list"], ["list", "--json"]):
        listed = newsloom("alerts", *words, data=data).out
        assert "https://192.0.2.1/…" in listed
        for hidden in (secret, "s" * 20, "token", "hidden", as_json["secret"]):
            assert hidden not in listed


def test_a_search_that_is_removed_is_gone(data: Path) -> None:
    save(data, "levies", "levy")
    assert newsloom("alerts", "remove", "levies", data=data) == (0, "levies: removed\n", "")
    assert "no saved searches" in newsloom("alerts", "list", data=data).out
    again = newsloom("alerts", "remove", "levies", data=data)
    assert again.status == 1
    assert "no saved search 'levies'; `newsloom alerts list` shows them" in again.err
    save(data, "levies", "levy")
    assert newsloom("alerts", "remove", "levies", "--json", data=data).lines == [
        {"name": "levies", "removed": True}
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["levies"], "every article would match"),
        (["a/b", "levy"], "a name has 1 to 100"),
        (["levies", "levy", "--sentiment", "cheerful"], "expected one of"),
        (["levies", "levy", "--no-such-option"], "No such option"),
        (["levies", "levy", "--webhook", "mailto:x@example.com"], "a webhook is a URL"),
        (["levies", "levy", "--webhook", "http://u:hidden@example.com"], "no user name"),
        (["levies", "levy", "--webhook", "http://example.com", "--secret", "short"], "16 to 200"),
        (["levies", "levy", "--secret", "s" * 20], "name one"),
    ],
)
def test_what_is_not_allowed_is_said(data: Path, words: list[str], said: str) -> None:
    answer = save(data, *words)
    assert (answer.status, answer.out) == (2, "")
    assert said in answer.err
    assert "hidden" not in answer.err


def test_up_tells_the_topic_and_the_webhook(data: Path) -> None:
    settings = Settings(data=data)
    with receiving() as receiver:
        added = newsloom(
            "alerts", "add", "levies", "levy", "--webhook", receiver.url,
            data=data, NEWSLOOM_WEBHOOK_NETWORKS=LOOPBACK,
        )  # fmt: skip
        assert added.err == ""
        publish(settings, "a")
        up = newsloom("up", "--drain", data=data, NEWSLOOM_WEBHOOK_NETWORKS=LOOPBACK)
        assert up.status == 0
        assert up.out.endswith(", 1 indexed, 1 alert\n")
        assert receiver.articles == ["a"]
        publish(settings, "b")
        counts = newsloom("up", "--drain", "--json", data=data).lines[0]
    assert {name: counts[name] for name in ("alerts", "sent", "unsent")} == {
        "alerts": 1,
        "sent": 0,
        "unsent": 1,
    }
    (letter,) = newsloom("dead", "list", "--json", data=data).lines
    assert (letter["key"], letter["stage"], letter["error"]) == (
        "levies",
        "webhook",
        "webhook_refused",
    )


@contextmanager
def running(data: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*NEWSLOOM, *words[:2], "--data", str(data), *words[2:]],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


@pytest.mark.parametrize("words", [[], ["levies"], ["--json"]])
def test_alerts_are_shown_as_they_come(data: Path, words: list[str]) -> None:
    settings = Settings(data=data)
    save(data, "levies", "levy", "--place", "japan")
    shown = b""
    with running(data, "alerts", "watch", *words) as watching:
        assert watching.stdout is not None
        output = watching.stdout.fileno()
        os.set_blocking(output, False)
        numbers = count()

        def has_come() -> bool:
            nonlocal shown
            # Until the watcher has begun: what came before it is not its business.
            publish(settings, f"{next(numbers)}")
            match(settings)
            with suppress(BlockingIOError):
                shown += os.read(output, 100_000)
            return shown.count(b"\n") > 10

        wait_for(has_come, 120)
    text = shown.decode()
    if words == ["--json"]:
        assert json.loads(text.splitlines()[0])["search"] == "levies"
    else:
        for part in ("levies: A **levy** is announced", "Japan", "**levy** on imports", "https://"):
            assert part in text


def test_watching_a_search_that_is_not_there_is_an_error(data: Path) -> None:
    save(data, "levies", "levy")
    answer = newsloom("alerts", "watch", "tariffs", data=data)
    assert answer.status == 1
    assert "no saved search 'tariffs'" in answer.err


def test_tail_shows_saved_searches_without_what_is_secret(data: Path) -> None:
    save(data, "levies", "levy", "--webhook", "https://192.0.2.1/token", "--secret", "s" * 20)
    with running(data, "tail", "searches", "--from-beginning") as tailing:
        assert tailing.stdout is not None
        line = tailing.stdout.readline()
    assert json.loads(line)["name"] == "levies"
    assert "token" not in line
    assert "ssss" not in line


def test_run_is_for_kafka(data: Path) -> None:
    answer = newsloom("alerts", "run", data=data)
    assert answer.status == 2
    assert "for the log in a folder `newsloom up` does its work" in answer.err


def test_run_on_kafka_matches_and_sends(kafka_broker: KafkaBroker) -> None:
    empty_topics(kafka_broker, partitions=3)
    settings = Settings(log=kafka_broker.url)
    with receiving() as receiver:
        environment: Any = {
            "NEWSLOOM_LOG": settings.log,
            "NEWSLOOM_WEBHOOK_NETWORKS": LOOPBACK,
        }
        newsloom("alerts", "add", "levies", "levy", "--webhook", receiver.url, **environment)
        for number in range(5):
            publish(settings, f"{number}")
        run = newsloom("alerts", "run", "--drain", **environment)
        assert (run.status, run.out) == (0, "5 alerts, 5 sent, 0 not sent\n")
        assert sorted(receiver.articles) == list("01234")
        again = newsloom("alerts", "run", "--drain", "--json", **environment)
        assert again.lines == [{"alerts": 0, "sent": 0, "unsent": 0}]


def test_run_answers_for_its_health_and_ends_in_good_order(kafka_broker: KafkaBroker) -> None:
    empty_topics(kafka_broker, partitions=3)
    settings = Settings(log=kafka_broker.url)
    publish(settings, "a")
    (port,) = free_ports(1)
    environment = {"NEWSLOOM_LOG": settings.log, "NEWSLOOM_HEALTH": f"127.0.0.1:{port}"}

    def health() -> Any:
        with suppress(httpx.HTTPError):
            return httpx.get(f"http://127.0.0.1:{port}/health").json()

    with subprocess.Popen(
        [*NEWSLOOM, "alerts", "run"], stdout=subprocess.PIPE, env=os.environ | environment
    ) as process:
        try:
            wait_for(lambda: (health() or {}).get("progress"))
            wait_for(lambda: health()["lag"] == 0)
            assert health() == {
                "status": "ok",
                "lag": 0,
                "progress": 1,
                "answers": True,
                "waiting_for": None,
            }
            process.terminate()
            assert process.wait(30) == 0
        finally:
            process.kill()


def test_run_says_that_a_topic_is_missing(kafka_broker: KafkaBroker) -> None:
    delete_topics(kafka_broker)
    answer = newsloom("alerts", "run", NEWSLOOM_LOG=kafka_broker.url)
    assert answer.status == 2
    assert "`newsloom setup` makes it" in answer.err

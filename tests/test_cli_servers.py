"""The same commands on Kafka and Elasticsearch: their output is the same as on one machine."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pipeline.article import ARTICLES_ENRICHED, ARTICLES_RAW
from pipeline.config import Settings
from pipeline.log import messages, open_log
from pipeline.log.kafka_client import servers_of
from pipeline.log.kafka_groups import members
from pipeline.maintenance import ENRICHERS
from pipeline.sink import GROUP
from tests.conftest import SAMPLES
from tests.faults.test_kills import wait_for
from tests.servers.both import emptied, environment, lag
from tests.servers.elasticsearch import ElasticsearchNode
from tests.servers.kafka import KafkaBroker
from tests.test_cli import NEWSLOOM, Answer, newsloom

POISON = b'{"id": "only-markup", "body": "<br>"}\n'
OWN = ("took_ms", "revision", "ingested_at", "enriched_at", "score")
"""What differs from run to run, and the score, which depends on how the index is made."""


class Both(NamedTuple):
    """The samples in a folder, and the same on servers."""

    folder: Path
    settings: Settings

    def here(self, *words: str | Path, stdin: bytes = b"") -> Answer:
        return newsloom(*words, data=self.folder, stdin=stdin)

    def there(self, *words: str | Path, stdin: bytes = b"") -> Answer:
        return newsloom(*words, stdin=stdin, **environment(self.settings))


@pytest.fixture(scope="module")
def both(
    kafka_broker: KafkaBroker,
    elasticsearch_node: ElasticsearchNode,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Both]:
    """Produced, enriched and indexed by the real commands; worker and sink go on."""
    found = Both(tmp_path_factory.mktemp("here"), emptied(kafka_broker, elasticsearch_node))
    with running(found.settings, "worker"), running(found.settings, "sink"):
        for run in (found.here, found.there):
            run("produce", SAMPLES)
            assert run("produce", "-", stdin=POISON).status == 0
        assert found.here("up", "--drain").status == 1
        expected = total(found.here("search", "--json", "--size", "0"))
        wait_for(lambda: total(found.there("search", "--json", "--size", "0")) == expected, 120)
        wait_for(lambda: found.there("dead", "list", "--json").lines)
        wait_for(lambda: lag(found.settings) == 0)
        yield found


@contextmanager
def running(settings: Settings, command: str) -> Iterator[None]:
    with subprocess.Popen(
        [*NEWSLOOM, command],
        env=os.environ | environment(settings, NEWSLOOM_PROCESSES="1"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield
        finally:
            process.terminate()
            try:
                assert process.wait(60) == 0
            finally:
                process.kill()


def total(answer: Answer) -> int:
    return int(answer.lines[0]["total"]) if answer.status == 0 else -1


def comparable(value: Any) -> Any:
    """JSON without what differs from run to run."""
    if isinstance(value, dict):
        return {name: comparable(member) for name, member in value.items() if name not in OWN}
    if isinstance(value, list):
        return [comparable(member) for member in value]
    return value


# While nothing runs


def test_without_worker_and_sink_delete_says_what_has_to_run(on_servers: Settings) -> None:
    servers = servers_of(on_servers.log)
    wait_for(lambda: not members(servers, ENRICHERS) and not members(servers, GROUP))
    newsloom("produce", "-", stdin=b'{"id": "a", "body": "One."}', **environment(on_servers))
    answer = newsloom("delete", "a", **environment(on_servers))
    assert answer.status == 1
    assert answer.out == (
        "a: withdrawal published; it takes effect when `newsloom worker` and `newsloom sink` run\n"
    )
    answer = newsloom("delete", "a", "--json", **environment(on_servers))
    assert answer.status == 1
    assert "no article a" in answer.err


@pytest.mark.parametrize("command", [["up", "--drain"], ["demo"]])
def test_commands_for_one_machine_say_which_ones_are_for_servers(
    command: list[str], on_servers: Settings
) -> None:
    answer = newsloom(*command, **environment(on_servers))
    assert answer.status == 2
    assert "`newsloom worker` and `newsloom sink`" in answer.err
    assert answer.err.count("\n") == 1


# What is shown


@pytest.mark.parametrize(
    "words",
    [
        ["--sort", "newest", "--size", "50"],
        ["tariffs", "--sort", "oldest"],
        ['"trade talks" OR summit', "--place", "Japan", "--from", "2025-07-01", "--sort", "newest"],
        ["--ticker", "ewj", "--stated-sentiment", "bullish"],
    ],
)
def test_search_gives_the_same(both: Both, words: list[str]) -> None:
    here, there = (run("search", *words, "--json") for run in (both.here, both.there))
    assert there.status == here.status == 0
    assert here.lines[0]["total"] > 0
    assert comparable(there.lines) == comparable(here.lines)
    shown = [run("search", *words) for run in (both.here, both.there)]
    texts = [answer.out.splitlines() for answer in shown]
    assert texts[0][1:] == texts[1][1:]
    assert texts[0][0].split(" in ")[0] == texts[1][0].split(" in ")[0]


def test_the_next_page_is_asked_for_in_the_same_way(both: Both) -> None:
    first = both.there("search", "--sort", "newest", "--size", "3", "--json").lines[0]
    second = both.there("search", "--sort", "newest", "--size", "3", "--after", first["next"])
    assert second.out.splitlines()[2].startswith("4. ")


def test_show_gives_the_same(both: Both) -> None:
    article_id = both.here("search", "Akazawa", "--json").lines[0]["hits"][0]["id"]
    here, there = both.here("show", article_id), both.there("show", article_id)
    assert there == here
    assert "[Ryosei Akazawa|person]" in there.out
    json_there, json_here = (run("show", article_id, "--json") for run in (both.there, both.here))
    assert comparable(json_there.lines) == comparable(json_here.lines)
    assert both.there("show", "none") == both.here("show", "none")


def test_tail_gives_the_same_articles(both: Both) -> None:
    def tail(settings: Settings, env: dict[str, str]) -> dict[str, Any]:
        log = open_log(settings)
        count = len(list(messages(log, ARTICLES_ENRICHED)))
        log.close()
        command = [*NEWSLOOM, "tail", "enriched", "--from-beginning"]
        with subprocess.Popen(command, env=os.environ | env, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            lines = [json.loads(process.stdout.readline()) for _ in range(count)]
            process.terminate()
        # Kafka has earlier versions too until it compacts the topic.
        return {line["id"]: comparable(line) for line in lines}

    here = tail(Settings(data=both.folder), {"NEWSLOOM_DATA": str(both.folder)})
    assert tail(both.settings, environment(both.settings)) == here


def test_dead_letters_are_the_same(both: Both) -> None:
    def essence(letter: Any) -> Any:
        return {name: letter[name] for name in ("key", "error", "message", "stage", "attempts")}

    (here,), (there,) = (run("dead", "list", "--json").lines for run in (both.here, both.there))
    assert essence(there) == essence(here)
    assert "only-markup" in both.there("dead", "list").out
    shown = both.there("dead", "show", there["ref"])
    assert json.loads(shown.out)["body"] == "<br>"
    assert "empty_body" in shown.err


# What changes something


def test_a_retried_letter_goes_through_the_worker_again(both: Both) -> None:
    (letter,) = both.there("dead", "list", "--json").lines
    answer = both.there("dead", "retry", letter["ref"])
    assert answer.out == "1 sent back, 0 superseded by a newer version\n"
    again = wait_for(lambda: both.there("dead", "list", "--json").lines)
    assert again[0]["attempts"] == 2


def test_a_deleted_article_is_gone_and_does_not_come_back(both: Both) -> None:
    article_id = both.there("search", "Akazawa", "--json").lines[0]["hits"][0]["id"]
    answer = both.there("delete", article_id)
    assert (answer.status, answer.out) == (0, f"{article_id}: withdrawn\n")
    assert both.there("show", article_id).status == 1
    day = datetime.now(UTC) - timedelta(days=1)
    assert both.there("replay", "--from", f"{day:%Y-%m-%d}", "--json").status == 0
    wait_for(lambda: lag(both.settings) == 0 and not behind(both.settings))
    assert both.there("show", article_id).status == 1
    unknown = both.there("delete", "none")
    assert (unknown.status, unknown.err) == (1, both.here("delete", "none").err)


def test_an_expired_article_is_gone_and_does_not_come_back(both: Both) -> None:
    old = b'{"id": "of-1990", "body": "It rained in Tokyo.", "published_at": "1990-01-01"}'
    assert both.there("produce", "-", stdin=old).status == 0
    wait_for(lambda: both.there("show", "of-1990").status == 0)
    before = total(both.there("search", "--json", "--size", "0"))
    counted = both.there("expire", "--older-than", "9000d", "--dry-run", "--json").lines[0]
    assert (counted["expired"], counted["dry_run"]) == (1, True)
    answer = both.there("expire", "--older-than", "9000d")
    assert answer.out.endswith(
        "withdrawn; they are gone when `newsloom worker` and `newsloom sink` have done what is"
        " waiting\n"
    )
    wait_for(lambda: both.there("show", "of-1990").status == 1)
    assert both.there("reindex").status == 0
    assert both.there("show", "of-1990").status == 1
    assert total(both.there("search", "--json", "--size", "0")) == before - 1


def test_a_replay_leaves_the_index_as_it_is(both: Both) -> None:
    before = comparable(both.there("search", "--sort", "newest", "--size", "50", "--json").lines)
    articles = len(list(messages(log := open_log(both.settings), ARTICLES_RAW)))
    log.close()
    answer = both.there("replay", "--from", "2020-01-01")
    assert answer.status == 0
    assert answer.out == f"{articles:,} articles sent to be enriched again\n"
    wait_for(lambda: lag(both.settings) == 0 and not behind(both.settings))
    after = comparable(both.there("search", "--sort", "newest", "--size", "50", "--json").lines)
    assert after == before


def behind(settings: Settings) -> bool:
    """Whether the worker has not done all that is on the raw topic."""
    log = open_log(settings)
    try:
        return bool(log.consume(ARTICLES_RAW, ENRICHERS).lag())
    finally:
        log.close()

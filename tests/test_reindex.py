"""Rebuilding the index on servers: search has no gap, nothing is lost, a kill does no harm."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from pipeline import reindex as module
from pipeline.article import ARTICLES_ENRICHED
from pipeline.config import Settings
from pipeline.errors import ConfigurationError, InUse
from pipeline.index import open_index
from pipeline.index.elasticsearch.client import ALIAS, connect
from pipeline.index.elasticsearch.rebuild import Rebuild, mend
from pipeline.index.elasticsearch.setup import setup_index
from pipeline.index.query import Query
from pipeline.log import Record, kafka_groups
from pipeline.log.kafka_client import servers_of
from pipeline.log.kafka_groups import only_member
from pipeline.reindex import REBUILDERS, reindex
from tests.conftest import enriched
from tests.contract.test_duplicates import day
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
from tests.servers.indices import FreshAlias
from tests.stories import article, links, wordings
from tests.test_cli import NEWSLOOM, newsloom


@pytest.fixture(autouse=True)
def no_waiting_for_old_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETIRE_SECONDS", 0)


def rebuild(settings: Settings) -> int:
    return reindex(settings, lambda done, left: None)


def indices(settings: Settings) -> dict[str, set[str]]:
    """The indices of newsloom, and their aliases."""
    with connect(settings) as client:
        found = client.indices.get_alias(index=f"{ALIAS}-*").body
    return {name: set(index["aliases"]) for name, index in found.items()}


@contextmanager
def searching(settings: Settings) -> Iterator[list[str]]:
    """Searches all the while; gives a list of what was missing that a search had shown before."""
    wrong: list[str] = []
    ended = threading.Event()

    def search() -> None:
        index = open_index(settings)
        shown: set[str] = set()
        try:
            while not ended.is_set():
                found = {hit.id for hit in index.search(Query(size=1000)).hits}
                if missing := shown - found:
                    wrong.append(f"missing: {sorted(missing)[:5]}")
                shown |= found
        except Exception as error:  # noqa: BLE001 - it is what the test is about
            wrong.append(repr(error))

    thread = threading.Thread(target=search)
    thread.start()
    try:
        yield wrong
    finally:
        ended.set()
        thread.join()


# What comes of it


def test_the_new_index_has_the_same_articles_and_is_the_only_one(on_servers: Settings) -> None:
    publish(on_servers, [*articles(300), *articles(20, revision=2, text="Corrected.")])
    publish(on_servers, [enriched("0100", revision=2, text="", withdrawn=True)])
    drain(on_servers)
    before = indexed(on_servers)
    seen: list[tuple[int, int]] = []
    assert reindex(on_servers, lambda done, left: seen.append((done, left))) == 299
    assert seen[-1] == (321, 0)
    assert indexed(on_servers) == before
    assert indices(on_servers) == {f"{ALIAS}-000002": {ALIAS}}
    with connect(on_servers) as client:
        settings = client.indices.get_settings(index=ALIAS, flat_settings=True).body
        assert client.get(index=ALIAS, id="0100")["_version"] == 2
    (flat,) = (index["settings"] for index in settings.values())
    assert flat["index.refresh_interval"] == "1s"
    assert not [name for name in flat if "blocks" in name]


def test_the_new_index_has_the_same_links(on_servers: Settings) -> None:
    one, two, three, _ = wordings("a")
    versions = [
        article("last", three, published_at=day(3)),
        article("first", one, published_at=day(1)),
        article("between", one, published_at=day(2)),
        article("between", two, published_at=day(2), revision=2),
    ]
    publish(on_servers, versions)
    drain(on_servers)
    expected = {"first": None, "between": "first", "last": "first"}
    assert links(open_index(on_servers)) == expected
    rebuild(on_servers)
    assert links(open_index(on_servers)) == expected


def test_it_makes_an_index_where_there_is_none(on_servers: Settings) -> None:
    publish(on_servers, articles(5))
    with connect(on_servers) as client:
        client.indices.delete(index=f"{ALIAS}-000001")
    assert rebuild(on_servers) == 5
    assert indices(on_servers) == {f"{ALIAS}-000001": {ALIAS}}


def test_it_gives_the_index_the_mapping_of_this_release(on_servers: Settings) -> None:
    with connect(on_servers) as client:
        client.indices.delete(index=f"{ALIAS}-000001")
        older = {"properties": {"source": {"type": "text"}}}
        client.indices.create(index=f"{ALIAS}-000001", aliases={ALIAS: {}}, mappings=older)
        with pytest.raises(ConfigurationError, match="newsloom reindex"):
            setup_index(client)
        rebuild(on_servers)
        assert not setup_index(client)


def test_what_has_been_a_dead_letter_is_none_a_second_time(on_servers: Settings) -> None:
    put(on_servers, [Record("old", b"{")])
    drain(on_servers)
    put(on_servers, [Record("new", b"{")])
    rebuild(on_servers)
    rebuild(on_servers)
    assert dead(on_servers) == [("new", "malformed_record"), ("old", "malformed_record")]


# While others work


def test_search_has_no_gap_while_a_sink_writes(
    on_servers: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETIRE_SECONDS", 2)
    publish(on_servers, articles(200))
    with running_sink(on_servers):
        wait_for(lambda: lag(on_servers) == 0)
        with searching(on_servers) as wrong:
            for number in range(2):
                thread = threading.Thread(target=rebuild, args=(on_servers,))
                thread.start()
                more = 0
                while thread.is_alive():
                    publish(on_servers, [enriched(f"new-{number}-{more}")])
                    publish(on_servers, articles(5, revision=2 + more + 1000 * number))
                    more += 1
                thread.join()
        wait_for(lambda: lag(on_servers) == 0)
    assert not wrong
    found = indexed(on_servers)
    assert {article.id for article in articles(200)} <= set(found)
    assert f"new-1-{more - 1}" in found
    assert found["0000"].revision == 2 + more - 1 + 1000
    assert indices(on_servers) == {f"{ALIAS}-000003": {ALIAS}}


def test_what_a_sink_would_write_at_the_last_moment_is_in_the_new_index(
    on_servers: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(on_servers, articles(10))
    drain(on_servers)
    real = Rebuild.switch

    with running_sink(on_servers) as sink:

        def switch(self: Rebuild) -> list[str]:
            publish(on_servers, [enriched("late")])
            wait_for(lambda: sink._index_trouble.waiting_for or lag(on_servers) == 0)
            return real(self)

        monkeypatch.setattr(Rebuild, "switch", switch)
        rebuild(on_servers)
        wait_for(lambda: lag(on_servers) == 0)
    assert "late" in indexed(on_servers)


def test_two_at_a_time_are_refused(on_servers: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_groups, "LAPSE_SECONDS", 0)
    servers = servers_of(on_servers.log)
    with (
        only_member(servers, ARTICLES_ENRICHED, REBUILDERS, "taken"),
        pytest.raises(InUse, match="another process rebuilds the index"),
    ):
        rebuild(on_servers)
    rebuild(on_servers)


# Ended before its time


def blocked(left: Rebuild) -> None:
    left.begin()
    left.block()


def switched(left: Rebuild) -> None:
    blocked(left)
    left.switch()


@pytest.mark.parametrize("stage", [Rebuild.begin, blocked, switched])
def test_what_a_killed_one_left_is_removed_by_the_next(
    on_servers: Settings, stage: Callable[[Rebuild], object]
) -> None:
    publish(on_servers, articles(3))
    drain(on_servers)
    with connect(on_servers) as client:
        stage(Rebuild(client))
    rebuild(on_servers)
    (found,) = indices(on_servers).values()
    assert found == {ALIAS}
    publish(on_servers, articles(5))
    drain(on_servers)
    with connect(on_servers) as client:
        assert not mend(client)


def test_one_that_was_thought_dead_can_neither_write_nor_take_the_place(
    fresh_alias: FreshAlias,
) -> None:
    client, alias = fresh_alias
    setup_index(client, alias)
    zombie, following = Rebuild(client, alias), Rebuild(client, alias)
    zombie.begin()
    mend(client, alias)
    following.begin()
    assert not zombie.alive
    with pytest.raises(InUse):
        zombie.switch()
    zombie.abandon()
    assert following.alive
    assert following.switch() == [f"{alias}-000001"]
    assert set(client.indices.get_alias(name=alias).body) == {f"{alias}-000002"}


def test_of_two_the_later_one_can_not_take_the_place_of_the_first(fresh_alias: FreshAlias) -> None:
    client, alias = fresh_alias
    setup_index(client, alias)
    first, second = Rebuild(client, alias), Rebuild(client, alias)
    first.begin()
    second.begin()
    second.switch()
    mend(client, alias)
    with pytest.raises(InUse):
        first.switch()
    assert set(client.indices.get_alias(name=alias).body) == {f"{alias}-000003"}


def test_one_that_fails_leaves_everything_as_it_was(
    on_servers: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Rebuild) -> list[str]:
        raise ConfigurationError("no")

    publish(on_servers, articles(3))
    drain(on_servers)
    monkeypatch.setattr(Rebuild, "switch", fail)
    with pytest.raises(ConfigurationError):
        rebuild(on_servers)
    assert indices(on_servers) == {f"{ALIAS}-000001": {ALIAS}}
    publish(on_servers, articles(5))
    drain(on_servers)
    assert len(indexed(on_servers)) == 5


def test_ctrl_c_ends_it_and_leaves_everything_as_it_was(on_servers: Settings) -> None:
    publish(on_servers, articles(4000))
    with subprocess.Popen(
        [*NEWSLOOM, "reindex"],
        env=os.environ | environment(on_servers),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        wait_for(lambda: len(indices(on_servers)) == 2)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert indices(on_servers) == {f"{ALIAS}-000001": {ALIAS}}


# The command


def test_the_command_says_how_many_articles_there_are(on_servers: Settings) -> None:
    publish(on_servers, articles(7))
    answer = newsloom("reindex", "--json", **environment(on_servers))
    assert (answer.status, answer.lines) == (0, [{"articles": 7}])


def test_a_log_on_servers_needs_an_index_on_servers(on_servers: Settings) -> None:
    answer = newsloom("reindex", NEWSLOOM_LOG=on_servers.log)
    assert answer.status == 2
    assert answer.err.count("\n") == 1

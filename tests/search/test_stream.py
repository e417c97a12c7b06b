"""The stream of articles: filters, resuming without loss and repetition, bounds, ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.article import ARTICLES_ENRICHED
from pipeline.config import Settings
from pipeline.errors import ConfigurationError
from pipeline.log import Record, open_log
from pipeline.search import stream
from pipeline.search.server import Server, serving
from pipeline.search.stream import decode_places, encode_places
from tests.conftest import enriched
from tests.search.conftest import client_of, publish

Event = dict[str, str]


@contextmanager
def events(client: httpx.Client, **asked: object) -> Iterator[Iterator[Event]]:
    """The events of a stream, from its first on: that one has only an id."""
    headers = {"Last-Event-ID": str(asked.pop("last"))} if "last" in asked else {}
    with client.stream("GET", "/api/stream", params=asked, headers=headers) as answer:  # type: ignore[arg-type]
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield _events(answer)


def _events(answer: httpx.Response) -> Iterator[Event]:
    event: Event = {}
    for line in answer.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            event[name] = value
        else:
            yield event
            event = {}


def names(found: Iterator[Event], count: int) -> list[str]:
    """The ids of the next articles."""
    data = (event["data"] for event in found if "data" in event)
    return [msgspec.json.decode(text)["id"] for text in islice(data, count)]


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "stream"]


@pytest.fixture
def server(empty: Settings) -> Iterator[Server]:
    with serving(empty, "127.0.0.1", 0) as running:
        yield running
    assert readers() == []


@pytest.fixture
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(data=tmp_path_factory.mktemp("data") / "data", request_rate=0)


def test_articles_come_as_they_are_enriched(server: Server, empty: Settings) -> None:
    publish(empty, enriched("before"))
    with client_of(server) as client, events(client) as found:
        next(found)  # the stream has begun
        publish(empty, enriched("a", text="Two\nlines."), enriched("b"))
        assert sorted(names(found, 2)) == ["a", "b"]


def test_all_that_the_topic_holds_comes_first_when_it_is_asked_for(
    server: Server, empty: Settings
) -> None:
    publish(empty, *(enriched(f"{number}") for number in range(30)))
    with client_of(server) as client, events(client, from_beginning=1) as found:
        assert sorted(names(found, 30), key=int) == [f"{number}" for number in range(30)]


def test_only_articles_that_pass_the_filters_come(server: Server, empty: Settings) -> None:
    with client_of(server) as client, events(client, place="japan", source="wire") as found:
        next(found)
        publish(
            empty,
            enriched("no place"),
            enriched("other source", places=["Japan"], source="blog"),
            enriched("withdrawn", withdrawn=True),
            enriched("wanted", places=["Japan"]),
        )
        assert sorted(names(found, 2)) == ["wanted", "withdrawn"]


def test_what_holds_no_article_is_passed_over(server: Server, empty: Settings) -> None:
    with client_of(server) as client, events(client) as found:
        next(found)
        with closing(open_log(empty)) as log:
            log.publish(ARTICLES_ENRICHED, [Record("x", b"no json", revision=1)])
        publish(empty, enriched("a"))
        assert names(found, 1) == ["a"]


def test_a_stream_goes_on_behind_every_event_without_loss_and_repetition(
    server: Server, empty: Settings
) -> None:
    publish(empty, *(enriched(f"{number}") for number in range(40)))
    seen: list[str] = []
    last: dict[str, str] = {}
    with client_of(server) as client:
        for count in (1, 7, 0, 12, 20):
            with events(client, from_beginning=1, **last) as found:
                for event in found:
                    last = {"last": event["id"]}
                    if "data" in event:
                        seen.append(msgspec.json.decode(event["data"])["id"])
                        count -= 1
                    if count <= 0:
                        break
    assert sorted(seen, key=int) == [f"{number}" for number in range(40)]


def test_a_stream_goes_on_after_the_server_started_again(empty: Settings) -> None:
    with (
        serving(empty, "127.0.0.1", 0) as first,
        client_of(first) as client,
        events(client) as found,
    ):
        # Cut off before any article came: nothing that comes meanwhile is lost.
        last = next(found)["id"]
    publish(empty, enriched("a"), enriched("b"))
    with serving(empty, "127.0.0.1", 0) as second, client_of(second) as client:
        with events(client, last=last) as found:
            assert sorted(names(found, 2)) == ["a", "b"]
        with events(client, after=last) as found:
            assert sorted(names(found, 2)) == ["a", "b"]


def test_a_client_is_told_of_articles_that_its_filters_left_out(
    server: Server, empty: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "PLACE_SECONDS", 0.0)
    with client_of(server) as client:
        with events(client, place="Japan") as found:
            next(found)
            publish(empty, enriched("left out"))
            last = next(found)
            assert "data" not in last
        publish(empty, enriched("after"))
        with events(client, last=last["id"]) as found:
            assert names(found, 1) == ["after"]


def test_a_silent_stream_shows_that_it_is_alive(
    embedded: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.1)
    with (
        serving(embedded, "127.0.0.1", 0) as server,
        client_of(server) as client,
        client.stream("GET", "/api/stream") as answer,
    ):
        assert ":" in (line.strip() for line in answer.iter_lines())


def test_a_stream_whose_client_goes_is_closed(embedded: Settings) -> None:
    with serving(embedded, "127.0.0.1", 0) as server:
        with client_of(server) as client, events(client) as found:
            next(found)
            assert len(readers()) == 1
        wait_for(lambda: not readers())


def test_only_so_many_streams_are_open_at_a_time(embedded: Settings) -> None:
    settings = msgspec.structs.replace(embedded, streams=2)
    with serving(settings, "127.0.0.1", 0) as server, client_of(server) as client:
        with events(client) as one, events(client) as two:
            next(one), next(two)
            refused = client.get("/api/stream")
            assert refused.status_code == 429
            assert refused.headers["retry-after"]
        wait_for(lambda: not readers())
        with events(client) as again:
            next(again)


def test_a_client_that_reads_nothing_holds_nobody_up(embedded: Settings) -> None:
    publish(embedded, *(enriched(f"{n}", text="word " * 20_000) for n in range(200)))
    with (
        serving(embedded, "127.0.0.1", 0) as server,
        client_of(server) as client,
        events(client, from_beginning=1) as slow,
        events(client, from_beginning=1) as fast,
    ):
        next(slow)
        assert len(names(fast, 200)) == 200
        assert client.get("/health/live").status_code == 200


def test_streams_end_when_the_server_stops(embedded: Settings) -> None:
    with (
        serving(embedded, "127.0.0.1", 0) as server,
        client_of(server) as client,
        events(client) as found,
    ):
        next(found)
        begun = time.monotonic()
        server.stop()
        assert list(found) == []
        assert time.monotonic() - begun < 4


def test_a_log_that_can_not_be_read_is_said_at_once(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    file = tmp_path_factory.mktemp("data") / "file"
    file.write_text("")
    with (
        serving(Settings(data=file / "data"), "127.0.0.1", 0) as server,
        client_of(server) as client,
    ):
        answer = client.get("/api/stream")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


@given(st.dictionaries(st.integers(0, 99_999), st.integers(0, 2**63 - 1), min_size=1))
def test_an_event_s_id_says_where_each_partition_was_read_to(places: dict[int, int]) -> None:
    assert decode_places(encode_places(places)) == places


@pytest.mark.parametrize("text", ["", "x", "!", "MC4", "MC4x,", "é", "A" * 10_000])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        decode_places(text)


def wait_for(done: object) -> None:
    until = time.monotonic() + 30
    while not done():  # type: ignore[operator]
        assert time.monotonic() < until
        time.sleep(0.02)

"""Feeds from a server: when they are asked, with what, and what comes of each answer."""

from __future__ import annotations

import gzip
import logging
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from functools import cache
from pathlib import Path

import pytest

from pipeline.article import ARTICLES_RAW, Rejection, Submission
from pipeline.config import Settings
from pipeline.errors import ConfigurationError, StorageUnavailable
from pipeline.log import open_log
from pipeline.log.sqlite import SqliteLog
from pipeline.producer import ProduceCounts, Producer
from pipeline.profiles import load_profiles
from pipeline.sources import Located
from pipeline.sources.extraction import Extractor
from pipeline.sources.feeds import fetch
from pipeline.sources.feeds import poll as polling
from pipeline.sources.feeds.poll import poll
from pipeline.sources.feeds.state import States
from tests.faults.test_kills import wait_for
from tests.sources.site import Handler, Site, in_turn, item, page, rss, serving, status, validated

FEED = rss(item(2), item(1))
BODIES = [f"Gullwing sold {number} ferries in Harbourtown." for number in (1, 2)]


@cache
def shared_extractor() -> Extractor:
    """One for all tests: its process takes a while to start."""
    return Extractor()


@pytest.fixture(scope="module", autouse=True)
def no_process_is_left() -> Iterator[None]:
    with shared_extractor():
        yield


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as running:
        yield running


@pytest.fixture
def states(tmp_path: Path) -> States:
    return States(tmp_path / "feeds", "sqlite:///log.db")


def fetches(
    states: States, *urls: str, stop: threading.Event | None = None, once: bool = True
) -> Iterator[list[Located]]:
    """What each fetch gives."""
    for articles in poll(
        urls,
        states,
        shared_extractor(),
        stop or threading.Event(),
        source_of=lambda url: "the source",
        least_seconds=0.01,
        once=once,
    ):
        yield list(articles)


def once(states: States, *urls: str) -> list[Located]:
    return [located for found in fetches(states, *urls) for located in found]


def bodies(found: list[Located]) -> list[str]:
    """The body of each article and the reason of each rejection."""
    return [f.value.body if isinstance(f.value, Submission) else f.value.reason for f in found]


def rejection(found: list[Located]) -> Rejection:
    (located,) = found
    assert isinstance(located.value, Rejection)
    return located.value


# What comes of a feed.


def test_the_items_of_a_feed_are_articles_the_oldest_first(site: Site, states: States) -> None:
    site.answers["/"] = page(FEED)
    found = once(states, site.url + "/")
    assert bodies(found) == BODIES
    first = found[0].value
    assert isinstance(first, Submission)
    assert first.url == "https://ledger.example/1"
    assert first.title == "Gullwing report 1"
    assert first.metadata == {"feed": site.url + "/"}
    assert (first.id, first.source) == (None, None)


def test_html_in_an_item_is_text_with_author_and_categories_beside_it(
    site: Site, states: States
) -> None:
    data = Path(__file__).with_name("data") / "harbour.rss.xml"
    site.answers["/"] = page(data.read_bytes())
    article = once(states, site.url + "/")[1].value
    assert isinstance(article, Submission)
    assert article.body.startswith(
        "Tidewater & Sons said on Friday it would sell its ferries for £"
    )
    assert "Shares of the company rose 3% in Harbourtown." in article.body
    assert "track" not in article.body
    assert article.metadata == {
        "feed": site.url + "/",
        "guid": "ledger-2",
        "author": "Mara Quill",
        "categories": ["Shipping", "Deals"],
    }


def test_an_item_without_a_link_has_its_id_from_its_guid(site: Site, states: States) -> None:
    site.answers["/"] = in_turn(
        page(rss("<guid>1</guid><description>One.</description>")),
        page(rss("<guid>1</guid><description>One, corrected.</description>")),
    )
    first, second = (once(states, site.url + "/")[0].value for _ in range(2))
    assert isinstance(first, Submission)
    assert isinstance(second, Submission)
    assert first.id == second.id is not None
    assert (first.source, second.body) == ("the source", "One, corrected.")


def test_an_item_without_text_is_named_and_the_others_come(site: Site, states: States) -> None:
    site.answers["/"] = page(rss(item(1), "<link>https://ledger.example/x</link>"))
    found = once(states, site.url + "/")
    assert bodies(found) == ["empty_body", BODIES[0]]
    assert isinstance(found[0].value, Rejection)
    assert found[0].value.message == "https://ledger.example/x: it has no text"


def test_of_a_page_its_feed_is_told(site: Site, states: States) -> None:
    site.answers["/"] = page(
        b'<!doctype html><link rel="alternate" type="application/rss+xml" href="/rss">', "text/html"
    )
    found = rejection(once(states, site.url + "/"))
    assert found.reason == "not_a_feed"
    assert f"it names {site.url}/rss as its feed" in found.message
    assert found.input == site.url + "/"


# Conditional requests and what is known of an item.


def test_what_is_unchanged_is_not_sent_again(site: Site, states: States) -> None:
    site.answers["/"] = validated(FEED, '"1"')
    assert len(once(states, site.url + "/")) == 2
    assert once(states, site.url + "/") == []
    assert [r.headers.get("If-None-Match") for r in site.requests] == [None, '"1"']


def test_a_date_of_change_is_sent_back_as_it_came(site: Site, states: States) -> None:
    changed = "Thu, 17 Jul 2025 10:00:00 GMT"
    site.answers["/"] = page(FEED, Last_Modified=changed)
    once(states, site.url + "/")
    once(states, site.url + "/")
    assert [r.headers.get("If-Modified-Since") for r in site.requests] == [None, changed]


def test_only_items_that_are_new_or_changed_come_from_a_changed_feed(
    site: Site, states: States
) -> None:
    site.answers["/"] = in_turn(
        page(FEED), page(rss(item(3), item(2), item(1).replace("sold 1", "sold one")))
    )
    once(states, site.url + "/")
    assert bodies(once(states, site.url + "/")) == [
        "Gullwing sold one ferries in Harbourtown.",
        "Gullwing sold 3 ferries in Harbourtown.",
    ]


def test_another_log_knows_nothing_of_what_this_one_has(
    site: Site, states: States, tmp_path: Path
) -> None:
    site.answers["/"] = validated(FEED, '"1"')
    once(states, site.url + "/")
    other = States(tmp_path / "feeds", "kafka://elsewhere")
    assert len(once(other, site.url + "/")) == 2


def test_a_state_that_can_not_be_read_is_as_none(
    site: Site, states: States, tmp_path: Path
) -> None:
    site.answers["/"] = validated(FEED, '"1"')
    once(states, site.url + "/")
    (file,) = (tmp_path / "feeds").iterdir()
    file.write_bytes(b'{"url": ')
    assert len(once(states, site.url + "/")) == 2


def test_a_folder_that_can_not_be_written_is_said(site: Site, tmp_path: Path) -> None:
    site.answers["/"] = page(FEED)
    (tmp_path / "file").touch()
    with pytest.raises(StorageUnavailable, match="file"):
        once(States(tmp_path / "file", ""), site.url + "/")


def test_who_asks_is_told_honestly_and_a_password_is_shown_to_nobody(
    site: Site, states: States, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    site.answers["/"] = page(rss(item(1), "<guid>x</guid>"))
    found = once(states, site.url.replace("//", "//me:secret@") + "/")
    assert site.requests[0].headers["User-Agent"].startswith("newsloom/")
    assert site.requests[0].headers["Authorization"].startswith("Basic ")
    kept = b"".join(path.read_bytes() for path in (tmp_path / "feeds").iterdir())
    assert "secret" not in repr(found) + kept.decode() + caplog.text


# Redirects.


def test_a_move_for_good_is_remembered(site: Site, states: States) -> None:
    site.answers |= {"/old": status(301, Location="/new"), "/new": validated(FEED, '"1"')}
    assert len(once(states, site.url + "/old")) == 2
    assert once(states, site.url + "/old") == []
    assert site.paths() == ["/old", "/new", "/new"]


@pytest.mark.parametrize("code", [302, 303, 307])
def test_a_move_for_now_is_followed_each_time(site: Site, states: States, code: int) -> None:
    site.answers |= {"/old": status(code, Location="/new"), "/new": page(FEED)}
    assert len(once(states, site.url + "/old")) == 2
    once(states, site.url + "/old")
    assert site.paths() == ["/old", "/new", "/old", "/new"]


def test_of_moves_only_those_before_one_for_now_are_for_good(site: Site, states: States) -> None:
    site.answers |= {
        "/a": status(308, Location="/b"),
        "/b": status(302, Location="/c"),
        "/c": page(FEED),
    }
    once(states, site.url + "/a")
    once(states, site.url + "/a")
    assert site.paths() == ["/a", "/b", "/c", "/b", "/c"]


def test_a_move_to_what_is_no_feed_is_not_remembered(site: Site, states: States) -> None:
    site.answers |= {"/old": status(301, Location="/lost"), "/lost": page(b"<html>", "text/html")}
    once(states, site.url + "/old")
    once(states, site.url + "/old")
    assert site.paths() == ["/old", "/lost", "/old", "/lost"]


def test_what_is_known_of_one_address_is_not_asked_of_another(site: Site, states: States) -> None:
    site.answers |= {"/": in_turn(validated(FEED, '"1"'), status(302, Location="/b"))}
    site.answers["/b"] = validated(rss(item(9)), '"1"')
    once(states, site.url + "/")
    assert len(once(states, site.url + "/")) == 1


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://a.example/", "http://", "/round"])
def test_a_move_that_leads_nowhere_ends(site: Site, states: States, to: str) -> None:
    site.answers["/round"] = status(301, Location=to)
    assert rejection(once(states, site.url + "/round")).reason == "bad_redirect"
    assert len(site.requests) <= 6


# What goes wrong.


def drip(request: Handler) -> None:
    request.send_response(200)
    request.end_headers()
    while True:
        request.wfile.write(b" ")
        time.sleep(0.01)


def silent(request: Handler) -> None:
    request.site.ended.wait(60)


def endless(request: Handler) -> None:
    request.send_response(200)
    request.end_headers()
    while True:
        request.wfile.write(b" " * 65536)


def cut_off(request: Handler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(FEED[:100])


BOMB = gzip.compress(b"\0" * 20_000_000)


@pytest.mark.parametrize(
    ("answer", "reason", "said"),
    [
        (status(404), "feed_refused", "404"),
        (status(403), "feed_refused", "403"),
        (status(500), "feed_refused", "500"),
        (status(304), "feed_refused", "304"),
        (status(429, Retry_After="60"), "feed_refused", "429"),
        (status(410), "feed_gone", "gone for good"),
        (page(b"", "text/plain"), "not_a_feed", "nothing came"),
        (page(b"x" * 11_000_000), "feed_too_large", "10,000,000"),
        (endless, "feed_too_large", "10,000,000"),
        (cut_off, "feed_unreachable", "complete"),
        (lambda request: None, "feed_unreachable", "disconnected"),
        (page(FEED, Content_Encoding="br"), "bad_encoding", "br, which was not asked for"),
        (page(BOMB, Content_Encoding="gzip"), "file_too_large", "10,000,000"),
        (page(gzip.compress(FEED)[:-20], Content_Encoding="gzip"), "truncated", "cut off"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_a_rejection_that_stops_no_other_feed(
    site: Site, states: States, answer: Callable[[Handler], None], reason: str, said: str
) -> None:
    site.answers |= {"/bad": answer, "/good": page(FEED)}
    found = once(states, site.url + "/bad", site.url + "/good")
    assert bodies(found) == [reason, *BODIES]
    assert isinstance(found[0].value, Rejection)
    assert said in found[0].value.message


def test_a_server_that_drips_or_keeps_silent_is_left_in_time(
    site: Site, states: States, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "SECONDS", 0.5)
    site.answers |= {"/drip": drip, "/silent": silent}
    begun = time.monotonic()
    for path in ("/drip", "/silent"):
        assert rejection(once(states, site.url + path)).reason == "feed_timeout"
    assert time.monotonic() - begun < 20


def test_nobody_at_an_address_is_a_rejection(states: States) -> None:
    assert rejection(once(states, "http://127.0.0.1:1/")).reason == "feed_unreachable"
    assert rejection(once(states, "http://no.such.host.invalid/")).reason == "feed_unreachable"


def test_a_compressed_feed_is_read_with_and_without_a_header(site: Site, states: States) -> None:
    packed = gzip.compress(FEED)
    site.answers |= {
        "/a": page(packed, Content_Encoding="gzip"),
        "/b": page(packed, "application/gzip"),
    }
    for path in ("/a", "/b"):
        assert bodies(once(states, site.url + path)) == BODIES
    assert site.requests[0].headers["Accept-Encoding"] == "gzip"


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://a.example/", "feed.xml", "http://", ""]
)
def test_what_is_no_address_of_the_web_is_refused_before_anything_starts(
    states: States, url: str
) -> None:
    with pytest.raises(ConfigurationError, match="http"):
        once(states, url)


# When a feed is asked.


def test_a_server_that_asks_to_wait_is_not_asked_before(site: Site, states: States) -> None:
    site.answers["/"] = status(503, Retry_After="120")
    once(states, site.url + "/")
    assert rejection(once(states, site.url + "/")).reason == "feed_waits"
    assert len(site.requests) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120), ("99999999", 86_400), ("a date", 500), ("soon", None), ("-5", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
    ],
)  # fmt: skip
def test_how_long_to_wait_is_seconds_or_a_date(
    site: Site, states: States, header: str, seconds: float | None
) -> None:
    if header == "a date":
        header = formatdate(time.time() + 500, usegmt=True)
    site.answers["/"] = status(429, Retry_After=header)
    once(states, site.url + "/")
    wait = states.load(site.url + "/").asked_to_wait
    assert wait == 0 if seconds is None else abs(wait - time.time() - seconds) < 15


@pytest.mark.parametrize(
    ("ttl", "cache", "seconds"),
    [
        (None, "", 0.01), (2, "", 120), (None, "max-age=300", 300), (2, "public, max-age=60", 120),
        (100_000, "", 3600), (None, "max-age=31536000", 3600), (None, "max-age=0, no-cache", 0.01),
    ],
)  # fmt: skip
def test_a_feed_is_left_alone_as_long_as_it_asks_within_bounds(
    site: Site, states: States, ttl: int | None, cache: str, seconds: float
) -> None:
    site.answers["/"] = page(rss(item(1), ttl=ttl), Cache_Control=cache)
    before = time.time()
    once(states, site.url + "/")
    assert before + seconds <= states.load(site.url + "/").due <= time.time() + seconds


def test_failures_are_followed_by_ever_longer_pauses(site: Site, states: States) -> None:
    site.answers["/"] = status(500)
    stop = threading.Event()
    thread = threading.Thread(
        target=list, args=(fetches(states, site.url + "/", stop=stop, once=False),)
    )
    thread.start()
    try:
        wait_for(lambda: len(site.requests) >= 5)
    finally:
        stop.set()
        thread.join()
    state = states.load(site.url + "/")
    assert state.failures >= 4  # the last answer may have come after the stop
    assert state.due - time.time() <= 0.01 * 2**state.failures
    site.answers["/"] = page(FEED)
    once(states, site.url + "/")
    assert states.load(site.url + "/").failures == 0


def test_a_failure_while_following_is_logged_and_mended(
    site: Site, states: States, caplog: pytest.LogCaptureFixture
) -> None:
    site.answers["/"] = in_turn(status(500), page(FEED))
    found = next(fetches(states, site.url + "/", once=False))
    assert bodies(found) == BODIES
    assert "the server answers with status 500; next try in" in caplog.text


def test_a_feed_that_is_gone_is_not_asked_again_not_even_after_a_restart(
    site: Site, states: States, caplog: pytest.LogCaptureFixture
) -> None:
    site.answers["/"] = status(410)
    (found,) = fetches(states, site.url + "/", once=False)
    assert rejection(found).reason == "feed_gone"
    for _ in fetches(states, site.url + "/", once=False):
        raise AssertionError
    assert "is not asked any more" in caplog.text
    assert len(site.requests) == 1
    site.answers["/"] = page(FEED)
    assert len(once(states, site.url + "/")) == 2


def test_a_restart_does_not_ask_before_it_is_time(site: Site, states: States) -> None:
    site.answers["/slow"] = page(rss(item(1), ttl=60))
    site.answers["/quick"] = in_turn(page(rss(item(1))), page(rss(item(2))))
    once(states, site.url + "/slow", site.url + "/quick")
    found = next(fetches(states, site.url + "/slow", site.url + "/quick", once=False))
    assert bodies(found) == [BODIES[1]]
    assert site.paths() == ["/slow", "/quick", "/quick"]


def test_feeds_of_one_host_are_asked_in_turn_and_hosts_at_the_same_time(
    site: Site, states: States
) -> None:
    with serving() as other:
        met = threading.Barrier(2, timeout=20)

        def meet(request: Handler) -> None:
            met.wait()
            page(FEED)(request)

        site.answers |= {"/a": meet, "/b": page(FEED), "/c": page(FEED)}
        other.answers["/a"] = meet
        urls = [site.url + "/a", site.url + "/b", site.url + "/c", other.url + "/a"]
        assert len(once(states, *urls)) == 8
        assert site.most_at_once == 1


def test_one_feed_named_twice_is_asked_once(site: Site, states: States) -> None:
    site.answers["/"] = page(FEED)
    assert len(once(states, site.url + "/", site.url + "/")) == 2


def test_a_stop_ends_a_fetch_that_hangs(site: Site, states: States) -> None:
    site.answers["/"] = silent
    stop = threading.Event()
    thread = threading.Thread(target=list, args=(fetches(states, site.url + "/", stop=stop),))
    thread.start()
    wait_for(lambda: site.requests)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
    assert states.load(site.url + "/").failures == 0


# Nothing is lost between a fetch and the topic.


def produce(settings: Settings, log: SqliteLog, url: str) -> ProduceCounts:
    counts = ProduceCounts()
    profiles = load_profiles()
    producer = Producer(log, settings, profiles, counts, lambda rejection: None)
    for articles in poll(
        [url],
        States(settings.data / "feeds", settings.log_url),
        shared_extractor(),
        threading.Event(),
        source_of=lambda url: profiles.source_of(url, ""),
        least_seconds=300,
        once=True,
    ):
        producer.produce(articles)
    return counts


def test_articles_that_could_not_be_stored_are_fetched_again(
    site: Site, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.answers["/"] = validated(FEED, '"1"')
    log = open_log(settings)
    assert isinstance(log, SqliteLog)
    with monkeypatch.context() as patch:
        patch.setattr(log, "publish", refuse)
        with pytest.raises(StorageUnavailable):
            produce(settings, log, site.url + "/")
    assert produce(settings, log, site.url + "/").accepted == 2
    assert produce(settings, log, site.url + "/") == ProduceCounts()
    assert [r.headers.get("If-None-Match") for r in site.requests] == [None, None, '"1"']
    log.close()


def refuse(topic: str, records: object) -> None:
    assert topic == ARTICLES_RAW
    raise StorageUnavailable("the disk is full")


def test_a_fetch_that_is_stopped_in_the_middle_does_not_count(site: Site, states: States) -> None:
    site.answers["/"] = validated(FEED, '"1"')
    stop = threading.Event()
    extractor = shared_extractor()
    for articles in poll(
        [site.url + "/"], states, extractor, stop, source_of=str, least_seconds=1, once=True
    ):
        next(articles)
        stop.set()
        assert list(articles) == []
    assert len(once(states, site.url + "/")) == 2


def test_the_bounds_of_the_pauses_are_those_that_the_documents_name() -> None:
    assert (polling.MOST_SECONDS, polling.MOST_WAIT_SECONDS) == (3_600, 86_400)


def test_a_password_is_sent_to_its_own_host_only(site: Site, states: States) -> None:
    with serving() as other:
        site.answers |= {"/a": status(301, Location="/b"), "/b": status(302, Location=other.url)}
        once(states, site.url.replace("//", "//me:sec%20ret@") + "/a")
        sent = [request.headers.get("Authorization") for request in site.requests]
        assert sent == ["Basic bWU6c2VjIHJldA=="] * 2
        assert [request.headers.get("Authorization") for request in other.requests] == [None]

"""Feeds by the commands: produce --feed, --follow, and up --feed to a search that finds them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pipeline.config import Settings
from pipeline.errors import ConfigurationError
from pipeline.index import open_index
from pipeline.index.query import Query
from tests.faults.test_kills import wait_for
from tests.sources.site import Site, in_turn, item, page, rss, serving, status, validated
from tests.test_cli import NEWSLOOM, newsloom

FEED = rss(item(2), item(1))


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as running:
        yield running


def started(*words: str | Path, data: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*NEWSLOOM, words[0], "--data", data, *words[1:]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"NEWSLOOM_FEED_SECONDS": "1"},
    )


def ended(process: subprocess.Popen[bytes], number: int) -> tuple[int, str, str]:
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return process.returncode, out.decode(), err.decode()


def test_produce_fetches_each_feed_once(site: Site, tmp_path: Path) -> None:
    site.answers["/"] = validated(FEED, '"1"')
    first = newsloom("produce", "--feed", site.url + "/", "--json", data=tmp_path)
    assert (first.status, first.lines) == (0, [{"accepted": 2, "unchanged": 0, "rejected": 0}])
    assert first.err == ""
    second = newsloom("produce", "--feed", site.url + "/", data=tmp_path)
    assert (second.status, second.out) == (0, "0 accepted, 0 rejected, 0 unchanged\n")


def test_what_can_not_be_fetched_shows_in_the_exit_status(site: Site, tmp_path: Path) -> None:
    site.answers["/"] = page(FEED)
    answer = newsloom(
        "produce", "--feed", site.url + "/no", "--feed", site.url + "/", data=tmp_path
    )
    assert answer.status == 1
    assert "2 accepted, 1 rejected" in answer.out
    assert f"rejected {site.url}/no: the server answers with status 404" in answer.err


def test_files_and_feeds_are_produced_together(site: Site, tmp_path: Path) -> None:
    site.answers["/"] = page(FEED)
    answer = newsloom("produce", "-", "--feed", site.url + "/", data=tmp_path, stdin=b"Words.")
    assert "3 accepted" in answer.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name a PATH"), (("--follow", "-"), "--follow is for feeds"),
        (("--feed", "file:///etc/passwd"), "a feed's address begins with http"),
        (("--feed", "http://me:secret@"), "a feed's address begins with http"),
    ],
)  # fmt: skip
def test_wrong_usage_is_said_and_nothing_is_made(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    answer = newsloom("produce", *words, data=tmp_path / "new")
    assert answer.status == 2
    assert said in answer.err
    assert "secret" not in answer.err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_following_picks_up_a_new_item_and_ends_in_good_order(
    site: Site, tmp_path: Path, number: int, code: int
) -> None:
    site.answers["/"] = in_turn(page(rss(item(1))), status(503), page(FEED))
    process = started("produce", "--feed", site.url + "/", "--follow", data=tmp_path)
    wait_for(lambda: len(site.requests) >= 4)
    returned, out, err = ended(process, number)
    assert (returned, out) == (code, "2 accepted, 0 rejected, 0 unchanged\n")
    assert "the server answers with status 503; next try in" in err
    assert "Traceback" not in err


def test_the_service_follows_a_feed_and_a_folder_to_a_search_that_finds_both(
    site: Site, tmp_path: Path
) -> None:
    site.answers["/"] = in_turn(page(rss(item(1))), page(FEED))
    folder, data = tmp_path / "folder", tmp_path / "data"
    folder.mkdir()
    words = ("up", "--feed", site.url + "/", "--watch", folder)
    process = started(*words, data=data)

    def found(query: str) -> int:
        with suppress(ConfigurationError):  # there is no index yet
            return open_index(Settings(data=data)).search(Query(text=query)).total
        return 0

    try:
        wait_for(lambda: found("ferries") == 2)
        (folder / "a.html").write_text("<p>A lighthouse was sold.</p>")
        wait_for(lambda: found("lighthouse") == 1)
    finally:
        returned, out, err = ended(process, signal.SIGTERM)
    assert returned == 0, err
    assert "3 accepted, 0 unchanged, 0 rejected, 3 enriched, 0 dead letters, 3 indexed" in out
    assert "Traceback" not in err


def test_a_service_that_drains_fetches_each_feed_once(site: Site, tmp_path: Path) -> None:
    site.answers["/"] = page(FEED)
    words = ("up", "--drain", "--json", "--feed", site.url + "/", "--feed", site.url + "/no")
    answer = newsloom(*words, data=tmp_path)
    assert answer.status == 1
    assert json.loads(answer.out)["indexed"] == 2
    assert len(site.requests) == 2


KILLED = """
import os, signal, sys
from pipeline.log.sqlite import SqliteLog
publish = SqliteLog.publish

def publish_and_die(log, topic, records):
    if not records:
        return publish(log, topic, records)
    if sys.argv[-1] == "after":
        publish(log, topic, records)
    os.kill(os.getpid(), signal.SIGKILL)

SqliteLog.publish = publish_and_die
from pipeline.cli import cli
cli(sys.argv[1:-1])
"""


@pytest.mark.parametrize(("moment", "accepted"), [("before", 2), ("after", 0)])
def test_a_kill_between_fetch_and_topic_loses_nothing(
    site: Site, tmp_path: Path, moment: str, accepted: int
) -> None:
    site.answers["/"] = validated(FEED, '"1"')
    words = ["produce", "--data", str(tmp_path), "--feed", site.url + "/"]
    killed = subprocess.run([sys.executable, "-c", KILLED, *words, moment], timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(site.requests) == 1
    answer = newsloom("produce", "--feed", site.url + "/", data=tmp_path)
    assert answer.out == f"{accepted} accepted, 0 rejected, {2 - accepted} unchanged\n"
    assert newsloom("up", "--drain", "--json", data=tmp_path).lines[0]["indexed"] == 2

"""Old articles are withdrawn together, and stay away as a deleted one does."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline import maintenance
from pipeline.alerts.records import Alert, new_search
from pipeline.alerts.searches import add
from pipeline.article import ALERTS, ARTICLES_ENRICHED, ARTICLES_RAW, RawArticle, Submission
from pipeline.config import Settings
from pipeline.index import open_index
from pipeline.index.query import Query
from pipeline.local import Service
from pipeline.log import Log, messages, open_log
from pipeline.maintenance import expire
from pipeline.sources import Located
from tests.servers.both import articles, indexed
from tests.servers.both import publish as publish_enriched
from tests.test_cli import newsloom

NOW = datetime.now(UTC)
OLD, RECENT = NOW - timedelta(days=500), NOW - timedelta(days=300)


def article(name: str, **fields: Any) -> Submission:
    body = f"Nothing in particular happened in Tokyo: {name}."
    return Submission(id=name, source="wire", **({"body": body} | fields))


OURS = [
    article("old", published_at=OLD.isoformat()),
    article("recent", published_at=RECENT.isoformat()),
    article("undated", ingested_at=OLD),
    article("undated-new"),
]


def produce(settings: Settings, submissions: Iterable[Submission] = ()) -> None:
    """Has all that is to be done done, with further articles."""
    inputs = [Located(one, "test", number) for number, one in enumerate(submissions, 1)]
    Service(settings, inputs=lambda: inputs, rejected=lambda _: None).run(drain=True)


def found(settings: Settings) -> set[str]:
    return {hit.id for hit in open_index(settings).search(Query(size=1000)).hits}


def told(log: Log) -> set[str]:
    """The articles that the topic of alerts tells of."""
    return {msgspec.json.decode(m.value, type=Alert).article_id for m in messages(log, ALERTS)}


def run(settings: Settings, *words: str) -> str:
    answer = newsloom("expire", *words, data=settings.data)
    assert (answer.status, answer.err) == (0, "")
    return answer.out


@pytest.fixture
def filled(settings: Settings) -> Settings:
    filled = msgspec.structs.replace(settings, processes=1)
    produce(filled, OURS)
    assert found(filled) == {"old", "recent", "undated", "undated-new"}
    return filled


def test_what_is_older_is_withdrawn_and_the_second_time_there_is_nothing(filled: Settings) -> None:
    day = f"{datetime.now(UTC) - timedelta(days=400):%Y-%m-%d}"
    would = f"2 articles would be withdrawn, published before {day}\n"
    assert run(filled, "--older-than", "400d", "--dry-run") == would
    assert len(found(filled)) == 4
    assert run(filled, "--older-than", "400d") == f"2 articles published before {day} withdrawn\n"
    assert found(filled) == {"recent", "undated-new"}
    assert run(filled, "--older-than", "400d") == f"0 articles published before {day} withdrawn\n"


def test_it_comes_back_neither_by_a_rebuild_nor_by_a_replay_nor_by_the_same_again(
    filled: Settings,
) -> None:
    run(filled, "--older-than", "400d")
    assert newsloom("reindex", data=filled.data).status == 0
    assert found(filled) == {"recent", "undated-new"}
    replayed = newsloom("replay", "--from", "2020-01-01", "--json", data=filled.data)
    assert replayed.lines[0]["replayed"] > 2
    produce(filled, OURS)
    assert found(filled) == {"recent", "undated-new"}


def test_a_correction_that_comes_later_is_a_new_version_until_the_next_time(
    filled: Settings,
) -> None:
    run(filled, "--older-than", "400d")
    produce(filled, [article("old", body="It was corrected.", published_at=OLD.isoformat())])
    assert found(filled) == {"old", "recent", "undated-new"}
    run(filled, "--older-than", "400d")
    assert found(filled) == {"recent", "undated-new"}


def test_an_article_that_came_in_by_a_clock_that_is_ahead_is_withdrawn_too(
    filled: Settings,
) -> None:
    ahead = datetime.now(UTC) + timedelta(minutes=30)
    produce(filled, [article("ahead", published_at=OLD.isoformat(), ingested_at=ahead)])
    run(filled, "--older-than", "400d")
    assert found(filled) == {"recent", "undated-new"}


def test_subscribers_are_told(filled: Settings) -> None:
    run(filled, "--older-than", "400d")
    log = open_log(filled)
    withdrawn = {
        record["id"]
        for message in messages(log, ARTICLES_ENRICHED)
        if (record := msgspec.json.decode(message.value))["withdrawn"]
    }
    log.close()
    assert withdrawn == {"old", "undated"}


def test_alerts_of_what_is_withdrawn_go_with_it(settings: Settings) -> None:
    settings = msgspec.structs.replace(settings, processes=1)
    log = open_log(settings)
    add(log, new_search("tokyo", "tokyo", filters={}))
    # Old by its date, but it comes in now: the search finds it.
    produce(settings, [article("old", published_at=OLD.isoformat()), article("new")])
    assert told(log) == {"old", "new"}
    run(settings, "--older-than", "400d", "--dry-run")
    assert told(log) == {"old", "new"}
    run(settings, "--older-than", "400d")
    assert told(log) == {"new"}
    log.close()


def test_many_are_withdrawn_part_by_part_and_what_was_interrupted_can_be_repeated(
    filled: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "EXPIRED_AT_ONCE", 1)

    def interrupted(count: int) -> None:
        raise KeyboardInterrupt

    before = datetime.now(UTC) - timedelta(days=400)
    with pytest.raises(KeyboardInterrupt):
        expire(filled, before, interrupted)
    produce(filled)
    assert len(found(filled)) == 3
    counts: list[int] = []
    assert expire(filled, before, counts.append) == 1
    produce(filled)
    assert (counts, len(found(filled))) == ([1], 2)


@pytest.mark.parametrize("age", ["400", "soon", "0d"])
def test_what_is_no_age_is_refused(tmp_path: Path, age: str) -> None:
    answer = newsloom("expire", "--older-than", age, data=tmp_path)
    assert answer.status == 2
    assert "expected a number and h, d or w" in answer.err


def test_without_an_age_nothing_is_withdrawn(tmp_path: Path) -> None:
    assert newsloom("expire", data=tmp_path).status == 2


def test_on_servers_a_withdrawal_of_each_is_put_on_the_raw_topic(on_servers: Settings) -> None:
    publish_enriched(on_servers, articles(3, published_at=OLD))
    newsloom("sink", "--drain", NEWSLOOM_LOG=on_servers.log, NEWSLOOM_INDEX=on_servers.index)
    before = datetime.now(UTC) - timedelta(days=400)
    ids = set(indexed(on_servers))
    assert len(ids) == 3
    assert expire(on_servers, before, lambda count: None, dry_run=True) == 3
    log = open_log(on_servers)
    assert not list(messages(log, ARTICLES_RAW))
    assert expire(on_servers, before, lambda count: None) == 3
    raw = [msgspec.json.decode(m.value, type=RawArticle) for m in messages(log, ARTICLES_RAW)]
    log.close()
    assert {one.id for one in raw if one.withdrawn and one.source == "wire"} == ids
    newest = max(document.ingested_at for document in indexed(on_servers).values())
    assert all(one.ingested_at > newest for one in raw)

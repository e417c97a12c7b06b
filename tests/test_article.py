"""An article's identity, times and versions, settled when it is produced."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.article import (
    ENRICHMENT_GENERATION,
    MAX_ID_BYTES,
    Clock,
    RawArticle,
    Submission,
    digest,
    milliseconds,
    parse_time,
    settle,
)
from pipeline.errors import Rejected


def settled(clock: Clock | None = None, limit: int = 1000, **fields: Any) -> RawArticle:
    submission = Submission(**({"body": "A body."} | fields))
    return settle(submission, source="wire", clock=clock or Clock(), max_body_bytes=limit)


def test_a_body_is_enough() -> None:
    raw = settled()
    assert (raw.source, raw.body, raw.url, raw.title) == ("wire", "A body.", None, None)
    assert raw.ingested_at.tzinfo is UTC
    assert len(raw.id) == 24


def test_the_id_is_that_of_source_and_url_whatever_the_body() -> None:
    url = "https://news.example/1"
    assert settled(url=url).id == settled(url=url, body="Corrected.").id
    assert settled(url=url).id != settled(url=url, source="other").id


def test_without_a_url_the_id_is_that_of_the_body_whatever_its_white_space() -> None:
    assert settled(body="One  body\n").id == settled(body=" One body").id
    assert settled(body="One body").id != settled(body="Another body").id


def test_an_id_that_is_given_is_kept() -> None:
    assert settled(id=" my-id ").id == "my-id"


@pytest.mark.parametrize("bad", ["x" * (MAX_ID_BYTES + 1), "a\nb", "a\x00b", "\ud800"])
def test_an_id_that_no_index_takes_is_rejected(bad: str) -> None:
    with pytest.raises(Rejected, match="the id"):
        settled(id=bad)


@pytest.mark.parametrize("body", ["", " \n\t"])
def test_an_empty_body_is_rejected(body: str) -> None:
    with pytest.raises(Rejected) as caught:
        settled(body=body)
    assert caught.value.reason == "empty_body"


def test_title_and_body_are_limited_together_in_bytes() -> None:
    assert settled(limit=10, body="ééé", title="1234")
    with pytest.raises(Rejected) as caught:
        settled(limit=10, body="ééé", title="12345")
    assert caught.value.reason == "body_too_large"


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (None, None),
        ("", None),
        ("2025-07-17", "2025-07-17T00:00:00+00:00"),
        ("20250717", "2025-07-17T00:00:00+00:00"),
        ("2025-07-17T12:30", "2025-07-17T12:30:00+00:00"),
        ("2025-07-17 12:30:15Z", "2025-07-17T12:30:15+00:00"),
        ("2025-07-17T12:30:00+09:00", "2025-07-17T03:30:00+00:00"),
        ("Thu, 17 Jul 2025 12:30:00 +0200", "2025-07-17T10:30:00+00:00"),
        (1752710400, "2025-07-17T00:00:00+00:00"),
        (1752710400.5, "2025-07-17T00:00:00.500000+00:00"),
    ],
)
def test_times_are_read_as_producers_write_them(value: Any, moment: str | None) -> None:
    parsed = parse_time(value)
    assert (parsed.isoformat() if parsed else None) == moment


@pytest.mark.parametrize(
    "value", ["2025-02-30", "yesterday", "17.7.2025", 1e30, "2025-13-01T00:00"]
)
def test_impossible_times_are_rejected(value: Any) -> None:
    with pytest.raises(Rejected, match="published_at is not a possible time"):
        parse_time(value)


@given(st.text() | st.floats(allow_nan=True) | st.integers())
def test_no_time_whatever_breaks_the_parser(value: Any) -> None:
    try:
        parsed = parse_time(value)
    except Rejected:
        return
    assert parsed is None or parsed.tzinfo is UTC


def test_a_later_version_has_a_higher_revision() -> None:
    clock = Clock()
    revisions = [settled(clock, id="a").revision for _ in range(1000)]
    assert revisions == sorted(set(revisions))


def test_the_clock_does_not_run_ahead_when_many_articles_arrive() -> None:
    clock = Clock()
    for number in range(20_000):
        last = clock.stamp(str(number))
    assert last - datetime.now(UTC) < timedelta(milliseconds=5)


def test_a_revision_is_the_millisecond_and_the_generation() -> None:
    raw = settled(ingested_at=datetime(2025, 7, 17, tzinfo=UTC))
    assert raw.revision == milliseconds(raw.ingested_at) * 1000 + ENRICHMENT_GENERATION
    assert raw.revision < 2**53, "a JSON number that every reader keeps exact"


def test_a_replay_keeps_the_time_it_came_in() -> None:
    moment = datetime(2025, 7, 17, 12, 0, 0, 123000, tzinfo=UTC)
    assert settled(ingested_at=moment).ingested_at == moment


def test_the_digest_tells_versions_apart_but_not_arrivals() -> None:
    assert digest(settled()) == digest(settled(ingested_at=datetime(2020, 1, 1, tzinfo=UTC)))
    assert digest(settled()) != digest(settled(title="A title"))
    assert digest(settled(metadata={"a": 1, "b": 2})) == digest(settled(metadata={"b": 2, "a": 1}))

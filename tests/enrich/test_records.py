"""Records of the raw topic become records of the enriched one, or a reason why not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec
import pytest

from pipeline.article import MAX_RECORD_BYTES, EnrichedArticle, RawArticle, Rejection
from pipeline.enrich.records import EnrichedRecord, Result, load


@pytest.fixture(scope="module")
def enrich() -> Callable[[Sequence[bytes]], list[Result]]:
    return load(None, "fast")


def raw(body: str, **fields: object) -> bytes:
    values = {"id": "a", "source": "s", "ingested_at": datetime(2025, 7, 17, tzinfo=UTC)}
    return msgspec.json.encode(RawArticle(body=body, **(values | fields)))  # type: ignore[arg-type]


def test_each_value_has_its_result_in_its_place(
    enrich: Callable[[Sequence[bytes]], list[Result]],
) -> None:
    values = [raw("One."), b"{", raw("<p>"), b"\xff", raw("Two."), b"[" * 100_000]
    results = enrich(values)
    reasons = [r.reason if isinstance(r, Rejection) else r.id for r in results]
    malformed = "malformed_record"
    assert reasons == ["a", malformed, "empty_body", malformed, "a", malformed]


def test_a_withdrawal_becomes_a_record_without_text_and_needs_no_model(
    enrich: Callable[[Sequence[bytes]], list[Result]],
) -> None:
    (result,) = enrich([raw("", withdrawn=True)])
    assert isinstance(result, EnrichedRecord)
    article = msgspec.json.decode(result.value, type=EnrichedArticle)
    assert (article.withdrawn, article.text, article.entities) == (True, "", [])
    assert article.revision == result.revision


def test_a_record_that_its_labels_make_too_large_for_a_topic_is_rejected(
    enrich: Callable[[Sequence[bytes]], list[Result]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.enrich.records.MAX_RECORD_BYTES", 20_000)
    (result,) = enrich([raw("$SPY " * 1_000, language="de")])
    assert isinstance(result, Rejection)
    assert (result.reason, result.id) == ("record_too_large", "a")


def test_labels_are_read_from_the_beginning_of_a_very_long_text_and_all_of_it_is_kept(
    enrich: Callable[[Sequence[bytes]], list[Result]],
) -> None:
    body = "$SPY rose. " + "And so on. " * 20_000 + "$QQQ fell."
    (result,) = enrich([raw(body)])
    assert isinstance(result, EnrichedRecord)
    article = msgspec.json.decode(result.value, type=EnrichedArticle)
    assert article.symbols == ["SPY"]
    assert article.text == body
    assert len(result.value) < MAX_RECORD_BYTES

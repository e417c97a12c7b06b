"""Every alert reaches its webhook at least once, or the dead letters, however it is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import repeat
from typing import Any

import msgspec
import pytest

from pipeline.alerting import Counts
from pipeline.alerts import sending
from pipeline.alerts.records import Alert, alert_id
from pipeline.alerts.searches import remove
from pipeline.alerts.sending import TRIES, Sender, WebhookStep
from pipeline.alerts.webhook import networks_of
from pipeline.article import ALERTS, EnrichedArticle
from pipeline.log import Outcome, Record, open_log
from pipeline.log.dead import letters, retry
from tests.alerts.receiver import LOOPBACK, Receiver, receiving
from tests.conftest import enriched
from tests.contract.test_alerts import Place, place
from tests.faults.test_kills import wait_for

__all__ = ["place"]


@pytest.fixture(autouse=True)
def no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "pauses", lambda: repeat(0.01))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def other() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@contextmanager
def stepping(place: Place, counts: Counts) -> Iterator[WebhookStep]:
    with (
        closing(open_log(place.settings)) as log,
        closing(Sender(networks_of(LOOPBACK))) as sender,
    ):
        yield WebhookStep(log, sender, counts)


def send(place: Place) -> Counts:
    """A process that sends all there is, and ends."""
    counts = Counts()
    with stepping(place, counts) as step:
        while not step.idle:
            step.advance(0.1)
    return counts


def tell(place: Place, search: str, *articles: str) -> None:
    """Puts alerts on the topic, as a matcher does."""
    place.log.publish(ALERTS, [Record(search, alert(search, article)) for article in articles])


def alert(search: str, article: str) -> bytes:
    of: EnrichedArticle = enriched(article)
    return msgspec.json.encode(
        Alert(
            id=alert_id(search, article),
            search=search,
            query="levy",
            article_id=article,
            revision=1,
            source="wire",
            ingested_at=of.ingested_at,
            summary="",
            highlights=[],
            labels={},
            alerted_at=of.ingested_at,
        )
    )


def until(step: WebhookStep, condition: Callable[[], Any]) -> None:
    """Takes steps until a condition holds."""

    def holds() -> Any:
        step.advance(0.1)
        return condition()

    wait_for(holds)


def test_alerts_come_in_order_and_with_an_id_each(place: Place, receiver: Receiver) -> None:
    place.save("levies", "levy", webhook=receiver.url)
    tell(place, "levies", *"abcde")
    assert send(place) == Counts(sent=5)
    assert receiver.articles == list("abcde")
    ids = [request.headers["Newsloom-Delivery"] for request in receiver.requests]
    assert ids == [alert_id("levies", article) for article in "abcde"]
    assert receiver.requests[0].body == alert("levies", "a")


def test_what_was_sent_is_not_sent_again_by_the_next_process(
    place: Place, receiver: Receiver
) -> None:
    place.save("levies", "levy", webhook=receiver.url)
    tell(place, "levies", "a")
    send(place)
    tell(place, "levies", "b")
    send(place)
    assert receiver.articles == ["a", "b"]


def test_an_alert_without_a_webhook_is_passed_by(place: Place, receiver: Receiver) -> None:
    place.save("silent", "levy")
    place.save("gone", "levy", webhook=receiver.url)
    remove(place.log, "gone")
    tell(place, "silent", "a")
    tell(place, "gone", "a")
    tell(place, "unknown", "a")
    assert send(place) == Counts()
    assert receiver.requests == []


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_receiver_that_fails_is_tried_again(
    place: Place, receiver: Receiver, status: int
) -> None:
    receiver.statuses(status, status)
    place.save("levies", "levy", webhook=receiver.url)
    tell(place, "levies", "a", "b")
    assert send(place) == Counts(sent=2)
    assert receiver.articles == ["a", "a", "a", "b"]
    assert list(letters(place.log)) == []


def test_a_receiver_that_refuses_makes_a_dead_letter_that_can_be_sent_again(
    place: Place, receiver: Receiver
) -> None:
    receiver.statuses(410)
    place.save("levies", "levy", webhook=receiver.url)
    tell(place, "levies", "a", "b")
    assert send(place) == Counts(sent=1, unsent=1)
    (letter,) = letters(place.log)
    assert (letter.key, letter.error, letter.stage) == ("levies", "webhook_refused", "webhook")
    assert (letter.topic, letter.value) == (ALERTS, alert("levies", "a"))
    assert letter.message.endswith("status 410")
    assert retry(place.log, letter) is Outcome.APPENDED
    assert send(place) == Counts(sent=1)
    assert receiver.articles == ["a", "b", "a"]
    assert list(letters(place.log)) == []


def test_a_receiver_that_is_away_for_long_makes_dead_letters_and_no_more_tries(
    place: Place, receiver: Receiver
) -> None:
    receiver.answer = lambda *_: 500
    place.save("levies", "levy", webhook=receiver.url)
    tell(place, "levies", *"abcde")
    assert send(place) == Counts(unsent=5)
    assert receiver.articles == ["a"] * TRIES
    found = list(letters(place.log))
    assert [letter.error for letter in found] == ["webhook_failed"] + ["webhook_down"] * 4
    assert all("status 500" in letter.message for letter in found)


def test_after_that_each_is_tried_once_until_one_gets_through(
    place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "DOWN_SECONDS", 0.0)
    receiver.statuses(*[500] * (TRIES + 1), 204, 500)
    place.save("levies", "levy", webhook=receiver.url)
    tell(place, "levies", *"abcd")
    assert send(place) == Counts(sent=2, unsent=2)
    assert receiver.articles == ["a"] * TRIES + ["b", "c", "d", "d"]


def test_a_receiver_that_hangs_keeps_no_other_waiting(
    place: Place, receiver: Receiver, other: Receiver
) -> None:
    receiver.hang()
    place.save("hanging", "levy", webhook=receiver.url)
    place.save("quick", "levy", webhook=other.url)
    tell(place, "hanging", *"abc")
    tell(place, "quick", *"abc")
    with stepping(place, Counts()) as step:
        until(step, lambda: other.articles == list("abc"))
        assert receiver.hanging.is_set()
        assert not step.idle


def test_what_was_under_way_at_a_kill_is_sent_by_the_next_process(
    place: Place, receiver: Receiver, other: Receiver
) -> None:
    receiver.hang()
    place.save("hanging", "levy", webhook=receiver.url)
    place.save("quick", "levy", webhook=other.url)
    tell(place, "hanging", "a", "b")
    tell(place, "quick", "a")
    with stepping(place, Counts()) as step:
        until(step, lambda: receiver.hanging.is_set() and other.articles)
    receiver.statuses()
    assert send(place) == Counts(sent=3)
    assert receiver.articles == ["a", "a", "b"]  # the first was under way
    assert other.articles == ["a", "a"]  # it stands behind it on the topic: at least once
    first, again = (request.headers["Newsloom-Delivery"] for request in other.requests)
    assert first == again


def test_an_end_in_good_order_waits_for_what_is_under_way(place: Place, receiver: Receiver) -> None:
    place.save("levies", "levy", webhook=receiver.url)
    tell(place, "levies", *"abc")
    counts = Counts()
    with stepping(place, counts) as step:
        until(step, lambda: step._count)
        step.finish(30)
    assert counts == Counts(sent=3)
    assert send(place) == Counts()
    assert receiver.articles == list("abc")


def test_only_so_many_are_in_hand(
    place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "MOST_IN_HAND", 3)
    monkeypatch.setattr(sending, "POLL", 2)
    receiver.hang()
    place.save("levies", "levy", webhook=receiver.url)
    tell(place, "levies", *"abcdefgh")
    with stepping(place, Counts()) as step:
        until(step, lambda: step._count >= 3)
        for _ in range(5):
            step.advance(0.1)
        assert step._count <= 4
    receiver.statuses()
    assert send(place).sent == 8


def test_records_that_are_no_alerts_stop_nobody(place: Place, receiver: Receiver) -> None:
    place.save("levies", "levy", webhook=receiver.url)
    values: list[Any] = [b"", b"{", b"\xff", b"[" * 100_000]
    place.log.publish(ALERTS, [Record("levies", value) for value in values])
    tell(place, "levies", "a")
    assert send(place) == Counts(sent=1)


def test_a_webhook_on_a_private_address_makes_dead_letters_that_say_what_to_set(
    place: Place, receiver: Receiver
) -> None:
    place.save("levies", "levy", webhook=receiver.url)
    tell(place, "levies", "a")
    counts = Counts()
    with closing(open_log(place.settings)) as log, closing(Sender([])) as sender:
        step = WebhookStep(log, sender, counts)
        while not step.idle:
            step.advance(0.1)
    (letter,) = letters(place.log)
    assert "NEWSLOOM_WEBHOOK_NETWORKS" in letter.message
    assert receiver.requests == []

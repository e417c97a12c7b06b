"""Batches set out by count, bytes and time, and are told as done in the order they came."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import pytest

from pipeline.config import Settings
from pipeline.index import delivery as module
from pipeline.index.delivery import BATCH_ITEMS, MAX_BATCHES, THREADS, Delivery
from pipeline.index.elasticsearch.client import connect
from tests.faults.test_kills import wait_for


class Settling:
    """Holds each batch until it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self._gates: dict[int, threading.Event] = {}
        self._lock = threading.Lock()

    def __call__(self, items: Sequence[int]) -> None:
        with self._lock:
            self.batches.append(list(items))
            gate = self._gates.setdefault(items[0], threading.Event())
        gate.wait(30)

    def let_go(self, first: int) -> None:
        with self._lock:
            gate = self._gates.setdefault(first, threading.Event())
        gate.set()


@pytest.fixture
def settling() -> Settling:
    return Settling()


@pytest.fixture
def delivery(settling: Settling) -> Iterator[Delivery[int]]:
    own = Delivery(settling, lambda item: 1)
    yield own
    own.close()


def put(delivery: Delivery[int], *items: int) -> None:
    delivery.put(items)
    delivery.flush()


def test_what_is_done_is_told_with_all_that_came_before(
    delivery: Delivery[int], settling: Settling
) -> None:
    put(delivery, 1, 2)
    put(delivery, 3)
    settling.let_go(3)
    assert delivery.done(0.1) == []
    assert delivery.in_hand
    settling.let_go(1)
    assert delivery.done(30) == [1, 2, 3]
    assert not delivery.in_hand


def test_a_batch_sets_out_when_it_is_large_enough(
    delivery: Delivery[int], settling: Settling
) -> None:
    delivery.put(range(BATCH_ITEMS + 1))
    wait_for(lambda: settling.batches)
    assert [len(batch) for batch in settling.batches] == [BATCH_ITEMS]
    settling.let_go(0)


def test_a_batch_sets_out_when_it_has_enough_bytes(
    settling: Settling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_BYTES", 10)
    own = Delivery(settling, lambda item: 6)
    own.put([1, 2, 3])
    wait_for(lambda: settling.batches)
    assert settling.batches == [[1, 2]]
    settling.let_go(1)
    own.close()


def test_a_batch_sets_out_when_it_has_waited_for_long_enough(
    delivery: Delivery[int], settling: Settling
) -> None:
    delivery.put([1])
    assert 0 < delivery.due_in <= module.BATCH_SECONDS

    def arrived() -> list[list[int]]:
        delivery.put(())
        return settling.batches

    wait_for(arrived)
    settling.let_go(1)


def test_no_more_is_on_its_way_than_allowed(delivery: Delivery[int], settling: Settling) -> None:
    for number in range(MAX_BATCHES):
        assert not delivery.full
        put(delivery, number)
    assert delivery.full
    assert not delivery.done()
    settling.let_go(0)
    assert delivery.done(10) == [0]
    assert not delivery.full
    for number in range(MAX_BATCHES):
        settling.let_go(number)


def test_no_more_bytes_are_on_their_way_than_allowed(settling: Settling) -> None:
    own = Delivery(settling, lambda item: module.MAX_BYTES)
    put(own, 1)
    assert own.full
    settling.let_go(1)
    own.close()


def test_what_fails_is_never_told_as_done_and_nothing_behind_it() -> None:
    def settle(items: Sequence[int]) -> None:
        if items[0] == 2:
            raise ValueError("2 can't be")

    own = Delivery(settle, lambda item: 1)
    put(own, 1)
    assert own.done(10) == [1]
    put(own, 2)
    put(own, 3)
    with pytest.raises(ValueError, match="2 can't be"):
        own.done(10)
    with pytest.raises(ValueError, match="2 can't be"):
        own.done(10)
    own.close()


def test_batches_without_an_answer_leave_a_connection_to_the_index_for_others() -> None:
    with connect(Settings(index="http://127.0.0.1:9200")) as client:
        (host,) = client.transport.node_pool.all()
        assert host.config.connections_per_node > THREADS

"""Several sources followed at once: what comes of them, and how they end."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from pipeline.sources.merge import merge
from tests.faults.test_kills import wait_for


def test_what_all_sources_give_comes_until_they_have_ended() -> None:
    sources = [lambda ended: iter([1, 2, 3]), lambda ended: iter([10]), lambda ended: iter([])]
    assert sorted(merge(sources, threading.Event())) == [1, 2, 3, 10]


def test_a_source_goes_on_only_when_the_next_is_asked_for() -> None:
    passed: list[int] = []

    def source(ended: threading.Event) -> Iterator[int]:
        for number in range(3):
            yield number
            passed.append(number)

    for number in merge([source], threading.Event()):
        assert passed == list(range(number))
    assert passed == [0, 1, 2]


def test_an_item_that_failed_does_not_count_as_taken() -> None:
    passed: list[int] = []

    def source(ended: threading.Event) -> Iterator[int]:
        yield 1
        passed.append(1)

    for _ in merge([source], threading.Event()):
        break
    assert passed == []


def test_the_stop_is_seen_by_every_source_and_ends_the_iteration() -> None:
    stop = threading.Event()
    seen: list[bool] = []

    def source(ended: threading.Event) -> Iterator[int]:
        yield 1
        seen.append(ended.wait(60))

    merged = merge([source, source], stop)
    next(merged)
    stop.set()
    assert list(merged) in ([], [1])
    wait_for(lambda: len(seen) >= 1)
    assert all(seen)


def test_an_error_of_one_source_ends_all() -> None:
    ended_by: list[bool] = []

    def broken(ended: threading.Event) -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    def other(ended: threading.Event) -> Iterator[int]:
        ended_by.append(wait_for(ended.is_set))
        yield from ()

    with pytest.raises(ValueError, match="broken"):
        list(merge([broken, other], threading.Event()))
    assert ended_by == [True]

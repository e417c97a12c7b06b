"""The last step is taken for all at once, and nobody waits for it for nothing or for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from pipeline.index.elasticsearch.together import Together
from tests.faults.test_kills import wait_for

FOREVER = 60.0
"""Longer than what is right ever takes."""


class Steps:
    """First steps that are held until they are let go, and what last steps were given."""

    def __init__(self) -> None:
        self.finished: list[list[str]] = []
        self.failure: Exception | None = None
        self._gates: dict[str, threading.Event] = {}
        self._begun: set[str] = set()
        self._pool = ThreadPoolExecutor(8)

    def finish(self, parts: Sequence[str]) -> None:
        self.finished.append(sorted(parts))
        if self.failure is not None:
            raise self.failure

    def begin(self, together: Together[str], part: str, gives: str | None = "") -> Future[None]:
        """Begins in another thread; the last step gets `part`, or nothing where it gives None."""
        self._gates[part] = threading.Event()

        def first() -> str | None:
            self._begun.add(part)
            assert self._gates[part].wait(FOREVER)
            return part if gives is not None else None

        future = self._pool.submit(together.do, first)
        wait_for(lambda: part in self._begun)
        return future

    def let_go(self, *parts: str) -> None:
        for part in parts:
            self._gates[part].set()

    def close(self) -> None:
        self.let_go(*self._gates)
        self._pool.shutdown()


@pytest.fixture
def steps() -> Iterator[Steps]:
    own = Steps()
    yield own
    own.close()


def together(
    steps: Steps,
    *,
    enough: int = 1000,
    seconds: float = 10 * FOREVER,
    finish: Callable[..., None] | None = None,
) -> Together[str]:
    return Together(finish or steps.finish, enough=enough, seconds=seconds)


def waiting(own: Together[str]) -> int:
    group = own._open
    return len(group.parts) if group else 0


def test_what_is_begun_by_several_is_finished_at_once(steps: Steps) -> None:
    own = together(steps)
    futures = [steps.begin(own, part) for part in ("a", "b", "c")]
    steps.let_go("a", "b")
    wait_for(lambda: waiting(own) == 2)
    assert not any(future.done() for future in futures)
    steps.let_go("c")
    for future in futures:
        future.result(FOREVER)
    assert steps.finished == [["a", "b", "c"]]


def test_nobody_is_waited_for_when_there_is_enough(steps: Steps) -> None:
    own = together(steps, enough=5)
    futures = [steps.begin(own, part) for part in ("aa", "bbb", "c")]
    steps.let_go("aa", "bbb")
    for future in futures[:2]:
        future.result(FOREVER)
    assert steps.finished == [["aa", "bbb"]]
    steps.let_go("c")
    futures[2].result(FOREVER)
    assert steps.finished == [["aa", "bbb"], ["c"]]


def test_one_that_takes_long_is_not_waited_for(steps: Steps) -> None:
    own = together(steps, seconds=0.05)
    done, stuck = steps.begin(own, "a"), steps.begin(own, "b")
    steps.let_go("a")
    done.result(FOREVER)
    assert steps.finished == [["a"]]
    assert not stuck.done()


@pytest.mark.parametrize("gives", ["a part", None])
def test_one_that_is_alone_does_not_wait(steps: Steps, gives: str | None) -> None:
    own = together(steps)
    own.do(lambda: gives)
    assert steps.finished == ([[gives]] if gives else [])


def test_those_that_wait_go_on_when_the_last_one_has_nothing_for_them(steps: Steps) -> None:
    own = together(steps)
    done, empty = steps.begin(own, "a"), steps.begin(own, "b", gives=None)
    steps.let_go("a")
    wait_for(lambda: waiting(own) == 1)
    steps.let_go("b")
    done.result(FOREVER)
    empty.result(FOREVER)
    assert steps.finished == [["a"]]


def test_a_first_step_that_fails_fails_alone(steps: Steps) -> None:
    own = together(steps)

    def failing() -> str:
        raise ValueError("b can't be")

    done = steps.begin(own, "a")
    with pytest.raises(ValueError, match="b can't be"):
        own.do(failing)
    steps.let_go("a")
    done.result(FOREVER)
    assert steps.finished == [["a"]]


def test_a_last_step_that_fails_fails_for_all_that_wait_for_it_and_for_no_other(
    steps: Steps,
) -> None:
    own = together(steps)
    steps.failure = ValueError("it can't be")
    futures = [steps.begin(own, part) for part in ("a", "b")]
    steps.let_go("a", "b")
    for future in futures:
        with pytest.raises(ValueError, match="it can't be"):
            future.result(FOREVER)
    steps.failure = None
    own.do(lambda: "c")
    assert steps.finished == [["a", "b"], ["c"]]


def test_while_one_last_step_goes_on_others_take_theirs(steps: Steps) -> None:
    held = threading.Event()
    said: list[str] = []

    def finish(parts: Sequence[str]) -> None:
        said.append(parts[0])
        if parts[0] == "a":
            assert held.wait(FOREVER)

    own = together(steps, finish=finish)
    first = steps.begin(own, "a")
    steps.let_go("a")
    wait_for(lambda: said == ["a"])
    own.do(lambda: "b")
    assert not first.done()
    held.set()
    first.result(FOREVER)
    assert said == ["a", "b"]

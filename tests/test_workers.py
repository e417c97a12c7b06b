"""Worker processes: what goes wrong in one is found out, and the rest of the work is done."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from pipeline.errors import Terminal
from pipeline.workers import BATCH, BATCH_BYTES, GivenUp, Workers, batches


def load() -> Callable[[Sequence[str]], list[str]]:
    return lambda items: [work(item) for item in items]


def work(item: str) -> str:
    if item == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if item == "hang":
        time.sleep(3600)
    if item == "eat":
        return str(len(bytearray(500_000_000)))
    if item == "raise":
        raise ValueError("no such word")
    return item.upper()


def load_that_fails() -> Callable[[Sequence[str]], list[str]]:
    os._exit(3)


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers[str, str]]:
    with Workers(load, 2, seconds=1.0, megabytes=200) as running:
        yield running


def results(workers: Workers[str, str], *batches: list[str]) -> list[list[str | GivenUp]]:
    for batch in batches:
        workers.submit(batch)
    found = []
    while workers.pending:
        if (result := workers.collect(60)) is not None:
            found.append(result)
    return found


def test_results_come_in_the_order_of_the_batches(workers: Workers[str, str]) -> None:
    batches = [[f"{b}-{i}" for i in range(b)] for b in (5, 1, 3, 8)]
    assert results(workers, *batches) == [batch and [i.upper() for i in batch] for batch in batches]


def test_an_item_that_kills_its_worker_is_given_up_alone(workers: Workers[str, str]) -> None:
    ((a, dead, b, c),) = results(workers, ["a", "die", "b", "c"])
    assert (a, b, c) == ("A", "B", "C")
    assert dead == GivenUp("crashed", "its worker process died")


def test_an_item_that_hangs_is_given_up_alone(workers: Workers[str, str]) -> None:
    ((a, hung),) = results(workers, ["a", "hang"])
    assert a == "A"
    assert hung == GivenUp("crashed", "it took longer than 1 s")


def test_an_item_that_raises_is_given_up_alone_at_once(workers: Workers[str, str]) -> None:
    ((a, failed, b),) = results(workers, ["a", "raise", "b"])
    assert (a, b) == ("A", "B")
    assert failed == GivenUp("failed", "ValueError: no such word")


def test_a_worker_killed_from_outside_costs_no_item(workers: Workers[str, str]) -> None:
    for pid in workers.pids:
        os.kill(pid, signal.SIGKILL)
    assert results(workers, ["a"], ["b"]) == [["A"], ["B"]]


def test_an_outside_kill_and_a_failing_neighbour_cost_no_good_item(
    workers: Workers[str, str],
) -> None:
    workers.submit(["good", "raise"])
    for pid in workers.pids:
        os.kill(pid, signal.SIGKILL)
    ((good, failed),) = results(workers)
    assert good == "GOOD"
    assert isinstance(failed, GivenUp)


def test_workers_that_can_not_start_say_so() -> None:
    with Workers(load_that_fails, 1) as broken:
        broken.submit(["a"])
        with pytest.raises(Terminal, match="end before they are ready"):
            broken.collect(60)


def test_batches_are_bounded_in_number_and_in_size_and_keep_the_order() -> None:
    items = [BATCH_BYTES * 2, *[1] * (BATCH + 1), BATCH_BYTES, BATCH_BYTES - 1, 1]
    found = list(batches(items, lambda item: item))
    assert [item for batch in found for item in batch] == items
    assert [len(batch) for batch in found] == [1, BATCH, 1, 1, 2]


def test_an_item_that_eats_memory_is_given_up_alone(workers: Workers[str, str]) -> None:
    ((a, dead, b),) = results(workers, ["a", "eat", "b"])
    assert (a, b) == ("A", "B")
    assert dead == GivenUp("failed", "it takes more memory than a worker process may have")


def test_a_worker_that_was_stopped_blocks_nobody_who_hands_it_much(
    workers: Workers[str, str],
) -> None:
    results(workers, ["warm"])
    stopped = workers.pids
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    begun = time.monotonic()
    workers.submit(["x" * 1_000_000])
    assert time.monotonic() - begun < 0.5
    ((given_up,),) = results(workers)
    assert given_up == GivenUp("crashed", "it took longer than 1 s")


def test_another_thread_can_end_the_wait_for_results(workers: Workers[str, str]) -> None:
    workers.submit(["hang"])
    threading.Timer(0.1, workers.wake).start()
    begun = time.monotonic()
    assert workers.collect(60) is None
    assert time.monotonic() - begun < 0.9
    results(workers)

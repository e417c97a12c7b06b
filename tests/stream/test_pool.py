"""Enrichment off the event loop."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import pytest

from pipeline.errors import Terminal
from pipeline.stream.pool import Pool
from pipeline.workers import GivenUp, Workers


def load() -> Callable[[Sequence[bytes]], list[Any]]:
    return lambda values: [work(value) for value in values]


def work(value: bytes) -> tuple[bytes, int]:
    if value == b"die":
        os._exit(1)
    return value, os.getpid()


def load_that_fails() -> Callable[[Sequence[bytes]], list[Any]]:
    os._exit(3)


@contextmanager
def pool(loads: Any = load) -> Iterator[Pool]:
    with closing(Pool(lambda: Workers(loads, 2))) as opened:
        yield opened


def test_articles_are_enriched_in_other_processes() -> None:
    async def enrich() -> Any:
        with pool() as opened:
            return await opened.submit([b"a", b"b"])

    results = asyncio.run(enrich())
    assert [value for value, _ in results] == [b"a", b"b"]
    assert os.getpid() not in {pid for _, pid in results}


def test_the_loop_goes_on_while_articles_are_enriched() -> None:
    async def enrich() -> int:
        with pool() as opened:
            done = opened.submit([b"a"] * 1000)
            turns = 0
            while not done.done():
                await asyncio.sleep(0)
                turns += 1
            return turns

    assert asyncio.run(enrich()) > 10


def test_batches_come_back_in_order_whatever_happens_to_one() -> None:
    async def enrich() -> Any:
        with pool() as opened:
            return await asyncio.gather(
                *(opened.submit([bytes([n]), b"die"] if n == 3 else [bytes([n])]) for n in range(8))
            )

    results = asyncio.run(enrich())
    assert [batch[0][0] for batch in results] == [bytes([n]) for n in range(8)]
    assert isinstance(results[3][1], GivenUp)


def test_what_is_submitted_later_waits_for_nothing_else() -> None:
    async def enrich() -> Any:
        with pool() as opened:
            await opened.submit([b"warm"])
            await asyncio.sleep(0)
            return await asyncio.wait_for(opened.submit([b"a"]), 0.9)

    assert asyncio.run(enrich())[0][0] == b"a"


def test_processes_that_can_not_start_are_told() -> None:
    async def enrich() -> Any:
        with pool(load_that_fails) as opened:
            return await opened.submit([b"a"])

    with pytest.raises(Terminal, match="before they are ready"):
        asyncio.run(enrich())


def test_closing_ends_the_processes_and_the_thread() -> None:
    async def enrich() -> Any:
        with pool() as opened:
            return await opened.submit([b"a"])

    before = threading.active_count()
    ((_, pid),) = asyncio.run(enrich())
    assert threading.active_count() == before
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)

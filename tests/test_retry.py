"""What is waited for is said once and then ever more rarely, and so is that it goes on."""

from __future__ import annotations

import logging

import pytest

from pipeline.retry import FIRST_GAP_SECONDS, RECENT_SECONDS, Trouble


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def trouble(clock: Clock) -> Trouble:
    return Trouble(logging.getLogger("trouble"), clock)


def test_an_outage_is_told_once_and_its_end_too(
    trouble: Trouble, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        trouble.waits("no server")
        clock.now += 1
    assert trouble.waiting_for == "no server"
    trouble.over()
    trouble.over()
    assert trouble.waiting_for is None
    assert caplog.messages == ["waiting: no server", "goes on after 5 s"]


def test_a_long_outage_is_told_at_growing_intervals(
    trouble: Trouble, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(7 * int(FIRST_GAP_SECONDS)):
        trouble.waits("no server")
        clock.now += 1
    assert len(caplog.messages) == 3


def test_each_outage_is_told(
    trouble: Trouble, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        trouble.waits("no server")
        trouble.over()
        clock.now += RECENT_SECONDS
    assert len(caplog.messages) == 6


def test_what_comes_and_goes_is_told_when_it_lasts(
    trouble: Trouble, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(10):
        trouble.waits("no server")
        clock.now += 1
        trouble.over()
    assert len(caplog.messages) == 2
    for _ in range(10):
        trouble.waits("no server")
        clock.now += 1
    assert len(caplog.messages) == 3


def test_what_soon_passes_by_itself_is_not_told(
    trouble: Trouble, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(10):
        trouble.waits("too many requests", patience=5)
        clock.now += 4
        trouble.over()
    assert not caplog.messages
    for _ in range(3):
        trouble.waits("too many requests", patience=5)
        clock.now += 4
    assert caplog.messages == ["waiting: too many requests"]

"""A process that has work and gets nowhere is ended; one that has to wait is left alone."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from typing import Any

import pytest

from pipeline.errors import ConfigurationError, IndexUnavailable
from pipeline.watchdog import STALLED, Sight, Watchdog, guarded, health_server
from tests.faults.test_kills import wait_for
from tests.servers.processes import free_ports


class Clock:
    """Goes on by so many seconds at each look."""

    def __init__(self, step: float) -> None:
        self.now = 0.0
        self._step = step

    def __call__(self) -> float:
        self.now += self._step
        return self.now


def looks(count: int, step: float, **seen: Any) -> list[bool]:
    """What a watchdog of 80 seconds says to the same sight, again and again."""
    watchdog = Watchdog(80, Clock(step))
    sight = Sight(**({"lag": 1, "progress": 0, "answers": True} | seen))
    return [watchdog.stalled(sight) for _ in range(count)]


def test_work_that_stands_still_for_so_long_has_stalled() -> None:
    assert looks(9, 10) == [False] * 8 + [True]


def test_what_has_no_work_has_not_stalled() -> None:
    assert not any(looks(100, 10, lag=0))


def test_what_waits_for_a_server_has_not_stalled() -> None:
    assert not any(looks(100, 10, answers=False))


def test_progress_begins_the_time_anew() -> None:
    watchdog = Watchdog(80, Clock(10))
    assert not any(watchdog.stalled(Sight(1, number // 5, answers=True)) for number in range(100))


def test_a_server_that_was_away_begins_the_time_anew() -> None:
    watchdog = Watchdog(80, Clock(10))
    assert not any(watchdog.stalled(Sight(1, 0, answers=bool(n % 5))) for n in range(100))


def test_a_process_that_was_paused_itself_has_not_stalled() -> None:
    assert looks(5, 3600) == [False] * 4 + [True]


def ask(address: str, path: str = "/health") -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_health_is_told_as_json() -> None:
    with health_server("127.0.0.1:0", lambda: (503, {"status": "stalled", "lag": 5})) as address:
        assert ask(address) == (503, {"status": "stalled", "lag": 5})
        assert ask(address, "/other")[0] == 404


@pytest.mark.parametrize("address", ["", "127.0.0.1", ":8080", "127.0.0.1:port", "192.0.2.1:80"])
def test_an_address_that_can_not_be_had_is_named(address: str) -> None:
    with (
        pytest.raises(ConfigurationError, match=f"NEWSLOOM_HEALTH: {address}"),
        health_server(address, lambda: (200, {})),
    ):
        pass


def test_health_says_what_is_waited_for() -> None:
    def look() -> Sight:
        raise IndexUnavailable("the index is away")

    address = f"127.0.0.1:{free_ports(1)[0]}"
    with guarded(look, lambda: None, stall_seconds=0.1, health=address) as guard:
        wait_for(lambda: ask(address)[1]["status"] == "ok")
        assert ask(address) == (
            200,
            {
                "status": "ok",
                "lag": 0,
                "progress": 0,
                "answers": False,
                "waiting_for": "the index is away",
            },
        )
    assert not guard.stalled


def test_a_stall_is_told_and_the_process_asked_to_end() -> None:
    address = f"127.0.0.1:{free_ports(1)[0]}"
    asked = threading.Event()
    with guarded(
        lambda: Sight(3, 7, answers=True), asked.set, stall_seconds=0.2, health=address
    ) as guard:
        assert asked.wait(10)
        assert guard.stalled
        assert ask(address) == (
            503,
            {"status": "stalled", "lag": 3, "progress": 7, "answers": True, "waiting_for": None},
        )


def test_a_process_that_can_not_end_itself_is_ended_with_status_70() -> None:
    program = (
        "import threading; from pipeline import watchdog; watchdog.GRACE_SECONDS = 0.1\n"
        "look = lambda: watchdog.Sight(1, 0, answers=True)\n"
        "with watchdog.guarded(look, lambda: None, stall_seconds=0.1): threading.Event().wait()"
    )
    done = subprocess.run([sys.executable, "-c", program], timeout=60, check=False)
    assert done.returncode == STALLED == 70

"""What the tests of faults share: how many they play, and a table of what they did."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.cluster import Cluster
from tests.servers.fixtures import running
from tests.servers.kafka import KafkaBroker

ROUNDS = int(os.environ.get("NEWSLOOM_KILLS", "2"))

MANY = ROUNDS if ROUNDS >= 20 else 1
"""Rounds of what takes long, in `make test` and in `make faults`."""

FEW = -(-MANY // 4)
"""Rounds of what takes half a minute each."""


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints, after many rounds, what was done to what, as docs/reliability.md has it."""
    played = [
        report
        for outcome in ("passed", "failed", "")
        for report in terminalreporter.stats.get(outcome, ())
        if report.nodeid.startswith("tests/faults/")
    ]
    reports = [report for report in played if report.when == "call"]
    # What a fixture notes at its end is only in the report on that.
    notes: dict[str, dict[str, object]] = {}
    for report in played:
        notes.setdefault(report.nodeid, {}).update(report.user_properties)
    if ROUNDS < 20 or not reports:
        return
    terminalreporter.section("faults")
    rows: list[tuple[str, ...]] = [("what is done", "faults", "articles", "seconds", "result")]
    for report in sorted(reports, key=lambda report: report.nodeid):
        said = notes[report.nodeid]
        name = report.nodeid.partition("::test_")[2].replace("_", " ")
        faults, articles = said.get("faults", ""), said.get("articles", "")
        rows.append((name, f"{faults}", f"{articles}", f"{report.duration:.0f}", report.outcome))
    rows.insert(1, ("---",) * len(rows[0]))
    for row in rows:
        terminalreporter.write_line(f"| {' | '.join(row)} |")


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Any:
    """Puts a number into the table: `note("faults", 20)`."""
    return lambda name, value: request.node.user_properties.append((name, value))


@pytest.fixture(scope="module")
def broker() -> Iterator[KafkaBroker]:
    """A broker that tests may stop and kill."""
    with running(KafkaBroker) as broker:
        yield broker


@pytest.fixture
def cluster(broker: KafkaBroker, tmp_path: Path, note: Any) -> Iterator[Cluster]:
    """Newsloom's topics on it, empty."""
    cluster = Cluster(broker, tmp_path)
    yield cluster
    if cluster.accepted:
        note("articles", len(cluster.accepted))
    note("faults", cluster.faults)
    cluster.close()

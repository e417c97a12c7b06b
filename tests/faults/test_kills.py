"""Kill any process at any moment, start it again: nothing is lost, and nothing is doubled.

Every round starts the real commands, kills one process (the service, one of its workers, a
producer, a rebuild of the index) after a random time, and goes on. In the end the documents have to
be those of a run that nobody disturbed.

`NEWSLOOM_KILLS` sets the number of rounds: `make faults` plays many more than `make test`.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.article import ARTICLES_ENRICHED
from pipeline.config import Settings
from pipeline.index import open_index
from pipeline.index.query import Query
from pipeline.log import open_log
from pipeline.log.dead import letters
from pipeline.sources.generator import generate

ROUNDS = int(os.environ.get("NEWSLOOM_KILLS", "5"))
ARTICLES = 400
NEWSLOOM = [sys.executable, "-c", "from pipeline.cli import main; main()"]


@pytest.fixture(scope="module")
def articles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of short articles: each version of the first fifty comes in another file."""
    folder = tmp_path_factory.mktemp("articles")
    lines = [short(article) for article in generate(ARTICLES, 7)]
    for number in range(4):
        part = lines[number::4]
        (folder / f"{number}.jsonl").write_bytes(b"\n".join(map(msgspec.json.encode, part)))
    corrections = [{**line, "body": "Corrected. " + line["body"]} for line in lines[:50]]
    (folder / "corrections.jsonl").write_bytes(b"\n".join(map(msgspec.json.encode, corrections)))
    return folder


def short(article: Any) -> dict[str, Any]:
    """One paragraph: more articles for the same time."""
    fields: dict[str, Any] = msgspec.to_builtins(article)
    return {**fields, "body": article.body.split("\n\n")[0]}


@pytest.fixture(scope="module")
def undisturbed(articles: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    settings = Settings(data=tmp_path_factory.mktemp("undisturbed"))
    assert run(settings, "produce", articles) == 0
    assert run(settings, "up", "--drain") == 0
    return documents(settings)


def test_killing_services_workers_and_producers_loses_and_doubles_nothing(
    articles: Path, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    settings = Settings(data=tmp_path)
    # Reproducible where a failure has to be looked into; moments still differ from run to run.
    moments = random.Random(11)
    for number in range(ROUNDS):
        service = start(settings, "up", "--no-serve", "--watch", articles)
        producer = start(settings, "produce", articles)
        # Reading and writing at the start, enriching, indexing: a kill falls into each of them.
        time.sleep(moments.uniform(0.3, 7.0))
        kill([service.pid, producer.pid, child_of(service)][number % 3])
        if number % 3 == 2:
            time.sleep(moments.uniform(0.0, 1.5))
        for process in (service, producer):
            kill(process.pid)
            process.wait()
    assert run(settings, "produce", articles) == 0
    assert run(settings, "up", "--drain") == 0
    assert documents(settings) == undisturbed
    assert list(letters(open_log(settings))) == []
    assert_no_older_revision_behind_a_newer(settings)


def test_killing_a_rebuild_leaves_the_index_in_use_and_the_next_one_whole(
    articles: Path, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    settings = Settings(data=tmp_path)
    assert run(settings, "produce", articles) == 0
    assert run(settings, "up", "--drain") == 0
    moments = random.Random(12)
    for _ in range(max(2, ROUNDS // 3)):
        rebuild = start(settings, "reindex")
        time.sleep(moments.uniform(0.2, 1.5))
        kill(rebuild.pid)
        rebuild.wait()
        assert documents(settings) == undisturbed
    assert run(settings, "reindex") == 0
    assert documents(settings) == undisturbed
    assert len(list((tmp_path / "index").glob("0*"))) == 1


def test_workers_end_when_their_service_is_killed(articles: Path, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    service = start(settings, "up", "--no-serve", "--watch", articles)
    workers = wait_for(lambda: children_of(service.pid))
    kill(service.pid)
    service.wait()
    wait_for(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in workers))


def test_sigterm_ends_the_service_in_good_order(articles: Path, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    service = start(settings, "up", "--no-serve", "--watch", articles)
    wait_for(lambda: (tmp_path / "index" / "current").exists() and count(settings) > 0)
    service.send_signal(signal.SIGTERM)
    assert service.wait(60) == 0
    assert run(settings, "up", "--drain") == 0


def test_ctrl_c_ends_the_service_with_130(articles: Path, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    service = start(settings, "up", "--no-serve", "--watch", articles)
    wait_for(lambda: children_of(service.pid))
    service.send_signal(signal.SIGINT)
    assert service.wait(60) == 130


def documents(settings: Settings) -> dict[str, Any]:
    """Every document by its id, without the times of this run."""
    found: dict[str, Any] = {}
    index, after = open_index(settings), None
    while True:
        result = index.search(Query(size=500, after=after))
        for hit in result.hits:
            assert hit.id not in found
            fields = msgspec.to_builtins(hit.article)
            for name in ("revision", "ingested_at", "enriched_at"):
                del fields[name]
            found[hit.id] = fields
        after = result.next
        if after is None:
            return found


def assert_no_older_revision_behind_a_newer(settings: Settings) -> None:
    newest: dict[str, int] = {}
    consumer = open_log(settings).consume(ARTICLES_ENRICHED)
    while messages := consumer.poll(500, 0):
        for message in messages:
            article = msgspec.json.decode(message.value)
            assert article["revision"] > newest.get(article["id"], 0)
            newest[article["id"]] = article["revision"]


def start(settings: Settings, *words: str | Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command(settings, words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def run(settings: Settings, *words: str | Path) -> int:
    return subprocess.run(
        command(settings, words), stdout=subprocess.DEVNULL, timeout=240, check=False
    ).returncode


def command(settings: Settings, words: Sequence[str | Path]) -> list[str]:
    name, *others = map(str, words)
    return [*NEWSLOOM, name, "--data", str(settings.data), *others]


def count(settings: Settings) -> int:
    return open_index(settings).count()


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def child_of(process: subprocess.Popen[bytes]) -> int:
    """One of the worker processes, or the process itself where it has none yet."""
    return next(iter(children_of(process.pid)), process.pid)


def children_of(pid: int) -> list[int]:
    """The worker processes of a service: spawned ones, not their resource tracker."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rsplit(")", 1)[1].split()[1])
            words = (path / "cmdline").read_bytes()
        except (OSError, ValueError):
            continue
        if parent == pid and b"spawn_main" in words:
            found.append(int(path.name))
    return found


def wait_for(condition: Any, seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")

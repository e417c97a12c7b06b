"""The servers that tests rely on answer, keep their data, and leave nothing behind."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pipeline.article import ARTICLES_RAW
from pipeline.config import Settings
from pipeline.errors import StorageUnavailable
from pipeline.index import open_index
from pipeline.log import Record, messages, open_log
from pipeline.log.kafka import KafkaLog
from tests.servers import processes
from tests.servers.elasticsearch import PASSWORD, USER, ElasticsearchNode
from tests.servers.fixtures import running
from tests.servers.kafka import KafkaBroker
from tests.servers.processes import Missing, cached, find_jdk, free_ports
from tests.servers.topics import empty_topics


@pytest.fixture(scope="module")
def broker() -> Iterator[KafkaBroker]:
    with running(KafkaBroker) as own:
        yield own


@pytest.fixture(scope="module")
def node() -> Iterator[ElasticsearchNode]:
    with running(ElasticsearchNode) as own:
        yield own


def values(broker: KafkaBroker) -> list[bytes]:
    log = KafkaLog([broker.address])
    try:
        return [message.value for message in log.consume(ARTICLES_RAW).poll(100, 0)]
    finally:
        log.close()


def ask(node: ElasticsearchNode, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        node.address + path,
        data=json.dumps(body).encode() if body else None,
        method="PUT" if body else "GET",
        headers={
            "Authorization": "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode(),
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def alive(group: int) -> bool:
    """Whether a process of this process group is left, zombies aside."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pgid=,stat="], capture_output=True, text=True, check=True
    )
    rows = [line.split() for line in listed.stdout.splitlines()]
    return any(int(pgid) == group and not state.startswith("Z") for pgid, state in rows)


def gone(group: int, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while alive(group):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize("again", ["restart", "kill"])
def test_a_broker_keeps_its_records_and_address(broker: KafkaBroker, again: str) -> None:
    empty_topics(broker, partitions=1)
    log = KafkaLog([broker.address])
    log.publish(ARTICLES_RAW, [Record("k", b"kept")])
    log.close()
    before = broker.pid
    if again == "kill":
        broker.kill()
        assert not broker.running
        broker.start()
    else:
        broker.restart()
    assert broker.pid != before
    assert gone(before)
    assert values(broker) == [b"kept"]


def test_a_paused_broker_answers_nobody_until_it_goes_on(broker: KafkaBroker) -> None:
    empty_topics(broker, partitions=1)
    log = KafkaLog([broker.address])
    consumer = log.consume(ARTICLES_RAW)
    broker.pause()
    try:
        with pytest.raises(StorageUnavailable):
            consumer.lag()
    finally:
        broker.resume()
    assert consumer.lag() == 0
    log.close()


@pytest.mark.parametrize("again", ["restart", "kill"])
def test_a_node_keeps_its_documents_and_address(node: ElasticsearchNode, again: str) -> None:
    ask(node, f"/kept-{again}/_doc/1?refresh=true", {"text": "kept"})
    before = node.pid
    if again == "kill":
        node.kill()
        node.start()
    else:
        node.restart()
    assert gone(before)
    assert ask(node, f"/kept-{again}/_doc/1")["_source"] == {"text": "kept"}


def test_a_node_lets_in_nobody_without_a_password(node: ElasticsearchNode) -> None:
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(node.address, timeout=30)
    error.value.close()
    assert error.value.code == 401
    assert ask(node, "/")["version"]["number"]


def test_nothing_is_left_of_a_closed_server() -> None:
    with running(KafkaBroker) as broker:
        group, folder, ports = broker.pid, broker.folder, broker.ports
    assert gone(group)
    assert not folder.exists()
    with socket.socket() as probe:
        assert all(probe.connect_ex(("127.0.0.1", port)) for port in ports)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_a_server_ends_with_the_process_that_started_it(broker: KafkaBroker) -> None:
    assert broker.running  # what it needs is there
    program = (
        "import time; from tests.servers.kafka import KafkaBroker; b = KafkaBroker(); b.start();"
        " print(b.pid, b.folder, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid, folder = parent.stdout.readline().decode().split()
        assert alive(int(pid))
        parent.kill()
    assert gone(int(pid))
    subprocess.run(["rm", "-r", folder], check=True)


def test_both_servers_run_by_hand_set_up_until_they_are_told_to_end(
    broker: KafkaBroker, node: ElasticsearchNode
) -> None:
    assert broker.running
    assert node.running
    command = [sys.executable, "-m", "tests.servers"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as both:
        assert both.stdout is not None
        shown = [both.stdout.readline().decode() for _ in range(2)]
        log, index = (line.strip().partition("=")[2] for line in shown)
        settings = Settings(log=log, index=index)
        with closing(open_log(settings)) as opened:
            assert list(messages(opened, ARTICLES_RAW)) == []
        assert open_index(settings).count() == 0
        both.send_signal(signal.SIGINT)
        assert both.wait(60) == 0
    assert shown[0].startswith("export NEWSLOOM_LOG=kafka://127.0.0.1:")
    assert shown[1].startswith("export NEWSLOOM_INDEX=http://elastic:elastic@127.0.0.1:")


def test_ports_are_free_and_different() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20


def test_a_folder_of_the_cache_is_made_once_and_only_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSLOOM_SERVERS_CACHE", str(tmp_path))
    calls = []

    def make(folder: Path) -> None:
        calls.append(folder)
        (folder / "file").write_text("x")
        if len(calls) == 1:
            raise OSError("no network")

    with pytest.raises(OSError, match="no network"):
        cached("thing", make)
    first, second = cached("thing", make), cached("thing", make)
    assert first == second == tmp_path / "thing"
    assert (first / "file").read_text() == "x"
    assert len(calls) == 2


def jdk(folder: Path, version: str) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "javac").touch()
    (folder / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return folder


def test_the_jdk_of_java_home_is_taken_when_it_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = jdk(tmp_path / "jdk", "99.0.1")
    monkeypatch.setenv("JAVA_HOME", str(home))
    assert find_jdk(21) == home
    with pytest.raises(Missing, match="needs a JDK 100 or newer"):
        find_jdk(100)


def test_without_maven_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Missing, match="install the package maven"):
        processes.maven(tmp_path, "--version")


def missing() -> KafkaBroker:
    raise Missing("needs a JDK 17")


def test_without_a_jdk_tests_are_skipped_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="needs a JDK 17"), running(missing):
        pass


def test_in_ci_a_missing_jdk_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="needs a JDK 17"), running(missing):
        pass

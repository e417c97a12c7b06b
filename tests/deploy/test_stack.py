"""The services of docker-compose.yml as processes here, with the settings that it gives them.

Kafka takes its variables through the wrapper that its image starts it with, Elasticsearch has the
certificates of our script; addresses, ports and folders are those of this machine.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import ssl
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from pipeline.cli.common import DONE
from tests.conftest import ROOT, SAMPLES
from tests.deploy.compose import compose, example
from tests.servers.elasticsearch import PASSWORD, USER, ElasticsearchNode
from tests.servers.fixtures import missing, running
from tests.servers.kafka import KafkaBroker
from tests.servers.processes import free_ports
from tests.test_cli import NEWSLOOM, Answer

SECRETS = {name: f"{name.lower()}-of-at-least-32-letters" for name, v in example().items() if not v}
SECRETS["ELASTIC_PASSWORD"] = PASSWORD
SERVICES: dict[str, Any] = compose(SECRETS)["services"]


class ComposedBroker(KafkaBroker):
    """A broker with the settings of the service `kafka`."""

    def _format(self) -> None:
        data, config = self.folder / "data", self.folder / "config"
        empty = self.folder / "empty"
        for folder in (config, empty):
            folder.mkdir()
        for name in ("server.properties", "log4j2.yaml", "tools-log4j2.yaml"):
            (empty / name).touch()
        internal, controller = self.ports
        said = {name: str(value) for name, value in SERVICES["kafka"]["environment"].items()}
        here = {
            "9092": str(internal),
            "9093": str(controller),
            ",EXTERNAL://:9094": "",
            ",EXTERNAL://localhost:9094": "",
            "kafka:": "127.0.0.1:",
            "/var/lib/kafka/data": str(data),
        }
        folders = {"default": empty, "mounted": empty, "final": config}
        subprocess.run(
            [*self.tool("kafka.docker.KafkaDockerWrapper"), "setup"]
            + [w for n, f in folders.items() for w in (f"--{n}-configs-dir", str(f))],
            env=os.environ | {name: replaced(value, here) for name, value in said.items()},
            capture_output=True,
            check=True,
        )
        (config / "server.properties").rename(self._properties)


class ComposedNode(ElasticsearchNode):
    """A node with the settings and certificates of the service `elasticsearch`."""

    def __init__(self) -> None:
        super().__init__()
        self.trust = self.folder / "trust"
        for name in ("authority", "certificates", "trust"):
            (self.folder / name).mkdir()
        self.make_certificates()
        shutil.copytree(self.folder / "certificates", self.folder / "config" / "certs")
        if identity := self.identity():
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, identity["user"], identity["group"])

    def make_certificates(self) -> None:
        """Does what the service `certificates` does."""
        program, script, *folders = SERVICES["certificates"]["command"]
        assert script == "/certificates.sh"
        subprocess.run(
            [
                program,
                ROOT / "deploy/docker/certificates.sh",
                *(self.folder / folder.lstrip("/") for folder in folders),
            ],
            env=os.environ
            | self.environment()
            | {"PATH": f"{self._home}/bin:{os.environ['PATH']}"},
            capture_output=True,
            check=True,
        )

    @property
    def address(self) -> str:
        """See `ElasticsearchNode.address`."""
        return f"https://localhost:{self.ports[0]}"

    def command(self) -> Sequence[str | Path]:
        """The settings as the image's own start has them: each variable with a dot is one."""
        told = {n: v for n, v in SERVICES["elasticsearch"]["environment"].items() if "." in n}
        told.pop("bootstrap.memory_lock")  # needs a limit that this machine may not give
        ours = (self.folder / "config" / "elasticsearch.yml").read_text()
        kept = [line for line in ours.splitlines() if line.split(":")[0] not in told]
        (self.folder / "config" / "elasticsearch.yml").write_text("\n".join(kept))
        return [*super().command(), *(w for n, v in told.items() for w in ("-E", f"{n}={v}"))]

    def answers(self) -> bool:
        """Asks what the service's health check asks."""
        test = SERVICES["elasticsearch"]["healthcheck"]["test"].replace(" \n", " ")
        here = {
            "localhost:9200": f"localhost:{self.ports[0]}",
            "config/certs": str(self.folder / "config" / "certs"),
        }
        done = subprocess.run(
            ["/bin/sh", "-c", replaced(test, here)],
            env=os.environ | {"ELASTIC_PASSWORD": PASSWORD},
            capture_output=True,
            check=False,
        )
        return done.returncode == 0


def replaced(text: str, here: Mapping[str, str]) -> str:
    """The text with this machine's names; the longest ones first."""
    names = sorted(here, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, names)), lambda match: here[match[0]], text)


class Stack(NamedTuple):
    """Both servers, set up."""

    broker: ComposedBroker
    node: ComposedNode
    said: str

    def environment(self, service: str, **others: str) -> dict[str, str]:
        """The variables of a service, with the addresses here."""
        here = {
            "kafka:9092": self.broker.address,
            "elasticsearch:9200": f"localhost:{self.node.ports[0]}",
            "/trust/": f"{self.node.trust}/",
            "127.0.0.1:8080": "127.0.0.1:0",
        }
        own = SERVICES[service]["environment"]
        return os.environ | {n: replaced(str(v), here) for n, v in own.items()} | others

    def run(self, service: str, *words: str | Path) -> Answer:
        """What a command says that runs as a service does."""
        done = subprocess.run(
            [*NEWSLOOM, *map(str, words)],
            env=self.environment(service),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def started(self, service: str, **others: str) -> Iterator[None]:
        """A service that runs on, ended in good order."""
        command = [*NEWSLOOM, *SERVICES[service]["command"]]
        with subprocess.Popen(command, env=self.environment(service, **others)) as process:
            try:
                yield
                process.send_signal(signal.SIGTERM)
                assert process.wait(60) == DONE
            finally:
                process.kill()


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    for program in ("unzip", "curl"):
        if shutil.which(program) is None:
            missing(f"{program}: install the package {program}")
    if os.getuid() != 0:
        missing("root, who gives away files in the service `certificates`")
    with ExitStack() as servers:
        broker = servers.enter_context(running(ComposedBroker))
        node = servers.enter_context(running(ComposedNode))
        unset = Stack(broker, node, "")
        yield unset._replace(said=set_up(unset))


def set_up(stack: Stack) -> str:
    """Does what the service `setup` does."""
    line = SERVICES["setup"]["entrypoint"][-1]
    here = {
        "newsloom": f"'{sys.executable}' -c 'from pipeline.cli import main; main()'",
        "python": f"'{sys.executable}'",
        "/users.py": str(ROOT / "deploy/docker/users.py"),
    }
    done = subprocess.run(
        ["/bin/sh", "-c", replaced(line, here)],
        env=stack.environment("setup"),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def asked(stack: Stack, user: str, path: str = "/_security/_authenticate") -> int:
    """The status that a user gets from the node, who is trusted by its authority alone."""
    name, _, password = user.partition(":")
    token = b64encode(f"{name}:{password}".encode()).decode()
    request = urllib.request.Request(
        stack.node.address + path, headers={"Authorization": f"Basic {token}"}
    )
    trust = ssl.create_default_context(cafile=str(stack.node.trust / "ca.crt"))
    try:
        with urllib.request.urlopen(request, context=trust, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_setup_makes_topics_index_and_users(stack: Stack) -> None:
    assert "newsloom.articles.enriched" in stack.said
    assert "newsloom-articles-000001" in stack.said
    assert stack.said.endswith("users: kibana_system, newsloom\n")
    for user, secret in (
        ("kibana_system", "KIBANA_SYSTEM_PASSWORD"),
        ("newsloom", "INDEX_PASSWORD"),
        (USER, "ELASTIC_PASSWORD"),
    ):
        assert asked(stack, f"{user}:{SECRETS[secret]}") == 200
    assert asked(stack, f"newsloom:{PASSWORD}") == 401


def test_setup_can_be_repeated(stack: Stack) -> None:
    assert set_up(stack) == "nothing to change\nusers: kibana_system, newsloom\n"


def test_newsloom_s_user_may_do_no_more_than_newsloom_needs(stack: Stack) -> None:
    own = f"newsloom:{SECRETS['INDEX_PASSWORD']}"
    assert asked(stack, own, "/newsloom-articles/_count") == 200
    assert asked(stack, own, "/_security/user") == 403
    assert asked(stack, own, "/.security-7/_count") == 403


def test_who_does_not_know_the_authority_is_told_no(stack: Stack) -> None:
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(stack.node.address, timeout=30)


def test_the_samples_go_through_producer_worker_and_sink(stack: Stack) -> None:
    with stack.started("worker"), stack.started("sink"):
        command, folder = SERVICES["producer"]["command"]
        assert folder == "/samples"
        produced = stack.run("producer", command, SAMPLES)
        assert produced.out == "35 accepted, 2 rejected, 0 unchanged\n"
        deadline = time.monotonic() + 90
        while (found := stack.run("sink", "search", "tariffs", "--json")).lines[0]["total"] < 5:
            assert found.status == 0
            assert time.monotonic() < deadline, found
    shown = stack.run("producer", "show", found.lines[0]["hits"][0]["id"], "--json")
    assert shown.lines[0]["provenance"]


def test_the_api_is_well_and_answers_who_shows_the_token(stack: Stack) -> None:
    (port,) = free_ports(1)
    here = {"python": f"'{sys.executable}'", ":8710": f":{port}"}
    well = ["/bin/sh", "-c", replaced(SERVICES["serve"]["healthcheck"]["test"], here)]
    with stack.started("serve", NEWSLOOM_SERVE=f"0.0.0.0:{port}"):
        deadline = time.monotonic() + 90
        while subprocess.run(well, capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline
        search = f"http://127.0.0.1:{port}/api/search"
        assert httpx.get(search).status_code == 401
        shown = {"Authorization": f"Bearer {SECRETS['SERVE_TOKEN']}"}
        answer = httpx.get(search, headers=shown, timeout=30)
        assert answer.json()["total"] == stack.run("sink", "search", "--json").lines[0]["total"]


def test_newsloom_s_user_may_rebuild_the_index_and_check_what_is_set_up(stack: Stack) -> None:
    assert stack.run("producer", "reindex").status == DONE
    assert stack.run("producer", "setup", "--check") == (DONE, "nothing to change\n", "")


def test_certificates_that_are_there_stay(stack: Stack) -> None:
    made = stack.node.folder / "certificates" / "elasticsearch" / "elasticsearch.crt"
    before = made.read_bytes(), (stack.node.trust / "ca.crt").read_bytes()
    stack.node.make_certificates()
    assert before == (made.read_bytes(), (stack.node.trust / "ca.crt").read_bytes())


def test_private_keys_are_for_their_owners_alone(stack: Stack) -> None:
    stack.node.make_certificates()
    keys = list(stack.node.folder.glob("*/*/*.key"))
    assert {key.parent.name for key in keys} >= {"ca", "elasticsearch"}
    for key in keys:
        assert not stat.S_IMODE(key.stat().st_mode) & stat.S_IRWXO
    assert [path.name for path in stack.node.trust.iterdir()] == ["ca.crt"]
    assert (stack.node.trust / "ca.crt").stat().st_mode & stat.S_IROTH

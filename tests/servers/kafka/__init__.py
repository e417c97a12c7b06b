"""A Kafka broker of one node (KRaft), at an address of 127.0.0.1."""

from __future__ import annotations

import hashlib
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.servers.processes import ServerProcess, cached, find_jdk, maven

JDK = 17
_POM = Path(__file__).with_name("pom.xml")
_STARTED = b"Kafka Server started"
_FORMATTER = "kafka.tools.StorageTool"
_CLUSTER = "bmV3c2xvb20tdGVzdHMtLQ"
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.cleaner.backoff.ms=500
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
"""


class KafkaBroker(ServerProcess):
    """A broker without topics; clients must create what they use."""

    name = "kafka"

    def __init__(self) -> None:
        self._java = find_jdk(JDK) / "bin" / "java"
        jars = cached(f"kafka-{_digest()}", _fetch)
        super().__init__(ports=2)
        self._classpath = f"{jars}/*"
        self._properties = self.folder / "server.properties"
        self._said_before = 0
        self._format()

    @property
    def address(self) -> str:
        """The bootstrap server, as clients of Kafka take it."""
        return f"127.0.0.1:{self.ports[0]}"

    @property
    def url(self) -> str:
        """The broker as `NEWSLOOM_LOG` takes it."""
        return f"kafka://{self.address}"

    def command(self) -> Sequence[str | Path]:
        """See `ServerProcess.command`."""
        return [*self._run("kafka.Kafka"), self._properties]

    def start(self) -> None:
        """See `ServerProcess.start`."""
        self._said_before = self.output.stat().st_size if self.output.exists() else 0
        super().start()

    def answers(self) -> bool:
        """See `ServerProcess.answers`."""
        if _STARTED not in self.output.read_bytes()[self._said_before :]:
            return False
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.ports[0])) == 0

    def tool(self, main: str) -> list[str]:
        """The command line of one of Kafka's own tools, by its class."""
        return [str(self._java), "-cp", self._classpath, main]

    def _run(self, main: str) -> list[str | Path]:
        # The first compiler tier is enough, and the server starts in half the time.
        return [self._java, "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", self._classpath, main]

    def _format(self) -> None:
        data = self.folder / "data"
        port, controller = self.ports
        self._properties.write_text(_PROPERTIES.format(port=port, controller=controller, data=data))
        subprocess.run(
            [*self._run(_FORMATTER), "format", "-t", _CLUSTER, "-c", self._properties],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
        )


def _digest() -> str:
    return hashlib.sha256(_POM.read_bytes()).hexdigest()[:12]


def _fetch(folder: Path) -> None:
    copy = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
    maven(find_jdk(JDK), "-f", str(_POM), copy, f"-DoutputDirectory={folder}")

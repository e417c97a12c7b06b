"""A secured Elasticsearch node, at a port of 127.0.0.1.

The distribution is the one that Elastic publishes for integration tests of clients. It leaves out
modules that an ordinary one has; a small plugin adds the analyzers and `GET /`. What stays missing:
data streams, ILM, reindex, update and delete by query, painless, ES|QL.
"""

from __future__ import annotations

import base64
import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.servers.processes import ServerProcess, cached, find_jdk, maven

VERSION = "9.5.3"
JDK = 21
USER, PASSWORD = "elastic", "elastic"
_PLUGIN = Path(__file__).with_name("TestNodePlugin.java")
_DESCRIPTOR = f"""\
name=test-node
description=what the test distribution leaves out
version={VERSION}
elasticsearch.version={VERSION}
java.version={JDK}
classname=newsloom.testnode.TestNodePlugin
"""
_CONFIGURATION = """\
network.host: 127.0.0.1
http.port: {http}
transport.port: {transport}
discovery.type: single-node
path.data: {folder}/data
path.logs: {folder}/logs
xpack.security.enabled: true
xpack.security.autoconfiguration.enabled: false
xpack.security.enrollment.enabled: false
xpack.security.http.ssl.enabled: false
xpack.security.transport.ssl.enabled: false
cluster.routing.allocation.disk.threshold_enabled: false
"""


class ElasticsearchNode(ServerProcess):
    """A node without indices, with the user `elastic` and the password `elastic`."""

    name = "elasticsearch"

    def __init__(self) -> None:
        self._jdk = find_jdk(JDK)
        self._home = cached(f"elasticsearch-{VERSION}-{_digest()}", _install)
        super().__init__(ports=2)
        self._configure()

    @property
    def address(self) -> str:
        """The node's URL without a user."""
        return f"http://127.0.0.1:{self.ports[0]}"

    @property
    def url(self) -> str:
        """The node's URL with user and password, as `NEWSLOOM_INDEX` takes it."""
        return f"http://{USER}:{PASSWORD}@127.0.0.1:{self.ports[0]}"

    def command(self) -> Sequence[str | Path]:
        """See `ServerProcess.command`."""
        return [self._home / "bin" / "elasticsearch"]

    def environment(self) -> Mapping[str, str]:
        """See `ServerProcess.environment`."""
        return {
            "ES_JAVA_HOME": str(self._jdk),
            # The first compiler tier is enough, and the node starts in half the time.
            "ES_JAVA_OPTS": "-Xms512m -Xmx512m -XX:TieredStopAtLevel=1",
            "ES_PATH_CONF": str(self.folder / "config"),
            "ES_TMPDIR": str(self.folder / "tmp"),
        }

    def identity(self) -> Mapping[str, Any]:
        """See `ServerProcess.identity`. Elasticsearch refuses to run as root."""
        if os.getuid() != 0:
            return {}
        nobody = pwd.getpwnam("nobody")
        return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": ()}

    def answers(self) -> bool:
        """See `ServerProcess.answers`.

        The node answers before its security index does: so the question needs a password, and all
        indices.
        """
        token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        request = urllib.request.Request(
            f"{self.address}/_cluster/health?wait_for_status=yellow&timeout=5s",
            headers={"Authorization": f"Basic {token}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.HTTPError):
            return False

    def _configure(self) -> None:
        for part in ("data", "logs", "tmp"):
            (self.folder / part).mkdir()
        shutil.copytree(self._home / "config", self.folder / "config")
        http, transport = self.ports
        (self.folder / "config" / "elasticsearch.yml").write_text(
            _CONFIGURATION.format(http=http, transport=transport, folder=self.folder)
        )
        if identity := self.identity():
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, identity["user"], identity["group"])


def _digest() -> str:
    return hashlib.sha256(_PLUGIN.read_bytes() + _DESCRIPTOR.encode()).hexdigest()[:12]


def _install(home: Path) -> None:
    jdk = find_jdk(JDK)
    with tempfile.TemporaryDirectory() as folder:
        artifact = f"org.elasticsearch.distribution.integ-test-zip:elasticsearch:{VERSION}:zip"
        copy = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
        maven(jdk, copy, f"-Dartifact={artifact}", f"-DoutputDirectory={folder}")
        with zipfile.ZipFile(Path(folder) / f"elasticsearch-{VERSION}.zip") as archive:
            archive.extractall(folder)
        shutil.copytree(Path(folder) / f"elasticsearch-{VERSION}", home, dirs_exist_ok=True)
        classes = Path(folder) / "classes"
        _run(jdk / "bin" / "javac", "--release", str(JDK), "-nowarn", "-cp", f"{home}/lib/*",
             "-d", classes, _PLUGIN)  # fmt: skip
        plugin = home / "plugins" / "test-node"
        plugin.mkdir(parents=True)
        _run(
            jdk / "bin" / "jar", "--create", "--file", plugin / "test-node.jar", "-C", classes, "."
        )
    (plugin / "plugin-descriptor.properties").write_text(_DESCRIPTOR)
    for program in (home / "bin").iterdir():
        program.chmod(0o755)
    keystore = home / "bin" / "elasticsearch-keystore"
    _run(keystore, "create", ES_JAVA_HOME=str(jdk))
    _run(keystore, "add", "-x", "bootstrap.password", stdin=PASSWORD, ES_JAVA_HOME=str(jdk))


def _run(*words: str | Path, stdin: str = "", **environment: str) -> None:
    done = subprocess.run(
        [str(word) for word in words],
        input=stdin,
        capture_output=True,
        text=True,
        env=os.environ | environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr

"""Server processes that tests start, stop, kill, pause and start again where they were."""

from __future__ import annotations

import ctypes
import fcntl
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

START_SECONDS = 120
STOP_SECONDS = 60
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
_spawner = ThreadPoolExecutor(1)
"""Starts all servers: to the kernel the parent is a thread, and this one lives to the end."""


class Missing(Exception):
    """Something that the servers need is not installed; the text says what, and how to get it."""


class ServerProcess:
    """A server with its own temporary folder and ports, which stay the same over restarts.

    Subclasses say how it is started and when it answers. Not started yet when constructed.
    """

    name = ""

    def __init__(self, ports: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"newsloom-{self.name}-"))
        self.ports = free_ports(ports)
        self.output = self.folder / "output.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What a client is given."""
        raise NotImplementedError

    def command(self) -> Sequence[str | Path]:
        """The command line that runs the server in the foreground."""
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        """Variables for the server besides those of this process."""
        return {}

    def identity(self) -> Mapping[str, Any]:
        """As which user the server runs, in the terms of `subprocess.Popen`."""
        return {}

    def answers(self) -> bool:
        """Whether the server does all that clients may ask of it."""
        raise NotImplementedError

    @property
    def pid(self) -> int:
        """The process, while it runs; it leads a process group of its own."""
        assert self._process is not None, f"{self.name} was not started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is there, paused or not."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts the server on its ports and data, and waits until it answers."""
        assert not self.running, f"{self.name} runs already"
        self._process = _spawner.submit(self._spawn).result()
        self._wait(self.answers, START_SECONDS, "answer")

    def stop(self) -> None:
        """Ends the server in good order."""
        if not self.running:
            return
        self._signal(signal.SIGCONT)
        os.kill(self.pid, signal.SIGTERM)
        try:
            self._ended(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Ends the server at once, as `kill -9` and a power cut do."""
        if self.running:
            self._signal(signal.SIGKILL)
            self._ended(STOP_SECONDS)

    def pause(self) -> None:
        """Stops the server in its tracks: its connections stay, nothing answers."""
        self._signal(signal.SIGSTOP)
        # The signal is sent by now, but not all threads have to have got it.
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)

    def resume(self) -> None:
        """Lets a paused server go on."""
        self._signal(signal.SIGCONT)

    def restart(self) -> None:
        """Ends the server in good order and starts it on the same ports and data."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Ends the server and removes its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self.output.open("ab") as output:
            return subprocess.Popen(
                [str(word) for word in self.command()],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | self.environment(),
                start_new_session=True,
                preexec_fn=_end_with_parent,
                **self.identity(),
            )

    def _signal(self, number: int) -> None:
        os.killpg(self.pid, number)

    def _ended(self, seconds: float) -> None:
        assert self._process is not None
        self._process.wait(seconds)
        assert self._process.stdin is not None
        self._process.stdin.close()

    def _wait(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if not self.running or time.monotonic() > deadline:
                said = self.output.read_text(errors="replace")[-4000:]
                self.kill()
                raise AssertionError(f"{self.name} did not {what}; its last words:\n{said}")
            time.sleep(0.1)


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody has.

    Below the range from which systems take the ports of outgoing connections: otherwise one of
    those could have a port while its server is being restarted.
    """
    ports: list[int] = []
    for port in random.sample(range(20_000, 32_000), 1000):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        ports.append(port)
        if len(ports) == count:
            return ports
    raise AssertionError("no free ports")


def cached(name: str, make: Callable[[Path], None]) -> Path:
    """The folder `name` of the cache; the first to ask, of all processes, fills it with `make`.

    `NEWSLOOM_SERVERS_CACHE` names the cache. It is in root's case not in the home folder: servers
    that refuse to run as root must be able to read it.
    """
    default = "/var/cache/newsloom" if os.getuid() == 0 else "~/.cache/newsloom"
    cache = Path(os.environ.get("NEWSLOOM_SERVERS_CACHE") or default).expanduser()
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / name
    with _locked(cache / f"{name}.lock"):
        if not folder.exists():
            unfinished = cache / f"{name}.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(folder)
    return folder


def find_jdk(version: int) -> Path:
    """The home of a JDK of at least this version: JAVA_HOME, else the newest one installed.

    Raises:
        Missing: there is none.
    """
    folders = [Path(home)] if (home := os.environ.get("JAVA_HOME")) else []
    installed = [
        *Path("/usr/lib/jvm").glob("*"),
        *Path("/Library/Java/JavaVirtualMachines").glob("*/Contents/Home"),
    ]
    folders += sorted(installed, key=_jdk_version, reverse=True)
    for folder in folders:
        if _jdk_version(folder) >= version:
            return folder
    raise Missing(
        f"needs a JDK {version} or newer: install one (the package openjdk-25-jdk-headless or"
        " openjdk-21-jdk-headless), or set JAVA_HOME"
    )


def maven(jdk: Path, *words: str) -> None:
    """Runs Maven without its chatter.

    Raises:
        Missing: it is not installed, or does not reach its repository.
    """
    program = shutil.which("mvn")
    if program is None:
        raise Missing("needs Maven: install the package maven")
    done = subprocess.run(
        [program, "-q", "-B", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=os.environ | {"JAVA_HOME": str(jdk)},
        check=False,
    )
    if done.returncode:
        raise Missing(f"needs Maven and its central repository: {done.stdout.strip()[:500]}")


def _jdk_version(folder: Path) -> int:
    release = folder / "release"
    if not ((folder / "bin" / "javac").exists() and release.exists()):
        return 0
    found = re.search(r'^JAVA_VERSION="(\d+)', release.read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _end_with_parent() -> None:
    """In the new process: the kernel kills it when the tests' process dies, however that dies."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

"""A Dockerfile without a container engine: its stages, and the first one carried out."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class Instruction(NamedTuple):
    """A word such as RUN, and what stands behind it, on one line."""

    word: str
    rest: str


def stages(dockerfile: Path) -> list[list[Instruction]]:
    """The instructions of each stage; the first one of each is FROM."""
    text = re.sub(r"^\s*#.*\n", "", dockerfile.read_text("utf-8"), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    found: list[list[Instruction]] = []
    for line in filter(str.strip, lines):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append([])
        found[-1].append(Instruction(word, " ".join(rest.split())))
    return found


def variables(stage: list[Instruction]) -> dict[str, str]:
    """What the ENV lines of a stage set."""
    words = [word for i in stage if i.word == "ENV" for word in shlex.split(i.rest)]
    return dict(word.split("=", 1) for word in words)


def health_command(stage: list[Instruction]) -> list[str]:
    """The command of HEALTHCHECK."""
    (rest,) = [i.rest for i in stage if i.word == "HEALTHCHECK"]
    command: list[str] = json.loads(rest.partition(" CMD ")[2])
    return command


class Build:
    """Carries out a stage: its absolute paths are below `root`, its context is `context`.

    Commands of the system's package manager are not run, so that nothing outside is changed.

    Args:
        context: what COPY copies from.
        root: what stands for the image's file system; /bin has the image's python.
        python: the interpreter that the image would bring.
        before: called with each command before it is run.
    """

    def __init__(
        self, context: Path, root: Path, python: Path, before: Callable[[str], None]
    ) -> None:
        self._context = context
        self._root = root
        self._before = before
        self._folder = root
        (root / "bin").mkdir(parents=True)
        program = root / "bin" / "python"
        program.write_text(f'#!/bin/sh\nexec "{python}" "$@"\n')
        program.chmod(0o755)
        self._environment = {
            "PATH": f"{root}/bin:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(Path.home()),  # pip's settings and what it has fetched before
            "LANG": "C.UTF-8",
        } | {name: value for name, value in os.environ.items() if name.startswith("PIP_")}

    def run(self, stage: list[Instruction]) -> None:
        """Every instruction in turn.

        Raises:
            AssertionError: one failed, or is not known.
        """
        for instruction in stage:
            getattr(self, f"_{instruction.word.lower()}")(instruction.rest)

    def _from(self, rest: str) -> None:
        pass

    def _workdir(self, rest: str) -> None:
        self._folder = self.inside(rest)
        self._folder.mkdir(parents=True, exist_ok=True)

    def _env(self, rest: str) -> None:
        for word in shlex.split(rest):
            name, value = word.split("=", 1)
            value = value.replace("$PATH", self._environment["PATH"])
            self._environment[name] = re.sub(r"(?<![\w.}])/opt", f"{self._root}/opt", value)

    def _copy(self, rest: str) -> None:
        *sources, target = rest.split()
        for source in sources:
            here = self._context / source
            there = self._folder / target / (here.name if target == "./" else "")
            if here.is_dir():
                shutil.copytree(here, there)
            else:
                shutil.copy(here, there)

    def _run(self, rest: str) -> None:
        if rest.startswith("apt-get "):
            return
        self._before(rest)
        command = re.sub(r"(?<![\w.])/opt/", f"{self._root}/opt/", rest)
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{rest}\n{done.stdout}\n{done.stderr}"

    def inside(self, path: str) -> Path:
        """Where a path of the image is."""
        return self._root / path.lstrip("/")

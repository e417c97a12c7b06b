"""docker-compose.yml as Compose reads it, without a container engine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from tests.conftest import ROOT

FILE = ROOT / "docker-compose.yml"
EXAMPLE = ROOT / ".env.example"
_VARIABLE = re.compile(r"\$\{(\w+)(?:(:[-?])([^}]*))?\}")


def variables(text: str) -> list[tuple[str, str, str]]:
    """Each `${NAME}`, `${NAME:?why}` and `${NAME:-default}`: name, sign, what stands behind it."""
    return _VARIABLE.findall(text.replace("$$", ""))


def example() -> dict[str, str]:
    """The variables of .env.example."""
    lines = EXAMPLE.read_text("utf-8").splitlines()
    set_here = (line for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in (line.partition("=") for line in set_here)}


def compose(environment: Mapping[str, str]) -> dict[str, Any]:
    """The file with its variables put in.

    Raises:
        KeyError: one that has to be set is not, or is empty: Compose refuses to start.
    """

    def put_in(match: re.Match[str]) -> str:
        name, sign, rest = match.groups()
        value = environment.get(name, "")
        if not value and sign == ":-":
            return str(rest)
        if not value:
            raise KeyError(name)
        return value

    text = _VARIABLE.sub(put_in, FILE.read_text("utf-8")).replace("$$", "$")
    document: dict[str, Any] = yaml.safe_load(text)
    return document

"""Imports point one way, so that each folder can be read, and replaced, on its own."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "pipeline"
KNOWS = {
    "article": {"errors"},
    "config": {"errors"},
    "errors": set(),
    "profiles": {"errors"},
    "retry": set(),
    "shingles": set(),
    "trends": {"article"},
    "workers": {"errors"},
    "sources": {"article", "config", "errors"},
    "enrich": {"article", "config", "errors", "profiles", "shingles"},
    "log": {"article", "config", "errors"},
    "alerts": {"article", "config", "errors", "index", "log", "retry"},
    "index": {"article", "config", "errors", "retry", "shingles", "trends"},
}
"""What each part may import of the package; all others put the parts together."""


def parts_imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pipeline"):
            names = (node.module or "").split(".")
            found |= {names[1]} if len(names) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {
                alias.name.split(".")[1]
                for alias in node.names
                if alias.name.startswith("pipeline.")
            }
    return found - {"__version__"}


def modules(part: str) -> list[Path]:
    folder = PACKAGE / part
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [PACKAGE / f"{part}.py"]


@pytest.mark.parametrize("part", KNOWS)
def test_a_part_knows_only_what_the_design_allows(part: str) -> None:
    for path in modules(part):
        stray = parts_imported(path) - KNOWS[part] - {part}
        assert not stray, f"{path.relative_to(ROOT)} imports {sorted(stray)}"


def test_every_module_says_what_it_is_for() -> None:
    for path in sorted(PACKAGE.rglob("*.py")):
        docstring = ast.get_docstring(ast.parse(path.read_text()))
        assert docstring, f"{path.relative_to(ROOT)} has no docstring"


def test_no_command_waits_for_what_another_one_needs() -> None:
    heavy = (
        "{'numpy', 'spacy', 'onnxruntime', 'jax', 'sklearn', 'kafka', 'elasticsearch', 'fastapi'}"
    )
    program = f"import pipeline.cli, sys; print(sorted({heavy} & sys.modules.keys()))"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"

"""What is built is whole: an installed package needs nothing of the checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built with what is installed here."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, capture_output=True, check=True)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's files, laid out as in a folder of installed packages."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(installed: Path, *words: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    # -P and the first place of the path: nothing of the checkout is found before the package.
    program = f"import sys; sys.path.insert(0, {str(installed)!r});"
    program += " from pipeline.cli import main; import pipeline;"
    program += f" assert pipeline.__file__.startswith({str(installed)!r}); main()"
    command = [sys.executable, "-P", "-c", program, *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, check=False)


def test_the_wheel_has_every_file_of_the_package(wheel: Path) -> None:
    files = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "pipeline").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        assert files <= set(archive.namelist())


def test_the_wheel_has_the_schemas_and_nothing_of_the_tests(wheel: Path) -> None:
    committed = {path.name for path in (ROOT / "schemas").iterdir() if path.suffix != ".py"}
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    shipped = {name for name in names if name.startswith("pipeline/schemas/")}
    assert shipped == {f"pipeline/schemas/{n}" for n in committed if not n.startswith("__")}
    assert {name.split("/")[0].split("-")[0] for name in names} == {"pipeline", "newsloom"}


def test_an_installed_package_checks_its_own_schemas(installed: Path, tmp_path: Path) -> None:
    done = run(installed, "schema", "check", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    broken = installed / "pipeline" / "schemas" / "articles.raw.v1.json"
    before = broken.read_bytes()
    broken.write_bytes(before.replace(b'"integer"', b'"number"').replace(b'"boolean"', b'"number"'))
    done = run(installed, "schema", "check", cwd=tmp_path)
    broken.write_bytes(before)
    assert done.stdout == b"raw: withdrawn: was number, is boolean\n"


def test_an_installed_package_prints_the_asyncapi_document(installed: Path, tmp_path: Path) -> None:
    done = run(installed, "schema", "print", "asyncapi", cwd=tmp_path)
    assert done.stdout == (ROOT / "schemas" / "asyncapi.yaml").read_bytes()

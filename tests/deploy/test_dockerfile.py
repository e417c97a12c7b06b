"""The image's steps, run as they stand in a clean virtual environment, make a working command."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import distribution, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from pipeline.watchdog import Status, health_server
from tests.conftest import ROOT
from tests.deploy.dockerfile import Build, health_command, stages, variables
from tests.servers.fixtures import missing

DOCKERFILE = ROOT / "deploy" / "docker" / "Dockerfile"
BUILD, FINAL = stages(DOCKERFILE)
IGNORE = (ROOT / ".dockerignore").read_text().split("\n")
pytestmark = pytest.mark.timeout(900)  # in CI hundreds of megabytes are fetched and installed
ALLOWED = {line[1:] for line in IGNORE if line.startswith("!")}


def needed_by(project: str, extra: str = "") -> set[str]:
    """The names of all packages that a package needs, whatever needs them."""
    found: set[str] = set()
    asked = [(project, extra)]
    while asked:
        name, extra = asked.pop()
        for text in distribution(name).requires or []:
            need = Requirement(text)
            extras = {extra, ""} if name == project else {"", *extras_of(name)}
            if need.marker and not any(need.marker.evaluate({"extra": e}) for e in extras):
                continue
            if need.name.lower().replace("_", "-") not in found:
                found.add(need.name.lower().replace("_", "-"))
                asked.append((need.name, ""))
    return found


def extras_of(name: str) -> set[str]:
    return {"zstd", "crc32c"} if name in ("aiokafka", "kafka-python") else set()


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file system that the first stage leaves behind, without what it was built from.

    In CI the packages are fetched and installed anew, as an image is built. Elsewhere they are
    taken from where they are installed already, which takes seconds; pip then only checks that
    they are the pinned ones.
    """
    if shutil.which("strip") is None:
        missing("strip: install the package binutils")
    context = tmp_path_factory.mktemp("context")
    for name in ALLOWED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, context / name)
    for cache in context.rglob("__pycache__"):
        shutil.rmtree(cache)
    root = tmp_path_factory.mktemp("image")

    def before(command: str) -> None:
        if "-r requirements.txt" in command and os.environ.get("CI") != "true":
            (there,) = root.glob("opt/newsloom/lib/python*/site-packages")
            put_installed(there)

    # The name is looked up behind links: a virtual environment made from ours would be one of ours.
    Build(context, root, Path(sys.executable).resolve(), before).run(BUILD)
    shutil.rmtree(root / "src")
    return root


def put_installed(there: Path) -> None:
    """Puts the packages of requirements.txt there: links, but for what the image's steps change."""
    requirements = (ROOT / "requirements.txt").read_text()
    for name in set(re.findall(r"^([\w.-]+)==", requirements, re.MULTILINE)):
        try:
            package = distribution(name)
        except ModuleNotFoundError:
            continue  # for another system or version of Python
        for other_version in there.glob(f"{name}-*.dist-info"):  # that venv brought
            shutil.rmtree(other_version)
        for file in package.files or ():
            source = Path(str(file.locate()))
            if file.parts[0] != ".." and source.is_file():
                (there / file).parent.mkdir(parents=True, exist_ok=True)
                (there / file).unlink(missing_ok=True)
                put = shutil.copy if source.suffix == ".so" else os.link
                put(source, there / file)


def run(image: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The image's command, with nothing of this process's environment."""
    return subprocess.run(
        [image / "opt/newsloom/bin" / words[0], *words[1:]],
        cwd=image,
        env={"PATH": f"{image}/opt/newsloom/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_image_runs_the_whole_pipeline(image: Path, tmp_path: Path) -> None:
    assert variables(FINAL)["NEWSLOOM_DATA"] == "/data"
    done = run(image, "newsloom", "demo", NEWSLOOM_DATA=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "iShares MSCI Japan ETF" in done.stdout


def test_the_image_has_all_that_the_command_needs_on_servers(image: Path) -> None:
    modules = "pipeline.stream.worker, pipeline.sink, pipeline.setup, pipeline.subscription"
    done = run(image, "python", "-c", f"import {modules}")
    assert done.returncode == 0, done.stderr


def test_the_image_s_packages_fit_each_other(image: Path) -> None:
    check = [sys.executable, "-m", "pip", "--python", str(image / "opt/newsloom/bin/python")]
    done = subprocess.run([*check, "check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_image_has_the_package_and_not_a_link_to_its_source(image: Path) -> None:
    done = run(image, "python", "-c", "import pipeline; print(pipeline.__file__)")
    assert Path(done.stdout.strip()).is_relative_to(image / "opt" / "newsloom")
    assert (Path(done.stdout.strip()).parent / "schemas" / "asyncapi.yaml").exists()


def test_no_build_tool_is_left_in_the_image(image: Path) -> None:
    (packages,) = image.glob("opt/newsloom/lib/python*/site-packages")
    left = {path.name.split("-")[0].lower() for path in packages.glob("*.dist-info")}
    only_building = needed_by("newsloom", "build") - needed_by("newsloom")
    assert "hatchling" in only_building
    assert not {name.replace("-", "_") for name in only_building | {"pip"}} & left
    assert not (image / "opt/newsloom/bin/pip").exists()
    (system,) = [i.rest for i in FINAL if i.word == "RUN"]
    assert system.startswith("pip uninstall --yes --root-user-action ignore pip setuptools wheel")


def test_the_image_needs_no_root(image: Path) -> None:
    (system,) = [i.rest for i in FINAL if i.word == "RUN"]
    (user,) = [i.rest for i in FINAL if i.word == "USER"]
    assert f"useradd --system --uid {user} " in system
    assert int(user) > 0
    order = [i.word for i in FINAL]
    assert order.index("RUN") < order.index("USER") < order.index("ENTRYPOINT")


def test_both_stages_have_the_same_python_and_it_is_pinned() -> None:
    bases = {stage[0].rest.removesuffix(" AS build") for stage in (BUILD, FINAL)}
    (base,) = bases
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base)


def test_packages_are_installed_by_their_hashes_alone() -> None:
    installs = [i.rest for i in BUILD if "pip install" in i.rest]
    assert len(installs) == 2
    assert "--require-hashes -r requirements.txt" in installs[0]
    assert installs[1] == "pip install --no-deps --no-build-isolation ."


def test_only_what_is_copied_is_sent_to_the_builder() -> None:
    copied = {source for i in BUILD if i.word == "COPY" for source in i.rest.split()[:-1]}
    assert copied == ALLOWED
    assert IGNORE[1] == "*"


def test_the_builder_is_told_no_registry() -> None:
    for stage in (BUILD, FINAL):
        for instruction in stage:
            assert "index-url" not in instruction.rest
            assert "://" not in instruction.rest or instruction.word == "HEALTHCHECK"


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_the_health_check_asks_the_process(image: Path, status: int, *, healthy: bool) -> None:
    def answer() -> Status:
        return status, {}

    with health_server("127.0.0.1:0", answer) as address:
        program, *words = health_command(FINAL)
        done = run(image, program, *words, NEWSLOOM_HEALTH=address)
    assert (done.returncode == 0) == healthy


def test_the_health_check_fails_when_nobody_answers_and_asks_nothing_without_an_address(
    image: Path,
) -> None:
    program, *words = health_command(FINAL)
    assert run(image, program, *words, NEWSLOOM_HEALTH="127.0.0.1:1").returncode != 0
    assert run(image, program, *words).returncode == 0


def test_the_image_is_named_by_the_release() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    assert f"image: newsloom:{version('newsloom')}\n" in compose

"""The examples of docs/api.md, as they stand there, against a real server."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator

import msgspec
import pytest

from pipeline.config import Settings
from pipeline.local import Service
from pipeline.search.openapi import SEARCH
from pipeline.search.server import serving
from pipeline.sources import read
from tests.conftest import ROOT, SAMPLES
from tests.docs.examples import examples
from tests.servers.fixtures import missing

API = ROOT / "docs" / "api.md"
SHOWN = {
    "Search": '"total":',
    "One article": "404\n",
    "Suggestions": '{"value":"Japan","count":',
    "Trends": '"symbol":"QQQ"',
    "Producing": '"reason":"empty_body"',
    "The stream": "retry: 2000\nid: ",
    "Health and metrics": "newsloom_index_documents",
}
"""What the output of each example has in it."""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server over the samples."""
    if shutil.which("curl") is None:
        missing("curl")
    settings = Settings(data=tmp_path_factory.mktemp("data"), processes=1)
    Service(
        settings,
        inputs=lambda: read([SAMPLES], max_body_bytes=settings.max_body_bytes),
        rejected=lambda _: None,
    ).run(drain=True)
    with serving(settings, "127.0.0.1", 0) as server:
        yield server.url


@pytest.mark.parametrize("heading", SHOWN)
def test_an_example_works_as_it_stands(url: str, heading: str) -> None:
    script = examples(API)[heading].replace("http://127.0.0.1:8710", url)
    done = subprocess.run(
        ["bash", "-euc", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    assert SHOWN[heading] in done.stdout


def test_every_example_is_run() -> None:
    assert examples(API).keys() == SHOWN.keys()


def test_every_setting_that_is_named_is_one() -> None:
    named = set(re.findall(r"NEWSLOOM_([A-Z_]+)", API.read_text("utf-8")))
    assert {name.lower() for name in named} <= set(Settings.__struct_fields__)


def test_every_parameter_of_a_search_is_explained() -> None:
    section = API.read_text("utf-8").partition("## Search\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    explained = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(explained) == sorted(one["name"] for one in SEARCH["parameters"])


def test_the_answer_that_is_shown_is_the_one_that_is_given(url: str) -> None:
    script = examples(API)["Producing"].replace("http://127.0.0.1:8710", url)
    done = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, check=True)
    given = msgspec.json.decode(done.stdout.partition("]}")[2])
    shown = re.search(
        r'^    (\{"accepted".*?\]\})$', API.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert shown
    one, other = msgspec.json.decode(shown[1])["items"]
    # Another example has produced it before.
    assert given["items"] == [{**one, "outcome": given["items"][0]["outcome"]}, other]

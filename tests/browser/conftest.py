"""A site over the samples, and visits to it, each of which must end without a problem."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from pipeline.config import Settings
from pipeline.search.server import serving
from tests.browser.chromium import CHROMIUM, Visit, chromium
from tests.browser.site import filled
from tests.servers.fixtures import missing

Visitor = Callable[..., Visit]


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return filled(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def origin(data: Settings) -> Iterator[str]:
    with serving(data, "127.0.0.1", 0) as server:
        yield server.url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for each module: as long as it runs, no test can have an event loop of its own."""
    if not CHROMIUM.exists():
        missing(f"no browser at {CHROMIUM}; Debian's package is `chromium`")
    with chromium() as running:
        yield running


@pytest.fixture
def visitor(browser: Browser, origin: str) -> Iterator[Visitor]:
    """Makes visits; when the test is over, none of them may have had a problem."""
    visits: list[Visit] = []

    def visit(**options: Any) -> Visit:
        visits.append(Visit(browser, origin, **options))
        return visits[-1]

    yield visit
    problems = [problem for one in visits for problem in one.problems]
    for one in visits:
        one.close()
    assert not problems


@pytest.fixture
def page(visitor: Visitor) -> Page:
    """The page of a visit with a desktop's browser."""
    return visitor().page

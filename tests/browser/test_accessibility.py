"""Accessibility of every main page, light and dark, on a desktop and a phone: no rule is broken."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import DESKTOP, PHONE
from tests.browser.conftest import Visitor
from tests.browser.site import JAPAN_DEAL, MOODS

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")

PAGES = {
    "latest": "/",
    "results": "/?q=tariffs&place=Japan&collapse=0",
    "nothing found": "/?q=unheardof&place=Japan",
    "article": f"/articles/{JAPAN_DEAL}",
    "tickers of an article": f"/articles/{MOODS}",
    "ticker": "/tickers/SPY",
    "live": "/live?place=Japan",
    "alerts": "/alerts",
    "save a search": "/alerts?q=tariffs&place=Japan",
}


def violations(page: Page) -> list[str]:
    """What axe finds, by rule and place."""
    page.evaluate(AXE)
    found: list[dict[str, Any]] = page.evaluate("axe.run().then(result => result.violations)")
    return [
        f"{rule['id']}: {node['target']}: {node.get('failureSummary', '')}"
        for rule in found
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("name", PAGES)
def test_no_rule_is_broken(
    visitor: Visitor, name: str, size: dict[str, int], scheme: Literal["light", "dark"]
) -> None:
    page = visitor(viewport=size, color_scheme=scheme).page
    page.goto(PAGES[name])
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_rule_is_broken_by_what_opens(
    visitor: Visitor, scheme: Literal["light", "dark"]
) -> None:
    page = visitor(color_scheme=scheme).page
    page.goto("/tickers/SPY")
    page.get_by_text("The figures as a table").click()
    page.keyboard.press("Escape")
    assert violations(page) == []
    page.locator("#q").press_sequentially("jap")
    expect(page.get_by_role("listbox")).to_be_visible()
    page.keyboard.press("ArrowDown")
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert violations(page) == []


def test_a_dark_page_is_dark(visitor: Visitor) -> None:
    page = visitor(color_scheme="dark").page
    page.goto("/")
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(int(part) for part in colour[4:-1].split(",")) < 64

"""A real browser for tests: Chromium without a window, and pages that are watched for mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Page,
    Request,
    sync_playwright,
)

CHROMIUM = Path("/usr/bin/chromium")

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 320, "height": 640}


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """A person's visit: pages of one context, and what went wrong on them.

    Args:
        browser: where.
        origin: of the site; whatever is asked of another one is a mistake.
        options: of the context: its viewport, its colour scheme, whether it has JavaScript.

    Attributes:
        problems: errors and warnings of the console, errors of scripts, dialogs, foreign requests.
    """

    def __init__(self, browser: Browser, origin: str, **options: Any) -> None:
        options.setdefault("viewport", DESKTOP)
        self.problems: list[str] = []
        self._origin = origin
        self.context: BrowserContext = browser.new_context(base_url=origin, **options)
        self.context.set_default_timeout(10_000)
        self.context.on("request", self._asked)
        self.page: Page = self.context.new_page()
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.problems.append(f"script: {error}"))
        self.page.on("dialog", self._popped_up)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self._origin + "/", "data:", "blob:" + self._origin)):
            self.problems.append(f"asked elsewhere: {request.url}")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"console: {message.text}")

    def _popped_up(self, dialog: Dialog) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def close(self) -> None:
        """Ends the visit."""
        self.context.close()

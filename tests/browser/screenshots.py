"""Pictures of the page from the bundled samples: python -m tests.browser.screenshots."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from pipeline.search.server import serving
from tests.browser.chromium import CHROMIUM, Visit, chromium
from tests.browser.site import JAPAN_DEAL, filled
from tests.conftest import ROOT

FOLDER = ROOT / "docs" / "images"

MOST_BYTES = 150_000

DESKTOP = {"width": 1040, "height": 720}
PHONE = {"width": 360, "height": 720}

PICTURES: dict[str, tuple[str, dict[str, Any]]] = {
    "results": ("/?q=tariffs&place=Japan", {"viewport": DESKTOP}),
    "article": (f"/articles/{JAPAN_DEAL}", {"viewport": DESKTOP}),
    "ticker": ("/tickers/SPY", {"viewport": DESKTOP}),
    "phone": ("/?q=tariffs", {"viewport": PHONE}),
    "dark": ("/?topic=trade&topic=markets", {"viewport": DESKTOP, "color_scheme": "dark"}),
}


def main() -> None:
    """Takes all pictures anew."""
    if not CHROMIUM.exists():
        raise SystemExit(f"no browser at {CHROMIUM}; Debian's package is `chromium`")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        settings = filled(Path(folder) / "data", harmful=False)
        with serving(settings, "127.0.0.1", 0) as server, chromium() as browser:
            for name, (address, options) in PICTURES.items():
                visit = Visit(browser, server.url, **options)
                visit.page.goto(address)
                path = FOLDER / f"{name}.png"
                visit.page.screenshot(path=path)
                visit.close()
                size = path.stat().st_size
                print(f"{os.path.relpath(path)}  {size:,} bytes")
                if visit.problems or size > MOST_BYTES:
                    raise SystemExit(f"{name}: {visit.problems or 'too large'}")


if __name__ == "__main__":
    main()

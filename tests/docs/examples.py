"""The examples of a document, taken out of it to be run."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import ROOT


def examples(document: Path) -> dict[str, str]:
    """The first block of code below each heading."""
    found = {}
    for section in re.split(r"^## ", document.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        heading, _, rest = section.partition("\n")
        if block := re.search(r"^```(?:python|sh)\n(.*?)^```$", rest, re.MULTILINE | re.DOTALL):
            found[heading] = block[1]
    return found


CONSUMERS = ROOT / "docs" / "consumers.md"

"""Writes the schemas anew from the types: `python -m schemas.generate`.

A change that would break somebody is refused: it needs a version, and a topic, of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.schema import CONTRACTS, check, encode, schema_of

FOLDER = Path(__file__).parent


def main() -> None:
    """Writes the files, or says why not."""
    there = [FOLDER / contract.file for contract in CONTRACTS if (FOLDER / contract.file).exists()]
    if broken := [line for file in there for line in check(file)]:
        sys.exit("\n".join(["nothing written, since this would break somebody:", *broken]))
    for contract in CONTRACTS:
        (FOLDER / contract.file).write_bytes(encode(schema_of(contract)))


if __name__ == "__main__":
    main()

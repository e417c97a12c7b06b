"""The published schemas are those of the records, and the AsyncAPI document names real things."""

from __future__ import annotations

from typing import Any

import yaml

from pipeline.log import TOPICS
from schemas.generate import FOLDER, schemas


def test_each_schema_is_the_one_of_its_record() -> None:
    for name, content in schemas().items():
        assert (FOLDER / name).read_bytes() == content, "run: python -m schemas.generate"


def test_the_asyncapi_document_has_every_topic() -> None:
    document = yaml.safe_load((FOLDER / "asyncapi.yaml").read_text())
    assert {channel["address"] for channel in document["channels"].values()} == set(TOPICS)


def test_every_reference_of_the_asyncapi_document_resolves() -> None:
    document = yaml.safe_load((FOLDER / "asyncapi.yaml").read_text())
    found = list(references(document))
    assert found
    for reference in found:
        if reference.startswith("#/"):
            target = document
            for step in reference[2:].split("/"):
                target = target[step]
        else:
            assert (FOLDER / reference).is_file()


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        here = [node["$ref"]] if "$ref" in node else []
        return here + [r for value in node.values() for r in references(value)]
    return [r for value in node for r in references(value)] if isinstance(node, list) else []

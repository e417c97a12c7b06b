"""The published schemas are those of the records, and hold what they promise to other programs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from jsonschema import Draft202012Validator
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource

from pipeline.annotate import annotate
from pipeline.article import ARTICLES_DEAD, ARTICLES_ENRICHED, EnrichedArticle, decode_enriched
from pipeline.config import Settings
from pipeline.enrich.records import EnrichedRecord
from pipeline.errors import ConfigurationError
from pipeline.index import IndexWriter
from pipeline.index.batching import Batcher
from pipeline.index.elasticsearch import ElasticsearchIndex
from pipeline.index.elasticsearch.document import encode as encode_document
from pipeline.index.elasticsearch.setup import setup_index
from pipeline.index.elasticsearch.writer import ElasticsearchWriter
from pipeline.index.tantivy import TantivyIndex
from pipeline.index.tantivy.folder import following, point_to
from pipeline.index.tantivy.writer import TantivyWriter
from pipeline.log import Message
from pipeline.log.dead import RETRIED, bury, letters, retry
from pipeline.log.kafka_topics import ALL_TOPICS, CONTRIBUTIONS, LATEST, setup_topics
from pipeline.log.sqlite import SqliteLog
from pipeline.schema import CONTRACTS, Contract, check, contract, encode, schema_of
from pipeline.sources import read
from pipeline.trends import Tally, Window
from schemas.generate import FOLDER
from tests.conftest import ROOT, SAMPLES, as_published
from tests.servers.indices import FreshAlias, fresh_alias
from tests.servers.kafka import KafkaBroker
from tests.servers.topics import delete_topics
from tests.test_cli import newsloom

__all__ = ["fresh_alias"]


@pytest.fixture(scope="module")
def samples() -> list[bytes]:
    """The samples as they stand on the enriched topic."""
    inputs = read([SAMPLES], max_body_bytes=1_000_000)
    results = annotate(inputs, Settings(processes=1))
    return [result.value for result in results if isinstance(result, EnrichedRecord)]


def load(name: str) -> Any:
    return json.loads((FOLDER / name).read_bytes())


def validator(name: str) -> Draft202012Validator:
    Draft202012Validator.check_schema(schema := load(name))
    return Draft202012Validator(schema)


# The files


@pytest.mark.parametrize("known", CONTRACTS, ids=lambda known: known.name)
def test_each_schema_is_the_one_of_its_record(known: Contract) -> None:
    found = (FOLDER / known.file).read_bytes()
    assert found == encode(schema_of(known)), "run: python -m schemas.generate"


def test_every_sample_fits_the_schema(samples: list[bytes]) -> None:
    fits = validator("articles.enriched.v1.json")
    assert len(samples) > 20
    for value in samples:
        fits.validate(json.loads(value))


def test_a_trend_fits_the_schema() -> None:
    window = Window(
        "1h", datetime(2025, 7, 17, 9, tzinfo=UTC), datetime(2025, 7, 17, 10, tzinfo=UTC)
    )
    trend = Tally().trend("SPY", window)
    validator("tickers.trends.v1.json").validate(json.loads(msgspec.json.encode(trend)))


def test_a_submission_needs_a_body_alone() -> None:
    fits = validator("articles.submission.v1.json")
    assert fits.is_valid({"body": "x"})
    assert fits.is_valid({"body": "x", "published_at": 1752750000.5, "metadata": {"a": [1]}})
    assert not fits.is_valid({"body": 1})


# Changes


def changed(folder: Path, name: str, change: Any) -> Path:
    """A copy of the schemas in which one is as it was before some change."""
    for known in CONTRACTS:
        schema = schema_of(known)
        if known.name == name:
            change(schema["$defs"])
        (folder / known.file).write_bytes(encode(schema))
    return folder


def test_a_field_that_is_no_longer_there_is_named_with_its_record(tmp_path: Path) -> None:
    def had(defs: Any) -> None:
        defs["Ticker"]["properties"]["exchange"] = {"type": "string"}

    answer = newsloom("schema", "check", "--against", changed(tmp_path, "enriched", had))
    assert answer == (1, "enriched: tickers[].exchange: was removed\n", "")


def test_a_field_that_was_added_and_may_be_left_out_breaks_nobody(tmp_path: Path) -> None:
    def had_not(defs: Any) -> None:
        del defs["EnrichedArticle"]["properties"]["summary"]

    assert check(changed(tmp_path, "enriched", had_not)) == []


def test_producers_of_submissions_may_be_given_more_freedom_and_no_less(tmp_path: Path) -> None:
    def asked_more(defs: Any) -> None:
        defs["Submission"]["required"] = ["body", "id"]

    def allowed_more(defs: Any) -> None:
        defs["Submission"]["properties"]["body"] = {"anyOf": [{"type": "string"}, {"type": "null"}]}

    assert check(changed(tmp_path, "submission", asked_more)) == []
    assert check(changed(tmp_path, "submission", allowed_more)) == [
        "submission: body: may no longer be null"
    ]


def test_one_schema_can_be_checked_alone_under_any_name(tmp_path: Path) -> None:
    changed(tmp_path, "raw", lambda defs: defs["RawArticle"]["properties"].pop("metadata"))
    own = (tmp_path / "articles.raw.v1.json").rename(tmp_path / "ours.json")
    assert check(own) == []


def test_a_record_that_is_gone_is_named(tmp_path: Path) -> None:
    changed(tmp_path, "", None)
    schema = load("tickers.trends.v1.json") | {"$id": "newsloom/articles.clusters.v1.json"}
    (tmp_path / "articles.clusters.v1.json").write_text(json.dumps(schema))
    assert check(tmp_path) == ["articles.clusters.v1.json: the whole record was removed"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"$id": 1}', "\0"])
def test_what_is_no_schema_of_ours_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.v1.json").write_text(content)
    with pytest.raises(ConfigurationError, match=r"x\.v1\.json: no schema of newsloom"):
        check(tmp_path)


def test_a_folder_without_schemas_is_refused(tmp_path: Path) -> None:
    answer = newsloom("schema", "check", "--against", tmp_path)
    assert answer == (2, "", f"newsloom: {tmp_path}: no schemas here\n")


def test_the_committed_schemas_are_what_is_checked_unless_others_are_named() -> None:
    assert newsloom("schema", "check") == (0, f"{len(CONTRACTS)} schemas: nothing breaks\n", "")


def test_generating_refuses_a_change_that_would_break_somebody(tmp_path: Path) -> None:
    program = (
        "import sys, schemas.generate as g; from pathlib import Path;"
        "g.FOLDER = Path(sys.argv[1]); g.main()"
    )

    def generate() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", program, str(tmp_path)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert generate().returncode == 0
    assert (tmp_path / "articles.raw.v1.json").read_bytes() == encode(schema_of(contract("raw")))
    changed(
        tmp_path, "raw", lambda defs: defs["RawArticle"]["properties"]["id"].update(type="integer")
    )
    before = (tmp_path / "articles.raw.v1.json").read_bytes()
    refused = generate()
    assert refused.returncode == 1
    assert "raw: id: was integer, is string" in refused.stderr
    assert (tmp_path / "articles.raw.v1.json").read_bytes() == before


# Printing


@pytest.mark.parametrize("name", ["enriched", "articles.enriched.v1", "articles.enriched.v1.json"])
def test_a_schema_is_printed_by_its_name(name: str) -> None:
    answer = newsloom("schema", "print", name)
    assert (answer.status, answer.out) == (0, (FOLDER / "articles.enriched.v1.json").read_text())


def test_the_asyncapi_document_is_printed_too() -> None:
    assert newsloom("schema", "print", "asyncapi").out == (FOLDER / "asyncapi.yaml").read_text()


def test_an_unknown_schema_is_an_error_that_names_the_others() -> None:
    answer = newsloom("schema", "print", "nothing")
    assert answer.status == 1
    assert "there are submission, raw, enriched, trends" in answer.err


# Readers of version 1 go on when fields are added


def extended(value: Any) -> Any:
    """A record as a later release may write it: with further fields wherever an object is."""
    if isinstance(value, list):
        return [extended(item) for item in value]
    if not isinstance(value, dict):
        return value
    inner = {k: v if k in ("metadata", "models") else extended(v) for k, v in value.items()}
    return inner | {"added_later": {"x": [1, None]}, "another": "y"}


@pytest.fixture(scope="module")
def later(samples: list[bytes]) -> list[bytes]:
    return [json.dumps(extended(json.loads(value))).encode() for value in samples]


def test_who_knows_only_version_1_reads_records_with_further_fields(
    samples: list[bytes], later: list[bytes]
) -> None:
    assert [decode_enriched(value) for value in later] == [decode_enriched(v) for v in samples]


def test_records_with_further_fields_fit_the_schema_of_version_1(later: list[bytes]) -> None:
    fits = validator("articles.enriched.v1.json")
    for value in later:
        fits.validate(json.loads(value))


def write(writer: IndexWriter, values: list[bytes]) -> None:
    """As a sink does that is older than the worker; no record may die of it."""

    def refuse(value: bytes, error: Exception) -> None:
        pytest.fail(f"{error}: {value!r}")

    batcher: Batcher[bytes] = Batcher(writer, refuse)
    for value in values:
        batcher.add(value, value)
    batcher.flush()


def newest(samples: list[bytes]) -> dict[str, EnrichedArticle]:
    articles = [decode_enriched(value) for value in samples]
    return {a.id: a for a in sorted(articles, key=lambda a: a.revision)}


def test_elasticsearch_is_given_the_known_fields_alone(
    fresh_alias: FreshAlias, samples: list[bytes], later: list[bytes]
) -> None:
    client, alias = fresh_alias
    setup_index(client, alias)
    before = client.indices.get_mapping(index=alias).body
    writer = ElasticsearchWriter(client, alias)
    write(writer, later)
    writer.close()
    client.indices.refresh(index=alias)
    for article_id, article in newest(samples).items():
        source = client.get(index=alias, id=article_id).body["_source"]
        assert source == json.loads(encode_document(article, source["duplicate_of"]))
    assert ElasticsearchIndex(client, alias).count() == len(newest(samples))
    assert client.indices.get_mapping(index=alias).body == before


def test_tantivy_is_given_the_known_fields_alone(
    tmp_path: Path, samples: list[bytes], later: list[bytes]
) -> None:
    writer = TantivyWriter(path := following(tmp_path))
    write(writer, later)
    writer.close()
    point_to(path)
    index = TantivyIndex(tmp_path)
    found = {a: index.get(a) for a in newest(samples)}
    assert {a: d and as_published(d) for a, d in found.items()} == newest(samples)


# The AsyncAPI document


@pytest.fixture(scope="module")
def document() -> Any:
    return yaml.safe_load((FOLDER / "asyncapi.yaml").read_text())


def test_the_asyncapi_document_has_every_topic_but_those_of_our_own(document: Any) -> None:
    addresses = {channel["address"] for channel in document["channels"].values()}
    assert addresses == set(ALL_TOPICS) - {LATEST, CONTRIBUTIONS}


def test_the_asyncapi_document_has_the_topics_as_they_are_set_up(
    document: Any, kafka_broker: KafkaBroker
) -> None:
    delete_topics(kafka_broker)
    setup: dict[str, Any] = {"partitions": 1, "replication": 1, "retention_days": 30}
    setup_topics([kafka_broker.address], **setup)
    admin = KafkaAdminClient(bootstrap_servers=kafka_broker.address)
    for channel in document["channels"].values():
        said = channel["bindings"]["kafka"]["topicConfiguration"]
        asked = ConfigResource("TOPIC", channel["address"])
        has = admin.describe_configs([asked], config_filter="all")["topic"][channel["address"]]
        for name, value in said.items():
            value = ",".join(value) if isinstance(value, list) else str(value)
            assert has[name]["value"] == value, (channel["address"], name)
    admin.close()


def test_every_schema_is_the_payload_of_a_message_or_what_becomes_one(document: Any) -> None:
    payloads = {ref for ref in references(document) if ref.startswith("./")}
    assert payloads == {f"./{k.file}" for k in CONTRACTS if k.read_by_others}


def test_the_asyncapi_document_has_the_headers_of_dead_letters(
    document: Any, tmp_path: Path
) -> None:
    headers = document["components"]["messages"]["deadLetter"]["headers"]
    message = Message(ARTICLES_ENRICHED, 0, 7, "k", b"{", (), 0)
    letter = bury(message, error="e", explanation="x", stage="index")
    sent = {name: value.decode() for name, value in letter.headers}
    assert set(headers["required"]) == set(headers["properties"]) == set(sent)
    Draft202012Validator(headers).validate(sent)


def test_the_asyncapi_document_has_the_mark_of_a_letter_that_was_sent_back(
    document: Any, tmp_path: Path
) -> None:
    log = SqliteLog(tmp_path / "log.db")
    message = Message(ARTICLES_ENRICHED, 0, 7, "k", b"{", (), 0)
    log.publish(ARTICLES_DEAD, [bury(message, error="e", explanation="x", stage="index")])
    (letter,) = letters(log)
    retry(log, letter)
    *_, mark = log.consume(ARTICLES_DEAD).poll(10, 0)
    headers = document["components"]["messages"]["retriedLetter"]["headers"]
    assert headers["required"] == [RETRIED]
    Draft202012Validator(headers).validate({n: v.decode() for n, v in mark.headers})
    assert mark.value == b""


def test_every_reference_of_the_asyncapi_document_resolves(document: Any) -> None:
    found = list(references(document))
    assert found
    for reference in found:
        if reference.startswith("#/"):
            target = document
            for step in reference[2:].split("/"):
                target = target[step]
        else:
            assert (FOLDER / reference).is_file()


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        node = list(node.values())
    if isinstance(node, list):
        for value in node:
            yield from references(value)

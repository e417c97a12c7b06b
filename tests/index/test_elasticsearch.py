"""What Elasticsearch alone has: servers that refuse, are overloaded or gone, and what is set up."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.article import EnrichedArticle
from pipeline.config import Settings
from pipeline.errors import ConfigurationError, IndexUnavailable
from pipeline.index import open_index
from pipeline.index.batching import Batcher
from pipeline.index.elasticsearch import ElasticsearchIndex, bulk
from pipeline.index.elasticsearch.client import connect
from pipeline.index.elasticsearch.setup import (
    component_templates,
    composed,
    index_template,
    setup_index,
)
from pipeline.index.elasticsearch.writer import ElasticsearchWriter
from pipeline.index.query import Query
from tests.conftest import ROOT, as_published, enriched
from tests.servers.elasticsearch import PASSWORD, ElasticsearchNode
from tests.servers.indices import FreshAlias
from tests.servers.processes import free_ports
from tests.servers.proxy import Proxy, cuts, fails, items_fail, proxy_before, takes_at_most

LOOKUPS: list[Callable[[ElasticsearchIndex], object]] = [
    lambda index: index.search(Query(text="tokyo")),
    lambda index: index.get("a"),
    lambda index: index.suggest("a"),
    lambda index: index.count(),
]


@pytest.fixture
def alias(fresh_alias: FreshAlias) -> FreshAlias:
    """A client and an alias with an empty index behind it."""
    setup_index(*fresh_alias)
    return fresh_alias


@pytest.fixture
def proxy(elasticsearch_node: ElasticsearchNode) -> Iterator[Proxy]:
    with proxy_before(elasticsearch_node.url) as proxy:
        yield proxy


class Pauses(list[float]):
    """Takes the place of waiting; `then` is done instead, which may mend what is waited for."""

    def __init__(self, then: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self._then = then

    def __call__(self, seconds: float) -> None:
        self.append(seconds)
        assert len(self) < 50
        self._then()


def write(
    url: str, alias: str, articles: list[EnrichedArticle], wait: Callable[[float], None]
) -> list[Any]:
    with connect(Settings(index=url)) as client:
        own = ElasticsearchWriter(client, alias, wait=wait)
        try:
            return own.add(articles)
        finally:
            own.close()


def articles(count: int) -> list[EnrichedArticle]:
    return [enriched(str(number)) for number in range(count)]


def indexed(alias: FreshAlias) -> set[str]:
    client, name = alias
    client.indices.refresh(index=name)
    hits = ElasticsearchIndex(client, name).search(Query(size=5000)).hits
    return {hit.id for hit in hits}


def older_template(alias: str) -> dict[str, Any]:
    """One index template with everything, as releases had it before, and a field less."""
    whole = composed(alias)
    del whole["mappings"]["properties"]["stated_sentiments"]
    return {"index_patterns": [f"{alias}-*"], "priority": 500, "template": whole}


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"end": 1}
    for _ in range(depth):
        value = {"a": value}
    return value


# Documents


def test_a_refused_document_is_named_by_its_position_and_all_others_are_taken(
    alias: FreshAlias,
) -> None:
    batch = articles(7)
    batch[3] = enriched("3", metadata=nested(50))
    batch[5] = enriched("5", metadata={"a\0b": 1})
    refused = ElasticsearchWriter(*alias).add(batch)
    assert [refusal.position for refusal in refused] == [3, 5]
    assert "depth" in refused[0].message
    assert refused[0].reason == "document_parsing_exception"
    assert indexed(alias) == {"0", "1", "2", "4", "6"}


def test_what_no_server_can_take_is_refused_without_asking(alias: FreshAlias, proxy: Proxy) -> None:
    batch = [
        enriched("large", text="x" * (bulk.MAX_REQUEST_BYTES + 1)),
        enriched(""),
        enriched("é" * 257),
        enriched("a", revision=-1),
        enriched("b", revision=1 << 63),
    ]
    refused = write(proxy.url, alias[1], batch, Pauses())
    assert [refusal.reason for refusal in refused] == [
        "document_too_large",
        "bad_id",
        "bad_id",
        "bad_revision",
        "bad_revision",
    ]
    assert not proxy.sizes


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "x" * 1_000_000},
        {"text": "a.b&c’" * 200_000},
        {"text": "東" * 300_000},
        {"title": "'s" * 100_000},
        {"source": "s" * 100_000, "people": ["p" * 100_000], "url": "u" * 100_000},
        {"metadata": {"a": "v" * 100_000, "b": [{"c": [1, "x", None]}], "": 1e300, "n": 10**400}},
        {"metadata": {str(number): number for number in range(5_000)}},
        {"published_at": datetime(1, 1, 1, tzinfo=UTC)},
        {"published_at": datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)},
        {"revision": (1 << 63) - 1},
    ],
    ids=lambda fields: "-".join(fields),
)
def test_strange_articles_are_taken_and_come_back_as_they_were(
    alias: FreshAlias, fields: dict[str, Any]
) -> None:
    article = enriched("a", **fields)
    own = ElasticsearchWriter(*alias)
    assert not own.add([article])
    own.close()
    assert indexed(alias) == {"a"}
    found = ElasticsearchIndex(*alias).get("a")
    assert found is not None
    assert as_published(found) == article


def test_metadata_makes_no_fields(alias: FreshAlias) -> None:
    client, name = alias
    before = client.indices.get_mapping(index=name).body
    ElasticsearchWriter(*alias).add([enriched("a", metadata={"x": {"y": 1}})])
    assert client.indices.get_mapping(index=name).body == before


# Requests


def test_more_documents_than_a_request_may_have_are_sent_in_several(
    alias: FreshAlias, proxy: Proxy
) -> None:
    batch = articles(1234)
    assert not write(proxy.url, alias[1], batch, Pauses())
    assert sorted(proxy.sizes, reverse=True) == [500, 500, 234]
    assert len(indexed(alias)) == 1234


def test_large_documents_go_in_requests_of_bounded_size(alias: FreshAlias, proxy: Proxy) -> None:
    batch = [enriched(str(number), text="x" * 3_000_000) for number in range(7)]
    assert not write(proxy.url, alias[1], batch, Pauses())
    assert sorted(proxy.sizes, reverse=True) == [3, 3, 1]


def test_items_that_are_too_many_are_sent_again_after_a_wait_and_fewer_at_a_time(
    alias: FreshAlias, proxy: Proxy
) -> None:
    proxy.tricks += [items_fail(429, lambda n: n % 2 == 1), items_fail(429, lambda n: n > 5)]
    pauses = Pauses()
    assert not write(proxy.url, alias[1], articles(100), pauses)
    assert len(indexed(alias)) == 100
    # Half as many after each; more again when all of them are taken.
    assert proxy.sizes == [100, 50, 25, 19]
    assert len(pauses) == 2


@pytest.mark.parametrize("status", [500, 503, 404, 403])
def test_items_that_may_work_later_are_sent_again(
    alias: FreshAlias, proxy: Proxy, status: int
) -> None:
    proxy.tricks += [items_fail(status, lambda n: n == 0)] * 3
    pauses = Pauses()
    assert not write(proxy.url, alias[1], articles(2), pauses)
    assert indexed(alias) == {"0", "1"}
    assert len(pauses) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 502, 503])
def test_a_request_that_fails_as_a_whole_is_sent_again_and_says_why(
    alias: FreshAlias, proxy: Proxy, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    proxy.tricks += [fails(status)] * 2
    pauses = Pauses()
    with caplog.at_level(logging.WARNING):
        assert not write(proxy.url, alias[1], articles(10), pauses)
    assert indexed(alias) == {article.id for article in articles(10)}
    assert len(pauses) == 2
    # Too many requests are no news: the servers only slow us down.
    assert (f"{status} no" in caplog.text) is (status != 429)
    assert PASSWORD + "@" not in caplog.text


def test_a_request_that_is_too_large_is_split_at_once(alias: FreshAlias, proxy: Proxy) -> None:
    proxy.tricks += [takes_at_most(3)] * 50
    pauses = Pauses()
    assert not write(proxy.url, alias[1], articles(20), pauses)
    assert len(indexed(alias)) == 20
    assert not pauses


def test_a_document_that_is_too_large_for_the_server_is_refused(
    alias: FreshAlias, proxy: Proxy
) -> None:
    proxy.tricks += [takes_at_most(0)] * 2
    (refused,) = write(proxy.url, alias[1], articles(2), Pauses())
    assert refused.reason == "document_too_large"
    assert indexed(alias) == {"0", "1"} - {str(refused.position)}


@pytest.mark.parametrize("after", [0, 1, 40])
def test_a_line_that_is_cut_within_an_answer_loses_and_doubles_nothing(
    alias: FreshAlias, proxy: Proxy, after: int
) -> None:
    proxy.tricks += [cuts(after)] * 2
    pauses = Pauses()
    assert not write(proxy.url, alias[1], articles(10), pauses)
    assert len(indexed(alias)) == 10
    assert len(pauses) == 2


@pytest.mark.parametrize(
    "body", [{}, {"items": []}, {"items": [{}]}, [1], {"items": [{"index": 1}]}]
)
def test_an_answer_that_makes_no_sense_is_no_success(
    alias: FreshAlias, proxy: Proxy, body: Any
) -> None:
    def nonsense(_: bytes, __: Any) -> Any:
        return fails(200, body)(b"", lambda _: pytest.fail("not forwarded"))

    proxy.tricks.append(nonsense)
    pauses = Pauses()
    assert not write(proxy.url, alias[1], articles(1), pauses)
    assert indexed(alias) == {"0"}
    assert len(pauses) == 1


def test_waiting_can_be_ended_and_the_same_be_added_again(alias: FreshAlias, proxy: Proxy) -> None:
    class Stopped(Exception):
        pass

    def stop() -> None:
        raise Stopped

    proxy.tricks.append(items_fail(429, lambda n: n > 1))
    with connect(Settings(index=proxy.url)) as client:
        own = ElasticsearchWriter(client, alias[1], wait=Pauses(stop))
        with pytest.raises(Stopped):
            own.add(articles(10))
        assert not own.add(articles(10))
        own.close()
    assert len(indexed(alias)) == 10


def test_a_missing_alias_is_waited_for_and_never_made_by_writing(
    fresh_alias: FreshAlias, caplog: pytest.LogCaptureFixture
) -> None:
    client, name = fresh_alias
    pauses = Pauses(lambda: len(pauses) == 2 and setup_index(client, name))
    own = ElasticsearchWriter(client, name, wait=pauses)
    assert not own.add(articles(1))
    own.close()
    assert len(pauses) == 2
    assert "newsloom setup" in caplog.text
    assert indexed(fresh_alias) == {"0"}


def test_a_field_that_only_an_older_index_does_not_map_is_waited_for(
    fresh_alias: FreshAlias, caplog: pytest.LogCaptureFixture
) -> None:
    client, name = fresh_alias
    client.indices.put_index_template(name=name, **older_template(name))
    client.indices.create(index=f"{name}-000001", aliases={name: {}})
    own = ElasticsearchWriter(client, name, wait=Pauses(lambda: setup_index(client, name)))
    assert not own.add(articles(2))
    assert indexed(fresh_alias) == {"0", "1"}
    assert "`newsloom setup` adds it" in caplog.text


def test_a_record_that_is_nested_too_deeply_to_be_written_is_refused(alias: FreshAlias) -> None:
    value: Any = 1
    for _ in range(5_000):
        value = [value]
    (refused,) = ElasticsearchWriter(*alias).add([enriched("a", metadata={"deep": value})])
    assert refused.reason == "malformed_record"


def test_a_closed_index_and_a_blocked_one_are_waited_for(alias: FreshAlias) -> None:
    client, name = alias
    client.indices.close(index=name)
    pauses = Pauses(lambda: client.indices.open(index=name))
    own = ElasticsearchWriter(client, name, wait=pauses)
    assert not own.add(articles(1))
    assert pauses
    client.indices.put_settings(index=name, settings={"index.blocks.write": True})
    free = {"index.blocks.write": None}
    own = ElasticsearchWriter(
        client, name, wait=Pauses(lambda: client.indices.put_settings(index=name, settings=free))
    )
    assert not own.add(articles(2))
    assert indexed(alias) == {"0", "1"}


def test_an_alias_of_two_indices_of_which_none_is_written_to_is_waited_for(
    alias: FreshAlias,
) -> None:
    client, name = alias
    second = f"{name}-000002"
    client.indices.create(index=second, aliases={name: {}})
    client.indices.put_alias(index=f"{name}-000001", name=name, is_write_index=False)
    mend = {"add": {"index": second, "alias": name, "is_write_index": True}}
    pauses = Pauses(lambda: client.indices.update_aliases(actions=[mend]))
    own = ElasticsearchWriter(client, name, wait=pauses)
    assert not own.add(articles(1))
    own.close()
    assert pauses


# Errors of lookups


@pytest.mark.parametrize("look_up", LOOKUPS)
def test_without_the_alias_lookups_name_the_command_that_makes_it(
    fresh_alias: FreshAlias, look_up: Callable[[ElasticsearchIndex], object]
) -> None:
    with pytest.raises(ConfigurationError, match="newsloom setup"):
        look_up(ElasticsearchIndex(*fresh_alias))


@pytest.mark.parametrize("look_up", LOOKUPS)
def test_without_a_server_lookups_may_work_later(
    look_up: Callable[[ElasticsearchIndex], object],
) -> None:
    (port,) = free_ports(1)
    url = f"http://me:secret@127.0.0.1:{port}"
    with (
        connect(Settings(index=url)) as client,
        pytest.raises(IndexUnavailable, match=str(port)) as caught,
    ):
        look_up(ElasticsearchIndex(client))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("look_up", LOOKUPS)
def test_with_wrong_credentials_lookups_say_so_and_no_secret(
    elasticsearch_node: ElasticsearchNode, look_up: Callable[[ElasticsearchIndex], object]
) -> None:
    url = elasticsearch_node.url.replace(f":{PASSWORD}@", ":wr0ng%40@")
    with connect(Settings(index=url)) as client:
        with pytest.raises(IndexUnavailable, match=r"credentials.*401") as caught:
            look_up(ElasticsearchIndex(client))
        assert "wr0ng" not in f"{caught.value!r} {client!r} {client.transport!r}"


def test_a_search_of_which_a_part_fails_gives_no_half_of_an_answer(alias: FreshAlias) -> None:
    client, name = alias
    client.indices.put_settings(index=name, settings={"index.max_result_window": 5})
    with pytest.raises(ConfigurationError, match=r"400 .*window is too large"):
        ElasticsearchIndex(*alias).search(Query())


def test_what_was_counted_for_a_search_is_kept_until_the_index_changes(alias: FreshAlias) -> None:
    client, name = alias
    index = ElasticsearchIndex(*alias)

    def kept() -> int:
        stats = client.indices.stats(index=name, metric="request_cache")
        hits: int = stats["_all"]["total"]["request_cache"]["hit_count"]
        return hits

    assert not ElasticsearchWriter(*alias).add(articles(3))
    client.indices.refresh(index=name)
    assert index.search(Query(sort="newest")).total == 3
    assert not kept()
    assert index.search(Query(sort="oldest")).total == 3
    assert (before := kept())
    assert not ElasticsearchWriter(*alias).add([enriched("another")])
    client.indices.refresh(index=name)
    assert index.search(Query(sort="newest")).total == 4
    assert kept() == before


def test_what_is_no_elasticsearch_is_named_so(elasticsearch_node: ElasticsearchNode) -> None:
    def other(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "2")
        handler.end_headers()
        handler.wfile.write(b"{}")

    with proxy_before(elasticsearch_node.url) as proxy:
        proxy.server.RequestHandlerClass.do_POST = other  # type: ignore[attr-defined]
        with (
            connect(Settings(index=proxy.url)) as client,
            pytest.raises(ConfigurationError, match="no Elasticsearch"),
        ):
            ElasticsearchIndex(client).count()


def test_an_api_key_is_used_and_when_it_is_withdrawn_that_is_said(alias: FreshAlias) -> None:
    client, name = alias
    key = client.security.create_api_key(name=name)
    node = next(iter(client.transport.node_pool.all())).base_url
    settings = Settings(index=node, index_api_key=key["encoded"])
    assert key["encoded"] not in repr(settings)
    with connect(settings) as own:
        assert ElasticsearchIndex(own, name).count() == 0
        client.security.invalidate_api_key(ids=[key["id"]])
        with pytest.raises(IndexUnavailable, match="credentials") as caught:
            ElasticsearchIndex(own, name).count()
        assert key["encoded"] not in str(caught.value)
        assert key["api_key"] not in str(caught.value)


def test_another_host_is_asked_when_one_is_gone(
    elasticsearch_node: ElasticsearchNode, alias: FreshAlias
) -> None:
    (port,) = free_ports(1)
    user, _, host = elasticsearch_node.url.partition("@")
    with connect(Settings(index=f"{user}@127.0.0.1:{port},{host}")) as client:
        for _ in range(4):
            assert ElasticsearchIndex(client, alias[1]).count() == 0


# Settings


@pytest.mark.parametrize("url", ["http://", "https://:9200", "http://a,ftp://b", "http://a:port"])
def test_an_unusable_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="NEWSLOOM_INDEX"):
        connect(Settings(index=url))


def test_an_authority_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        connect(Settings(index="https://localhost", index_ca=tmp_path / "none.pem"))


def test_a_url_of_the_web_opens_elasticsearch() -> None:
    assert isinstance(open_index(Settings(index="https://me:pass@localhost")), ElasticsearchIndex)


# Setting up


def test_setting_up_says_what_it_made_and_the_second_time_makes_nothing(
    fresh_alias: FreshAlias,
) -> None:
    name = fresh_alias[1]
    wanted = [
        *(f"component template {part}: created" for part in component_templates(name)),
        f"index template {name}: created",
        f"index {name}-000001: created",
        f"alias {name}: created for {name}-000001",
    ]
    assert setup_index(*fresh_alias, check=True) == wanted
    assert not fresh_alias[0].indices.exists(index=f"{name}-000001")
    assert setup_index(*fresh_alias) == wanted
    assert setup_index(*fresh_alias) == []
    assert setup_index(*fresh_alias, check=True) == []


def test_setting_up_mends_changed_templates(alias: FreshAlias) -> None:
    client, name = alias
    client.indices.put_index_template(name=name, **(index_template(name) | {"priority": 7}))
    settings = {"index": {"number_of_shards": 3}}
    client.cluster.put_component_template(name=f"{name}-settings", template={"settings": settings})
    changes = [
        f"component template {name}-settings: updated",
        f"index template {name}: updated",
    ]
    assert setup_index(*alias, check=True) == changes
    assert setup_index(*alias) == changes
    assert setup_index(*alias) == []


def test_an_index_gets_what_the_templates_are_composed_to(alias: FreshAlias) -> None:
    client, name = alias
    made = client.indices.get(index=f"{name}-000001").body[f"{name}-000001"]
    whole = composed(name)
    assert made["mappings"]["dynamic"] == whole["mappings"]["dynamic"] == "strict"
    assert made["mappings"]["properties"].keys() == whole["mappings"]["properties"].keys()
    (analyzer,) = made["settings"]["index"]["analysis"]["analyzer"]
    assert analyzer == whole["mappings"]["properties"]["text"]["analyzer"]


def test_component_templates_that_are_of_no_use_any_more_are_removed(alias: FreshAlias) -> None:
    client, name = alias
    for part, owner in (("older", "newsloom"), ("theirs", "somebody")):
        client.cluster.put_component_template(
            name=f"{name}-{part}", template={}, meta={"managed_by": owner}
        )
    removed = [f"component template {name}-older: removed"]
    assert setup_index(*alias, check=True) == removed
    assert setup_index(*alias) == removed
    assert setup_index(*alias) == []
    assert client.cluster.exists_component_template(name=f"{name}-theirs")


def test_setting_up_adds_fields_that_an_older_release_did_not_have(
    fresh_alias: FreshAlias,
) -> None:
    client, name = fresh_alias
    client.indices.put_index_template(name=name, **older_template(name))
    client.indices.create(index=f"{name}-000001", aliases={name: {}})
    assert setup_index(*fresh_alias) == [
        *(f"component template {part}: created" for part in component_templates(name)),
        f"index template {name}: updated",
        f"index {name}-000001: mapped stated_sentiments",
    ]
    assert setup_index(*fresh_alias) == []


def test_setting_up_refuses_a_mapping_that_only_a_new_index_can_have(
    fresh_alias: FreshAlias,
) -> None:
    client, name = fresh_alias
    properties = {"source": {"type": "text"}}
    client.indices.create(
        index=f"{name}-000001", aliases={name: {}}, mappings={"properties": properties}
    )
    with pytest.raises(ConfigurationError, match=r"source.*newsloom reindex"):
        setup_index(*fresh_alias)


def test_an_index_without_links_of_near_duplicates_has_to_be_made_anew(
    fresh_alias: FreshAlias,
) -> None:
    # Its documents would be of no group, and all of them one where one of each is shown.
    client, name = fresh_alias
    older = {"properties": {"signature": {"type": "keyword", "ignore_above": 8191}}}
    client.indices.create(index=f"{name}-000001", aliases={name: {}}, mappings=older)
    with pytest.raises(ConfigurationError, match=r"signature.*newsloom reindex"):
        setup_index(*fresh_alias)


def test_setting_up_gives_an_index_its_alias_back(alias: FreshAlias) -> None:
    client, name = alias
    client.indices.delete_alias(index=f"{name}-000001", name=name)
    assert setup_index(*alias) == [f"alias {name}: created for {name}-000001"]
    assert setup_index(*alias) == []


def test_the_templates_in_deploy_are_those_that_are_shipped() -> None:
    deployed = {
        path.stem: json.loads(path.read_text("utf-8"))
        for path in (ROOT / "deploy" / "elasticsearch").glob("*.json")
    }
    assert deployed.pop("index-template") == index_template()
    assert {f"newsloom-articles-{part}": body for part, body in deployed.items()} == (
        component_templates()
    )


def test_no_field_and_no_setting_is_in_two_templates() -> None:
    parts = [part["template"] for part in component_templates().values()]
    for kind in ("mappings", "settings"):
        inner = {"mappings": "properties", "settings": "index"}[kind]
        names = [name for part in parts for name in part.get(kind, {}).get(inner, {})]
        assert len(names) == len(set(names)) > 0


def test_what_analyses_text_stands_beside_the_fields_that_use_it() -> None:
    for part in component_templates().values():
        used = {
            mapping["analyzer"]
            for mapping in part["template"].get("mappings", {}).get("properties", {}).values()
            if "analyzer" in mapping
        }
        index = part["template"].get("settings", {}).get("index", {})
        assert used == index.get("analysis", {}).get("analyzer", {}).keys()


def test_every_field_of_an_article_is_mapped() -> None:
    assert set(EnrichedArticle.__struct_fields__) <= composed()["mappings"]["properties"].keys()


# The step before


def test_the_sink_names_the_records_that_are_refused_and_writes_all_others(
    alias: FreshAlias,
) -> None:
    refused: list[tuple[str, str]] = []
    own = ElasticsearchWriter(*alias)
    batcher: Batcher[str] = Batcher(
        own, lambda record, error: refused.append((record, error.reason))
    )
    for number in range(4):
        metadata = nested(50) if number == 2 else {}
        value = msgspec.json.encode(enriched(str(number), metadata=metadata))
        batcher.add(b"{" if number == 1 else value, f"record {number}")
    batcher.flush()
    own.close()
    assert refused == [
        ("record 1", "malformed_record"),
        ("record 2", "document_parsing_exception"),
    ]
    assert indexed(alias) == {"0", "3"}

"""The doctor finds each thing that can be wrong, and says how to mend it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from elasticsearch import Elasticsearch
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewPartitions

from pipeline.alerts import MATCHERS, SENDERS
from pipeline.alerts.records import new_search
from pipeline.alerts.searches import add
from pipeline.article import ALERTS, ARTICLES_DEAD, ARTICLES_ENRICHED, ARTICLES_RAW
from pipeline.config import Settings
from pipeline.doctor import diagnose, elasticsearch, folder
from pipeline.doctor.finding import Finding, clocks
from pipeline.index.elasticsearch.client import ALIAS, connect
from pipeline.index.elasticsearch.rebuild import Rebuild
from pipeline.local import Service
from pipeline.log import Record
from pipeline.log.kafka import KafkaLog
from pipeline.log.kafka_client import servers_of
from pipeline.log.kafka_groups import only_member
from pipeline.maintenance import service_lock
from pipeline.reindex import REBUILDERS
from pipeline.sink import GROUP
from tests.conftest import GOLDEN
from tests.faults.test_kills import wait_for
from tests.servers.both import articles, environment, lag, publish, put, running_sink
from tests.servers.elasticsearch import PASSWORD, ElasticsearchNode
from tests.servers.kafka import KafkaBroker
from tests.servers.proxy import fails, proxy_before
from tests.servers.topics import delete_topics
from tests.test_cli import newsloom

FIRST = f"{ALIAS}-000001"


@pytest.fixture
def client(on_servers: Settings) -> Iterator[Elasticsearch]:
    with connect(on_servers) as client:
        yield client


def wrong(settings: Settings) -> list[Finding]:
    """All that is not as it should be, but that no worker and sink run."""
    return [
        finding
        for finding in diagnose(settings)
        if finding.level != "ok" and "0 records" not in finding.message
    ]


def only(settings: Settings) -> Finding:
    """The one thing that is wrong."""
    (found,) = wrong(settings)
    return found


def changed(settings: Settings, **fields: object) -> Settings:
    return msgspec.structs.replace(settings, **fields)


# The command


def test_it_tells_what_it_looked_at_and_the_status_says_whether_something_is_wrong(
    on_servers: Settings,
) -> None:
    fine = newsloom("doctor", **environment(on_servers))
    assert (fine.status, fine.err) == (0, "")
    assert PASSWORD + "@" not in fine.out
    for said in ("1 broker answers", "release 9.", "0 articles can be found", "→ start `newsloom"):
        assert said in fine.out
    publish(on_servers, articles(3))
    bad = newsloom("doctor", "--json", **environment(on_servers))
    assert bad.status == 1
    (finding,) = [line for line in bad.lines if line["level"] == "problem"]
    assert finding == {
        "about": f"group {GROUP}",
        "level": "problem",
        "message": f"no `newsloom sink` runs; 3 records of {ARTICLES_ENRICHED} wait",
        "remedy": "start `newsloom sink`",
    }


def test_no_secret_is_told(on_servers: Settings, client: Elasticsearch) -> None:
    key = client.security.create_api_key(name="doctor")
    settings = changed(on_servers, index_api_key=key["encoded"])
    told = " ".join(map(str, diagnose(settings)))
    assert "an API key" in told
    assert key["encoded"] not in told
    assert key["api_key"] not in told


# Kafka


def test_a_broker_that_is_away(on_servers: Settings) -> None:
    finding = only(changed(on_servers, log="kafka://127.0.0.1:1"))
    assert (finding.about, finding.level) == ("Kafka", "problem")
    assert "NEWSLOOM_LOG" in (finding.remedy or "")


def test_a_missing_topic(on_servers: Settings, kafka_broker: KafkaBroker) -> None:
    delete_topics(kafka_broker)
    found = wrong(on_servers)
    assert {finding.remedy for finding in found} == {"run `newsloom setup`"}
    assert f"topic {ARTICLES_RAW}" in {finding.about for finding in found}


def test_settings_of_a_topic(on_servers: Settings) -> None:
    found = wrong(changed(on_servers, retention_days=3))
    assert [finding.about for finding in found] == [
        f"topic {ALERTS}",
        f"topic {ARTICLES_DEAD}",
        f"topic {ARTICLES_RAW}",
    ]
    assert found[0].message == "retention.ms is 2592000000, and should be 259200000"
    assert found[0].remedy == "run `newsloom setup`"


def test_another_number_of_partitions(on_servers: Settings) -> None:
    finding = only(changed(on_servers, partitions=9))
    assert finding.level == "warning"
    assert "NEWSLOOM_PARTITIONS=4" in (finding.remedy or "")


def test_topics_of_which_one_has_more_partitions(
    on_servers: Settings, kafka_broker: KafkaBroker
) -> None:
    admin = KafkaAdminClient(bootstrap_servers=kafka_broker.address)
    admin.create_partitions({ARTICLES_RAW: NewPartitions(5)})
    admin.close()
    wait_for(lambda: wrong(on_servers))
    finding = only(on_servers)
    assert finding.level == "problem"
    assert f"{ARTICLES_RAW}: 5" in finding.message


def test_fewer_copies_than_wanted(on_servers: Settings) -> None:
    found = wrong(changed(on_servers, replication=2))
    assert all(finding.level == "warning" for finding in found)
    assert "it is on 1 brokers, and NEWSLOOM_REPLICATION is 2" in {f.message for f in found}


def test_a_group_that_works(on_servers: Settings) -> None:
    with running_sink(on_servers):
        publish(on_servers, articles(1))
        wait_for(lambda: lag(on_servers) == 0)
        assert not wrong(on_servers)


def test_a_group_that_gets_nowhere(
    on_servers: Settings, elasticsearch_node: ElasticsearchNode
) -> None:
    with proxy_before(elasticsearch_node.url) as proxy:
        proxy.always = fails(503)
        publish(on_servers, articles(1))
        with running_sink(changed(on_servers, index=proxy.url)):
            wait_for(lambda: proxy.sizes)
            finding = only(on_servers)
    assert finding.level == "warning"
    assert "nothing was done within" in finding.message


def test_saved_searches_of_which_nobody_tells(on_servers: Settings) -> None:
    with closing(KafkaLog(servers_of(on_servers.log))) as log:
        add(log, new_search("levies", "levy", filters={}))
    publish(on_servers, articles(3))
    found = {finding.about: finding for finding in diagnose(on_servers)}
    assert found[f"group {MATCHERS}"].level == "problem"
    assert "no `newsloom alerts run` runs; 3 records" in found[f"group {MATCHERS}"].message
    assert found[f"group {SENDERS}"].level == "warning"


def test_an_article_from_the_future(on_servers: Settings, kafka_broker: KafkaBroker) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka_broker.address)
    ahead = int(time.time() * 1000) + 600_000
    producer.send(ARTICLES_RAW, key=b"a", value=b"{}", timestamp_ms=ahead).get(10)
    producer.close()
    found = [finding for finding in wrong(on_servers) if finding.about == "clocks"]
    assert [finding.level for finding in found] == ["warning"]


def test_dead_letters(on_servers: Settings) -> None:
    publish(on_servers, [])
    put(on_servers, [Record("broken", b"{")])
    with running_sink(on_servers) as sink:
        wait_for(lambda: sink.counts.dead and lag(on_servers) == 0)
    finding = only(on_servers)
    assert (finding.level, finding.message) == ("warning", "1 records could not be done")


# Elasticsearch


def test_an_index_server_that_is_away(on_servers: Settings) -> None:
    finding = only(changed(on_servers, index="http://127.0.0.1:1"))
    assert (finding.about, finding.level) == ("Elasticsearch", "problem")
    assert "NEWSLOOM_INDEX" in (finding.remedy or "")


def test_credentials_that_are_refused(on_servers: Settings) -> None:
    finding = only(changed(on_servers, index=on_servers.index.replace(PASSWORD + "@", "wrong@")))
    assert "it refuses our credentials: 401" in finding.message
    assert "NEWSLOOM_INDEX_API_KEY" in (finding.remedy or "")


def test_no_index(on_servers: Settings, client: Elasticsearch) -> None:
    client.indices.delete(index=FIRST)
    found = wrong(on_servers)
    assert {(finding.level, finding.remedy) for finding in found} == {
        ("problem", "run `newsloom setup`")
    }


def test_a_mapping_that_only_a_new_index_can_have(
    on_servers: Settings, client: Elasticsearch
) -> None:
    client.indices.delete(index=FIRST)
    other = {"properties": {"source": {"type": "text"}}}
    client.indices.create(index=FIRST, aliases={ALIAS: {}}, mappings=other)
    finding = only(on_servers)
    assert (finding.level, finding.remedy) == ("problem", "run `newsloom reindex`")
    assert "mapping of source" in finding.message


def test_an_index_that_is_blocked(on_servers: Settings, client: Elasticsearch) -> None:
    blocked = {"index.blocks.read_only_allow_delete": True}
    client.indices.put_settings(index=FIRST, settings=blocked)
    try:
        finding = only(on_servers)
    finally:
        free = {"index.blocks.read_only_allow_delete": None}
        client.indices.put_settings(index=FIRST, settings=free)
    assert finding.level == "problem"
    assert "is blocked: read_only_allow_delete" in finding.message


def test_what_a_killed_rebuild_left(on_servers: Settings, client: Elasticsearch) -> None:
    left = Rebuild(client)
    left.begin()
    finding = only(on_servers)
    assert (finding.level, finding.remedy) == ("problem", "run `newsloom setup`")
    servers = servers_of(on_servers.log)
    with only_member(servers, ARTICLES_RAW, REBUILDERS, "taken"):
        assert not wrong(on_servers)


def test_an_index_without_its_node_or_its_copy(on_servers: Settings, client: Elasticsearch) -> None:
    own = {"auto_expand_replicas": "false", "number_of_replicas": 1}
    client.indices.put_settings(index=FIRST, settings=own)
    assert only(on_servers).message == "it is yellow: it has no copy on another node"
    client.indices.delete(index=FIRST)
    nowhere = {"routing.allocation.require._name": "none"}
    client.options(request_timeout=60).indices.create(
        index=FIRST,
        aliases={ALIAS: {"is_write_index": True}},
        settings=nowhere,
        wait_for_active_shards=0,
        timeout="1s",
    )
    assert any(f.level == "problem" and "it is red" in f.message for f in wrong(on_servers))


def test_a_disk_that_fills(on_servers: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elasticsearch, "DISK_LOW", 0)
    assert (only(on_servers).level, only(on_servers).remedy) == ("warning", "make room on the disk")
    monkeypatch.setattr(elasticsearch, "DISK_FLOOD", 0)
    assert only(on_servers).level == "problem"


@pytest.mark.parametrize(("expiration", "level"), [("1d", "warning"), ("90d", "ok"), (None, "ok")])
def test_a_key_that_expires_soon(
    on_servers: Settings, client: Elasticsearch, expiration: str | None, level: str
) -> None:
    key = client.security.create_api_key(name="doctor", expiration=expiration)
    settings = changed(on_servers, index_api_key=key["encoded"])
    (finding,) = [finding for finding in diagnose(settings) if finding.about == "API key"]
    assert finding.level == level


def test_a_key_with_few_rights_is_no_problem(on_servers: Settings, client: Elasticsearch) -> None:
    rights = {
        "sink": {
            "indices": [
                {"names": [f"{ALIAS}*"], "privileges": ["write", "read", "view_index_metadata"]}
            ]
        }
    }
    key = client.security.create_api_key(name="doctor", role_descriptors=rights)
    found = wrong(changed(on_servers, index_api_key=key["encoded"]))
    assert [finding.message for finding in found if finding.level == "problem"] == []


@pytest.mark.parametrize(
    ("seconds", "said"), [(9, "9 s ahead of"), (-9, "9 s behind"), (3, "agrees"), (-3, "agrees")]
)
def test_a_clock_that_is_off(seconds: int, said: str) -> None:
    finding = clocks("node a", timedelta(seconds=seconds))
    assert said in finding.message
    assert finding.level == ("ok" if said == "agrees" else "warning")


def test_only_one_of_the_two_on_servers(on_servers: Settings) -> None:
    finding = only(Settings(log=on_servers.log))
    assert finding.level == "problem"
    assert "set both" in (finding.remedy or "")


# In a folder


def drained(settings: Settings, *words: str | Path) -> None:
    assert newsloom("produce", GOLDEN, data=settings.data).status == 0
    Service(settings, rejected=lambda rejection: None).run(drain=True)


def test_a_folder_in_which_all_is_well(settings: Settings) -> None:
    drained(settings)
    assert not wrong(settings)
    with service_lock(settings):
        (service,) = [finding for finding in diagnose(settings) if finding.about == "service"]
    assert service.message == "one runs; 0 records wait"


def test_a_folder_without_articles(settings: Settings) -> None:
    finding = only(settings)
    assert (finding.about, finding.level) == ("log", "warning")


def test_records_that_wait_for_a_service(settings: Settings) -> None:
    newsloom("produce", GOLDEN, data=settings.data)
    found = {finding.about: finding for finding in wrong(settings)}
    assert found["service"].message == "none runs; 1 records wait"
    assert found["index"].remedy == "run `newsloom up`"


def test_a_damaged_index(settings: Settings) -> None:
    drained(settings)
    (meta,) = (settings.data / "index").glob("0*/meta.json")
    meta.write_bytes(b"rubbish")
    finding = only(settings)
    assert (finding.level, finding.remedy) == ("problem", "run `newsloom reindex`")


def test_a_folder_that_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = wrong(Settings(data=tmp_path / "file"))
    assert found[0].level == "problem"
    assert "can't be written to" in found[0].message


def test_a_disk_with_little_room(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "LEAST_BYTES", 1 << 60)
    assert any("free on its disk" in finding.message for finding in wrong(settings))

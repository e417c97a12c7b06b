"""Setting servers up: what is missing is made and said, once, also from an installed package."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import msgspec
import pytest

from pipeline.article import ARTICLES_ENRICHED, ARTICLES_RAW
from pipeline.config import Settings
from pipeline.index.elasticsearch.client import ALIAS, connect
from pipeline.index.elasticsearch.rebuild import Rebuild
from pipeline.index.elasticsearch.setup import component_templates
from pipeline.log import kafka_groups
from pipeline.log.kafka_client import servers_of
from pipeline.log.kafka_groups import only_member
from pipeline.log.kafka_topics import ALL_TOPICS
from pipeline.reindex import REBUILDERS
from pipeline.setup import Change, set_up
from tests.conftest import ROOT
from tests.faults.test_kills import wait_for
from tests.servers.both import articles, environment, lag, publish, running_sink
from tests.servers.indices import remove_templates
from tests.servers.kafka import KafkaBroker
from tests.servers.topics import delete_topics
from tests.test_cli import newsloom


@pytest.fixture
def nothing(on_servers: Settings, kafka_broker: KafkaBroker) -> Settings:
    """Servers on which nothing is set up."""
    delete_topics(kafka_broker)
    with connect(on_servers) as client:
        client.indices.delete(index=f"{ALIAS}-000001")
        remove_templates(client, ALIAS)
    return on_servers


def test_what_it_made_is_said_line_by_line_and_the_second_time_there_is_nothing(
    nothing: Settings,
) -> None:
    wanted = [f"topic {topic}: created, 4 partitions, replication 1" for topic in ALL_TOPICS]
    wanted += [
        *(f"component template {name}: created" for name in component_templates()),
        f"index template {ALIAS}: created",
        f"index {ALIAS}-000001: created",
        f"alias {ALIAS}: created for {ALIAS}-000001",
    ]
    check = newsloom("setup", "--check", **environment(nothing))
    assert (check.status, check.out.splitlines()) == (1, [f"would be: {line}" for line in wanted])
    made = newsloom("setup", **environment(nothing))
    assert (made.status, made.out.splitlines(), made.err) == (0, wanted, "")
    for words in (["setup"], ["setup", "--check"]):
        again = newsloom(*words, **environment(nothing))
        assert (again.status, again.out) == (0, "nothing to change\n")


def test_programs_get_json(nothing: Settings) -> None:
    answer = newsloom("setup", "--json", **environment(nothing))
    assert answer.lines[0] == {
        "what": f"topic {ARTICLES_RAW}: created, 4 partitions, replication 1",
        "possible": True,
    }
    assert newsloom("setup", "--json", **environment(nothing)).out == ""


def test_settings_of_topics_are_put_right_and_what_must_stay_is_said(on_servers: Settings) -> None:
    wanted = msgspec.structs.replace(on_servers, retention_days=2, partitions=5)
    changes = list(set_up(wanted))
    assert (
        Change(f"topic {ARTICLES_RAW}: retention.ms changed from 2592000000 to 172800000")
        in changes
    )
    fixed = [change.what for change in changes if not change.possible]
    assert len(fixed) == len(ALL_TOPICS)
    assert any(
        f"{ARTICLES_ENRICHED}: has partitions 4, not 5; that stays" in what for what in fixed
    )
    left = newsloom("setup", "--check", **environment(wanted), NEWSLOOM_RETENTION_DAYS="2")
    assert left.status == 0  # nothing of it would change


def test_a_block_and_an_index_that_a_killed_rebuild_left_are_removed(on_servers: Settings) -> None:
    with connect(on_servers) as client:
        left = Rebuild(client)
        left.begin()
        left.block()
    publish(on_servers, articles(5))
    with running_sink(on_servers) as sink:
        wait_for(lambda: "newsloom setup" in (sink._index_trouble.waiting_for or ""))
        changes = list(set_up(on_servers))
        wait_for(lambda: lag(on_servers) == 0)
    assert [change.what for change in changes] == [
        f"index {ALIAS}-000001: writing is allowed again",
        f"index {ALIAS}-000002: deleted, it was left by a rebuild that was killed",
    ]
    assert not list(set_up(on_servers))


def test_a_rebuild_that_runs_is_left_alone(
    on_servers: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_groups, "LAPSE_SECONDS", 0)
    servers = servers_of(on_servers.log)
    with connect(on_servers) as client, only_member(servers, ARTICLES_RAW, REBUILDERS, "taken"):
        running = Rebuild(client)
        running.begin()
        assert not list(set_up(on_servers))
        assert running.alive


def test_for_a_log_and_index_in_a_folder_nothing_is_to_be_set_up(tmp_path: Path) -> None:
    for words in (["setup"], ["setup", "--check"]):
        answer = newsloom(*words, data=tmp_path)
        assert (answer.status, answer.out, answer.err) == (0, "nothing to change\n", "")


def test_without_a_server_it_says_which_one_is_away(on_servers: Settings) -> None:
    answer = newsloom("setup", **environment(on_servers, NEWSLOOM_INDEX="http://127.0.0.1:1"))
    assert answer.status == 2
    assert answer.err.startswith("newsloom: http://127.0.0.1:1: ")
    assert answer.err.count("\n") == 1


def test_an_installed_package_has_what_setting_up_takes(tmp_path: Path, nothing: Settings) -> None:
    build = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    built = subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    wheel = tmp_path / built.stdout.split()[-1]
    with zipfile.ZipFile(wheel) as archive:
        assert "pipeline/index/elasticsearch/templates/index-template.json" in archive.namelist()
        archive.extractall(tmp_path / "installed")
    done = subprocess.run(
        [sys.executable, "-c", "from pipeline.cli import main; main()", "setup"],
        cwd=tmp_path,
        env=os.environ | environment(nothing, PYTHONPATH=str(tmp_path / "installed")),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert f"index {ALIAS}-000001: created" in done.stdout

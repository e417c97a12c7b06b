"""docker-compose.yml has the form it must have, refers to what is there, and is safe by default."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import pytest

from pipeline.cli import cli
from pipeline.config import PREFIX, Settings, load_settings
from pipeline.errors import ConfigurationError
from pipeline.index.elasticsearch.client import connect
from pipeline.log.kafka_client import servers_of
from pipeline.search.server import is_loopback, place_of
from pipeline.search.token import Token
from tests.conftest import ROOT
from tests.deploy.compose import EXAMPLE, FILE, compose, example, variables
from tests.deploy.dockerfile import stages
from tests.servers import elasticsearch, kafka

SECRETS = {name: f"{name.lower()}-secret" for name, value in example().items() if not value}
DOCUMENT = compose(SECRETS)
SERVICES: dict[str, Any] = DOCUMENT["services"]
ONCE = sorted(name for name, service in SERVICES.items() if service["restart"] == "no")
OURS = sorted(name for name, service in SERVICES.items() if "build" in service)

LASTING = {"kafka", "elasticsearch", "kibana", "worker", "sink", "alerts", "serve"}

services = pytest.mark.parametrize("name", SERVICES)
lasting = pytest.mark.parametrize("name", sorted(SERVICES.keys() - set(ONCE)))


def test_the_file_has_the_form_that_compose_asks_for() -> None:
    command = [Path(sys.executable).with_name("check-jsonschema"), FILE]
    schema = ["--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, *schema], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_part_of_the_pipeline_is_there() -> None:
    assert SERVICES.keys() - set(ONCE) == LASTING
    assert ONCE == ["certificates", "kibana-setup", "producer", "setup"]
    assert OURS == ["alerts", "kibana-setup", "producer", "serve", "setup", "sink", "worker"]


# References


@services
def test_services_wait_for_services_that_are_there_and_can_be_waited_for(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        if how["condition"] == "service_completed_successfully":
            assert other in ONCE
        else:
            assert how["condition"] == "service_healthy"
            assert "test" in SERVICES[other]["healthcheck"]


@services
def test_volumes_and_files_that_are_mounted_are_there(name: str) -> None:
    for mounted in SERVICES[name].get("volumes", []):
        source = mounted.split(":")[0]
        assert source in DOCUMENT["volumes"] or (ROOT / source).is_dir()
        assert source in DOCUMENT["volumes"] or source.startswith("./")


def test_every_volume_and_file_is_used_and_there() -> None:
    mounted = {v.split(":")[0] for s in SERVICES.values() for v in s.get("volumes", [])}
    assert DOCUMENT["volumes"].keys() <= mounted
    used = {c["source"] for s in SERVICES.values() for c in s.get("configs", [])}
    assert used == DOCUMENT["configs"].keys()
    for config in DOCUMENT["configs"].values():
        assert (ROOT / config["file"]).is_file()


def test_nothing_else_is_referred_to() -> None:
    for service in SERVICES.values():
        assert not {"secrets", "networks", "env_file", "extends", "volumes_from"} & service.keys()


@pytest.mark.parametrize("name", OURS)
def test_our_image_is_built_from_a_file_that_is_there(name: str) -> None:
    build = SERVICES[name]["build"]
    assert (ROOT / build["context"] / build["dockerfile"]).is_file()
    assert SERVICES[name]["image"] == f"newsloom:{version('newsloom')}"


# Versions


@services
def test_images_are_pinned_and_named_without_a_host(name: str) -> None:
    assert re.fullmatch(r"([a-z]+/)?[a-z]+:\d+\.\d+\.\d+", SERVICES[name]["image"])


def test_the_servers_are_of_the_versions_that_the_tests_use() -> None:
    for name in ("certificates", "elasticsearch", "kibana"):
        assert SERVICES[name]["image"].endswith(f":{elasticsearch.VERSION}")
    pom = Path(kafka.__file__).with_name("pom.xml").read_text()
    (used,) = set(re.findall(r"kafka(?:_2\.13|-tools)</artifactId><version>([\d.]+)<", pom))
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{used}"


# Running


@lasting
def test_what_runs_on_has_a_health_check_a_limit_of_memory_and_is_started_again(name: str) -> None:
    service = SERVICES[name]
    dockerfile = stages(ROOT / "deploy" / "docker" / "Dockerfile")[-1]
    has_own = any(instruction.word == "HEALTHCHECK" for instruction in dockerfile)
    assert "test" in service["healthcheck"] if name not in OURS else has_own
    assert service.get("healthcheck") != {"disable": True}
    assert service["restart"] == "unless-stopped"
    assert service["logging"]["options"]["max-size"]


@services
def test_every_service_has_a_limit_of_memory(name: str) -> None:
    assert re.fullmatch(r"\d+[mg]", SERVICES[name]["mem_limit"])


@pytest.mark.parametrize("name", ONCE)
def test_what_runs_once_is_not_asked_for_its_health(name: str) -> None:
    assert SERVICES[name]["healthcheck"] == {"disable": True}


@pytest.mark.parametrize("name", ["worker", "sink", "alerts"])
def test_what_shares_its_work_can_be_many(name: str) -> None:
    assert not {"container_name", "hostname", "ports"} & SERVICES[name].keys()
    written = [v for v in SERVICES[name].get("volumes", []) if not v.endswith(":ro")]
    assert not written


@pytest.mark.parametrize("name", ["kafka", "elasticsearch", "kibana"])
def test_data_outlives_containers(name: str) -> None:
    assert any(volume.startswith(f"{name}:") for volume in SERVICES[name]["volumes"])


def test_the_producer_runs_only_when_it_is_asked_for() -> None:
    assert {n for n, service in SERVICES.items() if "profiles" in service} == {"producer"}


@pytest.mark.parametrize("name", ["worker", "sink", "alerts", "serve", "producer", "kibana-setup"])
def test_our_services_run_commands_that_are_there(name: str) -> None:
    first, *words = SERVICES[name]["command"]
    found = cli.commands[first]
    if isinstance(found, click.Group):
        assert words[0] in found.commands


def test_setup_runs_commands_that_are_there() -> None:
    shell, option, line = SERVICES["setup"]["entrypoint"]
    assert (shell, option, line) == ("sh", "-c", "newsloom setup && python /users.py")
    assert "setup" in cli.commands
    assert {"source": "users", "target": "/users.py"} in SERVICES["setup"]["configs"]


def test_kibana_is_given_its_dashboard_when_it_answers() -> None:
    setup = SERVICES["kibana-setup"]
    assert setup["depends_on"] == {"kibana": {"condition": "service_healthy"}}
    assert setup["environment"]["NEWSLOOM_KIBANA"].endswith("@kibana:5601")


@pytest.mark.parametrize("name", OURS)
def test_our_settings_are_real_ones_with_possible_values(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = {n: str(v) for n, v in SERVICES[name]["environment"].items() if n.startswith(PREFIX)}
    assert {n.removeprefix(PREFIX).lower() for n in own} <= set(Settings.__struct_fields__)
    monkeypatch.chdir(tmp_path)
    for variable, value in own.items():
        monkeypatch.setenv(variable, value)
    settings = load_settings()
    (server,) = servers_of(settings.log_url)
    assert server == "kafka:9092"
    if settings.index:
        assert f"{settings.index_ca}" == "/trust/ca.crt"
        assert "trust:/trust:ro" in SERVICES[name]["volumes"]
        with pytest.raises(ConfigurationError, match=r"/trust/ca\.crt"):  # not on this machine
            connect(settings)


def test_a_worker_has_room_for_its_processes() -> None:
    """Measured: 0.1 GB of its own, 0.2 GB for the models; and what the limit allows beside them."""
    worker = SERVICES["worker"]
    own = worker["environment"]["NEWSLOOM_ENRICH_MEGABYTES"] / 1000
    assert 0.1 + 0.2 + own <= 0.75 * float(worker["mem_limit"].removesuffix("g"))


# Secrets


def test_every_variable_is_in_the_example_and_the_other_way_round() -> None:
    assert {name for name, _, _ in variables(FILE.read_text())} == example().keys()


def test_secrets_are_asked_for_and_never_have_a_default() -> None:
    found = variables(FILE.read_text())
    assert found
    for name, sign, _ in found:
        assert (sign == ":?") == (name in SECRETS), name
    assert all(re.search("PASSWORD|KEY|TOKEN", name) for name in SECRETS)


@pytest.mark.parametrize("name", SECRETS)
def test_without_a_secret_nothing_starts(name: str) -> None:
    with pytest.raises(KeyError, match=name):
        compose(SECRETS | {name: ""})


def test_the_example_gives_the_defaults_for_all_else() -> None:
    defaults = {name: rest for name, sign, rest in variables(FILE.read_text()) if sign == ":-"}
    assert defaults == {name: value for name, value in example().items() if value}


def test_no_password_stands_in_the_file() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|ENCRYPTIONKEY|TOKEN", name):
                assert value in SECRETS.values()
            if found := re.search(r"://\w+:([^@]*)@", str(value)):
                assert found[1] in SECRETS.values()


def test_the_file_with_secrets_is_not_committed() -> None:
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()
    assert EXAMPLE.name not in (ROOT / ".gitignore").read_text()


# Security


def test_elasticsearch_lets_nobody_in_unasked_and_unencrypted() -> None:
    environment = SERVICES["elasticsearch"]["environment"]
    for setting in ("enabled", "http.ssl.enabled", "transport.ssl.enabled"):
        assert environment[f"xpack.security.{setting}"] == "true"
    assert SERVICES["kibana"]["environment"]["ELASTICSEARCH_HOSTS"].startswith("https://")


@services
def test_ports_are_open_to_this_machine_alone(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:")


@pytest.mark.parametrize("name", OURS)
def test_our_processes_can_gain_no_rights(name: str) -> None:
    assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]
    assert "user" not in SERVICES[name]


def test_the_authority_s_key_is_where_nobody_else_looks() -> None:
    with_key = {n for n, s in SERVICES.items() if "authority:/authority" in s.get("volumes", [])}
    assert with_key == {"certificates"}


def test_the_superuser_s_password_is_given_to_no_service_that_runs_on() -> None:
    secret = SECRETS["ELASTIC_PASSWORD"]
    has = {n for n, s in SERVICES.items() if secret in str(s.get("environment"))}
    assert has == {"elasticsearch", "setup", "kibana-setup"}


def test_the_page_is_asked_for_where_it_is_published_and_only_answered_with_the_token() -> None:
    service = SERVICES["serve"]
    host, port = place_of(service["environment"]["NEWSLOOM_SERVE"])
    assert not is_loopback(host)  # Docker's own network is not this container
    assert service["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert f":{port}/health/ready" in service["healthcheck"]["test"]
    secret = service["environment"]["NEWSLOOM_TOKEN"]
    assert Token(secret)
    assert {n for n, s in SERVICES.items() if secret in str(s.get("environment"))} == {"serve"}

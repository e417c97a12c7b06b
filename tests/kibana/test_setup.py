"""Giving Kibana its dashboard, over real connections to what stands in for it."""

from __future__ import annotations

import logging
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import pipeline.kibana
from pipeline.config import Settings
from pipeline.errors import ConfigurationError, KibanaUnavailable
from pipeline.kibana import setup_kibana, shipped
from tests.conftest import ROOT
from tests.kibana.server import KEY, Kibana, kibana
from tests.servers.fixtures import missing
from tests.servers.processes import free_ports
from tests.test_cli import newsloom


@pytest.fixture
def server() -> Iterator[Kibana]:
    with kibana() as server:
        yield server


def lines(done: str) -> list[str]:
    return [f"Kibana: {one}: {done}" for one in shipped()]


def test_what_is_missing_is_imported_and_said_and_the_second_time_there_is_nothing(
    server: Kibana, tmp_path: Path
) -> None:
    imported = lines("imported")
    assert "Kibana: dashboard newsloom: imported" in imported
    assert "Kibana: data view newsloom articles: imported" in imported
    check = newsloom("setup", "--check", "--kibana", server.url, data=tmp_path)
    assert (check.status, check.out.splitlines()) == (1, [f"would be: {x}" for x in imported])
    assert not server.objects
    made = newsloom("setup", "--kibana", server.url, data=tmp_path)
    assert (made.status, made.out.splitlines(), made.err) == (0, imported, "")
    assert len(server.objects) == len(shipped())
    for words in (["setup"], ["setup", "--check"]):
        again = newsloom(*words, data=tmp_path, NEWSLOOM_KIBANA=server.url)
        assert (again.status, again.out) == (0, "nothing to change\n")


def test_what_somebody_changed_stays_and_what_somebody_deleted_comes_back(server: Kibana) -> None:
    settings = Settings(kibana=server.url)
    setup_kibana(settings)
    changed = server.objects["lens", "newsloom-people"]
    changed["attributes"]["title"] = "Who is in the news"
    assert setup_kibana(settings) == []
    assert server.objects["lens", "newsloom-people"] is changed
    del server.objects["search", "newsloom-latest"]
    done = setup_kibana(settings)
    assert "Kibana: saved search Latest articles: imported" in done
    assert ("search", "newsloom-latest") in server.objects


def test_what_another_release_made_is_replaced(server: Kibana) -> None:
    settings = Settings(kibana=server.url)
    setup_kibana(settings)
    board = server.objects["dashboard", "newsloom"]["attributes"]
    board["description"] = "What an older release made. (newsloom 0123456789ab)"
    replaced = lines("replaced by that of this release")
    assert setup_kibana(settings, check=True) == replaced
    assert setup_kibana(settings) == replaced
    assert setup_kibana(settings) == []


def test_an_object_that_is_not_taken_is_named(server: Kibana) -> None:
    server.refused = {"newsloom-people"}
    with pytest.raises(ConfigurationError, match=r"does not take lens newsloom-people \(unknown\)"):
        setup_kibana(Settings(kibana=server.url))


def test_a_kibana_that_starts_is_waited_for_and_that_is_said(
    server: Kibana, caplog: pytest.LogCaptureFixture
) -> None:
    server.starting = 3
    waited: list[float] = []
    with caplog.at_level(logging.WARNING):
        assert setup_kibana(Settings(kibana=server.url), wait=waited.append)
    assert len(waited) == 3
    assert "it can't do this now: 503 Kibana server is not ready yet" in caplog.text


def test_one_that_is_not_there_is_waited_for_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipeline.kibana, "START_SECONDS", 0.0)
    (port,) = free_ports(1)
    with pytest.raises(KibanaUnavailable, match=rf"127\.0\.0\.1:{port}.*refused"):
        setup_kibana(Settings(kibana=f"http://127.0.0.1:{port}"))


def test_credentials_that_are_refused_are_not_tried_again_and_never_told(server: Kibana) -> None:
    url = f"http://somebody:secret@127.0.0.1:{server.port}"
    with pytest.raises(KibanaUnavailable, match="it refuses our credentials: 401") as caught:
        setup_kibana(Settings(kibana=url))
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(Settings(kibana=url))
    assert len(server.requests) == 1


def test_an_api_key_takes_the_place_of_a_password(server: Kibana) -> None:
    url = f"http://127.0.0.1:{server.port}"
    assert setup_kibana(Settings(kibana=url, index_api_key=KEY))


@pytest.mark.parametrize("url", ["kibana:5601", "ftp://kibana", "http://:5601", "http://k:port"])
def test_an_unusable_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="NEWSLOOM_KIBANA"):
        setup_kibana(Settings(kibana=url))


def test_what_is_no_kibana_is_told(server: Kibana) -> None:
    with pytest.raises(ConfigurationError, match="404 Not Found"):
        setup_kibana(Settings(kibana=server.url + "/somewhere"))


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 with its key, which is its own authority."""
    if shutil.which("openssl") is None:
        missing("openssl: install the package openssl")
    file = tmp_path / "own.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=kibana"]
    for extension in ("subjectAltName=IP:127.0.0.1", "keyUsage=digitalSignature,keyCertSign"):
        words += ["-addext", extension]
    words += ["-days", "1", "-keyout", str(file), "-out", str(tmp_path / "ca.pem")]
    subprocess.run(words, capture_output=True, check=True)
    file.write_bytes(file.read_bytes() + (tmp_path / "ca.pem").read_bytes())
    return file


def test_over_tls_the_authority_has_to_be_known(certificate: Path) -> None:
    with kibana(certificate) as server:
        assert setup_kibana(
            Settings(kibana=server.url, index_ca=certificate.with_name("ca.pem")), check=True
        )
        with pytest.raises(KibanaUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            setup_kibana(Settings(kibana=server.url))


def test_an_authority_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="NEWSLOOM_INDEX_CA"):
        setup_kibana(Settings(kibana="https://kibana:5601", index_ca=tmp_path / "none.pem"))


def test_the_file_in_deploy_is_the_one_that_is_shipped() -> None:
    deployed = (ROOT / "deploy" / "kibana" / "newsloom.ndjson").read_bytes()
    assert deployed == Path(pipeline.kibana.__file__).with_name("newsloom.ndjson").read_bytes()

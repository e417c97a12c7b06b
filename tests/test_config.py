"""Settings: where they come from, which wins, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import Settings, load_settings, path_of, redact
from pipeline.errors import ConfigurationError


def test_flags_win_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("NEWSLOOM_DATA=file\nNEWSLOOM_PROCESSES=1\nNEWSLOOM_RETENTION_DAYS=1.5\n")
    monkeypatch.setenv("NEWSLOOM_PROCESSES", "2")
    monkeypatch.setenv("NEWSLOOM_DATA", "environment")
    settings = load_settings({"data": Path("flag"), "log": None}, dotenv)
    assert settings.data == Path("flag")
    assert settings.processes == 2
    assert settings.retention_days == 1.5


def test_log_and_index_are_in_the_data_folder_unless_set() -> None:
    settings = Settings(data=Path("d"))
    assert settings.log_url == "sqlite:///d/log.db"
    assert settings.index_url == "tantivy:///d/index"
    assert Settings(log="sqlite:////var/log.db").log_url == "sqlite:////var/log.db"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NEWSLOOM_PROCESSES", "many"),
        ("NEWSLOOM_PROCESSES", "-1"),
        ("NEWSLOOM_RETENTION_DAYS", "x"),
    ],
)
def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=name):
        load_settings()


def test_paths_of_urls_are_relative_with_three_slashes_and_absolute_with_four() -> None:
    assert path_of("sqlite:///a/b.db", "sqlite") == Path("a/b.db")
    assert path_of("sqlite:////a/b.db", "sqlite") == Path("/a/b.db")
    for url in ("sqlite://a", "sqlite:///", "kafka://host:9092"):
        with pytest.raises(ConfigurationError):
            path_of(url, "sqlite")


def test_secrets_are_in_no_error_and_no_repr() -> None:
    url = "https://elastic:s3cret@host:9200"
    assert redact(url) == "https://***@host:9200"
    assert "s3cret" not in repr(Settings(index=url))
    with pytest.raises(ConfigurationError) as caught:
        path_of(url, "tantivy")
    assert "s3cret" not in str(caught.value)

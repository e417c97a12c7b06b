"""One settings object, from defaults, a `.env` file, the environment, flags: the last wins."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from dotenv import dotenv_values

from pipeline.errors import ConfigurationError

PREFIX = "NEWSLOOM_"
_SECRET = {"index_api_key", "token"}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set; each field is the variable `NEWSLOOM_` + its name in capitals.

    Attributes:
        data: the folder that holds the embedded log and index.
        log: where topics are, a URL; empty: `sqlite:///<data>/log.db`.
        index: where documents are, a URL; empty: `tantivy:///<data>/index`.
        index_api_key: an API key for Elasticsearch, in place of a name and password in the URL.
        index_ca: a PEM file with the authority that signed Elasticsearch's certificate.
        index_fingerprint: the SHA-256 of Elasticsearch's certificate, in place of an authority.
        processes: worker processes for enrichment; 0: one per processor.
        max_body_bytes: the largest title and body together, in bytes of UTF-8.
        retention_days: how long records of topics that are kept by time stay, in days.
        profiles: a TOML file of source profiles that is added to the shipped one.
        feed_seconds: how long a feed is left alone after a fetch; it may itself ask for longer.
        sentiment: the model of sentiment: fast, accurate, lexicon, or a file that `newsloom train
            sentiment` wrote.
        partitions: into how many partitions `setup` divides each topic of Kafka: the most workers
            that can share the work.
        replication: on how many brokers `setup` puts each record.
        enrich_seconds: how long a worker process may take for a batch before it is taken to hang.
        enrich_megabytes: how much memory a worker process may take besides its models.
        stall_seconds: after how long without progress, while there is work and all servers answer,
            a worker or sink ends itself with status 70.
        kibana: where Kibana is, a URL, for `setup` to give it the dashboard; empty: nowhere.
        health: HOST:PORT where a worker or sink answers GET /health; empty: nowhere.
        webhook_networks: networks, as 10.0.0.0/8 and with commas between, that webhooks may be in
            besides the public internet.
        serve: HOST:PORT where `serve` and `up` answer over HTTP; port 0: any that is free.
        token: what a request over HTTP has to show; empty: nothing, and then only programs of this
            machine are answered.
        hosts: further host names that requests may be for, separated by commas: those of a proxy.
        proxies: addresses of proxies, separated by commas, that are believed whom a request is of.
        request_rate: requests a second that are answered to one address; 0: any number.
        request_bytes: the largest body of a request.
        streams: how many streams of articles are open at a time.
    """

    data: Path = Path("newsloom-data")
    log: str = ""
    index: str = ""
    index_api_key: str = ""
    index_ca: Path | None = None
    index_fingerprint: str = ""
    processes: int = 0
    max_body_bytes: int = 1_000_000
    retention_days: float = 30
    profiles: Path | None = None
    feed_seconds: float = 300
    sentiment: str = "fast"
    partitions: int = 6
    replication: int = 1
    enrich_seconds: float = 60
    enrich_megabytes: int = 2_000
    stall_seconds: float = 300
    kibana: str = ""
    health: str = ""
    webhook_networks: str = ""
    serve: str = "127.0.0.1:8710"
    token: str = ""
    hosts: str = ""
    proxies: str = ""
    request_rate: float = 100
    request_bytes: int = 16_000_000
    streams: int = 50

    @property
    def log_url(self) -> str:
        """Where topics are."""
        return self.log or f"sqlite:///{self.data}/log.db"

    @property
    def index_url(self) -> str:
        """Where documents are."""
        return self.index or f"tantivy:///{self.data}/index"

    @property
    def worker_count(self) -> int:
        """Worker processes for enrichment, at least one."""
        return self.processes or len(os.sched_getaffinity(0))

    def __repr__(self) -> str:
        values = ", ".join(
            f"{name}={_shown(name, getattr(self, name))!r}" for name in self.__struct_fields__
        )
        return f"Settings({values})"


def _shown(name: str, value: Any) -> str:
    return "***" if name in _SECRET and value else redact(str(value))


_RANGES: dict[str, tuple[float, float]] = {
    "processes": (0, 1_000),
    "max_body_bytes": (0, 7_000_000),
    "retention_days": (0, 36_500),
    "feed_seconds": (1, 86_400),
    "partitions": (1, 10_000),
    "replication": (1, 100),
    "enrich_seconds": (0.1, 3_600),
    "enrich_megabytes": (50, 1_000_000),
    "stall_seconds": (1, 86_400),
    "request_rate": (0, 1_000_000),
    "request_bytes": (1_000, 1_000_000_000),
    "streams": (0, 1_000),
}


def redact(url: str) -> str:
    """A URL without its user name and password, for logs and errors."""
    return re.sub(r"//\S*@", "//***@", url)


def load_settings(flags: Mapping[str, Any] | None = None, dotenv: Path = Path(".env")) -> Settings:
    """Settings from `dotenv`, the environment and `flags` (those that are not None).

    Raises:
        ConfigurationError: a value has the wrong type or is out of range.
    """
    values: dict[str, Any] = {}
    try:
        from_file = dotenv_values(dotenv) if dotenv.is_file() else {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{dotenv}: {error}") from None
    for source in (from_file, os.environ):
        for name in Settings.__struct_fields__:
            if value := source.get(PREFIX + name.upper()):
                values[name] = value
    values |= {name: value for name, value in (flags or {}).items() if value is not None}
    try:
        settings = msgspec.convert(values, Settings, strict=False, dec_hook=_decode_path)
    except msgspec.ValidationError as error:
        raise ConfigurationError(_explain(str(error))) from None
    for name, (least, most) in _RANGES.items():
        if not least <= getattr(settings, name) <= most:
            raise ConfigurationError(f"{PREFIX}{name.upper()}: expected {least:g} to {most:,}")
    return settings


def path_of(url: str, scheme: str) -> Path:
    """The path in `scheme:///relative` or `scheme:////absolute`.

    Raises:
        ConfigurationError: the URL has another scheme or names no path.
    """
    prefix = f"{scheme}:///"
    if not url.startswith(prefix) or url == prefix:
        raise ConfigurationError(f"{redact(url)}: expected {scheme}:///PATH")
    return Path(url[len(prefix) :])


def _decode_path(kind: type, value: Any) -> Any:
    if issubclass(kind, Path) and isinstance(value, str):
        return Path(value)
    if isinstance(value, kind):
        return value
    raise NotImplementedError


def _explain(message: str) -> str:
    match = re.fullmatch(r"(.*) - at `\$\.(\w+)`", message)
    return f"{PREFIX}{match[2].upper()}: {match[1]}" if match else message

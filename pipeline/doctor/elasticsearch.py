"""What `newsloom doctor` looks at on Elasticsearch: answers, rights, the index, disks, clocks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import elastic_transport
import elasticsearch
from elasticsearch import Elasticsearch

from pipeline.config import Settings
from pipeline.doctor.finding import Finding, clocks, ok, problem, warning
from pipeline.errors import ConfigurationError, NewsloomError, Transient
from pipeline.index.elasticsearch import ElasticsearchIndex
from pipeline.index.elasticsearch.client import ALIAS, address, connect, errors_named, reason
from pipeline.index.elasticsearch.rebuild import mend
from pipeline.index.elasticsearch.setup import require_writable, setup_index
from pipeline.log.kafka_client import servers_of
from pipeline.log.kafka_groups import members
from pipeline.reindex import REBUILDERS

ABOUT = "Elasticsearch"
MAJOR = "9"
"""The release that the index template and the client are made for."""

EXPIRES_SOON = timedelta(days=14)

DISK_LOW, DISK_FLOOD = 85, 95
"""Percent of a disk from which Elasticsearch puts nothing new on it, and blocks its indices."""


def look(settings: Settings) -> Iterator[Finding]:
    """Yields what is found of the servers, our rights, the index, and what it needs."""
    try:
        client = connect(settings)
    except ConfigurationError as error:
        yield problem(ABOUT, str(error), "correct that setting")
        return
    with closing(client):
        try:
            with errors_named(client, "such server"):
                info = _info(client)
        except Refused as error:
            yield problem(
                ABOUT,
                f"{address(client)}: it refuses our credentials: {error}",
                "correct user and password in NEWSLOOM_INDEX, or NEWSLOOM_INDEX_API_KEY",
            )
            return
        except NewsloomError as error:
            yield problem(
                ABOUT,
                str(error),
                "start it, or correct NEWSLOOM_INDEX; for a certificate of its own name its"
                " authority in NEWSLOOM_INDEX_CA",
            )
            return
        version = info["version"]["number"] if info else "not told to these credentials"
        if info and version.split(".")[0] != MAJOR:
            yield warning(ABOUT, f"it is release {version}", f"newsloom is tested with {MAJOR}.x")
        else:
            yield ok(ABOUT, f"{address(client)} answers, release {version}")
        for check in (_key, _index, _blocks, _health, _disks):
            try:
                yield from check(client, settings)
            except NewsloomError as error:
                yield problem(ABOUT, str(error), "see the message of the server")


class Refused(Exception):
    """It answers, but not us."""


def _info(client: Elasticsearch) -> Any:
    """What the server says of itself; None where we may not ask."""
    try:
        return client.info().body
    except elasticsearch.AuthenticationException as error:
        raise Refused(reason(error)) from None
    except elasticsearch.AuthorizationException:
        return None


def _key(client: Elasticsearch, settings: Settings) -> Iterator[Finding]:
    if not settings.index_api_key:
        return
    about = "API key"
    who = (_allowed(client.security.authenticate) or {}).get("api_key", {})
    found = _allowed(lambda: client.security.get_api_key(id=who["id"])) if who else None
    keys = (found or {}).get("api_keys")
    if not keys:
        yield ok(about, "it is taken; whether it expires, it has no right to ask")
        return
    expiration = keys[0].get("expiration")
    if expiration is None:
        yield ok(about, f"{who['name']} does not expire")
        return
    end = datetime.fromtimestamp(expiration / 1000, UTC)
    text = f"{who['name']} expires on {end:%Y-%m-%d %H:%M} UTC"
    if end - datetime.now(UTC) < EXPIRES_SOON:
        yield warning(about, text, "make a new one, and set NEWSLOOM_INDEX_API_KEY")
    else:
        yield ok(about, text)


def _index(client: Elasticsearch, settings: Settings) -> Iterator[Finding]:
    about = f"index {ALIAS}"
    if left := mend(client, check=True):
        if members(servers_of(settings.log_url), REBUILDERS):
            yield ok(about, "a `newsloom reindex` is under way")
        else:
            for line in left:
                yield problem(about, f"left by a killed rebuild: {line}", "run `newsloom setup`")
    try:
        changes = setup_index(client, check=True)
    except ConfigurationError as error:
        yield problem(about, str(error), "run `newsloom reindex`")
        return
    except Transient as error:
        changes = []
        yield warning(
            about,
            f"whether it is as this release wants it can't be told: {error}",
            "let these credentials `monitor` the cluster, or look with others",
        )
    for line in changes:
        yield problem(about, f"not as this release wants it; to be done: {line}",
                      "run `newsloom setup`")  # fmt: skip
    with suppress(ConfigurationError):  # there is no index: said before
        yield ok(about, f"{ElasticsearchIndex(client).count():,} articles can be found")


def _blocks(client: Elasticsearch, settings: Settings) -> Iterator[Finding]:
    try:
        require_writable(client)
    except Transient as error:
        if members(servers_of(settings.log_url), REBUILDERS):
            return  # it blocks the index for a moment, at its end
        yield problem(
            f"index {ALIAS}",
            str(error),
            "run `newsloom setup` for a block of writing; make room where it is the disk's",
        )
    except ConfigurationError:
        return  # there is no index: said before


def _health(client: Elasticsearch, settings: Settings) -> Iterator[Finding]:
    del settings
    about = f"index {ALIAS}"
    found = _allowed(lambda: client.cluster.health(index=f"{ALIAS}*", timeout="1s"))
    if found is None:
        return
    if found["status"] == "red":
        yield problem(
            about, "it is red: some of its documents are on no node", "bring back the missing nodes"
        )
    elif found["status"] == "yellow":
        yield warning(
            about, "it is yellow: it has no copy on another node", "bring back the missing nodes"
        )


def _disks(client: Elasticsearch, settings: Settings) -> Iterator[Finding]:
    del settings
    before = time.time()
    found = _allowed(lambda: client.nodes.stats(metric="fs"))
    after = time.time()
    if found is None:
        yield ok("nodes", "without the right `monitor` disks and clocks can't be looked at")
        return
    for node in found["nodes"].values():
        about = f"node {node['name']}"
        total = node["fs"]["total"]
        used = 100 - 100 * total["available_in_bytes"] / max(total["total_in_bytes"], 1)
        text = f"{used:.0f} % of its disk are used"
        if used >= DISK_FLOOD:
            yield problem(about, f"{text}: its indices are blocked", "make room on the disk")
        elif used >= DISK_LOW:
            yield warning(
                about, f"{text}: at {DISK_FLOOD} % its indices are blocked", "make room on the disk"
            )
        else:
            yield ok(about, text)
        seconds = node["timestamp"] / 1000
        # The answer was made somewhere between question and arrival.
        ahead = max(seconds - after, 0) + min(seconds - before, 0)
        yield clocks(about, timedelta(seconds=ahead))


def _allowed(ask: Callable[[], Any]) -> Any:
    """The answer, or None where these credentials, or this cluster, do not give it."""
    try:
        return ask()
    except (elasticsearch.ApiError, elastic_transport.TransportError):
        return None

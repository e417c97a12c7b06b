"""The connection to Elasticsearch: hosts, credentials, and its errors in our terms."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import elastic_transport
import elasticsearch
from elasticsearch import Elasticsearch

from pipeline.config import Settings, redact
from pipeline.errors import ConfigurationError, IndexUnavailable

ALIAS = "newsloom-articles"
"""What searches and the sink use; it stands for the numbered index behind it."""

TIMEOUT_SECONDS = 30.0
"""How long an answer is waited for."""

CONNECTIONS = 20
"""To one host at most: more than the sink writes batches at a time, so its watchdog has one too."""

# It has a line for every request, and more while a server is away; what matters comes as an error.
logging.getLogger("elastic_transport").setLevel(logging.CRITICAL)


def connect(settings: Settings) -> Elasticsearch:
    """A client for the hosts that the settings name; nothing is sent yet.

    The URL may name several hosts, separated by commas, of which one takes over from another:
    `https://user:password@one:9200,two:9200`. An API key takes the place of the password.

    Raises:
        ConfigurationError: a URL, the CA file or the fingerprint is unusable.
    """
    first, *others = settings.index_url.split(",")
    scheme = urlsplit(first).scheme
    urls = [first] + [url if "://" in url else f"{scheme}://{url}" for url in others]
    hosts = []
    password = None
    for url in urls:
        try:
            parts = urlsplit(url)
            port = parts.port or 9200
        except ValueError:
            parts, port = urlsplit(""), 0
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError(f"NEWSLOOM_INDEX: {redact(url)}: expected https://HOST:9200")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        hosts.append(f"{parts.scheme}://{host}:{port}{parts.path.rstrip('/')}")
        if parts.username and not password:
            password = (unquote(parts.username), unquote(parts.password or ""))
    options: dict[str, Any] = {}
    if settings.index_api_key:
        options["api_key"] = settings.index_api_key
    elif password:
        options["basic_auth"] = password
    if scheme == "https":
        if settings.index_fingerprint:
            options["ssl_assert_fingerprint"] = settings.index_fingerprint
        elif settings.index_ca:
            if not settings.index_ca.is_file():
                raise ConfigurationError(f"NEWSLOOM_INDEX_CA: {settings.index_ca}: no such file")
            options["ca_certs"] = str(settings.index_ca)
    try:
        return Elasticsearch(
            hosts,
            request_timeout=TIMEOUT_SECONDS,
            connections_per_node=CONNECTIONS,
            # Another host is asked at once when one is gone; waiting is for whoever called.
            max_retries=len(hosts) - 1,
            retry_on_status=(),
            **options,
        )
    except (ValueError, OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"{_shown(hosts)}: {error}") from None


@contextmanager
def errors_named(client: Elasticsearch, what: str) -> Iterator[None]:
    """Turns the client's errors into ours; `what` is the index or alias that is worked with.

    Raises:
        IndexUnavailable: no connection, no time, no rights: it may work later.
        ConfigurationError: what is asked for is missing, or the request can't be served.
    """
    where = address(client)
    try:
        yield
    except elasticsearch.UnsupportedProductError:
        raise ConfigurationError(f"{where}: this is no Elasticsearch") from None
    except elasticsearch.ApiError as error:
        status, why = error.meta.status, reason(error)
        if status == 404:
            raise ConfigurationError(
                f"{where}: there is no {what}; `newsloom setup` makes it"
            ) from None
        if status in (401, 403):
            raise IndexUnavailable(f"{where}: it refuses our credentials: {why}") from None
        if status == 429 or status >= 500:
            raise IndexUnavailable(f"{where}: it can't do this now: {why}") from None
        raise ConfigurationError(f"{where}: {why}") from None
    except elastic_transport.ConnectionTimeout:
        raise IndexUnavailable(f"{where}: no answer within {TIMEOUT_SECONDS:.0f} s") from None
    except elastic_transport.TransportError as error:
        raise IndexUnavailable(f"{where}: {error.message}") from None


def address(client: Elasticsearch) -> str:
    """The hosts of a client, for people; no credentials."""
    return _shown([node.base_url for node in client.transport.node_pool.all()])


def reason(error: elasticsearch.ApiError) -> str:
    """Status and reason of an answer that is an error, on one line."""
    body = error.body
    cause = body.get("error") if isinstance(body, dict) else None
    if isinstance(cause, dict):
        causes = cause.get("root_cause") or [cause]
        text = f"{causes[0].get('type')}: {causes[0].get('reason')}"
    else:
        text = str(cause or body or "")
    return f"{error.meta.status} {' '.join(text.split())[:300]}".strip()


def _shown(hosts: list[str]) -> str:
    return ",".join(redact(host) for host in hosts)

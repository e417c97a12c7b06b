"""Elasticsearch for one test: a client, and an alias that no other test uses."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from elasticsearch import Elasticsearch, NotFoundError

from pipeline.config import Settings
from pipeline.index.elasticsearch.client import ALIAS, connect
from pipeline.index.elasticsearch.setup import setup_index
from tests.servers.elasticsearch import ElasticsearchNode

FreshAlias = tuple[Elasticsearch, str]


@pytest.fixture
def fresh_alias(elasticsearch_node: ElasticsearchNode) -> Iterator[FreshAlias]:
    """A client of the node, and an alias for which nothing is set up yet."""
    with alias_of(elasticsearch_node) as fresh:
        yield fresh


@contextmanager
def alias_of(node: ElasticsearchNode) -> Iterator[FreshAlias]:
    """The same; what was set up for the alias is removed in the end."""
    alias = f"newsloom-test-{secrets.token_hex(6)}"
    with connect(Settings(index=node.url)) as client:
        yield client, alias
        for name in client.indices.get(index=f"{alias}-*", expand_wildcards="all"):
            client.indices.delete(index=name)
        remove_templates(client, alias)


def remove_templates(client: Elasticsearch, alias: str) -> None:
    """Removes the index template of an alias, and what it is made of."""
    with suppress(NotFoundError):
        client.indices.delete_index_template(name=alias)
    with suppress(NotFoundError):
        client.cluster.delete_component_template(name=f"{alias}-*")


def empty_index(node: ElasticsearchNode) -> None:
    """Sets newsloom's own index up anew, without documents: for tests of whole commands."""
    with connect(Settings(index=node.url)) as client:
        for name in client.indices.get(index=f"{ALIAS}-*", expand_wildcards="all"):
            client.indices.delete(index=name)
        setup_index(client)

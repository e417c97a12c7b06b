"""An index that is filled beside the one in use and then takes its place, at once or not at all.

Aliases say what an index is, since they change atomically: `<alias>-rebuild-<token>` stands for one
that is being filled, `<alias>-replaced-<token>` for one that was replaced and is about to go. Each
rebuild has a token of its own, so one that was thought dead and comes back has nothing to write to
any more, and can't put its index in place.
"""

from __future__ import annotations

import re
import secrets
from typing import Any

import elasticsearch
from elasticsearch import Elasticsearch

from pipeline.errors import InUse
from pipeline.index.elasticsearch.client import ALIAS, errors_named
from pipeline.index.elasticsearch.setup import composed

_BLOCK = "write"


class Rebuild:
    """The next index, which takes the place of the one in use. Nothing is done by making this.

    Every method raises IndexUnavailable while the servers do not answer.

    Args:
        client: see `connect`.
        alias: what searches and the sink use; it may stand for nothing yet.

    Attributes:
        target: the alias to write to.
    """

    def __init__(self, client: Elasticsearch, alias: str = ALIAS) -> None:
        self._client = client
        self._alias = alias
        self._token = secrets.token_hex(4)
        self.target = f"{alias}-rebuild-{self._token}"
        self._name = ""

    def begin(self) -> None:
        """Makes the index, empty, and not searched yet.

        Raises:
            InUse: another rebuild made it at the same moment.
        """
        with errors_named(self._client, self._alias):
            self._name = _next(self._client, self._alias)
            try:
                # Nobody searches it yet: it need not be made searchable every second.
                self._client.indices.create(
                    index=self._name,
                    aliases={self.target: {}},
                    settings={"index.refresh_interval": "-1"},
                )
            except elasticsearch.BadRequestError as error:
                if error.error != "resource_already_exists_exception":
                    raise
                raise InUse(f"{self._name}: another process rebuilds this index") from None

    @property
    def alive(self) -> bool:
        """Whether nobody took this rebuild for dead and removed its index."""
        with errors_named(self._client, self._alias):
            return bool(self._client.indices.exists_alias(name=self.target))

    def block(self) -> None:
        """Lets nobody write to the index in use; on return all that was written before is there."""
        with errors_named(self._client, self._alias):
            for name in _behind(self._client, self._alias):
                self._client.indices.add_block(index=name, block=_BLOCK)

    def switch(self) -> list[str]:
        """Puts the new index in place of the one in use; gives the indices that it replaced.

        Raises:
            InUse: another rebuild did so before, or took this one for dead.
        """
        wanted = composed(self._alias)["settings"]["index"]
        every = {"index.refresh_interval": wanted["refresh_interval"]}
        with errors_named(self._client, self._alias):
            try:
                self._client.indices.put_settings(index=self._name, settings=every)
                self._client.indices.refresh(index=self._name)
                replaced = _behind(self._client, self._alias)
                self._client.indices.update_aliases(actions=self._switching(replaced))
            except elasticsearch.NotFoundError:
                raise InUse(f"{self._name}: another rebuild took its place") from None
        return replaced

    def _switching(self, replaced: list[str]) -> list[dict[str, Any]]:
        new, mark = self._name, f"{self._alias}-replaced-{self._token}"
        actions: list[dict[str, Any]] = [
            {"remove": {"index": new, "alias": self.target, "must_exist": True}},
            {"add": {"index": new, "alias": self._alias, "is_write_index": True}},
        ]
        for old in replaced:
            actions += [
                {"remove": {"index": old, "alias": self._alias, "must_exist": True}},
                {"add": {"index": old, "alias": mark}},
            ]
        return actions

    def remove(self, names: list[str]) -> None:
        """Deletes indices that were replaced."""
        with errors_named(self._client, self._alias):
            for name in names:
                self._client.indices.delete(index=name)

    def abandon(self) -> None:
        """Leaves everything as it was; after `switch` nothing has to be done."""
        with errors_named(self._client, self._alias):
            if self._client.indices.exists_alias(name=self.target):
                _unblock(self._client, self._alias, check=False)
                _delete(self._client, self.target)


def mend(client: Elasticsearch, alias: str = ALIAS, *, check: bool = False) -> list[str]:
    """Removes what rebuilds left that were killed: a block, an unfinished or replaced index.

    To be called only while no rebuild runs.

    Args:
        client: see `connect`.
        alias: what searches and the sink use.
        check: only finds out what would be done.

    Returns:
        What was done, a line each.

    Raises:
        IndexUnavailable: the servers do not answer or refuse our credentials.
    """
    with errors_named(client, alias):
        # The block first: it holds the sinks up, and is a leftover for as long as there is one.
        done = _unblock(client, alias, check=check)
        left = client.indices.get_alias(
            name=f"{alias}-rebuild-*,{alias}-replaced-*", allow_no_indices=True
        ).body
        for name in sorted(left):
            if not check:
                _delete(client, name)
            done.append(f"index {name}: deleted, it was left by a rebuild that was killed")
        return done


def _unblock(client: Elasticsearch, alias: str, *, check: bool) -> list[str]:
    done = []
    for name in _behind(client, alias):
        blocks = client.indices.get_settings(index=name, name=f"index.blocks.{_BLOCK}").body
        if not blocks:
            continue
        if not check:
            free = {f"index.blocks.{_BLOCK}": None}
            client.indices.put_settings(index=name, settings=free)
        done.append(f"index {name}: writing is allowed again")
    return done


def _delete(client: Elasticsearch, name: str) -> None:
    for index in client.indices.get_alias(index=name).body:
        client.indices.delete(index=index)


def _behind(client: Elasticsearch, alias: str) -> list[str]:
    """The indices that an alias stands for."""
    try:
        return sorted(client.indices.get_alias(name=alias).body)
    except elasticsearch.NotFoundError:
        return []


def _next(client: Elasticsearch, alias: str) -> str:
    found = client.indices.get_alias(index=f"{alias}-*", expand_wildcards="all").body
    numbers = [int(m[1]) for name in found if (m := re.fullmatch(rf"{alias}-(\d{{6}})", name))]
    return f"{alias}-{max(numbers, default=0) + 1:06}"

"""What near-duplicates are looked up in on Elasticsearch: what was made searchable so far."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

import msgspec
from elasticsearch import Elasticsearch

from pipeline.index.duplicates import Copy, Page, Wanted
from pipeline.index.elasticsearch.client import errors_named

_PAGE = 2_000
_MANY = 10_000
"""How many groups or hashes one clause has: servers refuse one of more than 65,536."""

_TEXTS = 50
"""How many texts are fetched at a time: each may have a megabyte."""

_FIELDS = list(Copy.__struct_fields__)

T = TypeVar("T")


class Found(msgspec.Struct, frozen=True):
    """A document as the index has it."""

    id: str
    version: int
    source: dict[str, Any]


class ElasticsearchShelf:
    """Implements `pipeline.index.duplicates.Shelf` for what is behind `alias`.

    Every method raises what `errors_named` does.

    Args:
        client: see `connect`.
        alias: what is searched.
        texts: by id, texts that need not be asked for.
    """

    def __init__(self, client: Elasticsearch, alias: str, texts: Mapping[str, str]) -> None:
        self._client = client
        self._alias = alias
        self._texts = texts

    def copies(self, ids: Collection[str]) -> list[Copy]:
        """See `Shelf.copies`."""
        return [_copy(found.source) for found in self._documents(ids, _PAGE, _FIELDS)]

    def members(self, groups: Collection[str]) -> Iterator[Copy]:
        """See `Shelf.members`."""
        for some in parts(groups, _MANY):
            for page in self._pages({"bool": {"filter": {"terms": {"duplicate_of": some}}}}):
                yield from page.copies

    def sharing(self, wanted: Sequence[Wanted], without: Collection[str]) -> Iterator[Page]:
        """See `Shelf.sharing`."""
        return self._pages(
            {
                "bool": {
                    "filter": {"bool": {"should": [_wanted(some) for some in wanted]}},
                    "must_not": {"ids": {"values": list(without)}},
                }
            }
        )

    def texts(self, ids: Collection[str]) -> dict[str, str]:
        """See `Shelf.texts`."""
        texts = {name: self._texts[name] for name in ids if name in self._texts}
        for found in self._documents(ids - texts.keys(), _TEXTS, ["text"]):
            texts[found.id] = found.source["text"]
        return texts

    def documents(self, ids: Sequence[str]) -> list[Found]:
        """The documents of those ids that there are, whole: not to be asked for many."""
        return list(self._documents(ids, len(ids), None))

    def _documents(
        self, ids: Collection[str], size: int, fields: list[str] | None
    ) -> Iterator[Found]:
        for some in parts(ids, size):
            hits = self._hits(
                query={"ids": {"values": some}}, size=len(some), version=True, source=fields or True
            )
            for hit in hits:
                yield Found(hit["_id"], hit["_version"], hit["_source"])

    def _pages(self, query: dict[str, Any]) -> Iterator[Page]:
        """By id, so that a page is found again behind the one before."""
        after: dict[str, Any] = {}
        while True:
            hits = self._hits(
                query=query, size=_PAGE, sort=[{"id": "asc"}], source=_FIELDS, **after
            )
            last = len(hits) < _PAGE
            yield Page([_copy(hit["_source"]) for hit in hits], last)
            if last:
                return
            after = {"search_after": hits[-1]["sort"]}

    def _hits(self, **body: Any) -> list[dict[str, Any]]:
        with errors_named(self._client, self._alias):
            answer = self._client.search(
                index=self._alias,
                track_total_hits=False,
                allow_partial_search_results=False,
                **body,
            )
        hits: list[dict[str, Any]] = answer["hits"]["hits"]
        return hits


def _copy(source: dict[str, Any]) -> Copy:
    return msgspec.convert(source, Copy)


def _wanted(some: Wanted) -> dict[str, Any]:
    clauses = [{"terms": {"signature": hashes}} for hashes in parts(some.hashes, _MANY)]
    hashes = {"bool": {"should": clauses}}
    if not some.groups:
        return hashes
    groups = {"terms": {"duplicate_group": list(some.groups)}}
    return {"bool": {"filter": hashes, "must_not": groups}}


def parts(items: Collection[T], size: int) -> Iterator[list[T]]:
    """`items` in lists of `size`."""
    iterator = iter(items)
    while part := list(islice(iterator, size)):
        yield part

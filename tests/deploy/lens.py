"""What a chart asks Elasticsearch for, made of its Lens state as Kibana makes it.

Of Lens and of Kibana's query language only as much as our charts use: anything else is an error, so
that nobody believes a chart to be tested that is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Object = dict[str, Any]
RECORDS = "___records___"


def layer_of(chart: Mapping[str, Any]) -> Object:
    """The one layer of a chart."""
    (layer,) = chart["attributes"]["state"]["datasourceStates"]["formBased"]["layers"].values()
    found: Object = layer
    return found


def request(chart: Mapping[str, Any], since: str, until: str) -> Object:
    """The search that a chart makes for a stretch of time, with days as its intervals."""
    layer = layer_of(chart)
    columns = {name: layer["columns"][name] for name in layer["columnOrder"]}
    inner: Object = {
        name: aggregation
        for name, column in columns.items()
        if not column["isBucketed"] and (aggregation := _metric(column))
    }
    for name in reversed([name for name, column in columns.items() if column["isBucketed"]]):
        inner = {name: _buckets(columns[name], columns) | ({"aggs": inner} if inner else {})}
    time = {"range": {"published_at": {"gte": since, "lt": until}}}
    asked = kuery(chart["attributes"]["state"]["query"])
    body: Object = {
        "size": 0,
        "track_total_hits": True,
        "query": {"bool": {"filter": [time, asked]}},
    }
    return body | ({"aggs": inner} if inner else {})


def _metric(column: Mapping[str, Any]) -> Object | None:
    """The aggregation of a column with a number; the number of documents needs none."""
    match column["operationType"], column["sourceField"]:
        case "count", source if source == RECORDS:
            return {"filter": kuery(column["filter"])} if "filter" in column else None
        case "average", field:
            return {"avg": {"field": field}}
    raise AssertionError(column)


def _buckets(column: Mapping[str, Any], columns: Mapping[str, Any]) -> Object:
    params = column["params"]
    match column["operationType"]:
        case "date_histogram":
            assert params["interval"] == "auto"
            least = 0 if params["includeEmptyRows"] else 1
            field = column["sourceField"]
            days = {"field": field, "fixed_interval": "1d", "min_doc_count": least}
            return {"date_histogram": days}
        case "terms":
            by = params["orderBy"]
            ordering = columns[by["columnId"]] if by["type"] == "column" else params["orderAgg"]
            assert _metric(ordering) is None  # otherwise it would have to be asked for
            order = {"_count": params["orderDirection"]}
            terms = {"field": column["sourceField"], "size": params["size"], "order": order}
            return {"terms": terms}
        case "filters":
            filters = {one["label"]: kuery(one["input"]) for one in params["filters"]}
            return {"filters": {"filters": filters}}
    raise AssertionError(column)


_CLAUSE = re.compile(r"([\w.]+) : (?:(\w+)|\((\w+(?: or \w+)*)\))")


def kuery(query: Mapping[str, Any]) -> Object:
    """A query in Kibana's language, of clauses that are joined by `and`."""
    assert query["language"] == "kuery"
    clauses = []
    for field, values in clauses_of(query):
        anyone = [{"match": {field: value}} for value in values]
        clauses.append({"bool": {"should": anyone, "minimum_should_match": 1}})
    return {"bool": {"filter": clauses}}


def clauses_of(query: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """The field of each clause, and the values of which it may have any."""
    for clause in query["query"].split(" and ") if query["query"] else []:
        match = _CLAUSE.fullmatch(clause)
        assert match, clause
        yield match[1], [match[2]] if match[2] else match[3].split(" or ")


def paths(buckets: Any, names: list[str]) -> Iterator[list[Object]]:
    """The buckets from the outermost to the innermost one, each way that there is."""
    if not names:
        yield []
        return
    found = buckets[names[0]]["buckets"]
    for bucket in found.values() if isinstance(found, dict) else found:
        for rest in paths(bucket, names[1:]):
            yield [bucket, *rest]

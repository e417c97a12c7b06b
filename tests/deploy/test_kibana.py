"""What Kibana is given has the form that it takes, and every chart gets an answer from the samples.

Kibana itself is not to be had here: the form is held by what its schemas say, the charts by asking
Elasticsearch as they would.
"""

from __future__ import annotations

import json
import runpy
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from pipeline.index.elasticsearch.setup import setup_index
from pipeline.index.elasticsearch.writer import ElasticsearchWriter
from tests.conftest import ROOT
from tests.deploy.lens import RECORDS, clauses_of, layer_of, paths, request
from tests.kibana.server import ATTRIBUTES, KEYS, VERSIONS
from tests.samples import enriched_samples
from tests.servers.elasticsearch import ElasticsearchNode
from tests.servers.indices import FreshAlias, alias_of

FILE = ROOT / "deploy" / "kibana" / "newsloom.ndjson"
OBJECTS: list[dict[str, Any]] = [json.loads(line) for line in FILE.read_text("utf-8").splitlines()]
BY_TYPE = {kind: [one for one in OBJECTS if one["type"] == kind] for kind in VERSIONS}
(VIEW,) = BY_TYPE["index-pattern"]
(BOARD,) = BY_TYPE["dashboard"]
PANELS: list[dict[str, Any]] = json.loads(BOARD["attributes"]["panelsJSON"])
CONTROLS: dict[str, Any] = json.loads(BOARD["attributes"]["controlGroupInput"]["panelsJSON"])

SINCE, UNTIL = "2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z"

charts = pytest.mark.parametrize("chart", BY_TYPE["lens"], ids=lambda one: one["id"])
objects = pytest.mark.parametrize("one", OBJECTS, ids=lambda one: one["id"])


def test_the_file_is_what_the_script_gives() -> None:
    built = runpy.run_path(str(ROOT / "deploy" / "kibana" / "build.py"))["text"]()
    assert FILE.read_text("utf-8") == built, "run python deploy/kibana/build.py"


# Form


@objects
def test_an_object_has_the_stamps_and_attributes_of_its_type(one: dict[str, Any]) -> None:
    assert one.keys() <= KEYS
    assert one["coreMigrationVersion"] == "8.8.0"
    assert one["typeMigrationVersion"] == VERSIONS[one["type"]]
    assert one["attributes"].keys() <= ATTRIBUTES[one["type"]]
    assert one["attributes"]["title"]


@objects
def test_what_is_kept_as_json_is_json(one: dict[str, Any]) -> None:
    kept = [v for k, v in _members(one["attributes"]) if k.endswith("JSON")]
    kept += [one["attributes"][k] for k in ("fieldFormatMap", "fieldAttrs", "fields",
             "runtimeFieldMap", "sourceFilters", "typeMeta") if k in one["attributes"]]  # fmt: skip
    assert all(isinstance(json.loads(text), dict | list) for text in kept)


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield name, member
            yield from _members(member)


def test_ids_are_different() -> None:
    assert max(Counter((one["type"], one["id"]) for one in OBJECTS).values()) == 1


@objects
def test_every_reference_resolves_and_has_a_name_of_its_own(one: dict[str, Any]) -> None:
    there = {(other["type"], other["id"]) for other in OBJECTS}
    names = [reference["name"] for reference in one["references"]]
    assert {(to["type"], to["id"]) for to in one["references"]} <= there
    assert len(set(names)) == len(names)


@charts
def test_the_layer_of_a_chart_is_referred_to(chart: dict[str, Any]) -> None:
    layers = chart["attributes"]["state"]["datasourceStates"]["formBased"]["layers"]
    names = [reference["name"] for reference in chart["references"]]
    assert names == [f"indexpattern-datasource-layer-{name}" for name in layers]


@pytest.mark.parametrize("search", BY_TYPE["search"], ids=lambda one: one["id"])
def test_the_index_of_a_saved_search_is_referred_to(search: dict[str, Any]) -> None:
    source = json.loads(search["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])
    assert [to["name"] for to in search["references"]] == [source["indexRefName"]]


def test_panels_and_controls_are_all_that_the_dashboard_refers_to() -> None:
    wanted = {
        f"{panel['panelIndex']}:{panel['panelRefName']}": panel["type"] for panel in PANELS
    } | {
        f"controlGroup_{name}:optionsListDataView": "index-pattern"
        for name, control in CONTROLS.items()
        if control["type"] == "optionsListControl"
    }
    assert {to["name"]: to["type"] for to in BOARD["references"]} == wanted


def test_panels_lie_side_by_side_and_fill_the_width() -> None:
    cells: Counter[tuple[int, int]] = Counter()
    for panel in PANELS:
        place = panel["gridData"]
        assert place["i"] == panel["panelIndex"] == panel["panelRefName"].removeprefix("panel_")
        columns = range(place["x"], place["x"] + place["w"])
        cells.update((x, y) for x in columns for y in range(place["y"], place["y"] + place["h"]))
    height = max(y for _, y in cells) + 1
    assert cells == {(x, y): 1 for x in range(48) for y in range(height)}


def test_every_object_is_in_the_dashboard_or_a_search() -> None:
    shown = {to["id"] for to in BOARD["references"]}
    assert {one["id"] for one in OBJECTS if one["type"] == "lens"} <= shown
    assert len(BY_TYPE["search"]) == 3


# Charts

ACCESSORS = {
    "lnsXY": ("xAccessor", "splitAccessor", "accessors"),
    "lnsPie": ("primaryGroups", "metrics"),
}
PARAMS = {
    "count": {"emptyAsNull"},
    "average": {"emptyAsNull", "format"},
    "date_histogram": {"dropPartials", "includeEmptyRows", "interval"},
    "filters": {"filters"},
    "terms": {"missingBucket", "orderBy", "orderDirection", "otherBucket", "parentFormat", "size",
              "orderAgg"},
}  # fmt: skip
TYPES = {"date_histogram": "date", "terms": "string", "filters": "string"}


def accessors(chart: dict[str, Any]) -> list[str]:
    """The columns that a chart draws."""
    kind = chart["attributes"]["visualizationType"]
    drawn = chart["attributes"]["state"]["visualization"]
    if kind == "lnsMetric":
        return [drawn["metricAccessor"]]
    if kind == "lnsDatatable":
        return [column["columnId"] for column in drawn["columns"]]
    (layer,) = drawn["layers"]
    found = [layer[name] for name in ACCESSORS[kind] if name in layer]
    return [name for one in found for name in (one if isinstance(one, list) else [one])]


@charts
def test_a_chart_draws_all_its_columns_and_no_others(chart: dict[str, Any]) -> None:
    layer = layer_of(chart)
    assert sorted(layer["columnOrder"]) == sorted(layer["columns"]) == sorted(accessors(chart))
    (name,) = chart["attributes"]["state"]["datasourceStates"]["formBased"]["layers"]
    drawn = chart["attributes"]["state"]["visualization"]
    for one in drawn.get("layers", [drawn]):
        assert (one["layerId"], one["layerType"]) == (name, "data")
        assert all(axis["forAccessor"] in layer["columns"] for axis in one.get("yConfig", []))


@charts
def test_columns_are_of_operations_that_lens_has(chart: dict[str, Any]) -> None:
    columns = [layer_of(chart)["columns"][name] for name in layer_of(chart)["columnOrder"]]
    bucketed = [column["isBucketed"] for column in columns]
    assert bucketed == sorted(bucketed, reverse=True)  # buckets stand before numbers
    for column in columns:
        operation = column["operationType"]
        assert column["params"].keys() <= PARAMS[operation]
        assert column["dataType"] == TYPES.get(operation, "number")
        assert column["isBucketed"] == (operation in TYPES)
        by = column["params"].get("orderBy", {})
        if by.get("type") == "column":
            assert not layer_of(chart)["columns"][by["columnId"]]["isBucketed"]
        else:
            assert (by.get("type") == "custom") == ("orderAgg" in column["params"])


# Fields


@pytest.fixture(scope="module")
def samples(elasticsearch_node: ElasticsearchNode) -> Iterator[FreshAlias]:
    """The samples in an index as `newsloom setup` makes it."""
    with alias_of(elasticsearch_node) as (client, alias):
        setup_index(client, alias)
        assert not ElasticsearchWriter(client, alias).add(enriched_samples())
        client.indices.refresh(index=alias)
        yield client, alias


def aggregated() -> Iterator[tuple[str, str, str]]:
    """Each field that is aggregated, the type of column that it is for, and by whom."""
    for chart in BY_TYPE["lens"]:
        for column in layer_of(chart)["columns"].values():
            if column.get("sourceField", RECORDS) != RECORDS:
                yield column["sourceField"], column["dataType"], chart["id"]
    for name, control in CONTROLS.items():
        if control["type"] == "optionsListControl":
            yield control["explicitInput"]["fieldName"], "string", name
    yield VIEW["attributes"]["timeFieldName"], "date", VIEW["id"]


def looked_at() -> Iterator[str]:
    """Each field that is queried, shown or sorted by, or has a format or a label."""
    for chart in BY_TYPE["lens"]:
        yield from (field for field, _ in clauses_of(chart["attributes"]["state"]["query"]))
        for column in layer_of(chart)["columns"].values():
            queries = [one["input"] for one in column["params"].get("filters", [])]
            queries += [column["filter"]] if "filter" in column else []
            yield from (field for query in queries for field, _ in clauses_of(query))
    for search in BY_TYPE["search"]:
        attributes = search["attributes"]
        source = json.loads(attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])
        yield from (field for field, _ in clauses_of(source["query"]))
        yield from attributes["columns"]
        yield from (field for field, _ in attributes["sort"])
    for kept in ("fieldFormatMap", "fieldAttrs"):
        yield from json.loads(VIEW["attributes"][kept])
    yield from (one["value"] for one in json.loads(VIEW["attributes"]["sourceFilters"]))


def capabilities(client: Elasticsearch, alias: str) -> dict[str, dict[str, Any]]:
    """What a field can do, by name; of one type each."""
    fields = client.field_caps(index=alias, fields="*").body["fields"]
    return {name: of for name, types in fields.items() for of in types.values()}


def test_fields_that_are_aggregated_are_flat_and_have_the_right_type(samples: FreshAlias) -> None:
    can = capabilities(*samples)
    of_type = {"string": {"keyword"}, "number": {"float", "long"}, "date": {"date"}}
    found = list(aggregated())
    assert len({field for field, _, _ in found}) > 8
    for field, kind, who in found:
        assert can[field]["type"] in of_type[kind], (field, who)
        assert can[field]["aggregatable"], (field, who)


def test_fields_that_are_looked_at_are_there(samples: FreshAlias) -> None:
    assert set(looked_at()) <= capabilities(*samples).keys()


def test_no_field_is_nested(samples: FreshAlias) -> None:
    types = {of["type"] for of in capabilities(*samples).values()}
    assert "nested" not in types


# Answers


def answered(samples: FreshAlias, chart: dict[str, Any]) -> dict[str, Any]:
    client, alias = samples
    found: dict[str, Any] = client.search(index=alias, **request(chart, SINCE, UNTIL)).body
    return found


@charts
def test_a_chart_gets_an_answer_from_the_samples(
    samples: FreshAlias, chart: dict[str, Any]
) -> None:
    answer = answered(samples, chart)
    assert answer["hits"]["total"]["value"] > 0
    columns = layer_of(chart)["columns"]
    names = [name for name, column in columns.items() if column["isBucketed"]]
    ways = list(paths(answer.get("aggregations", {}), names))
    full = [way for way in ways if all(bucket["doc_count"] for bucket in way)]
    assert full, "no bucket has a document"
    innermost = full[0][-1] if names else answer.get("aggregations", {})
    for name, column in columns.items():
        if name in innermost:
            number = innermost[name].get("value", innermost[name].get("doc_count"))
            assert number is not None, column["label"]
            assert number or column["operationType"] == "average", column["label"]


def test_parts_of_the_bars_over_time_are_all_articles_with_a_sentiment(samples: FreshAlias) -> None:
    (chart,) = (one for one in BY_TYPE["lens"] if one["id"] == "newsloom-over-time")
    counted = Counter[str]()
    found = answered(samples, chart)["aggregations"]["split"]["buckets"]
    for label, part in found.items():
        counted[label] = sum(bucket["doc_count"] for bucket in part["x"]["buckets"])
    newest = {article.id: article for article in enriched_samples()}
    assert counted == Counter(
        article.sentiment.label
        for article in newest.values()
        if article.sentiment and article.published_at and not article.withdrawn
    )


def test_withdrawn_articles_are_in_no_chart_and_no_search() -> None:
    for chart in BY_TYPE["lens"]:
        asked = dict(clauses_of(chart["attributes"]["state"]["query"]))
        assert asked["withdrawn"] == ["false"]
    for search in BY_TYPE["search"]:
        source = json.loads(search["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])
        assert dict(clauses_of(source["query"]))["withdrawn"] == ["false"]


@pytest.mark.parametrize("search", BY_TYPE["search"], ids=lambda one: one["id"])
def test_a_saved_search_finds_some_of_the_samples(
    samples: FreshAlias, search: dict[str, Any]
) -> None:
    client, alias = samples
    source = json.loads(search["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])
    query = {"bool": {"filter": [{"terms": {f: v}} for f, v in clauses_of(source["query"])]}}
    sort = [{field: order} for field, order in search["attributes"]["sort"]]
    assert client.search(index=alias, query=query, sort=sort)["hits"]["hits"]


def test_links_are_shown_as_links() -> None:
    formats = json.loads(VIEW["attributes"]["fieldFormatMap"])
    assert formats["url"] == {"id": "url", "params": {"type": "a"}}
    assert all("url" in search["attributes"]["columns"] for search in BY_TYPE["search"])

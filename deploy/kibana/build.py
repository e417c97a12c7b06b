"""Writes newsloom.ndjson: what Kibana is given, a data view, saved searches and a dashboard.

    python deploy/kibana/build.py

Change what it says here, never the file. Each panel is a function or a line of `PANELS`; its
columns are what Lens asks Elasticsearch for, in that order. Fields are flat ones alone: Kibana
can't chart what is nested.

The format is that of Kibana 8.9, which every later one reads: it migrates what is older than
itself, and refuses what is newer. It takes no attributes that it does not know.
"""

from __future__ import annotations

import json
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

FILE = Path(__file__).resolve().parents[2] / "pipeline" / "kibana" / "newsloom.ndjson"

CORE = "8.8.0"
TYPES = {"index-pattern": "8.0.0", "search": "8.0.0", "lens": "8.9.0", "dashboard": "8.9.0"}
"""The version of the format, of saved objects as such and of each of their types."""

DATA_VIEW = "newsloom-articles"
"""The data view's id, and the alias that it looks at."""

LAYER = "articles"
"""The only layer of each chart."""

SHOWN = "withdrawn : false"
"""What all charts and searches are of."""

GREEN, RED, BLUE = "#209280", "#CC5642", "#6092C0"

Object = dict[str, Any]
Columns = dict[str, Object]


class Panel(NamedTuple):
    """A saved object in the dashboard, and how much of its 48 columns it takes; heights in rows."""

    object: Object
    width: int
    height: int


def compact(value: Any) -> str:
    """JSON within JSON, as Kibana keeps what it does not search."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def saved(kind: str, name: str, attributes: Object, references: list[Object]) -> Object:
    """A saved object."""
    return {
        "attributes": attributes,
        "coreMigrationVersion": CORE,
        "id": name,
        "managed": False,
        "references": references,
        "type": kind,
        "typeMigrationVersion": TYPES[kind],
    }


def data_view_as(name: str) -> Object:
    """A reference to the data view, under the name that the one who refers to it knows."""
    return {"id": DATA_VIEW, "name": name, "type": "index-pattern"}


def kuery(query: str) -> Object:
    """A query in Kibana's own language."""
    return {"language": "kuery", "query": query}


# The data view


def data_view() -> Object:
    """All articles by when they were published; URLs as links, scores with two places."""
    formats = {
        "url": {"id": "url", "params": {"type": "a"}},
        "sentiment.score": {"id": "number", "params": {"pattern": "0.00"}},
        "sentiment.confidence": {"id": "number", "params": {"pattern": "0.00"}},
    }
    labels = {
        "symbols": {"customLabel": "Tickers"},
        "sentiment.label": {"customLabel": "Sentiment"},
        "ticker_sentiments": {"customLabel": "Stated of tickers"},
        "url": {"customLabel": "Link"},
    }
    # What only the pipeline needs is not shown with a document.
    hidden = ["signature", "order", "duplicate_group"]
    return saved(
        "index-pattern",
        DATA_VIEW,
        {
            "fieldAttrs": compact(labels),
            "fieldFormatMap": compact(formats),
            "fields": "[]",
            "name": "newsloom articles",
            "runtimeFieldMap": "{}",
            "sourceFilters": compact([{"value": field} for field in hidden]),
            "timeFieldName": "published_at",
            "title": DATA_VIEW,
            "typeMeta": "{}",
        },
        [],
    )


# Saved searches


def search(name: str, title: str, description: str, query: str = "") -> Object:
    """Articles in a table, the latest first."""
    index = "kibanaSavedObjectMeta.searchSourceJSON.index"
    source = {
        "filter": [],
        "highlightAll": True,
        "indexRefName": index,
        "query": kuery(f"{SHOWN} and {query}" if query else SHOWN),
    }
    return saved(
        "search",
        name,
        {
            "columns": [
                "title", "summary", "url", "source", "sentiment.label", "ticker_sentiments"
            ],
            "description": description,
            "grid": {},
            "hideChart": False,
            "isTextBasedQuery": False,
            "kibanaSavedObjectMeta": {"searchSourceJSON": compact(source)},
            "rowHeight": 2,
            "sort": [["published_at", "desc"]],
            "timeRestore": False,
            "title": title,
        },
        [data_view_as(index)],
    )  # fmt: skip


# Columns: what Lens asks for


def _column(label: str, operation: str, field: str, kind: str, scale: str, **params: Any) -> Object:
    return {
        "customLabel": True,
        "dataType": kind,
        "isBucketed": scale != "ratio",
        "label": label,
        "operationType": operation,
        "params": params,
        "scale": scale,
        "sourceField": field,
    }


def articles(query: str = "") -> Object:
    """How many articles, of those that a query leaves."""
    column = _column("Articles", "count", "___records___", "number", "ratio", emptyAsNull=False)
    return column | {"filter": kuery(query)} if query else column


def mean_sentiment() -> Object:
    """The mean of the articles' scores, from -1 to 1."""
    shown = {"id": "number", "params": {"decimals": 2}}
    label, field = "Mean sentiment", "sentiment.score"
    return _column(label, "average", field, "number", "ratio", emptyAsNull=True, format=shown)


def over_time() -> Object:
    """Intervals that fit the time that is looked at."""
    return _column(
        "Published", "date_histogram", "published_at", "date", "interval",
        dropPartials=False, includeEmptyRows=True, interval="auto",
    )  # fmt: skip


def top(label: str, field: str, size: int, by: str = "") -> Object:
    """The most frequent values of a field; `by` is the column of their number, if it has one."""
    column = _column(
        label, "terms", field, "string", "ordinal",
        missingBucket=False,
        orderBy={"columnId": by, "type": "column"} if by else {"type": "custom"},
        orderDirection="desc",
        otherBucket=False,
        parentFormat={"id": "terms"},
        size=size,
    )  # fmt: skip
    if not by:
        column["params"]["orderAgg"] = articles()
    return column


def levels(label: str, field: str, values: list[str]) -> Object:
    """The values of a field that there are, in an order that means something."""
    filters = [
        {"input": kuery(f"{field} : {value}"), "label": value.replace("_", " ")} for value in values
    ]
    column = _column(label, "filters", field, "string", "ordinal", filters=filters)
    del column["sourceField"]  # each of the filters names it
    return column


SENTIMENTS = ["positive", "neutral", "negative"]


# Charts


def lens(name: str, title: str, kind: str, columns: Columns, visualization: Object) -> Object:
    """A chart of articles."""
    layer = {
        "columnOrder": list(columns),
        "columns": columns,
        "ignoreGlobalFilters": False,
        "incompleteColumns": {},
        "sampling": 1,
    }
    state = {
        "adHocDataViews": {},
        "datasourceStates": {
            "formBased": {"layers": {LAYER: layer}},
            "textBased": {"layers": {}},
        },
        "filters": [],
        "internalReferences": [],
        "query": kuery(SHOWN),
        "visualization": visualization,
    }
    return saved(
        "lens",
        name,
        {"description": "", "state": state, "title": title, "visualizationType": kind},
        [data_view_as(f"indexpattern-datasource-layer-{LAYER}")],
    )


def metric(name: str, title: str, column: Object, colour: str = BLUE) -> Object:
    """One number."""
    of = {"color": colour, "layerId": LAYER, "layerType": "data", "metricAccessor": "value"}
    return lens(name, title, "lnsMetric", {"value": column | {"label": title}}, of)


def xy(
    name: str,
    title: str,
    series: str,
    columns: Columns,
    *,
    split: str | None = None,
    palette: str = "default",
) -> Object:
    """Bars or lines of the column `value` by the column `x`, one for each value of `split`."""
    layer: Object = {
        "accessors": ["value"],
        "layerId": LAYER,
        "layerType": "data",
        "palette": {"name": palette, "type": "palette"},
        "position": "top",
        "seriesType": series,
        "showGridlines": False,
        "xAccessor": "x",
    }
    if split:
        layer["splitAccessor"] = split
    else:
        layer["yConfig"] = [{"axisMode": "left", "color": BLUE, "forAccessor": "value"}]
    titles = {"x": False, "yLeft": False, "yRight": False}
    everywhere = {"x": True, "yLeft": True, "yRight": True}
    of = {
        "axisTitlesVisibilitySettings": titles,
        "fittingFunction": "Linear" if series == "line" else "None",
        "gridlinesVisibilitySettings": everywhere,
        "labelsOrientation": {"x": 0, "yLeft": 0, "yRight": 0},
        "layers": [layer],
        "legend": {"isVisible": bool(split), "position": "right"},
        "preferredSeriesType": series,
        "tickLabelsVisibilitySettings": everywhere,
        "valueLabels": "hide",
    }
    return lens(name, title, "lnsXY", columns, of)


def over_time_by(name: str, title: str, split: Object, *, palette: str = "default") -> Object:
    """How many articles were published, as bars of which each value of `split` is a part."""
    columns = {"split": split, "x": over_time(), "value": articles()}
    return xy(name, title, "bar_stacked", columns, split="split", palette=palette)


def ranking(name: str, title: str, field: str, size: int = 10) -> Object:
    """The most frequent values of a field, each with a bar."""
    columns = {"x": top(title, field, size, "value"), "value": articles()}
    return xy(name, title, "bar_horizontal", columns)


def shares(name: str, title: str, field: str) -> Object:
    """The most frequent values of a field as parts of a ring."""
    layer = {
        "categoryDisplay": "default",
        "layerId": LAYER,
        "layerType": "data",
        "legendDisplay": "default",
        "metrics": ["value"],
        "nestedLegend": False,
        "numberDisplay": "value",
        "primaryGroups": ["group"],
    }
    columns = {"group": top(title, field, 12, "value"), "value": articles()}
    return lens(name, title, "lnsPie", columns, {"layers": [layer], "shape": "donut"})


def table(name: str, title: str, columns: Columns) -> Object:
    """Values of the bucketed columns, with the others as numbers beside them."""
    shown = [
        {"columnId": key, "isMetric": not column["isBucketed"], "isTransposed": False}
        for key, column in columns.items()
    ]
    of = {
        "columns": shown,
        "layerId": LAYER,
        "layerType": "data",
        "paging": {"enabled": True, "size": 10},
    }
    return lens(name, title, "lnsDatatable", columns, of)


def sentiment_of_tickers() -> Object:
    """The mean sentiment of the articles that name a ticker, for the most frequent ones."""
    columns = {"split": top("Ticker", "symbols", 8), "x": over_time(), "value": mean_sentiment()}
    title = "Sentiment of articles on tickers over time"
    return xy("newsloom-symbols-over-time", title, "line", columns, split="split")


def sources() -> Object:
    """Sources, with the mean sentiment of what they publish."""
    columns = {
        "source": top("Source", "source", 50, "number"),
        "number": articles(),
        "mean": mean_sentiment(),
    }
    return table("newsloom-sources", "Sources", columns)


# The dashboard

BULLISH = "stated_sentiments : (extremely_bullish or bullish)"
BEARISH = "stated_sentiments : (extremely_bearish or bearish)"

LATEST = search("newsloom-latest", "Latest articles", "All articles, the latest first.")
SEARCHES = [
    search(
        "newsloom-bullish",
        "Most bullish as stated",
        "Articles whose source calls a ticker extremely bullish or bullish.",
        BULLISH,
    ),
    search(
        "newsloom-bearish",
        "Most bearish as stated",
        "Articles whose source calls a ticker extremely bearish or bearish.",
        BEARISH,
    ),
]

PANELS = [
    Panel(metric("newsloom-count", "Articles", articles()), 12, 6),
    Panel(metric("newsloom-mean", "Mean sentiment", mean_sentiment()), 12, 6),
    Panel(metric("newsloom-bullish-count", "Stated bullish", articles(BULLISH), GREEN), 12, 6),
    Panel(metric("newsloom-bearish-count", "Stated bearish", articles(BEARISH), RED), 12, 6),
    Panel(
        over_time_by(
            "newsloom-over-time",
            "Articles over time by sentiment",
            levels("Sentiment", "sentiment.label", SENTIMENTS),
            palette="status",
        ),
        32,
        12,
    ),
    Panel(shares("newsloom-topics", "Topics", "topics"), 16, 12),
    Panel(
        ranking("newsloom-tickers", "Tickers by stated sentiment", "ticker_sentiments", 15), 16, 14
    ),
    Panel(
        over_time_by(
            "newsloom-tickers-over-time",
            "Stated sentiment of tickers over time",
            top("Stated", "ticker_sentiments", 10, "value"),
        ),
        32,
        14,
    ),
    Panel(ranking("newsloom-volumes", "Message volume", "ticker_message_volumes", 15), 16, 14),
    Panel(sentiment_of_tickers(), 32, 14),
    Panel(ranking("newsloom-people", "People", "people"), 16, 12),
    Panel(ranking("newsloom-organizations", "Organizations", "organizations"), 16, 12),
    Panel(ranking("newsloom-places", "Places", "places"), 16, 12),
    Panel(sources(), 16, 18),
    Panel(LATEST, 32, 18),
]
"""From left to right, then in the next row."""

CONTROLS = {"Ticker": "symbols", "Sentiment": "sentiment.label", "Source": "source"}
"""What can be chosen above the panels, beside a stretch of the time."""


def controls() -> Object:
    """The controls above the panels: lists of values, and a slider within the time."""
    panels: Object = {}
    for order, (title, field) in enumerate(CONTROLS.items()):
        name = title.lower()
        chosen = {"enhancements": {}, "fieldName": field, "id": name, "title": title}
        panels[name] = {
            "explicitInput": chosen,
            "grow": True,
            "order": order,
            "type": "optionsListControl",
            "width": "medium",
        }
    panels["time"] = {
        "explicitInput": {"enhancements": {}, "id": "time"},
        "grow": True,
        "order": len(CONTROLS),
        "type": "timeSlider",
        "width": "large",
    }
    heeded = ("Filters", "Query", "Timerange", "Validations")
    return {
        "chainingSystem": "HIERARCHICAL",
        "controlStyle": "oneLine",
        "ignoreParentSettingsJSON": compact({f"ignore{name}": False for name in heeded}),
        "panelsJSON": compact(panels),
    }


def dashboard(mark: str) -> Object:
    """What an analyst keeps open. `mark` tells what it was built from."""
    panels, references = [], []
    x = y = 0
    for number, panel in enumerate(PANELS, 1):
        if x + panel.width > 48:
            x, y = 0, y + PANELS[number - 2].height
        name = f"p{number}"
        panels.append(
            {
                "embeddableConfig": {"enhancements": {}},
                "gridData": {"h": panel.height, "i": name, "w": panel.width, "x": x, "y": y},
                "panelIndex": name,
                "panelRefName": f"panel_{name}",
                "type": panel.object["type"],
                "version": TYPES["dashboard"],
            }
        )
        references.append(
            {
                "id": panel.object["id"],
                "name": f"{name}:panel_{name}",
                "type": panel.object["type"],
            }
        )
        x += panel.width
    references += [
        data_view_as(f"controlGroup_{title.lower()}:optionsListDataView") for title in CONTROLS
    ]
    options = {
        "hidePanelTitles": False,
        "syncColors": True,
        "syncCursor": True,
        "syncTooltips": False,
        "useMargins": True,
    }
    attributes = {
        "controlGroupInput": controls(),
        "description": f"What is in the news, and what it says of tickers. {mark}",
        "kibanaSavedObjectMeta": {
            "searchSourceJSON": compact({"filter": [], "query": kuery("")}),
        },
        "optionsJSON": compact(options),
        "panelsJSON": compact(panels),
        "refreshInterval": {"pause": False, "value": 60_000},
        "timeFrom": "now-30d/d",
        "timeRestore": True,
        "timeTo": "now",
        "title": "newsloom",
    }
    return saved("dashboard", "newsloom", attributes, references)


def objects() -> list[Object]:
    """All saved objects; none refers to one behind it."""
    before = [data_view(), *SEARCHES, *(panel.object for panel in PANELS)]
    contents = compact([*before, dashboard("")])
    mark = f"(newsloom {blake2b(contents.encode(), digest_size=6).hexdigest()})"
    return [*before, dashboard(mark)]


def text() -> str:
    """The file: an object a line."""
    return "".join(compact(one) + "\n" for one in objects())


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    print(f"{FILE}: {len(objects())} objects")

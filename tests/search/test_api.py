"""What the API answers is what the commands print, on both indexes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import httpx
import msgspec
import pytest

from pipeline.config import Settings
from pipeline.index import SearchResult, open_index
from pipeline.index.document import Document
from pipeline.index.query import Query, Recency
from pipeline.search.server import serving
from pipeline.trends import Trend
from tests.conftest import enriched
from tests.search.conftest import client_of


def test_a_search_gives_what_the_command_prints(either: httpx.Client, indexed: Settings) -> None:
    answer = either.get("/api/search", params={"q": "tariffs", "place": "Japan"})
    result = msgspec.json.decode(answer.content, type=SearchResult)
    found = open_index(indexed).search(Query(text="tariffs", filters={"place": ["Japan"]}))
    assert result.total == found.total > 0
    assert {hit.id for hit in result.hits} == {hit.id for hit in found.hits}
    assert result.facets == found.facets


def test_recency_ranks_as_the_command_does(client: httpx.Client, indexed: Settings) -> None:
    asked = {"q": "tariffs", "recent": "2d", "to": "2025-07-31"}
    answer = client.get("/api/search", params=asked).json()
    end = datetime(2025, 8, 1, tzinfo=UTC)
    wanted = Query(text="tariffs", until=end, recency=Recency(timedelta(days=2), end))
    hits = open_index(indexed).search(wanted).hits
    assert [(hit["id"], hit["score"]) for hit in answer["hits"]] == [
        (hit.id, hit.score) for hit in hits
    ]
    assert client.get("/api/search", params={"recent": "soon"}).status_code == 422


def test_filters_that_are_repeated_take_either_value(either: httpx.Client) -> None:
    def total(**filters: list[str]) -> int:
        return int(either.get("/api/search", params=filters).json()["total"])

    one, other = total(sentiment=["positive"]), total(sentiment=["negative"])
    assert one
    assert other
    assert total(sentiment=["positive", "negative"]) == one + other


def test_a_page_leads_to_the_next_one(either: httpx.Client) -> None:
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = either.get("/api/search", params={"size": 5, "after": after}).json()
        seen += [hit["id"] for hit in page["hits"]]
        after = page["next"]
    assert len(seen) == len(set(seen)) == page["total"] > 5


def test_an_article_is_found_by_its_id(either: httpx.Client, indexed: Settings) -> None:
    wanted = open_index(indexed).search(Query(size=1)).hits[0].article
    answer = either.get(f"/api/articles/{quote(wanted.id, safe='')}")
    assert msgspec.json.decode(answer.content, type=Document).text == wanted.text


def test_an_article_that_is_not_there_is_404(either: httpx.Client) -> None:
    answer = either.get("/api/articles/no%2Fsuch")
    assert (answer.status_code, answer.json()) == (404, {"detail": "there is no article no/such"})


def test_an_id_may_have_slashes(tmp_path_factory: pytest.TempPathFactory) -> None:
    from pipeline.index.tantivy.writer import open_writer

    settings = Settings(data=tmp_path_factory.mktemp("data"))
    writer, _ = open_writer(settings.data / "index")
    writer.add([enriched("https://wire.example/a?b=1#c")])
    writer.commit()
    writer.close()
    with serving(settings, "127.0.0.1", 0) as server, client_of(server) as client:
        answer = client.get(f"/api/articles/{quote('https://wire.example/a?b=1#c', safe='')}")
    assert answer.json()["id"] == "https://wire.example/a?b=1#c"


def test_suggestions_complete_a_name_in_any_case(either: httpx.Client) -> None:
    found = either.get("/api/suggest", params={"q": "jAp", "size": 3}).json()
    assert "Japan" in [value["value"] for value in found]
    assert len(found) <= 3
    assert either.get("/api/suggest").json() == []


def test_trends_are_those_of_the_window(either: httpx.Client) -> None:
    at = {"at": "2025-07-17", "window": "24h"}
    found = msgspec.json.decode(either.get("/api/trends", params=at).content, type=list[Trend])
    assert found
    assert found[0].articles > 0
    asked = {**at, "symbol": ["$spy", "NOSUCH"]}
    of_these = either.get("/api/trends", params=asked).json()
    assert [trend["symbol"] for trend in of_these] == ["SPY", "NOSUCH"]
    assert of_these[1]["articles"] == 0


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("search?sort=best", "sort"),
        ("search?size=1001", "size"),
        (f"search?size={'9' * 5000}", "size"),
        ("search?tickr=SPY", "tickr"),
        ("search?from=yesterday", "yesterday"),
        ("search?sentiment=glad", "glad"),
        ("search?after=x", "next"),
        (f"search?q={'a' * 2001}", "q"),
        (f"search?q={'a+' * 65}", "64 words"),
        ("search?" + "&".join(f"source=s{n}" for n in range(181)), "filters"),
        (f"search?source={'s' * 201}", "source"),
        ("suggest?size=101", "size"),
        (f"suggest?q={'a' * 101}", "q"),
        ("trends?window=2h", "window"),
        ("trends?size=0", "size"),
        ("trends?at=9999-12-31T23:59:59", "at"),
        ("trends?" + "&".join(f"symbol=S{n}" for n in range(101)), "symbol"),
        ("stream?place=Japan&plce=x", "plce"),
        ("stream?sentiment=glad", "glad"),
        ("stream?after=x", "event"),
    ],
)
def test_a_wrong_parameter_is_named(client: httpx.Client, path: str, said: str) -> None:
    answer = client.get(f"/api/{path}")
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def test_what_is_not_there_is_said_in_json(client: httpx.Client) -> None:
    assert client.get("/api/nothing").json() == {"detail": "Not Found"}
    answer = client.post("/api/search")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")

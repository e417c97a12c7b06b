"""The page's answers without a browser: statuses, headers, forms, how much an index is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from pipeline.article import EnrichedArticle, Sentiment
from pipeline.config import Settings, path_of
from pipeline.index import SearchResult
from pipeline.index.query import Query
from pipeline.index.tantivy import TantivyIndex
from pipeline.index.tantivy.writer import open_writer
from pipeline.search.page.ticker import DAYS, ticker_view
from pipeline.search.page.words import score, span, web_link
from pipeline.search.server import serving
from pipeline.trends import Trend, Window
from tests.conftest import enriched

HTML = {"accept": "text/html"}
NEWEST = datetime(2025, 7, 17, 12, tzinfo=UTC)


def index_of(folder: Path, articles: Sequence[EnrichedArticle]) -> TantivyIndex:
    writer, _ = open_writer(folder)
    writer.add(articles)
    writer.commit()
    writer.close()
    return TantivyIndex(folder)


def daily(days: int) -> list[EnrichedArticle]:
    """An article a day about one ticker, the last one NEWEST."""
    mood = Sentiment(label="positive", score=0.5, confidence=0.9)
    return [
        enriched(f"d{n}", symbols=["SPY"], published_at=NEWEST - timedelta(days=n), sentiment=mood)
        for n in range(days)
    ]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    settings = Settings(data=tmp_path_factory.mktemp("data"))
    index_of(path_of(settings.index_url, "tantivy"), daily(12))
    with (
        serving(settings, "127.0.0.1", 0) as server,
        httpx.Client(base_url=server.url, headers=HTML) as client,
    ):
        yield client


@pytest.mark.parametrize(
    "address", ["/", "/?q=tokyo", "/articles/d1", "/tickers/SPY", "/live", "/alerts", "/nowhere"]
)
def test_no_page_may_load_or_run_anything_that_is_not_of_this_server(
    client: httpx.Client, address: str
) -> None:
    answer = client.get(address)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    for inline in ("<style", "style=", "onclick", "<script>", "http://", "https://"):
        assert inline not in answer.text.replace("http://www.w3.org", "")


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/", 200),
        ("/articles/none", 404),
        ("/tickers/NONE", 404),
        ("/tickers/SPY?to=yesterday", 422),
        ("/tickers/SPY?to=0001-01-01", 200),
        ("/tickers/SPY?to=9999-12-31", 200),
        ("/?sort=best", 422),
        ("/?after=nonsense", 422),
        ("/?q=" + "word+" * 100, 422),
        ("/live?sentiment=happy", 422),
        ("/export.csv?size=many", 422),
        ("/static/none.js", 404),
        ("/static/../routes.py", 404),
    ],
)
def test_each_answer_has_its_status(client: httpx.Client, address: str, status: int) -> None:
    answer = client.get(address)
    assert answer.status_code == status
    if not address.startswith("/static"):
        assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_an_unknown_address_of_the_api_is_answered_for_programs(client: httpx.Client) -> None:
    answer = client.get("/api/nowhere")
    assert answer.status_code == 404
    assert "detail" in answer.json()


def test_files_are_asked_for_again_and_not_sent_again(client: httpx.Client) -> None:
    answer = client.get("/static/page.css")
    assert answer.headers["cache-control"] == "no-cache"
    again = client.get("/static/page.css", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304


def test_a_file_is_named_and_of_its_type(client: httpx.Client) -> None:
    answer = client.get("/export.csv?ticker=SPY")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="newsloom.csv"'
    assert len(answer.text.splitlines()) == 1 + len(daily(12))


def test_only_a_form_saves_a_search(client: httpx.Client) -> None:
    assert client.post("/alerts", json={"name": "x", "q": "y"}).status_code == 415
    long = client.post("/alerts", data={"name": "x", "q": "y" * 200_000})
    assert long.status_code == 413
    wrong = client.post("/alerts", data={"name": "", "q": "tokyo"})
    assert wrong.status_code == 422
    assert 'role="alert"' in wrong.text


def test_another_sites_page_can_not_save_a_search(client: httpx.Client) -> None:
    foreign = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    answer = client.post("/alerts", data={"name": "x", "q": "tokyo"}, headers=foreign)
    assert answer.status_code == 403


class Asked(TantivyIndex):
    """Counts what it is asked."""

    searches = 0
    windows = 0

    def search(self, query: Query) -> SearchResult:
        self.searches += 1
        return super().search(query)

    def trends(self, window: Window, symbols: Sequence[str], size: int = 10) -> list[Trend]:
        self.windows += 1
        return super().trends(window, symbols, size)


def test_a_tickers_page_asks_the_index_a_bounded_number_of_questions(tmp_path: Path) -> None:
    index_of(tmp_path, daily(3 * DAYS))
    index = Asked(tmp_path)
    view = ticker_view(index, "SPY", None)
    assert view.chart is not None
    assert view.chart.total == view.chart.measured == DAYS
    assert (index.searches, index.windows) == (3, DAYS)


def test_a_tickers_chart_goes_back_and_forth_without_a_gap(tmp_path: Path) -> None:
    index = index_of(tmp_path, daily(2 * DAYS + 5))
    now = ticker_view(index, "SPY", None)
    assert (now.earlier, now.later) == ("2025-06-17", None)
    before = ticker_view(index, "SPY", datetime.fromisoformat("2025-06-17T00:00:00Z"))
    assert before.later == "2025-07-17"
    assert before.chart is not None
    assert now.chart is not None
    assert before.chart.until == now.chart.since


def test_one_busy_day_is_counted_whole(tmp_path: Path) -> None:
    """The histogram of so little time is by hour."""
    hours = [
        enriched(f"h{n}", symbols=["SPY"], published_at=NEWEST.replace(hour=n)) for n in range(4)
    ]
    index_of(tmp_path, hours)
    index = Asked(tmp_path)
    view = ticker_view(index, "SPY", None)
    assert view.chart is not None
    assert [day.bar.articles for day in view.chart.days][-2:] == [0, 4]
    assert index.windows == 1  # days without articles are not asked for


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "JAVASCRIPT:alert(1)", " javascript:x", "data:text/html,x", "//evil",
     "/path", "https://", "http://[", "ftp://host/", "https://a b", "https://a\nb", "", None],
)  # fmt: skip
def test_only_web_addresses_are_links(url: str | None) -> None:
    assert web_link(url) is None


def test_a_link_shows_where_it_leads() -> None:
    link = web_link("https://good.example@evil.example/path?x=1")
    assert link is not None
    assert link.host == "evil.example"


@pytest.mark.parametrize(
    ("value", "shown"), [(0.421, "+0.42"), (-0.1, "−0.10"), (-0.001, "0.00"), (0.0, "0.00")]
)
def test_a_score_has_its_sign(value: float, shown: str) -> None:
    assert score(value) == shown


def test_a_span_of_time_is_said_in_days_or_hours() -> None:
    day = datetime(2025, 7, 17, tzinfo=UTC)
    assert span(day, day + timedelta(days=1)) == "17 Jul 2025"
    assert span(day, day + timedelta(days=7)) == "17 Jul 2025 – 23 Jul 2025"
    nine = day.replace(hour=9)
    assert span(nine, nine + timedelta(hours=1)) == "17 Jul 2025, 09:00"
    assert span(nine, nine + timedelta(hours=3)) == "17 Jul 2025, 09:00 – 17 Jul 2025, 12:00"

"""News in a browser: the live view, alerts, and a site that has nothing yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect

from pipeline.alerting import Counts
from pipeline.alerts.step import AlertStep
from pipeline.article import ARTICLES_ENRICHED, EnrichedArticle, Sentiment
from pipeline.config import Settings
from pipeline.log import Record, open_log
from pipeline.search.server import serving
from tests.browser.chromium import Visit
from tests.browser.conftest import Visitor
from tests.browser.site import SCRIPT
from tests.browser.test_accessibility import violations
from tests.conftest import enriched

Publish = Callable[..., None]


@pytest.fixture(scope="module")
def own(data: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The index of all, and topics of this module's own."""
    return Settings(data=tmp_path_factory.mktemp("own"), index=data.index_url)


@pytest.fixture(scope="module")
def origin(own: Settings) -> Iterator[str]:
    open_log(own).close()
    with serving(own, "127.0.0.1", 0) as server:
        yield server.url


@pytest.fixture
def publish(own: Settings) -> Publish:
    """Puts articles on the enriched topic and has saved searches matched with them."""

    def put(*articles: EnrichedArticle) -> None:
        records = [Record(a.id, msgspec.json.encode(a), revision=a.revision) for a in articles]
        with closing(open_log(own)) as log:
            log.publish(ARTICLES_ENRICHED, records)
            step = AlertStep(log, own.retention_days, Counts(), remembers=True)
            while not step.idle:
                step.advance(0.1)

    return put


@pytest.fixture
def refused(visitor: Visitor) -> Iterator[Visit]:
    """A visit whose browser tells of an answer's status, which is meant to be an error."""
    visit = visitor()
    yield visit
    visit.problems = [problem for problem in visit.problems if "status of" not in problem]


def new(article_id: str, **fields: object) -> EnrichedArticle:
    """An article that comes in now."""
    now = datetime.now(UTC)
    return enriched(article_id, ingested_at=now, enriched_at=now, **fields)


def listening(page: Page, address: str = "/live") -> None:
    page.goto(address)
    expect(page.get_by_role("status")).to_contain_text("Waiting for articles")


# Live


def test_articles_appear_as_they_arrive(page: Page, publish: Publish) -> None:
    listening(page)
    mood = Sentiment(label="negative", score=-0.456, confidence=0.8)
    publish(new("live-1", title="A strike begins", text="Ports close.", sentiment=mood))
    arrived = page.locator("#arrivals > li")
    expect(arrived.locator(".title")).to_have_text("A strike begins")
    expect(arrived.locator(".mood")).to_have_text("▼ negative −0.46")
    expect(arrived.locator(".title")).to_have_attribute("href", "/articles/live-1")
    expect(arrived.locator("time")).to_have_text("17 Jul 2025")
    noon = datetime(2025, 7, 17, 12, 5, tzinfo=UTC)
    publish(new("live-2", title="The strike ends", symbols=["SPY"], published_at=noon))
    expect(arrived.first.locator(".title")).to_have_text("The strike ends")
    expect(arrived.first.locator("time")).to_have_text("17 Jul 2025, 12:05")
    expect(arrived.first.get_by_role("link", name="SPY")).to_be_visible()


def test_a_live_view_has_the_filters_of_the_search(page: Page, publish: Publish) -> None:
    page.goto("/?q=tariffs&place=Japan")
    page.get_by_role("link", name="Live").click()
    expect(page.locator(".chips")).to_contain_text("Place Japan")
    expect(page.get_by_role("status")).to_contain_text("Waiting for articles")
    publish(new("f-1", title="Elsewhere", places=["France"]))
    publish(new("f-2", title="In Japan", places=["Japan"]))
    expect(page.locator("#arrivals .title")).to_have_text(["In Japan"])


def test_a_paused_view_keeps_what_arrives_until_it_goes_on(page: Page, publish: Publish) -> None:
    listening(page)
    page.get_by_role("button", name="Pause").click()
    publish(new("p-1", title="First"), new("p-2", title="Second"))
    expect(page.get_by_role("button", name="Resume (2)")).to_be_visible()
    expect(page.locator("#arrivals > li")).to_have_count(0)
    page.get_by_role("button", name="Resume (2)").click()
    expect(page.locator("#arrivals .title")).to_have_text(["Second", "First"])


def test_what_arrives_while_the_connection_is_lost_is_not_missed(
    browser: Browser, own: Settings, publish: Publish
) -> None:
    with serving(own, "127.0.0.1", 0) as first:
        visit = Visit(browser, first.url)
        listening(visit.page)
        publish(new("l-1", title="Before"))
        expect(visit.page.locator("#arrivals .title")).to_have_text(["Before"])
    expect(visit.page.get_by_role("status")).to_contain_text("Connecting")
    publish(new("l-2", title="Meanwhile"))
    with serving(own, "127.0.0.1", int(first.url.rsplit(":", 1)[1])):
        titles = visit.page.locator("#arrivals .title")
        expect(titles).to_have_text(["Meanwhile", "Before"], timeout=20_000)
        visit.close()


def test_a_correction_takes_the_place_of_what_it_corrects(page: Page, publish: Publish) -> None:
    listening(page)
    publish(new("c-1", title="Frist version"))
    expect(page.locator("#arrivals .title")).to_have_text(["Frist version"])
    publish(new("c-1", title="First version", revision=2))
    expect(page.locator("#arrivals .title")).to_have_text(["First version"])
    publish(new("c-1", revision=3, withdrawn=True, text=""))
    expect(page.locator("#arrivals > li")).to_have_count(0)


def test_markup_in_what_arrives_is_shown_as_text(page: Page, publish: Publish) -> None:
    listening(page)
    publish(new("h-1", title=SCRIPT, text=f"{SCRIPT}<img src=x>", source=SCRIPT, symbols=[SCRIPT]))
    expect(page.locator("#arrivals .title")).to_have_text(SCRIPT)
    assert page.locator("#arrivals script, #arrivals img").count() == 0


# Alerts


def test_a_search_is_saved_and_tells_of_what_is_new(page: Page, publish: Publish) -> None:
    page.goto("/?q=levy&place=Japan")
    page.get_by_role("link", name="Save this search").click()
    page.get_by_label("Name").fill("Levies")
    page.get_by_role("button", name="Save").click()
    saved = page.locator(".saved")
    expect(saved).to_contain_text("levy · place Japan")
    expect(page.locator(".bell .count")).to_be_hidden()

    publish(new("a-1", title="A new levy", text="A levy on imports.", places=["Japan"]))
    page.goto("/")
    expect(page.locator(".bell .count")).to_have_text("1 new")
    page.get_by_role("link", name="Alerts").click()
    expect(page.locator(".results .title")).to_have_text("A new levy")
    expect(page.locator(".results .for")).to_have_text("Levies")
    expect(page.locator(".results mark")).to_have_text("levy")

    saved.get_by_role("link", name="Levies").click()
    page.wait_for_url("**/?q=levy&place=Japan")
    expect(page.locator(".bell .count")).to_be_hidden()

    page.goto("/alerts")
    page.get_by_role("button", name="Remove Levies").click()
    expect(page.locator(".saved")).to_have_count(0)


def test_a_name_that_is_taken_is_told_beside_the_form(refused: Visit) -> None:
    page = refused.page
    for _ in range(2):
        page.goto("/?q=strike")
        page.get_by_role("link", name="Save this search").click()
        page.get_by_label("Name").fill("Twice")
        page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Twice")
    expect(page.get_by_label("Name")).to_have_value("Twice")


def test_what_can_not_be_searched_for_is_named(refused: Visit) -> None:
    page = refused.page
    answer = page.goto("/?q=oil&from=yesterday")
    assert answer
    assert answer.status == 422
    expect(page.locator(".problem")).to_contain_text("'yesterday' is no date")
    expect(page.locator("#q")).to_have_value("oil")


@pytest.mark.parametrize("address", ["/articles/unknown", "/tickers/NONE", "/nowhere"])
def test_what_is_not_there_has_a_page_that_leads_on(refused: Visit, address: str) -> None:
    answer = refused.page.goto(address)
    assert answer
    assert answer.status == 404
    assert violations(refused.page) == []
    refused.page.get_by_role("link", name="The latest articles").click()
    expect(refused.page.get_by_role("heading", level=1)).to_have_text("Latest articles")


def test_without_an_index_the_page_says_how_to_get_one(browser: Browser, tmp_path: Path) -> None:
    with serving(Settings(data=tmp_path / "none"), "127.0.0.1", 0) as server:
        visit = Visit(browser, server.url)
        visit.page.goto("/")
        expect(visit.page.get_by_role("heading", level=1)).to_have_text("Nothing to search yet")
        assert violations(visit.page) == []
        expect(visit.page.locator("pre")).to_contain_text("newsloom produce")
        visit.close()


def test_a_person_enters_the_token_once(browser: Browser, own: Settings) -> None:
    token = "a-token-of-some-length"
    guarded = msgspec.structs.replace(own, token=token)
    with serving(guarded, "127.0.0.1", 0) as server:
        visit = Visit(browser, server.url)
        visit.page.goto("/?q=tariffs")
        assert violations(visit.page) == []
        visit.page.get_by_label("Token").fill(token)
        visit.page.get_by_role("button", name="Enter").click()
        expect(visit.page.get_by_role("heading", level=1)).to_contain_text("articles for tariffs")
        assert not visit.problems
        visit.close()

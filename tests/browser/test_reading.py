"""Reading in a browser: articles, tickers, keys, help, narrow screens, no JavaScript, harm."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, Response, expect

from tests.browser.chromium import PHONE
from tests.browser.conftest import Visitor
from tests.browser.site import HARMFUL, JAPAN_DEAL, MOODS, SCRIPT

HARM_URL = "/articles/" + quote(HARMFUL.id, safe="")

MAIN_PAGES = (
    "/",
    "/?q=tariffs&place=Japan",
    "/?q=unheardof",
    f"/articles/{JAPAN_DEAL}",
    f"/articles/{MOODS}",
    "/tickers/SPY",
    "/live",
    HARM_URL,
)


# Articles


def test_an_article_is_shown_with_its_entities_marked(page: Page) -> None:
    page.goto(f"/articles/{JAPAN_DEAL}")
    trump = page.locator(".text mark.person", has_text="Donald Trump").first
    expect(trump).to_have_attribute("title", "person: Donald Trump")
    expect(page.locator(".named").get_by_role("link", name="Toyota")).to_be_visible()
    link = page.get_by_role("link", name="Read it at ledgerline.example")
    assert set((link.get_attribute("rel") or "").split()) == {"noopener", "noreferrer", "nofollow"}


def test_marks_of_a_type_are_switched_off_by_its_legend(page: Page) -> None:
    page.goto(f"/articles/{JAPAN_DEAL}")
    line = "element => getComputedStyle(element).textDecorationLine"
    place = page.locator(".text mark.place").first
    person = page.locator(".text mark.person").first
    page.get_by_role("checkbox", name=re.compile("Places")).uncheck()
    assert (place.evaluate(line), person.evaluate(line)) == ("none", "underline")


def test_what_is_stated_stands_apart_from_what_is_measured(page: Page) -> None:
    page.goto(f"/articles/{MOODS}")
    row = page.locator("tbody tr", has_text="USO")
    stated, volume, measured = row.locator("td").all_inner_texts()
    assert (stated, volume) == ("▲▲ extremely bullish", "extremely high")
    assert re.fullmatch(r"[▲▼•] \w+ ([+−]\d\.\d\d|0\.00)", measured)
    headers = page.locator("thead th").all_inner_texts()
    assert "Stated by the source" in headers
    assert "Measured in the text" in headers


def test_a_name_leads_to_all_articles_with_it(page: Page) -> None:
    page.goto(f"/articles/{JAPAN_DEAL}")
    page.locator(".named").get_by_role("link", name="Shigeru Ishiba").click()
    expect(page.locator(".chips")).to_contain_text("Person Shigeru Ishiba")


# Tickers


def test_a_ticker_has_its_sentiment_and_volume_over_time_as_chart_and_table(page: Page) -> None:
    page.goto("/tickers/spy")
    expect(page.get_by_role("heading", level=1)).to_have_text("SPY SPDR S&P 500 ETF Trust")
    assert page.locator(".panel .up, .panel .down").count() == 2
    page.get_by_text("The figures as a table").click()
    rows = page.locator(".figures tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.last).to_contain_text("17 Jul 2025")
    expect(rows.last).to_contain_text("neutral 1")


def test_the_chart_goes_back_in_time(page: Page) -> None:
    page.goto("/tickers/SPY")
    page.get_by_role("link", name="Earlier").click()
    expect(page.get_by_role("heading", level=2).first).to_contain_text("17 Jun 2025")
    page.get_by_role("link", name="Later").click()
    expect(page.get_by_role("heading", level=2).first).to_contain_text("17 Jul 2025")


def test_a_day_of_the_chart_leads_to_its_articles(page: Page) -> None:
    page.goto("/tickers/SPY")
    page.locator(".bars a").last.click()
    page.wait_for_url("**/?ticker=SPY&from=2025-07-17&to=2025-07-17")
    expect(page.locator(".results > li")).to_have_count(1)


# Keys


def test_letters_go_through_the_results_and_enter_opens_one(page: Page) -> None:
    page.goto("/?q=tariffs")
    titles = page.locator(".results .title")
    for _ in range(3):
        page.keyboard.press("j")
    page.keyboard.press("k")
    expect(titles.nth(1)).to_be_focused()
    wanted = titles.nth(1).get_attribute("href")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{wanted}")


def test_a_slash_goes_to_the_box_and_escape_leaves_it(page: Page) -> None:
    page.goto("/?q=tariffs")
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    expect(page.locator("#q")).to_have_value("tariffs")
    page.keyboard.press("Escape")
    expect(page.locator("#q")).not_to_be_focused()


def test_a_question_mark_opens_the_help_and_escape_closes_it(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_keys_of_one_letter_can_be_switched_off_for_good(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Help").click()
    page.get_by_label("Keys of one letter are on").uncheck()
    page.get_by_role("button", name="Close").click()
    page.goto("/?q=tariffs")
    page.keyboard.press("j")
    expect(page.locator(".results .title").first).not_to_be_focused()


def test_the_first_tab_skips_to_the_content(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_what_has_the_focus_can_be_seen(page: Page) -> None:
    page.goto("/?q=tariffs")
    page.keyboard.press("j")
    outline = page.locator(":focus").evaluate("e => getComputedStyle(e).outlineStyle")
    assert outline != "none"


# Narrow screens, weight


@pytest.mark.parametrize("address", MAIN_PAGES)
def test_nothing_is_wider_than_a_phone(visitor: Visitor, address: str) -> None:
    page = visitor(viewport=PHONE).page
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_filters_are_folded_on_a_phone(visitor: Visitor) -> None:
    page = visitor(viewport=PHONE).page
    page.goto("/?place=Japan")
    places = page.locator("#filters").get_by_role("link", name=re.compile("^China"))
    expect(places).not_to_be_in_viewport()
    page.get_by_text("Filters 1").click()
    expect(places).to_be_visible()


@pytest.mark.parametrize("address", MAIN_PAGES)
def test_a_page_weighs_little_with_all_that_it_loads(visitor: Visitor, address: str) -> None:
    visit = visitor()
    responses: list[Response] = []
    visit.page.on("response", lambda response: responses.append(response))
    visit.page.goto(address)
    visit.page.wait_for_load_state("load")
    weights = {
        response.url: len(response.body())
        for response in responses
        if "/api/stream" not in response.url  # it does not end
    }
    assert {"page.css", "page.js", "bars.js"} <= {url.rsplit("/", 1)[1] for url in weights}
    assert sum(weights.values()) < 200_000


# Without JavaScript


def test_searching_needs_no_javascript(visitor: Visitor) -> None:
    page = visitor(java_script_enabled=False).page
    page.goto("/")
    page.locator("#q").fill("tariffs")
    page.get_by_role("button", name="Search").click()
    page.locator("#filters").get_by_role("link", name=re.compile("^Japan")).click()
    expect(page.locator(".chips")).to_contain_text("Japan")
    page.get_by_role("link", name="newest").click()
    page.locator(".bars a").first.click()
    expect(page.locator(".chips")).to_contain_text("Jul 2025")
    page.locator(".results .title").first.click()
    expect(page.locator(".text mark").first).to_be_visible()


def test_the_live_view_says_that_it_needs_javascript(visitor: Visitor) -> None:
    page = visitor(java_script_enabled=False).page
    page.goto("/live?place=Japan")
    expect(page.get_by_text("which needs JavaScript")).to_be_visible()
    expect(page.get_by_role("button", name="Pause")).to_be_hidden()


# Harm


@pytest.mark.parametrize("address", [HARM_URL, "/?q=harmful", "/?q=brackets", "/tickers/EV%3CL%3E"])
def test_markup_in_an_article_is_shown_as_text(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.locator("main")).to_contain_text(SCRIPT)
    assert page.locator("main script, main style, main img").count() == 0


def test_the_text_of_a_harmful_article_is_shown_to_the_letter(page: Page) -> None:
    page.goto(HARM_URL)
    assert page.locator(".text").text_content() == HARMFUL.text
    assert page.locator("h1").text_content() == HARMFUL.title


def test_what_is_no_web_address_is_no_link(page: Page) -> None:
    page.goto(HARM_URL)
    expect(page.locator(".original")).to_have_text("javascript:alert('harm')")
    assert page.locator(".original a").count() == 0
    hrefs = [a.get_attribute("href") or "" for a in page.locator("a").all()]
    assert not [href for href in hrefs if not href.startswith(("/", "#", "http"))]


def test_what_is_searched_for_can_do_no_harm(page: Page) -> None:
    page.goto("/?q=" + quote(f'"{SCRIPT}" \'> onfocus=alert(1)') + "&place=" + quote(SCRIPT))
    expect(page.locator("#q")).to_have_value(re.compile("script"))
    expect(page.locator(".chips")).to_contain_text(SCRIPT)

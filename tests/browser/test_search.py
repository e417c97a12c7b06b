"""Searching in a browser: the box and its suggestions, facets, bars, pages."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor


def asked(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_the_first_visit_shows_the_latest_articles_and_facets(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Latest articles")
    expect(page.locator(".results > li")).to_have_count(10)
    assert page.locator(".results time").first.inner_text().startswith("22 Aug 2025")
    expect(page.get_by_role("heading", name="Measured sentiment")).to_be_visible()


def test_words_are_searched_for_and_marked_where_they_stand(page: Page) -> None:
    page.goto("/")
    page.get_by_role("searchbox").or_(page.get_by_role("combobox")).fill("tariffs")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("articles for tariffs")
    marks = page.locator(".results mark").all_inner_texts()
    assert marks
    assert all(mark.lower().startswith("tariff") for mark in marks)
    assert asked(page) == {"q": ["tariffs"]}


def test_values_of_a_facet_add_up_and_can_be_taken_away(page: Page) -> None:
    page.goto("/?q=tariffs")
    filters = page.locator("#filters")
    japan = filters.get_by_role("link", name=re.compile("^Japan"))
    china = filters.get_by_role("link", name=re.compile("^China"))
    counts = japan.inner_text(), china.inner_text()
    japan.click()
    expect(page.locator(".chips")).to_contain_text("Place Japan")
    # A facet's counts ignore its own filter: what else there is can still be seen.
    assert (japan.inner_text(), china.inner_text()) == counts
    fewer = page.locator(".results > li").count()
    china.click()
    expect(page.locator(".chips li")).to_have_count(3)
    assert asked(page)["place"] == ["Japan", "China"]
    assert page.locator(".results > li").count() >= fewer
    expect(japan).to_have_attribute("aria-current", "true")
    japan.click()
    expect(page.locator(".chips li")).to_have_count(1)
    assert asked(page)["place"] == ["China"]


def test_a_new_search_keeps_the_filters(page: Page) -> None:
    page.goto("/?place=Japan")
    page.locator("#q").fill("trade")
    page.locator("#q").press("Enter")
    expect(page.locator(".chips")).to_contain_text("Japan")
    assert asked(page) == {"q": ["trade"], "place": ["Japan"]}


def test_a_suggestion_is_taken_with_the_keyboard_alone(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("/")
    page.keyboard.type("tariffs donald")
    box = page.get_by_role("combobox")
    option = page.get_by_role("option", name=re.compile("Donald Trump"))
    expect(option).to_be_visible()
    expect(box).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    expect(option).to_have_attribute("aria-selected", "true")
    expect(box).to_have_attribute("aria-activedescendant", option.get_attribute("id") or "")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("q=tariffs"))
    assert asked(page) == {"q": ['tariffs "Donald Trump"']}


def test_escape_closes_the_suggestions_and_keeps_what_was_typed(page: Page) -> None:
    page.goto("/")
    page.locator("#q").press_sequentially("jap")
    expect(page.get_by_role("listbox")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(page.locator("#q")).to_have_value("jap")
    expect(page.locator("#q")).to_be_focused()


def test_a_suggestion_can_be_clicked(page: Page) -> None:
    page.goto("/")
    page.locator("#q").press_sequentially("ewj")
    page.get_by_role("option", name=re.compile("EWJ")).click()
    page.wait_for_url("**/?q=EWJ")


def test_one_bar_narrows_to_its_day(page: Page) -> None:
    page.goto("/")
    bar = page.locator(".bars a").first
    bar.click()
    page.wait_for_url(re.compile("from="))
    assert asked(page) == {"from": ["2025-06-05"], "to": ["2025-06-05"]}
    expect(page.locator(".chips")).to_contain_text("5 Jun 2025")


def test_a_range_is_brushed_with_the_mouse(page: Page) -> None:
    page.goto("/")
    box = page.locator(".bars").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.55, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 25, steps=8)
    told = page.locator(".range").inner_text()
    assert re.fullmatch(r"\d+ Jul 2025 – \d+ Aug 2025: \d+ articles", told)
    page.mouse.up()
    page.wait_for_url(re.compile("from="))
    number = int(told.split(": ")[1].split()[0])
    page.get_by_role("link", name="show each").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{number} articles")
    assert asked(page)["from"] < asked(page)["to"]


def test_a_range_is_brushed_with_a_finger(visitor: Visitor) -> None:
    visit = visitor(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    visit.page.goto("/")
    box = visit.page.locator(".bars").bounding_box()
    assert box
    client = visit.context.new_cdp_session(visit.page)
    for kind, place in (("touchStart", 0.2), *(("touchMove", n / 10) for n in range(3, 9))):
        point = {"x": box["x"] + box["width"] * place, "y": box["y"] + 30}
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
    client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    visit.page.wait_for_url(re.compile("from="))
    assert asked(visit.page)["from"] < asked(visit.page)["to"]


def test_a_range_is_brushed_with_the_keyboard(page: Page) -> None:
    page.goto("/?q=tariffs")
    page.locator(".bars a").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator(".range")).to_contain_text("3 articles")
    page.keyboard.press("Escape")
    expect(page.locator(".range")).to_have_text("")
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("from="))
    assert asked(page)["q"] == ["tariffs"]
    expect(page.get_by_role("heading", level=1)).to_contain_text("2 articles")


def test_the_bars_are_one_stop_of_the_tab_key(page: Page) -> None:
    page.goto("/")
    assert page.locator(".bars a[tabindex='0']").count() == 1
    assert page.locator(".bars a[tabindex='-1']").count() > 1


def test_pages_go_forth_and_back(page: Page) -> None:
    page.goto("/?q=the&sort=newest")
    first = page.locator(".results .title").all_inner_texts()
    page.get_by_role("link", name="Next").click()
    page.wait_for_url(re.compile("after="))
    second = page.locator(".results .title").all_inner_texts()
    assert not set(first) & set(second)
    expect(page.locator(".results")).to_have_attribute("start", "11")
    page.get_by_role("link", name="Previous").click()
    page.wait_for_url(lambda url: "after=" not in url)
    assert page.locator(".results .title").all_inner_texts() == first


def test_near_duplicates_are_one_result_until_each_is_asked_for(page: Page) -> None:
    page.goto("/?q=tariff+deal+japan&topic=automotive")
    expect(page.locator(".near")).to_have_text(["1 near-duplicate"])
    once = page.locator(".results > li").count()
    page.get_by_role("link", name="show each").click()
    expect(page.locator(".results > li")).to_have_count(once + 1)
    page.get_by_role("link", name="collapse").click()
    page.locator(".near a").click()
    expect(page.get_by_role("heading", name="1 near-duplicate")).to_be_visible()


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_results_are_sorted_by_date(page: Page, order: str) -> None:
    page.goto("/?q=tariffs")
    page.get_by_role("link", name=order).click()
    page.wait_for_url(re.compile(f"sort={order}"))
    dates = [t.get_attribute("datetime") or "" for t in page.locator(".results time").all()]
    assert dates == sorted(dates, reverse=order == "newest")


def test_dates_are_typed_in_too(page: Page) -> None:
    page.goto("/?place=Japan")
    page.get_by_label("From").fill("2025-07-17")
    page.get_by_label("To", exact=True).fill("2025-07-20")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".chips")).to_contain_text("17 Jul 2025 – 20 Jul 2025")
    assert asked(page)["place"] == ["Japan"]


def test_a_search_without_results_says_what_may_help(page: Page) -> None:
    page.goto("/?q=unheardof&place=Japan&topic=trade")
    expect(page.locator(".empty")).to_be_visible()
    page.get_by_role("link", name="without place Japan").click()
    assert asked(page) == {"q": ["unheardof"], "topic": ["trade"]}


def test_a_result_is_taken_away_as_a_file(page: Page) -> None:
    page.goto("/?q=tariffs&collapse=0")
    for kind in ("CSV", "JSON"):
        with page.expect_download() as download:
            page.get_by_role("link", name=kind, exact=True).click()
        assert download.value.suggested_filename == f"newsloom.{kind.lower()}"

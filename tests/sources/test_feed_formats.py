"""Bytes of feeds: which items come of them, and what is said of what is no feed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.article import parse_time
from pipeline.errors import Rejected
from pipeline.sources.feeds.parse import Feed, Item, parse_feed
from tests.sources.site import attempt, item, rss

DATA = Path(__file__).parent / "data"
URL = "https://feeds.example/news/feed.xml"


def parsed(data: bytes, content_type: str = "") -> Feed:
    return parse_feed(URL, content_type, data)


def only(inner: str) -> Item:
    (found,) = parsed(rss(inner)).items
    return found


def test_rss_2_gives_the_full_text_where_it_has_both() -> None:
    feed = parsed((DATA / "harbour.rss.xml").read_bytes())
    first, second = feed.items
    assert feed.ttl == 1800
    assert first.title == "Tidewater &amp; Sons sells its ferries"
    assert first.link == "https://ledger.example/ferries"
    assert (first.guid, first.author) == ("ledger-2", "Mara Quill")
    assert first.categories == ["Shipping", "Deals"]
    assert first.is_html
    assert "Two ferries stay." in first.body
    assert parse_time(first.published_at) == parse_time("2025-07-18T01:00:00Z")
    assert second.body == "Gullwing said sales were < 5 million, less than it had forecast."
    assert not second.is_html
    assert parse_time(second.published_at) == parse_time("2025-07-17T13:30:00Z")


def test_links_are_made_absolute_against_the_feed_s_address() -> None:
    feed = parsed((DATA / "harbour.rss.xml").read_bytes())
    assert feed.items[1].link == "https://feeds.example/gullwing"


def test_rss_1_is_read_in_its_encoding_with_its_dublin_core_date() -> None:
    data = (DATA / "harbour.rdf.xml").read_text("utf-8").replace("&#233;", "é").encode("latin-1")
    (found,) = parsed(data).items
    assert found.title == "Café Quill opens"
    assert found.body == "The café of Mara Quill opens on Monday."
    assert parse_time(found.published_at) == parse_time("2025-07-17T06:00:00Z")


def test_atom_has_a_base_and_text_that_is_not_html() -> None:
    first, second = parsed((DATA / "harbour.atom.xml").read_bytes()).items
    assert first.link == "https://atom.example/news/chief.html"
    assert first.author == "Ola Brandt"
    assert first.is_html
    assert parse_time(first.published_at) == parse_time("2025-07-17T07:00:00Z")
    assert (second.link, second.guid) == (None, "urn:wire:2")
    assert (second.body, second.is_html) == ("Sales were 3 < 5, said Gullwing.", False)


def test_an_item_that_is_only_a_headline_has_that_as_its_text() -> None:
    found = only("<title>Gullwing rises</title><link>https://ledger.example/1</link>")
    assert (found.body, found.title) == ("Gullwing rises", None)


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "ftp://x.example/", "http://", "http://[x"]
)
def test_a_link_that_is_not_of_the_web_is_none(link: str) -> None:
    assert only(f"<link>{link}</link><description>x</description>").link is None


@pytest.mark.parametrize(
    ("date", "published_at"),
    [
        ("Thu, 17 Jul 2025 10:00:00 GMT", "2025-07-17T10:00:00Z"),
        ("2025-07-17T10:00:00+02:00", "2025-07-17T08:00:00Z"),
        ("2025-07-17", "2025-07-17T00:00:00Z"),
        ("Thu, 17 July 2025 10:00 GMT", "2025-07-17T10:00:00Z"),
        ("yesterday", None),
        ("99 Foo 2025 99:99:99", None),
    ],
)
def test_dates_are_understood_or_left_out(date: str, published_at: str | None) -> None:
    found = only(f"<description>x</description><pubDate>{date}</pubDate>")
    assert parse_time(found.published_at) == parse_time(published_at)


def test_of_a_feed_that_is_cut_off_the_whole_items_come() -> None:
    whole = rss(item(1), item(2))
    feed = parsed(whole[: whole.index(b"<item>", whole.index(b"</item>")) + 12])
    assert feed.items[0].body == "Gullwing sold 1 ferries in Harbourtown."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "windows-1251", "shift_jis", "koi8-r"])
def test_a_feed_is_read_in_the_encoding_that_it_names(encoding: str) -> None:
    text = "Гавань" if encoding != "shift_jis" else "港の新聞"
    data = (
        f'<?xml version="1.0" encoding="{encoding}"?>'
        + rss(f"<title>{text}</title><description>{text}</description>").decode()
    )
    assert parsed(data.encode(encoding)).items[0].body == text


def test_a_header_s_encoding_counts_where_the_feed_names_none() -> None:
    data = rss("<description>Гавань</description>").decode().encode("windows-1251")
    found = parsed(data, "application/rss+xml; charset=windows-1251")
    assert found.items[0].body == "Гавань"


@pytest.mark.parametrize(
    ("data", "content_type", "said"),
    [
        (b"", "", "nothing came"),
        (b'{"items": []}', "application/json", r"JSON came \(application/json\)"),
        (b"<!doctype html><p>Hello", "text/html; charset=utf-8", r"a web page came \(text/html\)"),
        (b"<urlset></urlset>", "application/xml", "other XML came"),
        (b"Hello", "text/plain", "something else came"),
        (
            b'<html><link rel="alternate" type="application/rss+xml" href="/rss?a=1&amp;b=2">',
            "",
            r"it names https://feeds\.example/rss\?a=1&b=2 as its feed",
        ),
    ],
)
def test_of_what_is_no_feed_is_said_what_it_is(data: bytes, content_type: str, said: str) -> None:
    with pytest.raises(Rejected, match=said) as error:
        parsed(data, content_type)
    assert error.value.reason == "not_a_feed"


def test_an_address_or_a_file_s_name_is_only_text(tmp_path: Path) -> None:
    secret = tmp_path / "secret.xml"
    secret.write_bytes(rss(item(1)))
    for data in (str(secret).encode(), secret.as_uri().encode()):
        with pytest.raises(Rejected, match="no feed"):
            parsed(data)


def test_entities_from_elsewhere_and_bombs_of_them_stay_closed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("hidden words")
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    data = (
        f'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY x SYSTEM "{secret.as_uri()}">'
        f'<!ENTITY e0 "lol">{bomb}]>'.encode()
        + rss("<description>a &x; &e11;</description>")
    )
    found = parsed(data)
    assert all("hidden" not in each.body and len(each.body) < 10_000 for each in found.items)


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(rss)))
def test_no_bytes_raise_more_than_a_rejection(data: bytes) -> None:
    feed = attempt(parsed, data)
    if isinstance(feed, Rejected):
        assert feed.reason == "not_a_feed"
    else:
        assert all(isinstance(each.body, str) for each in feed.items)

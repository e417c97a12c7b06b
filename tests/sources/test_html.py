"""HTML: what is HTML at all, what text comes of it, and how long that takes."""

from __future__ import annotations

import gzip
import io
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.article import Rejection, Submission
from pipeline.errors import Rejected
from pipeline.sources import extraction, read
from pipeline.sources.extraction import Extractor
from pipeline.sources.html import MAX_TAGS, decode_page, extract, is_html
from tests.conftest import GOLDEN
from tests.sources.site import attempt

PAGE = Path(__file__).parent / "data" / "page.html"


@pytest.fixture(autouse=True)
def quiet() -> None:
    """As in the process that does this, where nobody reads what trafilatura says."""
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)


@pytest.fixture(scope="module")
def extractor() -> Iterator[Extractor]:
    with Extractor() as running:
        yield running


def one(path: Path | str, stdin: bytes = b"") -> Submission | Rejection:
    (found,) = read([path], max_body_bytes=1_000_000, stdin=io.BytesIO(stdin))
    return found.value


# What is HTML.


@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE html><p>x", "<html>", "  \n<p>One.</p>", '<div class="a">x</div>', "<P>x",
        "<!-- made by hand --><article>x", "\ufeff<!doctype HTML>", "<h2 id='a'>x</h2>", "<ul><li>",
        '<?xml version="1.0"?><!DOCTYPE html PUBLIC "x">',
    ],
)  # fmt: skip
def test_what_begins_with_the_tag_of_a_page_or_a_block_is_html(text: str) -> None:
    assert is_html(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "One <p>two</p>", "<AAPL> rose", "<3 this stock", "< p >", "<p", "<p & q", "<price>5",
        "<b>Bold</b> moves", "<p is smaller than q>", "<divide>", "a < b", "<rss></rss>",
        GOLDEN.read_text("utf-8"),
    ],
)  # fmt: skip
def test_all_else_is_plain_text(text: str) -> None:
    assert not is_html(text)


# Pages.


def test_a_page_gives_its_article_with_title_author_time_and_address() -> None:
    page = extract(PAGE.read_text("utf-8"))
    assert page.title == "Gullwing buys a shipyard"
    assert page.author == "Mara Quill"
    assert page.published_at == "2025-07-17T18:30:00+09:00"
    assert page.url == "https://ledger.example/shipyard"
    assert page.text.startswith("Gullwing said on Thursday that it would buy the shipyard")
    assert "300 people & builds ferries.\n\nWhat comes next\n\nThe town’s council" in page.text
    assert page.text.endswith("fell 2% in early trading.")


@pytest.mark.parametrize(
    "junk", ["Home", "Read next", "forty years", "Copyright", "color", "@type"]
)
def test_what_is_around_an_article_is_left_out(junk: str) -> None:
    assert junk not in extract(PAGE.read_text("utf-8")).text


@pytest.mark.parametrize(
    ("head", "published_at"),
    [
        ('<meta property="article:published_time" content="2025-07-17T10:00:00Z">',
         "2025-07-17T10:00:00Z"),
        ('<meta itemprop="datePublished" content="2025-07-17T10:00">', "2025-07-17T10:00"),
        (('<script type="application/ld+json">{"@graph":[{"a":1},{"datePublished":"2025-07-17"}]}'
         "</script>"), "2025-07-17"),
        (('<script type="application/ld+json">{broken</script>'
         '<meta name="date" content="2025-07-17T10:00:00Z">'), "2025-07-17T10:00:00Z"),
        ('<meta name="date" content="soon">', None),
        ("", None),
    ],
)  # fmt: skip
def test_the_time_is_what_the_page_states_for_programs(head: str, published_at: str | None) -> None:
    html = (
        f"<html><head>{head}</head><body><p>Gullwing rose again in Harbourtown.</p></body></html>"
    )
    assert extract(html).published_at == published_at


@pytest.mark.parametrize("canonical", ["javascript:alert(1)", "//", "ftp://a.example/x"])
def test_an_address_that_is_not_of_the_web_is_none(canonical: str) -> None:
    html = f'<html><head><link rel="canonical" href="{canonical}"></head><body><p>Words.</p></body>'
    assert extract(html).url is None


# Fragments, and pages that no rule fits.


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One &amp; two.</p>", "One & two."),
        ("<div>One</div><div>Two<br>three</div>", "One\n\nTwo\n\nthree"),
        ("<p>Caf&eacute; &#8220;Quill&#8221; &lt;b&gt;</p>", "Café “Quill” <b>"),
        ("<div>a<script>track()</script><style>p{}</style>b</div>", "ab"),
        ("<p>AT&T <3 it</p>", "AT&T <3 it"),
        ("<html><body>Bare words in a body</body></html>", "Bare words in a body"),
    ],
)
def test_text_comes_out_however_little_there_is(html: str, text: str) -> None:
    assert extract(html).text == text


def test_a_body_is_mostly_article_so_none_of_it_is_lost() -> None:
    points = "".join(f"<li>Point {number} of the list</li>" for number in range(20))
    text = extract(f"<div><p>Gullwing says:</p><ul>{points}</ul></div>").text
    assert all(f"Point {number} of" in text for number in range(20))


def test_a_list_in_a_body_is_part_of_the_article() -> None:
    body = (
        "<p>The index closed at a record on Friday, its first since February.</p>"
        "<ul><li>Quillmark rose 1% on the day.</li><li>Norvane settled details of a deal.</li></ul>"
        "<p>Late on Friday the gains shrank for a while, and talks resumed two days later.</p>"
    )
    assert "- Quillmark rose 1% on the day.\n- Norvane settled details" in extract(body).text


@pytest.mark.parametrize("html", ["<html></html>", "<p></p>", "<div><script>x()</script></div>"])
def test_html_without_text_is_rejected(html: str) -> None:
    with pytest.raises(Rejected, match="no text"):
        extract(html)


# Encodings.


@pytest.mark.parametrize(
    ("encoding", "label"),
    [
        ("utf-8", "utf-8"), ("utf-8", "iso-8859-1"), ("cp1252", "iso-8859-1"), ("cp1252", "ascii"),
        ("cp1251", "windows-1251"), ("koi8_r", "koi8-r"), ("cp932", "Shift_JIS"),
        ("iso2022_jp", "iso-2022-jp"), ("gb18030", "gb2312"), ("cp949", "euc-kr"),
        ("utf-8-sig", "windows-1251"), ("utf-16", "utf-16"),
    ],
)  # fmt: skip
def test_a_page_is_read_in_the_encoding_that_it_has(encoding: str, label: str) -> None:
    text = {"1": "“Café” – £5", "2": "Гавань и корабли", "j": "港の新聞、造船所", "k": "항구 신문"}[
        {"utf-8": "1", "cp1252": "1", "cp1251": "2", "koi8_r": "2", "cp932": "j", "iso2022_jp": "j",
         "gb18030": "j", "cp949": "k", "utf-8-sig": "2", "utf-16": "2"}[encoding]
    ]  # fmt: skip
    html = f'<html><head><meta charset="{label}"></head><body><p>{text}</p></body></html>'
    assert text in decode_page(html.encode(encoding))


@pytest.mark.parametrize("label", ["unicode_escape", "utf-7", "rot13", "hex", "none-such", "idna"])
def test_a_page_can_not_choose_what_is_no_encoding_of_the_web(label: str) -> None:
    html = f'<meta charset="{label}"><p>+ADw-script \\u0041 café</p>'
    assert decode_page(html.encode()) == html


# Files, standard input, and bodies of records.


@pytest.mark.parametrize(
    ("ending", "compress"), [("", bytes), (".gz", gzip.compress), (".zst", zstandard.compress)]
)
@pytest.mark.parametrize("name", ["a.html", "b.HTM"])
def test_a_file_of_html_is_one_article(
    tmp_path: Path, name: str, ending: str, compress: Any
) -> None:
    path = tmp_path / (name + ending)
    path.write_bytes(compress(PAGE.read_bytes()))
    value = one(path)
    assert isinstance(value, Submission)
    assert value.title == "Gullwing buys a shipyard"
    assert value.metadata == {"author": "Mara Quill"}
    assert (value.url, value.id, value.source) == ("https://ledger.example/shipyard", None, None)
    assert "£12 million" in value.body


def test_standard_input_is_seen_to_be_html() -> None:
    value = one("-", stdin=gzip.compress(PAGE.read_bytes()))
    assert isinstance(value, Submission)
    assert value.title == "Gullwing buys a shipyard"


def test_a_body_of_html_becomes_text_and_what_is_given_wins(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    given = {"title": "Given", "published_at": "2025-01-01", "metadata": {"author": "G"}}
    path.write_text(json.dumps({"body": PAGE.read_text("utf-8"), "id": "1", **given}))
    value = one(path)
    assert isinstance(value, Submission)
    assert (value.id, value.title, value.published_at) == ("1", "Given", "2025-01-01")
    assert value.metadata == {"author": "G"}
    assert value.url == "https://ledger.example/shipyard"
    assert "<" not in value.body


def test_a_cell_of_html_becomes_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,body\n1,<p>Gullwing &amp; Sons</p>\n2,a <p> b\n")
    bodies = [
        found.value.body
        for found in read([path], max_body_bytes=1000)
        if isinstance(found.value, Submission)
    ]
    assert bodies == ["Gullwing & Sons", "a <p> b"]


def test_a_text_file_is_never_taken_for_html(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("<p>Kept as it is</p>")
    value = one(path)
    assert isinstance(value, Submission)
    assert value.body == "<p>Kept as it is</p>"


# Hostile pages.

BOMBS = {
    "deep": "<html><body>" + "<div>" * 100_000 + "x",
    "tags": "<html><body>" + "<p>a</p>" * 120_000,
    "brackets": "<p>" + "< " * 500_000,
    "quotes": "<p " + '"' * 1_000_000,
    "open": "<p " * 300_000,
    "entities": "<p>" + "&amp;" * 200_000,
    "comments": "<html>" + "<!--" * 250_000,
    "links": "<html><body>" + '<a href="x">l</a> ' * 9_000,
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_hostile_page_ends_within_its_time(extractor: Extractor, bomb: str) -> None:
    begun = time.monotonic()
    page = attempt(extractor.page, BOMBS[bomb])
    assert page.reason in {"too_deep", "empty_body"} if isinstance(page, Rejected) else page.text
    assert time.monotonic() - begun < extraction.SECONDS


def test_a_page_of_very_many_tags_is_read_in_a_time_that_grows_with_its_length() -> None:
    def seconds(count: int) -> float:
        html = "<html><body>" + "<p>Some words here</p>" * count
        begun = time.process_time()
        extract(html)
        return time.process_time() - begun

    seconds(MAX_TAGS)
    assert seconds(MAX_TAGS * 4) < 12 * seconds(MAX_TAGS)


def test_what_takes_too_long_is_rejected_and_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "SECONDS", 1.0)
    attributes = " ".join(f'a{number}="1"' for number in range(90_000))
    for name, html in (
        ("a", "<html><body><p>Before.</p></body>"),
        ("b", f"<html><body {attributes}>x</body></html>"),
        ("c", "<html><body><p>After.</p></body>"),
    ):
        (tmp_path / f"{name}.html").write_text(html)
    before, hostile, after = (found.value for found in read([tmp_path], max_body_bytes=1_000_000))
    assert isinstance(before, Submission)
    assert isinstance(hostile, Rejection)
    assert isinstance(after, Submission)
    assert (before.body, after.body) == ("Before.", "After.")
    assert hostile.reason == "unreadable_markup"
    assert "took longer than 1 s" in hostile.message
    assert str(hostile.input).endswith("b.html")


@settings(deadline=None)
@given(
    st.one_of(
        st.text(max_size=200),
        st.lists(
            st.sampled_from(["<p>", "</p>", "<div", ">", "<html>", "<!--", "-->", "&#", "&lt;", "a",
                             "<script>", "\0", "\ud800", "<table><td>", "<svg>", '"', "é"]),
            max_size=30,
        ).map("".join),
    )
)  # fmt: skip
def test_no_text_raises_more_than_a_rejection(html: str) -> None:
    page = attempt(extract, html)
    if isinstance(page, Rejected):
        assert page.reason in {"empty_body", "too_deep"}
    else:
        assert page.text.encode()


@given(st.binary(max_size=200))
def test_no_bytes_of_a_page_raise_more_than_a_rejection(data: bytes) -> None:
    text = attempt(decode_page, b"<meta charset=shift_jis>" + data)
    assert text.reason == "undecodable" if isinstance(text, Rejected) else text

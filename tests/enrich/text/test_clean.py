"""Cleaning: what goes, what stays, and that cleaning twice is cleaning once."""

from __future__ import annotations

import re
import time
import unicodedata
from importlib.resources import files

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.article import nfc
from pipeline.enrich.text.clean import clean, clean_line
from pipeline.profiles import load_profiles

GOLDEN = files("pipeline").joinpath("samples/stocktwits-2025-07-17.txt").read_text()
PIECES = [
    "<p>", "</p>", "<", ">", "&", "&amp;", "&lt;", "&gt;", "amp;", "lt;", "&#60;", "&#x26;", "p>",
    "<b", "<!--", "-->", "<script>", "</script>", "<a href='", '"', "]]>", "<![CDATA[", " ", "\n",
    "\r", "\t", "\u2029", "\u0301", "\u0323", "e", "<x y=", "\x85", "\x93", "\u200d", "\u202e",
    "\ufeff", "\ud800", "\ue000", "For updates and corrections, email newsroom@stocktwits.com",
    "newsroom", "\u0338", "5", "/", "=",
]  # fmt: skip


def boilerplate() -> re.Pattern[str]:
    profile = load_profiles().named("stocktwits")
    assert profile is not None
    assert profile.boilerplate_pattern is not None
    return profile.boilerplate_pattern


def test_the_golden_sample_ends_neither_with_boilerplate_nor_with_a_stray_bracket() -> None:
    text = clean(GOLDEN, boilerplate())

    assert text.startswith("date 2025-07-17 Tokyo")
    assert text.endswith("with message volume ‘normal’ across all four.")


@pytest.mark.parametrize(
    "text",
    [
        "a < b",
        "a<b and c>d",
        "under <$5",
        "5 < 6 > 3",
        "I <3 this stock",
        "RIC <ACME.O> and <ACME>",
        "type your <name> here",
        "AT&T and R&D; ?a=1&copy=2",
        "see <https://example.com/a>",
        "A --> B",
        "first line\nsecond line\n\nnext paragraph",
        "👨\u200d👩\u200d👧",
        "می\u200cخواهم",
    ],
)
def test_what_only_looks_like_markup_stays(text: str) -> None:
    assert clean(text, None) == text


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("One<br/>Two<BR>Three", "One\nTwo\nThree"),
        ("<ul><li>One</li><li>Two</li></ul>", "One\n\nTwo"),
        ("<td>One</td><td>Two</td>", "One Two"),
        ('a <a href="https://example.com/?a>b" rel=nofollow>link</a>.', "a link."),
        ("<b>bold</b>ly <input disabled>", "boldly"),
        ('<p class="a"id="b">sloppy', "sloppy"),
        ("a<!-- <b> hidden -- -->b", "a b"),
        ("a<script>if (a < b) { x('<p>') }</script>b", "a b"),
        ("a<STYLE type='text/css'>p {}</style >b", "a b"),
        ("<![CDATA[kept]]>", "kept"),
        ('<?xml version="1.0"?><headline>News</headline><o:p></o:p>', "News"),
        ("<!DOCTYPE html><html><head><title>x</title></head><body>News</body></html>", "News"),
        ("&lt;p&gt;escaped&lt;/p&gt;", "escaped"),
        ("&amp;lt;p&amp;gt;twice&amp;lt;/p&amp;gt;", "twice"),
        ("<<b>b>nested", "nested"),
        ("cut off <a href='https://exam", "cut off"),
        ("cut off</di", "cut off"),
    ],
)
def test_markup_goes(raw: str, expected: str) -> None:
    assert clean(raw, None) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("AT&amp;T", "AT&T"),
        ("Q&amp;amp;A", "Q&A"),
        ("&#8220;It&#8217s&#x201D;", "“It’s”"),
        ("caf&eacute;&nbsp;&ndash;&#160;open", "café – open"),
        ("&unknown; &", "&unknown; &"),
        ("&#0;&#xD800;&#x110000;", "���"),
        ("It\x92s \x93so\x94 \x80 5", "It’s “so” € 5"),
    ],
)
def test_entities_and_misread_bytes_become_characters(raw: str, expected: str) -> None:
    assert clean(raw, None) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (" a  b\t c ", "a b c"),
        ("a\u00a0\u2003b\u3000c", "a b c"),
        ("a \r\n b\rc\u2028d\ve", "a\nb\nc\nd\ne"),
        ("a\n \n\t\n\n\nb", "a\n\nb"),
        ("a\u2029b", "a\n\nb"),
        ("\n\n a \n\n", "a"),
    ],
)
def test_white_space_is_of_one_kind(raw: str, expected: str) -> None:
    assert clean(raw, None) == expected


@pytest.mark.parametrize(
    "unwanted",
    ["\0", "\x07", "\x7f", "\x81", "\u200b", "\u200c", "\u200d", "\ufeff", "\xad", "\u2060",
     "\u202e", "\u2066", "\u200f", "\u061c", "\ue000", "\ufdd0", "\uffff", "\U0010fffe",
     "\U000f0000", "\U000e0041", chr(0xD800), chr(0xDFFF), "\ufffc"],
)  # fmt: skip
def test_characters_that_nobody_sees_are_dropped(unwanted: str) -> None:
    assert clean(f"na{unwanted}me", None) == "name"


def test_unicode_is_in_normal_form_c() -> None:
    assert clean("Cafe\u0301 Å", None) == "Café Å"


@pytest.mark.parametrize("raw", ["end.<", "end. <", "end.<<", "end.\n\n<", "end.\n<\n"])
def test_a_stray_bracket_at_the_end_goes(raw: str) -> None:
    assert clean(raw, None) == "end."


def test_boilerplate_goes_wherever_its_line_is() -> None:
    line = "For updates and corrections, email newsroom[at]stocktwits[dot]com.<"

    assert clean(f"One.\n\n{line}\n\nTwo.\n{line}", boilerplate()) == "One.\n\nTwo."


def test_a_title_is_one_line() -> None:
    assert clean_line(" <h1>Shares\n\nrise</h1>\r\n &amp; fall ") == "Shares rise & fall"


@given(st.text() | st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
@example("&amp;" * 20 + "lt;p>")
@example("<" * 40 + "p>" * 40)
@example("<a " * 30)
@example("For updates and corrections, email newsroom@stocktwits.com" * 12)
def test_cleaning_what_is_clean_changes_nothing(text: str) -> None:
    for pattern in (None, boilerplate()):
        cleaned = clean(text, pattern)
        assert clean(cleaned, pattern) == cleaned
    line = clean_line(text)
    assert clean_line(line) == line


@given(st.text() | st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_a_clean_text_is_normal_visible_and_trimmed(text: str) -> None:
    cleaned = clean(text, None)

    assert unicodedata.is_normalized("NFC", cleaned)
    assert cleaned == cleaned.strip()
    assert not re.search(r"[^\S\n ]|  | \n|\n |\n{3}", cleaned)
    assert not {unicodedata.category(c) for c in cleaned} & {"Co", "Cs"}
    assert not any(unicodedata.category(c) == "Cc" for c in cleaned.replace("\n", ""))


@pytest.mark.parametrize(
    "piece",
    ["<", "<a ", "<a b='", '<a b="x" ', "<!--", "<script>", "<p", "&", "&amp;", "&#1", "<a =",
     "\u0301\u0323", "\n", " ", "< ", "a<\n\n", "<head><style>", "\u200d", "]]>"],
)  # fmt: skip
def test_the_time_grows_no_faster_than_the_text(piece: str) -> None:
    def seconds(size: int) -> float:
        text = (piece * size)[:size]
        start = time.process_time()
        clean(text, boilerplate())
        return time.process_time() - start

    # A hundred times the text; what takes the square of the time would take ten thousand times.
    assert seconds(200_000) < 1000 * max(seconds(2_000), 0.001)


def test_a_long_run_of_combining_marks_is_cut_and_normalised_at_once() -> None:
    start = time.process_time()

    assert len(nfc("a" + "\u0301\u0323" * 100_000)) <= 31
    assert time.process_time() - start < 5

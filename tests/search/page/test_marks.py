"""Marks in text: whatever an article holds, its HTML shows that text and nothing else."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.article import Entity, Mention, Ticker
from pipeline.index.highlight import Highlight
from pipeline.search.page.marks import Mark, marked, passage, passages, with_entities
from tests.conftest import enriched

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60)
SPANS = st.lists(st.tuples(st.integers(-3, 70), st.integers(-3, 70)), max_size=8)


class Reader(HTMLParser):
    """What a browser makes of HTML: its text, its tags, what each mark is around, what is open."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.tags: list[str] = []
        self.marks: list[tuple[int, int]] = []
        self.open: list[int] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        self.open.append(len(self.text))

    def handle_endtag(self, tag: str) -> None:
        self.marks.append((self.open.pop(), len(self.text)))

    def handle_data(self, data: str) -> None:
        self.text += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(str(html))
    reader.close()
    return reader


@given(text=TEXT, spans=SPANS)
@example(text="<script>alert(1)</script>", spans=[(0, 8), (4, 20)])
@example(text="a & b &amp; c\r\n", spans=[(2, 3), (2, 3)])
@example(text="\U0001f4f0 crossing marks", spans=[(0, 10), (5, 14)])
def test_any_text_with_any_marks_is_shown_as_it_was(
    text: str, spans: list[tuple[int, int]]
) -> None:
    shown = read(marked(text, [Mark(start, end, "person", text) for start, end in spans]))
    assert shown.text == text
    assert set(shown.tags) <= {"mark"}
    assert not shown.open


@given(text=TEXT, spans=SPANS)
def test_what_a_span_covers_is_marked_and_nothing_else(
    text: str, spans: list[tuple[int, int]]
) -> None:
    wanted = {
        place
        for start, end in spans
        if 0 <= start < end <= len(text)
        for place in range(start, end)
    }
    shown = read(marked(text, [Mark(start, end) for start, end in spans]))
    assert {place for start, end in shown.marks for place in range(start, end)} == wanted
    assert all(start < end for start, end in shown.marks)


def test_marks_that_cross_are_cut_in_two() -> None:
    html = marked("abcdef", [Mark(0, 4, "person"), Mark(2, 6, "place")])
    assert html == (
        '<mark class="person">ab<mark class="place">cd</mark></mark><mark class="place">ef</mark>'
    )


def test_a_label_can_not_leave_its_attribute() -> None:
    html = marked("x", [Mark(0, 1, "person", '"><script>alert(1)</script>')])
    assert read(html).tags == ["mark"]


def test_a_highlight_is_marked_by_code_points() -> None:
    found = Highlight("text", "\U0001f1ef\U0001f1f5 trade <b>talks</b>", [(3, 8)])
    assert passage(found) == "\U0001f1ef\U0001f1f5 <mark>trade</mark> &lt;b&gt;talks&lt;/b&gt;"


def test_dots_stand_where_something_is_left_out() -> None:
    article = enriched(text="First words. Middle. Last words.")
    first, last = (Highlight("text", words, []) for words in ("First words.", "Last words."))
    middle = Highlight("text", "Middle.", [])
    assert passages(article, [first, last]) == "First words. … Last words."
    assert passages(article, [middle]) == "… Middle. …"
    assert passages(article, []) == ""


def test_an_articles_entities_and_tickers_are_marked_in_their_field() -> None:
    japan = Mention(field="title", start=0, end=5, text="Japan")
    fund = Mention(field="text", start=0, end=3, text="EWJ")
    sum_ = Mention(field="text", start=9, end=11, text="$5", amount=5.0, unit="USD")
    article = enriched(
        title="Japan rises",
        text="EWJ rose $5",
        entities=[
            Entity(type="place", id="JP", name="Japan", count=1, mentions=[japan]),
            Entity(type="money", id="5-usd", name="5 USD", count=1, mentions=[sum_]),
        ],
        tickers=[Ticker(symbol="EWJ", name="iShares <Japan>", mentions=[fund])],
    )
    assert with_entities(article, "title") == (
        '<mark class="place" title="place: Japan">Japan</mark> rises'
    )
    assert with_entities(article, "text") == (
        '<mark class="ticker" title="ticker: EWJ, iShares &lt;Japan&gt;">EWJ</mark>'
        ' rose <mark class="money" title="money: 5 USD">$5</mark>'
    )


def test_an_article_without_a_title_has_no_marks_in_it() -> None:
    assert with_entities(enriched(title=None), "title") == ""

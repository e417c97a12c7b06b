"""Dates: the leading one, the dateline, and what the dates in a text mean."""

from __future__ import annotations

import re
import time
from datetime import UTC, date, datetime
from importlib.resources import files
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.enrich.dates.dates import _FORMS, _candidates, dateline, find_dates, leading_date
from pipeline.enrich.dates.tense import _CUE, find_cues
from pipeline.enrich.text.sentences import sentences

GOLDEN = files("pipeline").joinpath("samples/stocktwits-2025-07-17.txt").read_text()
THURSDAY = datetime(2025, 7, 17, tzinfo=UTC)
PIECES = [
    "Friday", "next ", "last ", "July", "May", " 1", "2024", "-", "/", " ", ", ", ". ", "\n",
    "the ", "Q2", "second quarter", "week", "year", " ago", "a ", "two ", "days", " earlier",
    "will ",
    "past ", "months", "31", "30", "9999", "0001-01-01", "fiscal ", "90s", "'", "in ", "from ",
    "to ", "weekend", "century", "999", "decades", "٣",
]  # fmt: skip
ISO = re.compile(
    r"\d{4}(-\d\d){0,2}|\d{4}-W\d\d|\d{4}-\d\d-\d\d/\d{4}-\d\d-\d\d",
)


def dates(text: str, published_at: datetime | None = THURSDAY) -> list[tuple[str, object]]:
    return [(m.text, m.value) for m in find_dates(text, published_at, sentences(text), "text")]


def values(text: str, published_at: datetime | None = THURSDAY) -> list[object]:
    return [value for _, value in dates(text, published_at)]


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        (" date 2025-07-17 Tokyo", "Tokyo"),
        ("date 2025-07-17\n\nTokyo", "Tokyo"),
        ("DATE: 2025-07-17 Tokyo", "Tokyo"),
        ("2025-07-17\nTokyo", "Tokyo"),
        ("date 2025-07-17", ""),
    ],
)
def test_a_leading_date_is_taken_off(text: str, rest: str) -> None:
    day, start = leading_date(text)

    assert day == date(2025, 7, 17)
    assert text[start:] == rest


@pytest.mark.parametrize(
    "text",
    ["", "date 2025-02-30 Tokyo", "2025-13-01\nTokyo", "2025-07-17 was a Thursday",
     "dated 2025-07-17", "date 2025-07-17th", "The date 2025-07-17"],
)  # fmt: skip
def test_an_impossible_or_other_beginning_stays_text(text: str) -> None:
    assert leading_date(text) == (None, 0)


@pytest.mark.parametrize(
    "text",
    [
        "TOKYO, July 17, 2025 (Reuters) - Shares rose.",
        "NEW YORK--(BUSINESS WIRE)--July 17, 2025--Acme Corp rose.",
        "NEW YORK, July 17, 2025 /PRNewswire/ -- Acme Corp rose.",
        "SAN FRANCISCO, Calif., July 17, 2025 (GLOBE NEWSWIRE) -- Acme Corp rose.",
        "Rio de Janeiro, 17 July 2025 – Shares rose.",
        "Tokyo (July 17, 2025) Shares rose.",
        "(July 17, 2025) Shares rose.",
        "Acme Corp rose\nTOKYO, Jul. 17, 2025 (Reuters) - Shares rose.",
        "Thursday, July 17, 2025\nShares rose.",
    ],
)
def test_a_dateline_gives_its_date(text: str) -> None:
    assert dateline(text) == date(2025, 7, 17)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "TOKYO, July 17 (Reuters) - Shares rose.",
        "TOKYO, Feb. 30, 2025 (Reuters) - Shares rose.",
        "The mine, closed since July 17, 2025 (a Thursday), opened.",
        "The accident (July 17, 1996) was remembered.",
        "Shares rose. " * 40 + "\nTOKYO, July 17, 2025 (Reuters) - Shares rose.",
    ],
)
def test_other_dates_near_the_beginning_are_no_dateline(text: str) -> None:
    assert dateline(text) is None


def test_the_golden_sample_has_its_dates_and_no_other() -> None:
    assert dates(GOLDEN[leading_date(GOLDEN)[1] :]) == [
        ("Thursday", "2025-07-17"),
        ("Thursday", "2025-07-17"),
        ("August 1", "2025-08-01"),
        ("Friday", "2025-07-18"),
        ("Last week", "2025-W28"),
        ("August 1", "2025-08-01"),
    ]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("2025-08-01", "2025-08-01"),
        ("2025/08/01", "2025-08-01"),
        ("August 1, 2025", "2025-08-01"),
        ("Aug. 1, 2025", "2025-08-01"),
        ("Aug 1 2025", "2025-08-01"),
        ("AUGUST 1, 2025", "2025-08-01"),
        ("1 August 2025", "2025-08-01"),
        ("the 1st of August, 2025", "2025-08-01"),
        ("Friday, August 1, 2025", "2025-08-01"),
        ("8/1/2025", "2025-08-01"),
        ("8/1/25", "2025-08-01"),
        ("17/07/2025", "2025-07-17"),
        ("17.07.2025", "2025-07-17"),
        ("July 3-5, 2025", "2025-07-03/2025-07-05"),
        ("3–5 July 2025", "2025-07-03/2025-07-05"),
        ("July 30 to August 2, 2025", "2025-07-30/2025-08-02"),
        ("December 30 to January 2, 2026", "2025-12-30/2026-01-02"),
        ("July 2025", "2025-07"),
        ("Jul '25", "2025-07"),
        ("mid-July 2025", "2025-07"),
        ("Q2 2025", "2025-04-01/2025-06-30"),
        ("2Q25", "2025-04-01/2025-06-30"),
        ("Q2'25", "2025-04-01/2025-06-30"),
        ("second quarter of 2025", "2025-04-01/2025-06-30"),
        ("H1 2025", "2025-01-01/2025-06-30"),
        ("1H25", "2025-01-01/2025-06-30"),
        ("first half of 2025", "2025-01-01/2025-06-30"),
        ("June quarter of 2025", "2025-04-01/2025-06-30"),
        ("2019-2021", "2019-01-01/2021-12-31"),
        ("2020-21", "2020-01-01/2021-12-31"),
        ("1990s", "1990-01-01/1999-12-31"),
        ("'90s", "1990-01-01/1999-12-31"),
        ("early 2026", "2026"),
        ("21st century", "2001-01-01/2100-12-31"),
        ("fiscal 2025", None),
        ("FY25", None),
        ("Q2 FY25", None),
        ("second-quarter of fiscal 2025", None),
        ("third fiscal quarter", None),
    ],
)
def test_an_explicit_date_needs_no_publication(written: str, value: str | None) -> None:
    assert dates(f"it said in {written}.", None) == [(written, value)]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("yesterday", "2025-07-16"),
        ("today", "2025-07-17"),
        ("tonight", "2025-07-17"),
        ("tomorrow", "2025-07-18"),
        ("last night", "2025-07-16"),
        ("the day after tomorrow", "2025-07-19"),
        ("last week", "2025-W28"),
        ("this week", "2025-W29"),
        ("next month", "2025-08"),
        ("last quarter", "2025-04-01/2025-06-30"),
        ("last year", "2024"),
        ("this decade", "2020-01-01/2029-12-31"),
        ("last weekend", "2025-07-12/2025-07-13"),
        ("next weekend", "2025-07-26/2025-07-27"),
        ("a day ago", "2025-07-16"),
        ("two days earlier", "2025-07-15"),
        ("three weeks ago", "2025-W26"),
        ("a month ago", "2025-06"),
        ("a year earlier", "2024"),
        ("20 years ago", "2005"),
        ("past three months", "2025-04-17/2025-07-17"),
        ("past year", "2024-07-17/2025-07-17"),
        ("next two weeks", "2025-07-17/2025-07-31"),
        ("in two weeks' time", "2025-W31"),
        ("two days from now", "2025-07-19"),
        ("last Tuesday", "2025-07-15"),
        ("next Monday", "2025-07-21"),
        ("last July", "2024-07"),
        ("next March", "2026-03"),
        ("first half of last year", "2024-01-01/2024-06-30"),
    ],
)
def test_what_is_told_from_publication_is_resolved_against_it(written: str, value: str) -> None:
    assert dates(f"It was so {written}.") == [(written, value)]


@pytest.mark.parametrize(
    "text",
    ["on Thursday", "last week", "a year ago", "in March", "on August 1", "tomorrow", "in Q2",
     "over the weekend", "the past three months"],
)  # fmt: skip
def test_without_publication_such_a_date_has_no_value(text: str) -> None:
    assert values(f"It was so {text}.", None) == [None]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("The minister met his colleague on Thursday.", "2025-07-17"),
        ("Shares closed lower Friday.", "2025-07-11"),
        ("The company said on Monday it will cut jobs.", "2025-07-14"),
        ("On Friday, the company said it will cut jobs.", "2025-07-11"),
        ("Friday's jobs report beat forecasts.", "2025-07-11"),
        ("Talks that collapsed on Monday may go on.", "2025-07-14"),
        ("On Tuesday, Acme agreed to buy a rival.", "2025-07-15"),
        ("It will pay 27% above Friday's closing price.", "2025-07-11"),
        ("FRIDAY", "2025-07-11"),
    ],
)
def test_a_weekday_is_the_latest_one_up_to_publication(text: str, value: str) -> None:
    assert values(text) == [value]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("The bank will decide on Friday.", "2025-07-18"),
        ("The bank will decide on Thursday.", "2025-07-17"),
        ("Traders braced for Wednesday's inflation data.", "2025-07-23"),
        ("It comes ahead of a potential meeting in Tokyo on Friday.", "2025-07-18"),
        ("A vote is scheduled for Tuesday.", "2025-07-22"),
        ("The report, due on Monday, matters.", "2025-07-21"),
        ("The company agreed to publish it on Monday.", "2025-07-21"),
        ("On Monday, the company will report earnings.", "2025-07-21"),
        ("Negotiations resume Saturday.", "2025-07-19"),
        ("It has until Friday to answer.", "2025-07-18"),
        ("Fed to meet Friday", "2025-07-18"),
    ],
)
def test_a_weekday_after_a_future_cue_is_the_next_one(text: str, value: str) -> None:
    assert values(text) == [value]


def test_each_weekday_of_a_sentence_has_the_cue_that_is_nearest() -> None:
    text = "Tariffs that were announced on Tuesday will take effect on Friday."

    assert values(text) == ["2025-07-15", "2025-07-18"]


def test_a_cue_in_another_sentence_does_not_count() -> None:
    assert values("The bank will decide. Shares rose on Friday.") == ["2025-07-11"]


@pytest.mark.parametrize(
    ("published", "written", "value"),
    [
        ("2025-07-17", "August 1", "2025-08-01"),
        ("2025-07-17", "July 16", "2025-07-16"),
        ("2025-01-05", "December 30", "2024-12-30"),
        ("2025-12-30", "January 5", "2026-01-05"),
        ("2025-03-01", "February 29", "2024-02-29"),
        ("2025-07-17", "Thursday, July 17", "2025-07-17"),
    ],
)
def test_a_day_without_its_year_is_of_the_year_that_brings_it_nearest(
    published: str, written: str, value: str
) -> None:
    assert dates(f"It was on {written}.", datetime.fromisoformat(published)) == [(written, value)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("It opened in December.", "2024-12"),
        ("It will open in December.", "2025-12"),
        ("Inflation slowed in May.", "2025-05"),
        ("In May, Acme agreed to buy a rival.", "2025-05"),
        ("No decision had been made about September.", "2025-09"),
        ("Acme reported fourth-quarter profit.", "2024-10-01/2024-12-31"),
        ("Acme expects fourth-quarter profit to rise.", "2025-10-01/2025-12-31"),
        ("Acme plans to report second-quarter results.", "2025-04-01/2025-06-30"),
    ],
)
def test_a_month_or_quarter_without_its_year_follows_the_tense(text: str, value: str) -> None:
    assert values(text) == [value]


def test_two_days_later_counts_from_the_day_before_it_in_the_sentence() -> None:
    text = "It rose on July 3 and fell two days later. Three days later it rose."

    assert values(text) == ["2025-07-03", "2025-07-05", None]


@pytest.mark.parametrize(
    "text",
    [
        "in 2023", "since 2019", "the 2024 election", "its 2024 results", "2024's drought",
        "the plan (2024) failed", "by 2030", "in 2024 sales rose",
    ],
)  # fmt: skip
def test_a_number_that_is_clearly_a_year_is_one(text: str) -> None:
    assert len(values(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "It sold 2024 shares.", "It has 2000 employees.", "5,000 people came.", "Windows 2000",
        "the index rose to 2050 points", "at 1800 GMT", "$2024", "2024%", "model X2024",
        "a 45-minute call", "the 10-year yield", "for the second time", "You may march on.",
        "Theresa May said so.", "an august body", "Black Friday", "The Sunday Times", "on Fridays",
        "Feb. 30", "13/13/2025", "24/7", "the first quarter-final", "USA Today",
        "scored in the first half", "20th Century Fox", "a day after the vote", "March 10% up",
        "a few days ago",
    ],
)  # fmt: skip
def test_what_is_no_date_is_not_found(text: str) -> None:
    assert dates(text) == []


def test_dates_at_the_ends_of_the_calendar_have_no_value_rather_than_an_error() -> None:
    text = "900 years ago, next decade, next week, the past 90 decades, in March, on August 1"

    for year in (1, 9999):
        assert len(dates(text, datetime(year, 12, 31, tzinfo=UTC))) == 6


@given(
    st.text() | st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
    st.none() | st.datetimes(timezones=st.just(UTC)),
)
def test_offsets_fit_and_values_are_iso_8601(text: str, published_at: datetime | None) -> None:
    for spans in (sentences(text), []):
        mentions = find_dates(text, published_at, spans, "title")
        assert all(text[m.start : m.end] == m.text != "" for m in mentions)
        assert all(a.end <= b.start for a, b in pairwise(mentions))
        assert all(m.value is None or ISO.fullmatch(str(m.value)) for m in mentions)
    day, start = leading_date(text)
    assert 0 <= start <= len(text)
    assert day is None or start > 0
    dateline(text)


@pytest.mark.parametrize(
    "piece",
    [
        "Friday ",
        "will Friday ",
        "2024 ",
        "July 1-",
        "the past ",
        "A.",
        "Fed to ",
        "1",
        "may ",
        "\n",
    ],
)
def test_the_time_grows_no_faster_than_the_text(piece: str) -> None:
    def seconds(size: int) -> float:
        text = (piece * size)[:size]
        start = time.process_time()
        find_dates(text, THURSDAY, [(0, size)], "text")
        dateline(text)
        leading_date(text)
        return time.process_time() - start

    # A hundred times the text; what takes the square of the time would take ten thousand times.
    assert seconds(200_000) < 1000 * max(seconds(2_000), 0.001)


FRAGMENTS = [
    "on Thursday, July 17, 2025", "from Sept. 3 to Oct. 15, 2024", "Mark", "the market", "in May",
    "two weeks ago", "last night", "the third quarter of 2024", "12 to 14 March 2026", "FY2025",
    "the first half of fiscal 2025", "Q2", "1990s", "by the end of next month", "17.07.2025",
    "a couple of years earlier", "Monday", "2025-07-17", "7/17/25", "the 19th century", "\n",
    "Q12025", "1Q25", "Q1FY25", "H2 '24", "in 1H", "FY 24 Q3", "the '90s", "mid-1980s", "2nd half",
    "2024-25", "from 2019 to 2021", "over the weekend", "this coming Friday", "on Tue", "1 May",
    "the day after tomorrow", "in two weeks' time", "the past year", "next 10 years", "Fiscal2024",
    "MAY", "mon", "Mar.", "Sept 30", "the 1st of June", "Sat. 3 Aug '24", "June quarter", "a", "of",
]  # fmt: skip


def test_an_iso_date_is_of_a_year_that_news_may_mean() -> None:
    assert dates("First shown 1812-06-24, unset 0001-01-01 until 2019") == [
        ("1812-06-24", "1812-06-24"),
        ("2019", "2019"),
    ]


def test_a_date_may_go_on_in_the_next_line() -> None:
    assert dates("It closed last\nnight.") == [("last\nnight", "2025-07-16")]
    assert dates("It will meet on\nFri.") == [("Fri.", "2025-07-18")]


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=12), st.sampled_from([" ", ", ", ". ", "\n"]))
def test_dates_begin_with_the_words_that_their_forms_name(parts: list[str], between: str) -> None:
    text = between.join(parts)
    everywhere = {
        (match.span(), resolver)
        for pattern, resolver, _, _ in _FORMS
        for match in pattern.finditer(text)
    }
    assert {(match.span(), resolver) for _, _, match, resolver in _candidates(text)} == everywhere


CUES = [
    "will", "won't", "they'll", "May", "may", "is now set to", "was due", "set for", "plans a",
    "told him to", "agreed to", "agreed", "Fed to meet", "the embattled", "raised", "by Friday",
    "before", "ahead of", "-will", "Will-power", "takes place", "comes into force", "a limited",
    "said", "EXPECTED", "U.S. to join", "’ll", ".", "the Bank",
]  # fmt: skip


@given(st.lists(st.sampled_from(CUES), max_size=12), st.sampled_from([" ", ", ", "\n"]))
def test_cues_of_tense_begin_with_the_words_that_are_looked_for(
    parts: list[str], between: str
) -> None:
    text = between.join(parts)
    everywhere = [match.start() for match in _CUE.finditer(text)]
    assert [cue.start for cue in find_cues(text, 0, len(text))] == everywhere

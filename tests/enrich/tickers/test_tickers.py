"""Tickers: each notation, what looks like one and is none, and the gazetteer behind them."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.enrich.tickers.listings import gazetteer, is_wordlike
from pipeline.enrich.tickers.tickers import company_name, find_tickers, symbol_of_company


def symbols(text: str) -> list[str]:
    return [span.symbol for span in find_tickers(text)]


@pytest.mark.parametrize(
    ("text", "symbol", "mention", "mask"),
    [
        ("Buy $EWJ now", "EWJ", "EWJ", "$EWJ"),
        ("The fund (EWJ) rose", "EWJ", "EWJ", "(EWJ)"),
        ("The fund (NYSE: EWJ) rose", "EWJ", "EWJ", "(NYSE: EWJ)"),
        ("The fund (NYSEARCA:EWJ) rose", "EWJ", "EWJ", "(NYSEARCA:EWJ)"),
        ("The fund (NYSE Arca: EWJ) rose", "EWJ", "EWJ", "(NYSE Arca: EWJ)"),
        ("Apple (NASDAQ:AAPL) rose", "AAPL", "AAPL", "(NASDAQ:AAPL)"),
        ("Apple (NasdaqGS: AAPL) rose", "AAPL", "AAPL", "(NasdaqGS: AAPL)"),
        ("Apple [NASDAQ: AAPL] rose", "AAPL", "AAPL", "[NASDAQ: AAPL]"),
        ("Apple, NASDAQ:AAPL, rose", "AAPL", "AAPL", "NASDAQ:AAPL"),
        ("Apple ( NASDAQ : AAPL - news ) rose", "AAPL", "AAPL", "NASDAQ : AAPL"),
        ("Apple (AAPL.O) rose", "AAPL", "AAPL", "(AAPL.O)"),
        ("Apple <AAPL.OQ> rose", "AAPL", "AAPL", "<AAPL.OQ>"),
        ("Apple (AAPL US) rose", "AAPL", "AAPL", "(AAPL US)"),
        ("Apple (ticker: AAPL) rose", "AAPL", "AAPL", "(ticker: AAPL)"),
        ("Apple (AAPL, +2.3%) rose", "AAPL", "AAPL", "(AAPL, +2.3%)"),
        ("Apple ($AAPL) rose", "AAPL", "AAPL", "($AAPL)"),
        ("Berkshire (BRK.B) rose", "BRK.B", "BRK.B", "(BRK.B)"),
        ("Berkshire (NYSE: BRK-B) rose", "BRK.B", "BRK-B", "(NYSE: BRK-B)"),
        ("Berkshire (BRK/B) rose", "BRK.B", "BRK/B", "(BRK/B)"),
        ("Berkshire <BRKb.N> rose", "BRK.B", "BRKb", "<BRKb.N>"),
        ("Bitcoin ($BTC.X) rose", "BTC.X", "BTC.X", "($BTC.X)"),
        ("Miner (TSX: ABC; NYSE: NEM) rose", "NEM", "NEM", "(TSX: ABC; NYSE: NEM)"),
    ],
)
def test_a_notation_gives_symbol_mention_and_mask(
    text: str, symbol: str, mention: str, mask: str
) -> None:
    (span,) = find_tickers(text)
    assert span.symbol == symbol
    assert text[span.start : span.end] == mention
    assert text[span.mask_start : span.mask_end] == mask


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Alphabet (GOOG, GOOGL) rose", ["GOOG", "GOOGL"]),
        ("Both (NYSE: GM, NASDAQ: TSLA) rose", ["GM", "TSLA"]),
        ("Both (NYSE: F, GM) rose", ["F", "GM"]),
        ("Both ($F and $GM) rose", ["F", "GM"]),
        ("$AAPL/$MSFT rose", ["AAPL", "MSFT"]),
    ],
)
def test_several_symbols_in_one_place(text: str, expected: list[str]) -> None:
    assert symbols(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "The company (TSX: SHOP) rose",
        "The company (LON: BP) rose",
        "The company (7203.T) rose",
        "The company (VOD.L) rose",
        "The company (NYSE: ZZZZZ) rose",
        "The company (OTHER: AAPL) rose",
        "He paid $5, US$7, HK$9, C$11 and $US5 million",
        "Revenue ($M) and costs ($B), figures in $K",
        "Her boss (CEO) spoke of (EPS), (YTD), (Q2), (EBITDA), (NATO) and (USA)",
        "the Federal Open Market Committee (FOMC)",
        "the Consumer Price Index (CPI)",
        "the Bank of Japan (BOJ)",
        "service organization control (SOC) reports",
        "Hollow, Reed and Ingram, LLC (HRI) audits",
        "the Cedar Mills Group (CMG) is private",
        "Senator Jane Roe (D) of Montana (MT)",
        "ALL IS WELL, IT SAID, AND NOW AI",
        "on the NYSE: A record was set",
        "He wrote A, T and V on the board",
        "EWJ gained 2%",
    ],
)
def test_what_looks_like_a_ticker_and_is_none(text: str) -> None:
    assert symbols(text) == []


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("Agilent Technologies", "A"),
        ("Gartner Inc.", "IT"),
        ("Allstate", "ALL"),
        ("ServiceNow", "NOW"),
        ("C3.ai", "AI"),
        ("Citi", "C"),
        ("Citigroup", "C"),
        ("Ford Motor Co.", "F"),
        ("Visa's", "V"),
        ("U.S. Steel", "X"),
        ("Macy’s", "M"),
        ("AT&T Inc.", "T"),
        ("Deere & Co.", "DE"),
    ],
)
def test_a_wordlike_symbol_counts_after_its_name_and_not_alone(name: str, symbol: str) -> None:
    assert is_wordlike(symbol)
    assert symbols(f"Shares of {name} ({symbol}) rose.") == [symbol]
    assert symbols(f"Shares of the firm ({symbol}) rose.") == []
    assert symbols(f"Shares (NYSE: {symbol}) and ${symbol} rose.") == [symbol, symbol]


def test_an_established_symbol_is_found_bare() -> None:
    text = "The fund (EWJ) fell. EWJ then gained 2%, and EWJ's volume rose."
    assert symbols(text) == ["EWJ"] * 3


def test_a_symbol_established_in_the_title_is_found_bare() -> None:
    assert [span.symbol for span in find_tickers("EWJ gained 2%", {"EWJ"})] == ["EWJ"]


def test_a_wordlike_symbol_is_never_found_bare() -> None:
    assert symbols("Allstate (ALL) rose. WE ALL KNOW THAT ALL IS WELL.") == ["ALL"]


def test_a_symbol_within_a_funds_name_is_no_mention_of_its_own() -> None:
    assert symbols("the Invesco QQQ Trust (QQQ)") == ["QQQ"]


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("EWJ", "iShares MSCI Japan ETF"),
        ("SPY", "SPDR S&P 500 ETF Trust"),
        ("QQQ", "Invesco QQQ Trust"),
        ("DIA", "SPDR Dow Jones Industrial Average ETF Trust"),
        ("BRK.B", "Berkshire Hathaway Inc."),
        ("IBM", "International Business Machines Corp."),
        ("T", "AT&T Inc."),
        ("JPM", "JPMorgan Chase & Co."),
        ("IWM", "iShares Russell 2000 ETF"),
        ("ASML", "ASML Holding N.V."),
        ("ROKU", "Roku, Inc."),
        ("CSX", "CSX Corp."),
        ("NOSUCH", None),
    ],
)
def test_names_are_as_written_today(symbol: str, name: str | None) -> None:
    assert company_name(symbol) == name


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("Apple", "AAPL"),
        ("apple inc", "AAPL"),
        ("NVIDIA Corporation", "NVDA"),
        ("The Walt Disney Company", "DIS"),
        ("Alphabet", "GOOGL"),
        ("Berkshire Hathaway", "BRK.B"),
        ("Delta Air Lines", "DAL"),
        ("Target Corp.", "TGT"),
        ("Target", None),
        ("Gap", None),
        ("Delta", None),
        ("Dallas", None),
        ("Jack", None),
        ("Congress", None),
        ("Reuters", None),
        ("United States", None),
        ("Federal Reserve", None),
        ("", None),
        ("Inc.", None),
    ],
)
def test_a_company_gives_its_symbol_and_an_ordinary_word_none(
    name: str, symbol: str | None
) -> None:
    assert symbol_of_company(name) == symbol


def test_the_gazetteer_is_clean() -> None:
    assert len(gazetteer()) > 10_000
    for symbol in gazetteer():
        name = company_name(symbol)
        assert symbol == symbol.strip().upper()
        assert "-" not in symbol
        assert name
        assert name == name.strip()
        assert not name.endswith("/")


def test_loading_is_quick() -> None:
    program = (
        "import time; from pipeline.enrich.tickers import listings; start = time.perf_counter();"
        "listings.company_name('A'); listings.is_wordlike('A'); print(time.perf_counter() - start)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 0.2


PIECES = st.sampled_from(
    [
        "$",
        "(",
        ")",
        "[",
        "]",
        "<",
        ">",
        ":",
        ",",
        ".",
        "/",
        "-",
        "NYSE",
        "NASDAQ:",
        "AAPL",
        "BRK.B",
        "A",
        "IT",
        "EWJ",
        "Ford",
        "$F",
        "US",
        "5",
        "%",
        "’",
        "\n",
    ]
)


@given(
    st.one_of(st.text(), st.lists(PIECES, max_size=40).map("".join)), st.sets(st.text(max_size=5))
)
def test_offsets_fit_and_no_text_raises(text: str, established: set[str]) -> None:
    last = 0
    for span in find_tickers(text, established):
        assert last <= span.start < span.end <= len(text)
        assert span.mask_start <= span.start
        assert span.end <= span.mask_end <= len(text)
        written = text[span.start : span.end]
        assert written.upper().replace("-", ".").replace("/", ".").replace(
            ".", ""
        ) == span.symbol.replace(".", "")
        assert company_name(span.symbol) == span.name
        last = span.end


@given(st.text())
def test_no_name_raises(name: str) -> None:
    assert symbol_of_company(name) is None or company_name(symbol_of_company(name) or "")


@pytest.mark.parametrize(
    "unit", ["(", "$", "A", "(A", "A,", "NYSE:", "NYSE ", " ", "[(", "A and ", "(AA,", "(Aa :"]
)
def test_time_grows_no_faster_than_the_text(unit: str) -> None:
    start = time.process_time()
    find_tickers((unit * 1_000_000)[:1_000_000], {"EWJ"})
    assert time.process_time() - start < 10

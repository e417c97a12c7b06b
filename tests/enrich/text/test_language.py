"""The language of texts and headlines, and when it can't be told."""

from __future__ import annotations

import socket
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.enrich.text.language import detect_language

GOLDEN = files("pipeline").joinpath("samples/stocktwits-2025-07-17.txt").read_text()


def test_the_golden_sample_is_english() -> None:
    assert detect_language(GOLDEN) == "en"


@pytest.mark.parametrize(
    "text",
    [
        "Tokyo Shares Fall as Yen Strengthens",
        "APPLE BEATS ESTIMATES AS IPHONE SALES JUMP",
        "Ishiba, Akazawa, Kishida meet Tanaka in Osaka",
        "Shares of Grupo Financiero Banorte and Banco Santander México rose in Mexico City.",
        "Volkswagen AG, Bayerische Motoren Werke AG and Mercedes-Benz Group AG fell on Friday.",
        "Nikkei 225 closes higher",
        "$ACMR $FOOO up 3.5% and 2.1% after the bell, $BARR was down -1.2% on 12,345,678 shares",
        "The Nikkei (日経平均) rose 2% on Monday in Tokyo",
        "Line one of the news\r\nand line two\x0bof it\u2028and three",
    ],
)
def test_english_news_stays_english(text: str) -> None:
    assert detect_language(text) == "en"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Die Börse schloss am Freitag höher, weil die Anleger auf sinkende Zinsen hoffen."),
        ("fr", "La Bourse de Paris a terminé en hausse, portée par les valeurs du luxe."),
        ("es", "Las acciones subieron el viernes en Madrid tras el anuncio del banco central."),
        ("it", "La Borsa di Milano ha chiuso in rialzo dopo la decisione della banca centrale."),
        ("pt", "A bolsa de São Paulo fechou em alta depois da decisão do banco central."),
        ("nl", "De aandelen in Amsterdam stegen vrijdag na het besluit van de centrale bank."),
        ("pl", "Giełda w Warszawie wzrosła po decyzji banku centralnego o stopach."),
        ("ru", "Акции выросли в четверг на фоне надежд на переговоры."),
        ("ar", "ارتفعت الأسهم يوم الخميس وسط آمال بإحراز تقدم"),
        ("ja", "日経平均株価が上昇した。"),
        ("ja", "東京株価は3%上昇した。"),
        ("zh", "东京股市周四上涨百分之二。"),
        ("ko", "코스피가 목요일에 상승 마감했다."),
        ("hi", "शेयर बाजार में तेजी"),
    ],
)
def test_other_languages_are_told_apart(language: str, text: str) -> None:
    assert detect_language(text) == language


@pytest.mark.parametrize(
    "text", ["", " ", "Tokyo", "12345 67890", "...", "$AAPL $MSFT $NVDA", "\ud800" * 50, "\0" * 99,
             "https://example.com/a/b/c @someone", "A" * 3000]
)  # fmt: skip
def test_too_little_text_has_no_language(text: str) -> None:
    assert detect_language(text) is None


def test_only_the_beginning_counts() -> None:
    english = "Shares rose in Tokyo after the central bank kept its rates. " * 50

    assert detect_language(english + "Die Börse schloss höher. " * 1000) == "en"


def test_nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was made")

    monkeypatch.setattr(socket.socket, "connect", refuse)

    assert detect_language("Shares rose in Tokyo after the talks.") == "en"


@settings(deadline=None)
@given(st.text())
def test_any_text_has_a_language_code_or_none(text: str) -> None:
    language = detect_language(text)

    assert language is None or len(language) == 2


@pytest.mark.parametrize(
    "text",
    ["Nvidia surges", "Tesla (TSLA) fell 2%.", "Boeing beats", "Apple (AAPL) rose 3% in Paris."],
)
def test_a_short_headline_is_english_by_its_verb(text: str) -> None:
    assert detect_language(text) == "en"


@pytest.mark.parametrize("text", ["Gewinn steigt", "Siemens steigert Gewinn", "Das Fell der Katze"])
def test_a_short_headline_of_another_language_is_not_taken_for_english(text: str) -> None:
    assert detect_language(text) != "en"

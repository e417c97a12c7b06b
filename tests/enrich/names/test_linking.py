"""One thing, one id, whatever it is called; a listed company has its symbol for an id.

Whatever is said of companies and people here is invented.
"""

from __future__ import annotations

import pytest

from pipeline.article import Clock, EnrichedArticle, Entity, Submission, settle
from pipeline.enrich import Enricher
from pipeline.profiles import Profiles

ENRICHER = Enricher(Profiles([]))

# A type, an id, and the names that it goes by.
NAMES = """
organization AAPL: Apple | Apple Inc. | Apple Inc | Apple’s | Apple's
organization MSFT: Microsoft | Microsoft Corp. | Microsoft Corporation
organization GOOGL: Alphabet | Google | Alphabet Inc. | Google Inc.
organization META: Meta | Meta Platforms | Facebook | Meta Platforms Inc.
organization AMZN: Amazon | Amazon.com | Amazon.com Inc.
organization NVDA: Nvidia | NVIDIA | Nvidia Corp.
organization TSLA: Tesla | Tesla Inc. | Tesla Motors
organization JPM: JPMorgan Chase | JPMorgan | JP Morgan | J.P. Morgan | JPMorgan Chase & Co.
organization GS: Goldman Sachs | Goldman | Goldman Sachs Group Inc.
organization BAC: Bank of America | BofA | Bank of America Corp.
organization C: Citigroup | Citi | Citigroup Inc.
organization MS: Morgan Stanley | Morgan Stanley’s
organization BRK.B: Berkshire Hathaway | Berkshire | Berkshire Hathaway Inc.
organization TM: Toyota | Toyota Motor | Toyota Motor Corp.
organization TSM: TSMC | Taiwan Semiconductor | Taiwan Semiconductor Manufacturing Co.
organization XOM: Exxon Mobil | Exxon | ExxonMobil | Exxon Mobil Corp.
organization F: Ford | Ford Motor | Ford Motor Co.
organization GM: General Motors | GM | General Motors Co.
organization BA: Boeing | Boeing Co. | Boeing’s
organization WMT: Walmart | Wal-Mart | Walmart Inc.
organization JNJ: Johnson & Johnson | J&J
organization PG: Procter & Gamble | P&G | Procter & Gamble Co.
organization KO: Coca-Cola | Coke | Coca-Cola Co.
organization DIS: Disney | Walt Disney | Walt Disney Co.
organization IBM: IBM | International Business Machines Corp.
organization T: AT&T | AT&T Inc.
organization HSBC: HSBC | HSBC Holdings | HSBC Holdings Plc
organization DB: Deutsche Bank | Deutsche Bank AG
organization UBS: UBS | UBS AG | UBS Group AG
organization volkswagen: Volkswagen | VW | Volkswagen AG
organization samsung: Samsung | Samsung Electronics | Samsung Electronics Co.
organization nestle: Nestle | Nestlé | Nestlé SA
organization federal-reserve: Federal Reserve | Fed | U.S. Federal Reserve | Federal Reserve Board
organization european-central-bank: European Central Bank | ECB
organization bank-of-england: Bank of England | BoE
organization bank-of-japan: Bank of Japan | BOJ | BoJ
organization international-monetary-fund: International Monetary Fund | IMF
organization securities-and-exchange-commission: Securities and Exchange Commission | SEC
organization food-and-drug-administration: Food and Drug Administration | FDA | US FDA
organization justice-department: Justice Department | Department of Justice | DOJ
organization us-treasury: U.S. Treasury | Treasury Department | U.S. Treasury Department
organization european-union: European Union | EU | E.U.
organization wall-street-journal: Wall Street Journal | WSJ
organization associated-press: Associated Press | AP
place US: United States | U.S. | US | USA | America
place GB: United Kingdom | UK | U.K. | Britain
place new-york: New York | New York City
person donald-trump: Donald Trump | Trump | Donald J. Trump
"""


def rows() -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    for line in NAMES.split("\n")[1:-1]:
        head, _, names = line.partition(": ")
        kind, identity = head.split()
        found += [(kind, identity, name.strip()) for name in names.split("|")]
    return found


def enrich(text: str) -> EnrichedArticle:
    submission = Submission(body=text, language="en")
    raw = settle(submission, source="test", clock=Clock(), max_body_bytes=10_000)
    [article] = ENRICHER.enrich([raw])
    assert isinstance(article, EnrichedArticle)
    return article


def named(article: EnrichedArticle) -> list[Entity]:
    kinds = ("person", "place", "organization")
    return [entity for entity in article.entities if entity.type in kinds]


@pytest.mark.parametrize(("kind", "identity", "name"), rows(), ids=lambda value: value)
def test_a_name_has_the_id_of_what_it_names(kind: str, identity: str, name: str) -> None:
    article = enrich(f"Officials of {name} said on Monday that plans would change this year.")
    assert [(entity.type, entity.id) for entity in named(article)] == [(kind, identity)]


@pytest.mark.parametrize("line", NAMES.split("\n")[1:-1], ids=lambda line: line.split(":")[0])
def test_all_names_of_one_thing_in_one_article_are_one_entity(line: str) -> None:
    names = [name.strip() for name in line.partition(": ")[2].split("|")]
    article = enrich(" ".join(f"On Monday the talks with {name} went on." for name in names))
    [entity] = named(article)
    assert entity.count == len(names)


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("Shoppers bought more phones of Apple and Samsung.", ["AAPL"]),
        ("Microsoft and Oracle bid for the contract.", ["MSFT", "ORCL"]),
        ("Economists at JPMorgan and Berkshire Hathaway disagree.", ["BRK.B", "JPM"]),
        ("Google, owned by Alphabet, pays Meta nothing.", ["GOOGL", "META"]),
        ("Toyota and Honda raised prices in Japan.", ["HMC", "TM"]),
        ("Chips come from TSMC and Nvidia.", ["NVDA", "TSM"]),
        ("Boeing delivered ten planes; Exxon drilled off Guyana.", ["BA", "XOM"]),
        ("Shares of Ford fell while General Motors gained.", ["F", "GM"]),
        ("Target Corp. and Gap Inc. lead retailers. Target grew.", ["GAP", "TGT"]),
        ("Analysts at Visa Inc. expect more. Visa shares rose.", ["V"]),
        ("Sony Chief Executive Hiroki Totoki met Netflix in Tokyo.", ["NFLX", "SONY"]),
        ("Nasdaq Inc. will buy a software firm.", ["NDAQ"]),
    ],
)
def test_a_listed_company_that_is_only_named_gives_its_symbol(
    text: str, symbols: list[str]
) -> None:
    assert enrich(text).related_symbols == symbols


@pytest.mark.parametrize(
    "text",
    [
        "Harrison Ford sold his plane on Monday, and Ford said he would miss it.",
        "Gerald Ford pardoned him, historians said. Mr. Ford lost the vote.",
        "The target of the campaign is a gap in the rules for a tourist visa.",
        "Gap years are popular, and visa rules are strict, students said.",
        "An apple a day costs a dollar now, growers in the valley said.",
        "The Amazon burned again, and rangers of Brazil fought the fires.",
        "Stocks on the Nasdaq rose, and the Dow fell, traders in New York said.",
        "Morgan Freeman and Charles Morgan opened the festival in Cannes.",
        "Officials in Delta, a town in Utah, met on Sunday to talk about the dam.",
        "Prime Minister Anna Chase spoke of peace, and Chase left for Oslo.",
    ],
)
def test_a_person_a_place_or_a_word_gives_no_symbol(text: str) -> None:
    article = enrich(text)
    assert article.symbols + article.related_symbols == []

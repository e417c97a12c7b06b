"""The rules for names over the real recogniser. People and companies are invented unless public."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

import pytest

from pipeline.article import Entity, TextField
from pipeline.enrich.names.entities import find_entities, mask
from pipeline.enrich.recognizer.fast_ner import Span
from pipeline.enrich.recognizer.recognizer import Recognizer
from pipeline.enrich.tickers.tickers import find_tickers, symbol_of_company

RECOGNIZER = Recognizer()


def annotate(text: str, title: str | None = None) -> list[Entity]:
    fields: dict[TextField, str] = {"title": title, "text": text} if title else {"text": text}
    tickers = {field: find_tickers(value) for field, value in fields.items()}
    masks = {
        field: mask(value, [(t.mask_start, t.mask_end) for t in tickers[field]])
        for field, value in fields.items()
    }
    spans = RECOGNIZER.recognize([masks[field][0] for field in fields])
    entities = find_entities(
        fields,
        dict(zip(fields, spans, strict=True)),
        {field: hidden for field, (_, hidden) in masks.items()},
        {t.name for found in tickers.values() for t in found},
        symbol_of_company,
    )
    for entity in entities:
        assert entity.count == len(entity.mentions)
        for mention in entity.mentions:
            assert fields[mention.field][mention.start : mention.end] == mention.text
    return entities


def names(entities: Sequence[Entity], kind: str) -> list[str]:
    return [entity.name for entity in entities if entity.type == kind]


def surfaces(entities: Sequence[Entity], name: str) -> list[str]:
    return [m.text for entity in entities if entity.name == name for m in entity.mentions]


def sample() -> str:
    path = files("pipeline").joinpath("samples", "stocktwits-2025-07-17.txt")
    return path.read_text("utf-8")


def test_the_golden_sample_gives_its_people() -> None:
    people = names(annotate(sample()), "person")
    assert people[:6] == [
        "Ryosei Akazawa",
        "Howard Lutnick",
        "Donald Trump",
        "Shigeru Ishiba",
        "Scott Bessent",
        "Marco Rubio",
    ]
    assert people[6:] == ["Joe Biden"]


def test_the_golden_sample_gives_no_false_organization() -> None:
    assert names(annotate(sample()), "organization") == ["Reuters", "Stocktwits"]


def test_the_golden_sample_gives_its_places_and_its_group() -> None:
    entities = annotate(sample())
    assert names(entities, "place") == ["Tokyo", "Washington", "Japan", "United States"]
    assert names(entities, "group") == ["Japanese"]


TEMPLATE = (
    "{capital} and {other_capital} are in talks about trade.\n\n"
    "{country}’s trade negotiator {first} and {other} Commerce Secretary {second} spoke on "
    "Tuesday. The call came a day after {other} President {third} set out a 15% tariff on "
    "{adjective} goods, "
    "Reuters reported.\n\n"
    "{other} Secretary of State {fourth} met {adjective} Prime Minister {fifth} in {capital}. "
    "“No drama,” {fourth_last} said, while {fifth_last} said {country} would wait. "
    "Last week, {third_last} had announced the tariffs.\n\n"
    "On Stocktwits, sentiment was ‘bearish’ for the {fund} ({symbol}) and ‘neutral’ for the SPDR "
    "S&P 500 ETF Trust (SPY). Write to desk[at]example[dot]com."
)
PEOPLE = ["Martin Keller", "Laura Benson", "Robert Hayes", "Anna Lindqvist", "David Morgan"]
COUNTRIES = [
    ("Brazil", "Brasilia", "Brazilian", "iShares MSCI Brazil ETF", "EWZ", "BR"),
    ("Canada", "Ottawa", "Canadian", "iShares MSCI Canada ETF", "EWC", "CA"),
    ("Mexico", "Mexico City", "Mexican", "iShares MSCI Mexico ETF", "EWW", "MX"),
]


@pytest.mark.parametrize("country", COUNTRIES, ids=lambda country: country[0])
@pytest.mark.parametrize("turn", range(5))
def test_a_text_like_the_sample_with_other_names_gives_them(
    country: tuple[str, ...], turn: int
) -> None:
    name, capital, adjective, fund, symbol, code = country
    people = PEOPLE[turn:] + PEOPLE[:turn]
    text = TEMPLATE.format(
        country=name,
        capital=capital,
        adjective=adjective,
        fund=fund,
        symbol=symbol,
        other="U.S.",
        other_capital="Washington",
        **dict(zip(("first", "second", "third", "fourth", "fifth"), people, strict=True)),
        third_last=people[2].split()[1],
        fourth_last=people[3].split()[1],
        fifth_last=people[4].split()[1],
    )
    entities = annotate(text)
    assert names(entities, "person") == people
    assert names(entities, "organization") == ["Reuters", "Stocktwits"]
    assert set(names(entities, "place")) == {capital, "Washington", name, "United States"}
    assert names(entities, "group") == [adjective]
    assert {e.id for e in entities if e.name in (name, "United States")} == {code, "US"}


def test_the_first_full_mention_is_the_canonical_name() -> None:
    entities = annotate("David R. Morgan resigned. David Morgan said so. Morgan left London.")
    assert names(entities, "person") == ["David R. Morgan"]
    assert len(surfaces(entities, "David R. Morgan")) == 3


@pytest.mark.parametrize(
    "written",
    [
        "Prime Minister Anna Lindqvist",
        "Sen. Anna Lindqvist",
        "Mr. Anna Lindqvist",
        "Treasury Secretary Anna Lindqvist",
        "Chief Executive Officer Anna Lindqvist",
        "CEO Anna Lindqvist",
        "Gov. Anna Lindqvist",
    ],
)
def test_titles_and_roles_are_no_part_of_a_name(written: str) -> None:
    text = f"On Monday {written} spoke in Oslo."
    start = text.index(written)
    span = Span(start, start + len(written), "PERSON")
    entities = find_entities({"text": text}, {"text": [span]}, {}, (), lambda _: None)
    assert names(entities, "person") == ["Anna Lindqvist"]
    assert names(annotate(text), "person") == ["Anna Lindqvist"]


@pytest.mark.parametrize(
    "offices", ["Secretary of State", "Treasury Secretary", "Defense Minister"]
)
def test_a_department_in_a_role_is_no_organization(offices: str) -> None:
    entities = annotate(f"{offices} Laura Benson met officials in Oslo.")
    assert names(entities, "organization") == []
    assert names(entities, "person") == ["Laura Benson"]


def test_a_department_by_itself_is_an_organization() -> None:
    entities = annotate("The State Department declined to comment. The U.S. Treasury agreed.")
    assert names(entities, "organization") == ["State Department", "U.S. Treasury"]


@pytest.mark.parametrize(
    ("text", "absent"),
    [
        ("The iShares MSCI Japan ETF (EWJ) rose.", {"MSCI", "MSCI Japan", "Japan", "EWJ"}),
        ("Shares of the Invesco QQQ Trust (QQQ) fell.", {"Invesco QQQ Trust", "QQQ", "Invesco"}),
        ("The Vanguard Total Stock Market ETF rose.", {"Vanguard", "Vanguard Total Stock Market"}),
        ("The S&P 500 rose as the Dow and the Nikkei fell.", {"S&P 500", "S&P", "Dow", "Nikkei"}),
        ("GDP and CPI rose while EBITDA fell, the CEO said.", {"GDP", "CPI", "EBITDA", "CEO"}),
        ("Write to newsroom[at]example[dot]com now.", {"newsroom[at]example[dot]com"}),
    ],
)
def test_funds_indices_and_abbreviations_are_no_entities(text: str, absent: set[str]) -> None:
    assert not absent & {entity.name for entity in annotate(text)}


def test_a_company_beside_its_ticker_is_an_organization_with_the_symbol_as_id() -> None:
    entities = annotate("Groupon (GRPN) rose. Apple Inc. (NASDAQ: AAPL) fell, and Apple said why.")
    assert {e.name: e.id for e in entities} == {"Groupon": "GRPN", "Apple": "AAPL"}
    assert surfaces(entities, "Apple") == ["Apple Inc.", "Apple"]


def test_a_company_whose_name_is_a_word_has_its_symbol_as_id_in_every_mention() -> None:
    [entity] = [e for e in annotate("Gap Inc. fell. Analysts like Gap.") if e.name == "Gap"]
    assert (entity.id, entity.count) == ("GAP", 2)


@pytest.mark.parametrize("name", ["U.S.", "US", "United States", "America"])
def test_one_country_is_one_entity(name: str) -> None:
    entities = annotate(f"Talks with the {name} began. The United States and the U.S. agreed.")
    [place] = [entity for entity in entities if entity.type == "place"]
    assert (place.name, place.id, place.count) == ("United States", "US", 3)


@pytest.mark.parametrize(
    ("word", "name"), [("Japanese", "Japanese"), ("Germans", "German"), ("Brazilian", "Brazilian")]
)
def test_a_people_is_a_group_and_no_place(word: str, name: str) -> None:
    entities = annotate(f"Many {word} buyers stayed away, traders said.")
    assert names(entities, "group") == [name]
    assert names(entities, "place") == []


@pytest.mark.parametrize("ending", ["’s", "'s"])
def test_a_possessive_is_no_part_of_a_mention(ending: str) -> None:
    entities = annotate(f"Japan{ending} economy grew, and France{ending} too.")
    assert surfaces(entities, "Japan") == ["Japan"]
    assert surfaces(entities, "France") == ["France"]


def test_a_name_with_an_apostrophe_keeps_it() -> None:
    entities = annotate("Moody's cut the rating, and McDonald's rose.")
    assert names(entities, "organization") == ["Moody's", "McDonald's"]


def test_a_leading_article_is_cut() -> None:
    entities = annotate("Officials of the Federal Reserve met. The Fed waited.")
    assert surfaces(entities, "Federal Reserve") == ["Federal Reserve", "Fed"]


def test_an_acronym_in_parentheses_joins_the_name() -> None:
    entities = annotate(
        "The Harbour Workers Association (HWA) called a strike. The HWA wants more pay."
    )
    assert names(entities, "organization") == ["Harbour Workers Association"]
    assert surfaces(entities, "Harbour Workers Association").count("HWA") == 2


def test_a_short_form_joins_the_longer_name() -> None:
    text = "Quillmark Labs Inc. hired staff. Quillmark grew. Analysts like Quillmark Labs."
    entities = annotate(text)
    assert names(entities, "organization") == ["Quillmark Labs"]
    assert surfaces(entities, "Quillmark Labs") == [
        "Quillmark Labs Inc.",
        "Quillmark",
        "Quillmark Labs",
    ]


def test_a_headline_in_capitals_joins_the_text() -> None:
    entities = annotate(
        "Laura Benson said on Monday that Quillmark Labs Inc. would leave Japan.",
        title="BENSON SAYS QUILLMARK TO LEAVE JAPAN",
    )
    assert surfaces(entities, "Laura Benson") == ["BENSON", "Laura Benson"]
    assert surfaces(entities, "Quillmark Labs") == ["QUILLMARK", "Quillmark Labs Inc."]
    assert surfaces(entities, "Japan") == ["JAPAN", "Japan"]


def test_entities_stand_in_the_order_of_the_title_and_then_the_text() -> None:
    entities = annotate("Tokyo and Paris agreed.", title="Berlin waits for Paris")
    assert names(entities, "place") == ["Berlin", "Paris", "Tokyo"]


def test_two_companies_that_the_recogniser_takes_for_one_are_two() -> None:
    entities = annotate("Shares of Visa and Block Inc. fell on Monday.")
    assert names(entities, "organization") == ["Visa", "Block"]


def test_an_index_hides_the_company_in_its_name() -> None:
    entities = annotate("The Dow Jones Industrial Average fell. Dow Jones, the publisher, said so.")
    assert surfaces(entities, "Dow Jones") == ["Dow Jones"]


def test_a_dateline_is_a_place_and_its_agency_an_organization() -> None:
    entities = annotate("WASHINGTON (Reuters) - Officials met on Monday.")
    assert surfaces(entities, "Washington") == ["WASHINGTON"]
    assert names(entities, "organization") == ["Reuters"]


def test_an_unknown_town_in_a_dateline_is_a_place() -> None:
    entities = annotate("BRANTLEY, Ohio (AP) - The mill closed on Monday. Brantley waits.")
    assert surfaces(entities, "Brantley") == ["BRANTLEY", "Brantley"]
    assert names(entities, "place")[:2] == ["Brantley", "Ohio"]


@pytest.mark.parametrize(
    ("text", "identity"),
    [
        ("Prices rose in Georgia and Florida, dealers in Atlanta said.", "georgia"),
        ("Prices rose in Georgia, the central bank in Tbilisi said.", "GE"),
    ],
)
def test_georgia_is_a_state_unless_its_neighbours_are_near(text: str, identity: str) -> None:
    assert identity in {entity.id for entity in annotate(text)}

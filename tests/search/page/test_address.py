"""The state of the page in its address, and the addresses that change it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from pipeline.errors import ConfigurationError
from pipeline.index import FacetValue
from pipeline.index.query import encode_offset
from pipeline.search.page.address import State
from pipeline.search.page.facets import chips_of, facets_of


def asked(address: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(address).query)


def test_the_first_visit_shows_near_duplicates_once() -> None:
    state = State({})
    assert state.is_empty
    assert state.query.collapse
    assert not State({"collapse": ["0"]}).query.collapse


def test_a_value_is_added_beside_others_and_taken_away_again() -> None:
    state = State({"q": ["tariffs"], "place": ["Japan"], "after": [encode_offset(10)]})
    both = asked(state.toggled("place", "China"))
    assert both == {"q": ["tariffs"], "place": ["Japan", "China"]}
    assert asked(State(both).toggled("place", "Japan")) == {"q": ["tariffs"], "place": ["China"]}


def test_a_name_is_chosen_in_whatever_case_it_was_typed() -> None:
    state = State({"place": ["japan"], "ticker": ["$spy"]})
    assert state.has("place", "Japan")
    assert state.has("ticker", "SPY")
    assert state.toggled("place", "Japan") == "/?ticker=%24spy"


def test_every_change_begins_at_the_first_page() -> None:
    state = State({"q": ["oil"], "after": [encode_offset(20)]})
    assert "after" not in asked(state.url(sort="newest"))
    assert state.before() == f"/?q=oil&after={encode_offset(10)}"
    assert State({"q": ["oil"], "after": [encode_offset(10)]}).before() == "/?q=oil"
    assert State({"q": ["oil"]}).before() is None


def test_what_is_no_parameter_is_left_out() -> None:
    state = State({"q": ["oil"], "utm_source": ["x"], "next": ["//evil.example"]})
    assert state.url() == "/?q=oil"


def test_the_address_of_a_live_view_has_the_filters_alone() -> None:
    state = State({"q": ["oil"], "place": ["Japan"], "from": ["2025-07-01"], "sort": ["newest"]})
    assert state.live == "/live?place=Japan"


def test_a_wrong_value_is_an_error_of_the_search_and_not_of_the_page() -> None:
    state = State({"sentiment": ["happy"]})
    assert [chip.label for chip in chips_of(state)] == ["happy"]
    with pytest.raises(ConfigurationError):
        _ = state.query


def test_half_a_surrogate_pair_does_no_harm() -> None:
    assert State({"q": ["\ud800"]}).text == "?"


def test_a_chosen_value_stays_though_it_is_none_of_the_most_frequent() -> None:
    counted = {"place": [FacetValue(f"Town {number}", 9 - number) for number in range(8)]}
    (facet,) = facets_of(counted, State({"place": ["Town 7", "Elsewhere"]}))
    first = [(choice.value, choice.articles, choice.chosen) for choice in facet.first]
    assert first[0] == ("Elsewhere", None, True)
    assert ("Town 7", 2, True) in first
    assert len(facet.first) + len(facet.more) == 9


def test_levels_stand_from_best_to_worst() -> None:
    counted = {"stated_sentiment": [FacetValue("bearish", 5), FacetValue("extremely_bullish", 1)]}
    (facet,) = facets_of(counted, State({}))
    assert [choice.label for choice in facet.first] == ["extremely bullish", "bearish"]


def test_chips_say_what_is_narrowed_by_and_lead_back() -> None:
    state = State({"topic": ["trade"], "from": ["2025-07-01"], "to": ["2025-07-03"]})
    topic, dates = chips_of(state)
    assert (topic.kind, topic.label) == ("Topic", "trade")
    assert asked(topic.url) == {"from": ["2025-07-01"], "to": ["2025-07-03"]}
    assert dates.label == "1 Jul 2025 – 3 Jul 2025"
    assert asked(dates.url) == {"topic": ["trade"]}

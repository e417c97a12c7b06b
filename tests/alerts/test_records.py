"""What a saved search may be, and what is shown of it."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.alerts.records import (
    SavedSearch,
    Webhook,
    alert_id,
    new_search,
    shown,
    shown_url,
)
from pipeline.errors import ConfigurationError


def saved(name: str = "levies", query: str = "levy", **fields: Any) -> SavedSearch:
    return new_search(name, query, **({"filters": {}} | fields))


@pytest.mark.parametrize(
    "name", ["a", "a" * 100, "a.b", "S&P 500", "it's", "Zölle", "関税", "a-b_c"]
)
def test_a_name_is_one_that_people_give(name: str) -> None:
    assert saved(f" {name} ").name == name


@pytest.mark.parametrize(
    "name", ["", " ", "a" * 101, ".", "..", "a/b", "a\nb", "-a", "a\0", "a?", "<b>"]
)
def test_a_name_is_nothing_that_stands_for_something_else(name: str) -> None:
    with pytest.raises(ConfigurationError, match="a name has 1 to 100"):
        saved(name)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"query": ""}, "every article would match"),
        ({"query": "  "}, "every article would match"),
        ({"query": "* ?"}, "there is nothing to search for in it"),
        ({"query": "x" * 1_001}, "more than 1,000 characters"),
        ({"query": "x " * 65}, "more than 64 words"),
        ({"filters": {"planet": ["Mars"]}}, "planet: no such facet"),
        ({"filters": {"place": ["x" * 201]}}, "1 to 200 characters"),
        ({"filters": {"place": [" "]}}, "1 to 200 characters"),
        ({"filters": {"place": [f"{n}" for n in range(101)]}}, "up to 100 values"),
        ({"webhook": "example.com"}, "a webhook is a URL"),
        ({"webhook": "file:///etc/passwd"}, "a webhook is a URL"),
        ({"webhook": "http://"}, "a webhook is a URL"),
        ({"webhook": "http://[::1"}, "a webhook is a URL"),
        ({"webhook": "http://x:99999/"}, "a webhook is a URL"),
        ({"webhook": "http://x/ y"}, "a webhook is a URL"),
        ({"webhook": "http://x/\r\nHost: y"}, "a webhook is a URL"),
        ({"webhook": "http://ü.example/"}, "a webhook is a URL"),
        ({"webhook": "http://u:p@x/"}, "no user name"),
        ({"webhook": "http://x/#y"}, "no fragment"),
        ({"webhook": "http://x/" + "y" * 2_000}, "up to 2,000 characters"),
        ({"webhook": "http://x/", "secret": "s" * 15}, "16 to 200"),
        ({"webhook": "http://x/", "secret": "s" * 15 + "ü"}, "16 to 200"),
        ({"secret": "s" * 20}, "name one"),
    ],
)
def test_what_is_not_allowed_is_said(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        saved(**fields)


def test_a_webhook_has_a_secret_of_its_own_unless_one_is_given() -> None:
    hooks = [saved(webhook="https://example.com/x").webhook for _ in range(2)]
    assert all(hook and len(hook.secret) >= 32 for hook in hooks)
    assert hooks[0] != hooks[1]
    given = saved(webhook="https://example.com/x", secret="s" * 16).webhook
    assert given == Webhook(url="https://example.com/x", secret="s" * 16)


def test_no_secret_is_in_a_repr_or_in_what_is_shown() -> None:
    search = saved(webhook="https://example.com:8443/token?key=hidden", secret="s" * 20)
    for text in (repr(search), str(search), repr(shown(search))):
        assert "https://example.com:8443/…" in text
        for hidden in ("ssss", "token", "hidden"):
            assert hidden not in text


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://example.com", "https://example.com/"),
        ("https://example.com/", "https://example.com/"),
        ("https://example.com/?key=1", "https://example.com/…"),
        ("https://user:password@example.com/x", "https://example.com/…"),
    ],
)
def test_of_a_url_only_the_host_is_shown(url: str, said: str) -> None:
    assert shown_url(url) == said


def test_an_alert_s_id_is_of_its_search_and_its_article() -> None:
    assert alert_id("a", "b") == alert_id("a", "b")
    assert (
        len({alert_id("a", "b"), alert_id("b", "a"), alert_id("ab", ""), alert_id("", "ab")}) == 4
    )

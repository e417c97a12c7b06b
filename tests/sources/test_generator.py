"""Synthetic articles: the same for a seed, of realistic length, and no near-duplicates."""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b
from itertools import islice

import msgspec
import pytest

from pipeline.article import Clock, Submission, settle
from pipeline.sources.generator import MAX_WORDS, MIN_WORDS, generate


@pytest.fixture(scope="module")
def articles() -> list[Submission]:
    return list(generate(1500, 11))


def test_the_same_seed_gives_the_same_articles() -> None:
    assert list(generate(50, 3)) == list(generate(50, 3))


def test_articles_are_the_same_on_every_machine() -> None:
    # Load tests compare runs: a change of this digest belongs into the changelog.
    encoded = msgspec.json.encode(list(generate(200, 1)), order="deterministic")
    assert blake2b(encoded, digest_size=8).hexdigest() == "126b674f8ca12e40"


def test_another_seed_gives_other_articles() -> None:
    assert {a.body for a in generate(50, 1)}.isdisjoint(a.body for a in generate(50, 2))


def test_a_longer_run_begins_with_a_shorter_one() -> None:
    assert list(islice(generate(1000, 4), 20)) == list(generate(20, 4))


def test_ids_name_seed_and_number() -> None:
    assert [a.id for a in generate(2, 7)] == ["synthetic-7-0", "synthetic-7-1"]


def test_every_article_is_marked_as_fiction(articles: list[Submission]) -> None:
    assert all(a.metadata == {"fiction": True, "synthetic": True} for a in articles)
    assert all((a.source or "").startswith("synthetic-") for a in articles)


def test_every_article_is_accepted(articles: list[Submission]) -> None:
    clock = Clock()
    for article in articles:
        settle(article, source="x", clock=clock, max_body_bytes=100_000)


def test_lengths_are_those_of_news(articles: list[Submission]) -> None:
    lengths = sorted(len(a.body.split()) for a in articles)
    assert lengths[0] >= MIN_WORDS
    assert lengths[-1] <= MAX_WORDS
    assert 300 <= sum(lengths) / len(lengths) <= 370
    assert lengths[len(lengths) // 10] < 180
    assert lengths[-len(lengths) // 10] > 500


def test_times_are_spread_over_the_year(articles: list[Submission]) -> None:
    months = Counter(str(a.published_at)[:7] for a in articles)
    assert len(months) == 12
    assert min(months.values()) > len(articles) / 12 / 2


def test_few_names_are_met_often_and_many_seldom(articles: list[Submission]) -> None:
    countries: Counter[str] = Counter()
    for article in articles:
        countries.update(c for c in ("Japan", "Germany", "Vietnam") if c in article.body)
    assert countries["Japan"] > countries["Germany"] > countries["Vietnam"] > 0


def test_some_articles_state_retail_sentiment(articles: list[Submission]) -> None:
    stated = sum("etail sentiment" in a.body for a in articles)
    assert 0.1 < stated / len(articles) < 0.4


def test_no_template_is_left_unfilled(articles: list[Submission]) -> None:
    assert not any(mark in f"{a.title} {a.body}" for a in articles for mark in "{}[]|")


def test_no_two_articles_are_near_duplicates(articles: list[Submission]) -> None:
    shingled = [_shingles(a.body) for a in articles[:250]]
    likest = max(
        len(one & other) / len(one | other)
        for place, one in enumerate(shingled)
        for other in shingled[:place]
    )
    assert likest < 0.25


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = text.lower().split()
    return {tuple(words[start : start + 3]) for start in range(len(words) - 2)}

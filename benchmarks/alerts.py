"""How long it takes to match a batch of articles with thousands of saved searches.

Usage: python -m benchmarks.alerts [SEARCHES [ARTICLES]]
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from benchmarks.corpus import enriched
from benchmarks.table import show
from pipeline.alerts.matching import Matcher
from pipeline.alerts.records import SavedSearch
from pipeline.article import EnrichedArticle

SEARCHES = 5_000
ARTICLES = 500
ROUNDS = 7
NAMED = 3_000
"""Articles whose words and names the searches are made of: most are not in the batch."""

NOW = datetime(2025, 1, 1, tzinfo=UTC)


class AskingAll(Matcher):
    """Asks every saved search, whatever the batch has."""

    def _candidates(self, keys: set[str]) -> Iterator[object]:  # type: ignore[override]
        del keys
        yield from self._prepared.values()


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else SEARCHES
    size = int(sys.argv[2]) if len(sys.argv) > 2 else ARTICLES
    articles = list(enriched(size, seed=1))
    searches = saved(count)
    matchers: dict[str, Matcher] = {"matched": Matcher(), "asking all": AskingAll()}
    begun = time.perf_counter()
    matchers["matched"].take(searches)
    prepared = time.perf_counter() - begun
    matchers["asking all"].take(searches)
    matchers["of no saved search"] = Matcher()
    matchers["of no saved search"].take([SavedSearch(name="none", query="xyzzy", created_at=NOW)])
    rows: list[tuple[object, ...]] = [("prepared, once", count, "", "", prepared * 1000)]
    for batch in (articles, articles[:1]):
        times: dict[str, list[float]] = {name: [] for name in matchers}
        found = dict.fromkeys(matchers, 0)
        for _ in range(ROUNDS):
            for name, matcher in matchers.items():
                seconds, found[name] = timed(matcher, batch)
                times[name].append(seconds * 1000)
        assert found["matched"] == found["asking all"]
        for name, measured in times.items():
            searched = 1 if name == "of no saved search" else count
            rows.append((name, searched, len(batch), found[name], statistics.median(measured)))
    show(
        "saved searches: a batch in memory, and all that matches in it",
        ("step", "searches", "articles", "matches", "median ms"),
        rows,
    )


def saved(count: int) -> list[SavedSearch]:
    """What people follow: mostly names that few articles have, and some words that many have."""
    chance = random.Random(0)
    sources = list(enriched(NAMED, seed=2))
    common = Counter(name for article in sources for name in _names(article))
    return [_search(number, chance.choice(sources), common, chance) for number in range(count)]


def _names(article: EnrichedArticle) -> list[str]:
    return [*article.people, *article.organizations]


def _search(
    number: int, article: EnrichedArticle, common: Counter[str], chance: random.Random
) -> SavedSearch:
    rare = sorted(_names(article), key=common.__getitem__)[:3]
    one, other = (chance.choice(rare) if rare else "nobody at all" for _ in range(2))
    word = chance.choice([word for word in article.text.split() if word.isalpha()])
    kinds: list[tuple[str, dict[str, list[str]]]] = [
        (f'"{one}"', {}),
        (f'"{one}" OR "{other}" -tariffs', {}),
        ("", {"person": [one, other]}),
        (f'"{one}"', {"sentiment": ["negative"]}),
        (word, {"ticker": article.symbols[:2] or ["SPY"]}),
    ]
    query, filters = kinds[number % len(kinds)]
    return SavedSearch(name=f"search {number}", query=query, filters=filters, created_at=NOW)


def timed(matcher: Matcher, batch: Sequence[EnrichedArticle]) -> tuple[float, int]:
    """Seconds that it takes to find all that matches, and how much that is."""
    begun = time.perf_counter()
    found = sum(1 for _ in matcher.match(batch))
    return time.perf_counter() - begun, found


if __name__ == "__main__":
    main()

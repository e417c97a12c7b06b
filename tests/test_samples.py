"""The samples are what their README says they are."""

from __future__ import annotations

import re
from collections import Counter
from hashlib import blake2b

import pytest

from pipeline.article import Clock, RawArticle, Rejection, Submission, settle
from pipeline.enrich.signature import signature
from pipeline.enrich.text.sentences import sentences
from pipeline.enrich.tickers.stated import find_stated
from pipeline.enrich.tickers.tickers import find_tickers
from pipeline.errors import Rejected
from pipeline.sources import Located, is_article_file, read
from tests.conftest import SAMPLES

README = (SAMPLES / "README.md").read_text("utf-8")


@pytest.fixture(scope="module")
def located() -> list[Located]:
    return list(read([SAMPLES], max_body_bytes=1_000_000))


@pytest.fixture(scope="module")
def articles(located: list[Located]) -> dict[str, RawArticle]:
    """All accepted samples by id, later versions over earlier ones."""
    return {article.id: article for article in _settled(located)}


def test_the_folder_is_small() -> None:
    assert sum(path.stat().st_size for path in SAMPLES.iterdir()) < 200_000


def test_the_readme_names_every_file() -> None:
    named = set(re.findall(r"^\| `([^`]+)` \|", README, re.M))
    assert named == {path.name for path in SAMPLES.iterdir() if is_article_file(path)}


def test_every_format_is_there_plain_and_compressed() -> None:
    names = [path.name for path in SAMPLES.iterdir()]
    for ending in (".txt", ".json", ".jsonl", ".ndjson", ".csv", ".jsonl.gz", ".txt.zst"):
        assert any(name.endswith(ending) for name in names), ending


def test_each_file_gives_as_many_articles_as_the_readme_says(located: list[Located]) -> None:
    promised = {name: int(n) for name, n in re.findall(r"^\| `([^`]+)` \| (\d+) \|", README, re.M)}
    found = Counter(place.input.rsplit("/", 1)[-1] for place in located if _accepted(place))
    assert promised == {name: found[name] for name in promised}


def test_the_numbers_of_articles_and_rejections_are_those_of_the_readme(
    located: list[Located], articles: dict[str, RawArticle]
) -> None:
    accepted = sum(map(_accepted, located))
    sentence = f"{accepted} records are articles ({len(articles)} different ones), "
    assert sentence + f"{len(located) - accepted} are to be rejected" in README
    assert len(articles) >= 27


def test_one_broken_line_and_one_empty_body_are_rejected(located: list[Located]) -> None:
    bad = [place for place in located if not _accepted(place)]
    assert [(place.input.rsplit("/", 1)[-1], place.line) for place in bad] == [
        ("broken-line.jsonl", 2),
        ("empty-body.json", bad[1].line),
    ]


def test_a_correction_has_the_id_of_what_it_corrects_and_comes_later(
    located: list[Located],
) -> None:
    versions = [a for a in _settled(located) if a.source == "wirecheck"]
    first, second = versions
    assert (first.id, first.url) == (second.id, second.url)
    assert "Correction:" in second.body
    assert second.revision > first.revision


def test_the_syndicated_story_is_a_near_duplicate_and_the_only_one(
    articles: dict[str, RawArticle],
) -> None:
    bands = [(article.id, set(signature(article.body))) for article in articles.values()]
    pairs = [
        {one, other}
        for place, (one, own) in enumerate(bands)
        for other, others in bands[:place]
        if own & others
    ]
    assert pairs == [{"ledgerline-2025-07-23-japan", "coastal-courier-7719"}]


def test_sources_and_dates_are_several(articles: dict[str, RawArticle]) -> None:
    dates = {a.published_at.date() for a in articles.values() if a.published_at}
    assert len({a.source for a in articles.values()}) >= 8
    assert len(dates) >= 18
    assert {f"{day:%Y-%m}" for day in dates} == {"2025-06", "2025-07", "2025-08"}


@pytest.mark.parametrize(
    "text",
    ["$EWJ", "(EWJ)", "(NYSE: BA)", "NASDAQ:AAPL", "BRK.B", "AT&T", "S&P 500", "U.S. ", "‘bearish’"]
)  # fmt: skip
def test_what_search_and_rules_have_to_find_is_in_some_sample(
    articles: dict[str, RawArticle], text: str
) -> None:
    assert any(text in article.body for article in articles.values())


def test_invented_stories_are_marked_as_fiction(articles: dict[str, RawArticle]) -> None:
    for article in articles.values():
        if re.search(r"\binvented\b", article.body, re.I):
            assert article.metadata.get("fiction") or "Fiction:" in article.body, article.id


def test_stated_sentiment_and_volume_are_those_of_the_readme(
    articles: dict[str, RawArticle],
) -> None:
    row = r"^\| (crowd-mood-\d\d) \| (\w+) \| (\w+) \| (\w+) \|"
    promised = set(re.findall(row, README, re.M))
    found = set()
    for article in articles.values():
        if article.source == "crowd-mood":
            spans = find_tickers(article.body)
            stated = find_stated(article.body, sentences(article.body), spans)
            found |= {(article.id, symbol, *levels) for symbol, levels in stated.items()}
    assert found == promised
    assert len({levels[2] for levels in promised}) == len({levels[3] for levels in promised}) == 5


def test_the_golden_sample_is_as_it_was_given() -> None:
    golden = (SAMPLES / "stocktwits-2025-07-17.txt").read_bytes()
    assert blake2b(golden, digest_size=8).hexdigest() == "2131b129d993a6cf"


def _settled(located: list[Located]) -> list[RawArticle]:
    clock = Clock()
    settled = []
    for place in located:
        if isinstance(place.value, Submission):
            try:
                settled.append(
                    settle(place.value, source="files", clock=clock, max_body_bytes=1_000_000)
                )
            except Rejected:
                continue
    return settled


def _accepted(place: Located) -> bool:
    return not isinstance(place.value, Rejection) and bool(place.value.body.strip())

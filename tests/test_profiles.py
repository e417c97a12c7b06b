"""What is known of sources, and what users add to it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.article import Clock, RawArticle, Submission
from pipeline.config import Settings
from pipeline.errors import ConfigurationError
from pipeline.producer import settled
from pipeline.profiles import load_profiles
from pipeline.sources import Located
from tests.conftest import GOLDEN


@pytest.mark.parametrize(
    ("url", "text", "source"),
    [
        ("https://www.stocktwits.com/news/1", "", "stocktwits"),
        ("https://news.stocktwits.com/1", "", "stocktwits"),
        ("https://notstocktwits.com/1", "", "notstocktwits.com"),
        ("https://www.paper.example/1", "", "paper.example"),
        ("no address", "", "unknown"),
        (None, "Nothing in particular.", "unknown"),
        (None, GOLDEN.read_text("utf-8"), "stocktwits"),
    ],
)
def test_a_source_is_known_by_its_host_or_its_marks(
    url: str | None, text: str, source: str
) -> None:
    assert load_profiles().source_of(url, text) == source


def test_a_user_s_profiles_are_added_and_win(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        '[[profile]]\nname = "paper"\nhosts = ["paper.example"]\nboilerplate = ["^Ad$"]\n'
    )
    profiles = load_profiles(file)
    assert profiles.source_of("https://paper.example/1", "") == "paper"
    paper = profiles.named("paper")
    assert paper is not None
    assert paper.boilerplate_pattern is not None
    assert paper.boilerplate_pattern.search("Text\nAD\nmore")
    assert profiles.named("stocktwits") is not None


@pytest.mark.parametrize(
    "content",
    ["no toml [", '[[profile]]\nname = 5\n', '[[profile]]\nname = "a"\nmarks = ["("]\n',
     '[[profile]]\nname = "a"\ncolour = "red"\n', '[[profile]]\nname = "a"\ntime_zone = ""\n',
     '[[profile]]\nname = "a"\ntime_zone = "../etc/passwd"\n', "profile = 1\n"],
)  # fmt: skip
def test_a_profile_file_that_is_wrong_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=r"mine\.toml"):
        load_profiles(file)


def test_a_profile_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="none"):
        load_profiles(tmp_path / "none")


def test_a_time_zone_that_is_misspelt_is_named_with_the_one_that_was_meant(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[[profile]]\nname = "paper"\ntime_zone = "Asia/Tokio"\n')
    with pytest.raises(ConfigurationError, match=r"'paper'.*'Asia/Tokio'; did you mean Asia/Tokyo"):
        load_profiles(file)


@pytest.mark.parametrize(
    ("written", "published_at"),
    [
        ("2025-07-18T01:00:00", datetime(2025, 7, 17, 16, tzinfo=UTC)),
        ("2025-07-18 01:00", datetime(2025, 7, 17, 16, tzinfo=UTC)),
        ("Fri, 18 Jul 2025 01:00:00", datetime(2025, 7, 17, 16, tzinfo=UTC)),
        ("2025-07-18T01:00:00Z", datetime(2025, 7, 18, 1, tzinfo=UTC)),
        ("Fri, 18 Jul 2025 01:00:00 -0000", datetime(2025, 7, 18, 1, tzinfo=UTC)),
        ("Fri, 18 Jul 2025 01:00:00 +0200", datetime(2025, 7, 17, 23, tzinfo=UTC)),
        (1752800400, datetime(2025, 7, 18, 1, tzinfo=UTC)),
        ("2025-07-18", datetime(2025, 7, 18, tzinfo=UTC)),
    ],
)
def test_a_time_that_names_no_zone_is_one_of_its_source(
    tmp_path: Path, written: str | int, published_at: datetime
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        '[[profile]]\nname = "paper"\nhosts = ["paper.example"]\ntime_zone = "Asia/Tokyo"\n'
    )
    profiles = load_profiles(file)
    for submission in (
        Submission(body="One.", published_at=written, url="https://www.paper.example/1"),
        Submission(body="One.", published_at=written, source=" paper "),
    ):
        raw = settled(Located(submission, "-", 1), Settings(), profiles, Clock())
        assert isinstance(raw, RawArticle)
        assert (raw.source, raw.published_at) == ("paper", published_at)

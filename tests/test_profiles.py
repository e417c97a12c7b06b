"""What is known of sources, and what users add to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ConfigurationError
from pipeline.profiles import load_profiles
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
     '[[profile]]\nname = "a"\ncolour = "red"\n'],
)  # fmt: skip
def test_a_profile_file_that_is_wrong_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=r"mine\.toml"):
        load_profiles(file)


def test_a_profile_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="none"):
        load_profiles(tmp_path / "none")

"""What is known of words is kept within bounds."""

from __future__ import annotations

import pytest

from pipeline.enrich import memo
from pipeline.enrich.memo import WordMemo


def test_a_word_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memo, "MOST_WORDS", 2)
    asked: list[str] = []

    def length(word: str) -> int:
        asked.append(word)
        return len(word)

    lengths = WordMemo(length)
    assert [lengths[word] for word in ("to", "be", "to")] == [2, 2, 2]
    assert asked == ["to", "be"]

    # There is no more room: all is forgotten.
    assert lengths["not"] == 3
    assert list(lengths) == ["not"]


def test_long_words_are_not_kept() -> None:
    lengths = WordMemo(len)
    assert lengths["x" * 1000] == 1000
    assert not lengths

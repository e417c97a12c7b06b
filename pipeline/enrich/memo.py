"""What is known of words, so that it need not be found out for each of them again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

MOST_WORDS = 20_000
LONGEST = 40
"""Characters: longer words are rare, and hostile ones could fill the memory."""


class WordMemo(dict[str, T]):
    """`memo[word]` is what a function gives for a word, computed once while there is room.

    Args:
        function: depends on the word alone.
    """

    def __init__(self, function: Callable[[str], T]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, word: str) -> T:
        value = self._function(word)
        if len(word) <= LONGEST:
            if len(self) >= MOST_WORDS:
                self.clear()
            self[word] = value
        return value

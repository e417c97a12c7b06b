"""The tokeniser of BERT's uncased models: words, and pieces of those it does not know.

J. Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers" (2019), after Y. Wu et
al., "Google's Neural Machine Translation System" (2016), section 4.1.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

CONTINUED = "##"
"""In front of a piece that goes on with a word."""

PADDING, UNKNOWN, BEGIN, END = "[PAD]", "[UNK]", "[CLS]", "[SEP]"

_LONGEST_WORD = 100  # characters; a longer one is unknown
_REMEMBERED = 50_000  # words whose pieces are kept

_UNSEEN = frozenset({"Cc", "Cf", "Co"})  # categories of characters that nobody sees
# Between blanks; Chinese characters and punctuation are words of their own.
_HAN = (
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0002b81f\U0002b920-\U0002ceaf\U0002f800-\U0002fa1f"
)
_WORD = re.compile(rf"[{_HAN}]|[!-/:-@\[-`{{-~]|[^\s{_HAN}!-/:-@\[-`{{-~]+")


class WordPieces:
    """Splits texts into the pieces of a vocabulary.

    Args:
        vocabulary: the pieces; a piece's number is its place.
        length: the most pieces that a text gives, its begin and its end included.
    """

    def __init__(self, vocabulary: Sequence[str], length: int) -> None:
        self._numbers = {piece: number for number, piece in enumerate(vocabulary)}
        self._length = length
        self._unknown = self._numbers[UNKNOWN]
        self._begin, self._end = self._numbers[BEGIN], self._numbers[END]
        self._known: dict[str, list[int]] = {}

    def __call__(self, text: str) -> list[int]:
        """The numbers of a text's pieces, from its begin to its end."""
        numbers = [self._begin]
        for word in words(text):
            numbers += self._pieces(word)
            if len(numbers) >= self._length:
                del numbers[self._length - 1 :]
                break
        numbers.append(self._end)
        return numbers

    def _pieces(self, word: str) -> list[int]:
        known = self._known.get(word)
        if known is None:
            known = self._split(word)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[word] = known
        return known

    def _split(self, word: str) -> list[int]:
        """The longest piece that begins the word, the longest that goes on, and so forth."""
        if len(word) > _LONGEST_WORD:
            return [self._unknown]
        pieces = []
        start = 0
        while start < len(word):
            prefix = CONTINUED if start else ""
            for end in range(len(word), start, -1):
                number = self._numbers.get(prefix + word[start:end])
                if number is not None:
                    break
            else:
                return [self._unknown]
            pieces.append(number)
            start = end
        return pieces


def words(text: str) -> list[str]:
    """A text's words in lower case and without accents, and its punctuation, each a word."""
    if text.isascii():
        return _WORD.findall(_without_control(text.lower()))
    decomposed = unicodedata.normalize("NFD", _without_control(text))
    bare = "".join(c for c in decomposed if unicodedata.category(c) != "Mn").lower()
    found: list[str] = []
    for word in _WORD.findall(bare):
        if word.isascii():
            found.append(word)
            continue
        start = 0
        for place, character in enumerate(word):
            if unicodedata.category(character)[0] == "P":
                found += [word[start:place], character] if place > start else [character]
                start = place + 1
        if start < len(word):
            found.append(word[start:])
    return found


def _without_control(text: str) -> str:
    """Without characters that nobody sees; blanks of all kinds stay."""
    if text.isprintable():
        return text.replace("\ufffd", "")
    return "".join(
        c
        for c in text
        if c in "\t\n\r" or not (c == "\ufffd" or unicodedata.category(c) in _UNSEEN)
    )

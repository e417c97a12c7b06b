"""Runs of words: what two texts have in common, in whatever case, punctuation and white space.

A. Broder, "On the resemblance and containment of documents" (1997).
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

SHINGLE = 3
"""Words in a shingle. The fewer, the less a changed word costs; 3 still never match by chance."""

Shingles = npt.NDArray[np.int64]

# Chinese and Japanese are written without spaces: there a character counts as a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")


def words(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return _WORD.findall(text.lower())


def shingles(text: str) -> Shingles:
    """All runs of `SHINGLE` words, each once, as numbers that only this process understands."""
    found = words(text)
    runs = zip(*(found[start:] for start in range(SHINGLE)), strict=False)
    return np.unique(np.fromiter(map(hash, runs), np.int64))


def jaccard(one: Shingles, other: Shingles) -> float:
    """The share of the shingles of either text that both have, in 0…1."""
    both = len(np.intersect1d(one, other, assume_unique=True))
    either = len(one) + len(other) - both
    return both / either if either else 0.0

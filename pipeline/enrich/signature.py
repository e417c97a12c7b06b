"""MinHash bands of a text: two articles that share one are near-duplicates of each other.

A. Broder, "On the resemblance and containment of documents" (1997); banding as in Leskovec,
Rajaraman, Ullman, "Mining of Massive Datasets", chapter 3. With b bands of r rows, two texts whose
sets of shingles have the Jaccard similarity J share a band with probability 1 − (1 − J^r)^b:

    J            .9     .8     .7     .6     .5     .4     .3
    probability  1.000  .967   .487   .099   .0117  .0008  .0000
"""

from __future__ import annotations

import re
from zlib import crc32

import numpy as np
import numpy.typing as npt

from pipeline.enrich.memo import WordMemo

BANDS, ROWS = 48, 12
SHINGLE = 3
"""Words in a shingle. The fewer, the less a changed word costs; 3 still never match by chance."""
MIN_WORDS = 20
"""Shorter texts have too few shingles to tell a near-duplicate from a common phrase."""

_CHUNK = 128  # shingles permuted at a time: what they take stays in the processor's cache

# Chinese and Japanese are written without spaces: there a character counts as a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")

_WORD_HASHES = WordMemo(lambda word: crc32(word.encode()))

_Hashes = npt.NDArray[np.uint64]


def signature(text: str) -> list[str]:
    """`BANDS` hashes of 12 hexadecimal digits, none for a text of fewer than `MIN_WORDS` words.

    Letter case, punctuation and white space do not count. The same text gives the same hashes on
    every platform, so that they can be compared for as long as articles are kept.
    """
    words = _WORD.findall(text.lower())
    if len(words) < MIN_WORDS:
        return []
    hashes = np.fromiter(map(_WORD_HASHES.__getitem__, words), np.uint64, len(words))
    minima = np.full(BANDS * ROWS, np.iinfo(np.uint32).max, np.uint32)
    permuted = np.empty((_CHUNK, BANDS * ROWS), np.uint32)
    shingles = _shingles(hashes)
    for start in range(0, len(shingles), _CHUNK):
        chunk = shingles[start : start + _CHUNK, None]
        found = np.multiply(chunk, _MULTIPLIERS, out=permuted[: len(chunk)])
        found += _ADDENDS
        np.minimum(minima, found.min(axis=0), out=minima)
    bands = _mixed(np.arange(BANDS, dtype=np.uint64))
    for row in minima.reshape(BANDS, ROWS).T:
        bands = _mixed(bands ^ row.astype(np.uint64))
    return [f"{band >> 16:012x}" for band in bands.tolist()]


def _shingles(words: _Hashes) -> npt.NDArray[np.uint32]:
    """Hashes of all runs of `SHINGLE` words."""
    runs = len(words) - SHINGLE + 1
    joined = np.zeros(runs, np.uint64)
    for offset in range(SHINGLE):
        joined = _mixed(joined ^ words[offset : offset + runs])
    return (joined >> np.uint64(32)).astype(np.uint32)


_INCREMENT = np.uint64(0x9E3779B97F4A7C15)
_ROUNDS = (
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
)
_LAST_SHIFT = np.uint64(31)


def _mixed(values: _Hashes) -> _Hashes:
    """The numbers after splitmix64's step, which makes every bit depend on every other one."""
    values = values + _INCREMENT
    for shift, factor in _ROUNDS:
        values ^= values >> shift
        values *= factor
    values ^= values >> _LAST_SHIFT
    return values


def _coefficients() -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """One permutation x → ax + b of the 32-bit numbers, a odd, for each row of each band."""
    numbers = _mixed(np.arange(BANDS * ROWS, dtype=np.uint64) * np.uint64(0xD1342543DE82EF95))
    multipliers = (numbers >> np.uint64(32)).astype(np.uint32) | np.uint32(1)
    return multipliers, (numbers & np.uint64(0xFFFFFFFF)).astype(np.uint32)


_MULTIPLIERS, _ADDENDS = _coefficients()

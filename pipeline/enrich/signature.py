"""What finds the near-duplicates of a text among very many: MinHash bands.

A. Broder, "On the resemblance and containment of documents" (1997); banding as in Leskovec,
Rajaraman, Ullman, "Mining of Massive Datasets", chapter 3. With b bands of r rows, two texts whose
sets of shingles have the Jaccard similarity J share a band with probability 1 − (1 − J^r)^b:

    J            .9     .8     .7     .6     .5     .4     .3     .1
    probability  1.000  .981   .842   .555   .272   .098   .024   .0001

So two that share none are no near-duplicates, and two that share one may be: their texts decide
(`pipeline.index.duplicates`). More rows would leave less to be decided, and take more bands to find
as many: each is looked up in the index for every article.
"""

from __future__ import annotations

from hashlib import blake2b
from zlib import crc32

import numpy as np
import numpy.typing as npt

from pipeline.enrich.memo import WordMemo
from pipeline.shingles import SHINGLE, words

BANDS, ROWS = 10, 5
MIN_WORDS = 20
"""Shorter texts have too few shingles to tell a near-duplicate from a common phrase."""

_CHUNK = 1024  # shingles permuted at a time: what they take stays in the processor's cache

_WORD_HASHES = WordMemo(lambda word: crc32(word.encode()))

_Hashes = npt.NDArray[np.uint64]


def signature(text: str) -> list[str]:
    """`BANDS` hashes and one of all words; none for a text of fewer than `MIN_WORDS` words.

    Each has 12 hexadecimal digits. Letter case, punctuation and white space do not count. The same
    text gives the same hashes on every platform, so that they can be compared for as long as
    articles are kept. All of them are equal only where all words are.
    """
    found = words(text)
    if len(found) < MIN_WORDS:
        return []
    hashes = np.fromiter(map(_WORD_HASHES.__getitem__, found), np.uint64, len(found))
    minima = np.full(BANDS * ROWS, np.iinfo(np.uint32).max, np.uint32)
    permuted = np.empty((_CHUNK, BANDS * ROWS), np.uint32)
    shingles = _shingles(hashes)
    for start in range(0, len(shingles), _CHUNK):
        chunk = shingles[start : start + _CHUNK, None]
        products = np.multiply(chunk, _MULTIPLIERS, out=permuted[: len(chunk)])
        products += _ADDENDS
        np.minimum(minima, products.min(axis=0), out=minima)
    bands = _mixed(np.arange(BANDS, dtype=np.uint64))
    for row in minima.reshape(BANDS, ROWS).T:
        bands = _mixed(bands ^ row.astype(np.uint64))
    whole = blake2b(" ".join(found).encode(), digest_size=6)
    return [*(f"{band >> 16:012x}" for band in bands.tolist()), whole.hexdigest()]


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

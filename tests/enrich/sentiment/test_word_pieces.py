"""BERT's tokeniser: the library `tokenizers` is the oracle."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import BertProcessing

from pipeline.enrich.sentiment.word_pieces import BEGIN, END, PADDING, UNKNOWN, WordPieces

LENGTH = 16
LETTERS = string.ascii_lowercase + string.digits + "éüß株式→"
VOCABULARY = [
    PADDING, UNKNOWN, BEGIN, END, *string.punctuation, "—", "’", *LETTERS,
    *(f"##{letter}" for letter in LETTERS), "profit", "##able",
    "un", "##profit", "fell", "the", "##ing", "株",
]  # fmt: skip


def oracle() -> Tokenizer:
    numbers: dict[str, int] = {}
    for piece in VOCABULARY:
        numbers.setdefault(piece, len(numbers))
    tokenizer = Tokenizer(WordPiece(numbers, unk_token=UNKNOWN, max_input_chars_per_word=100))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = BertProcessing((END, numbers[END]), (BEGIN, numbers[BEGIN]))
    tokenizer.enable_truncation(LENGTH)
    return tokenizer


ORACLE = oracle()
PIECES = WordPieces(sorted(ORACLE.get_vocab(), key=ORACLE.get_vocab().__getitem__), LENGTH)


def same(text: str) -> None:
    assert PIECES(text) == ORACLE.encode(text).ids


@pytest.mark.parametrize(
    "text",
    [
        "", " \t\n", "Profit fell 3.5%", "UNPROFITABLE", "naïve café", "a" * 101, "a" * 100,
        "株式会社 a株b", "$AAPL—up’s", "x\u00a0y\u200bz\u2028w", "\ufffd\x00a\x07b",
        "ÉÜ ß İ", "the CLS SEP",
        "one two three four five six seven eight",
    ],
)  # fmt: skip
def test_pieces_are_those_of_the_library(text: str) -> None:
    same(text)


# Later versions of Unicode than the library's know more marks and more punctuation.
KNOWN = st.characters(max_codepoint=0x2FF) | st.sampled_from("—’“”…€株式会社\u200b\u2028\ue000🎶")


@given(st.text(KNOWN, max_size=60) | st.text(LETTERS + " .,-$%", max_size=80))
def test_pieces_of_any_text_are_those_of_the_library(text: str) -> None:
    # To the library a special piece's name in a text is that piece; here it is words.
    if not any(special in text for special in (PADDING, UNKNOWN, BEGIN, END)):
        same(text)


def test_so_many_words_are_remembered_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.enrich.sentiment.word_pieces._REMEMBERED", 10)
    pieces = WordPieces(VOCABULARY, LENGTH)
    for number in range(100):
        pieces(f"profit{number}")
    assert len(pieces._known) <= 10
    assert pieces("profit7") == PIECES("profit7")

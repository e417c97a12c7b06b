"""Fits the sentiment model `accurate`: a small pre-trained BERT, fine-tuned."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import onnx
import optax
from onnxruntime.quantization import QuantType, quantize_dynamic

from pipeline.enrich.sentiment.accurate import LENGTH, prepared
from pipeline.enrich.sentiment.model import LABELS, Floats, softmax
from pipeline.enrich.sentiment.word_pieces import (
    BEGIN,
    CONTINUED,
    END,
    PADDING,
    UNKNOWN,
    WordPieces,
)
from pipeline.training import bert
from pipeline.training.labelled import Labelled, Trained, check, folds

PIECES = 18_000
"""How much of the vocabulary is kept: what the texts have, and then what is commonest."""

EPOCHS, BATCH, RATE = 3, 32, 7e-5
_WARM_UP, _DECAY, _LAST_RATE = 0.1, 0.01, 0.02  # shares of the steps, of a weight, of the rate
_LARGEST_GRADIENT = 1.0
_SMOOTHING = 0.05  # of the labels, which are not all right
_NEAR = 20  # batches of texts that are sorted by length together, to be padded little
_ROUNDED = 8  # lengths are multiples of it, so that few shapes are compiled

_Integers = npt.NDArray[np.int32]
Advance = Callable[[int, int], None]


class _Texts(NamedTuple):
    """Texts as pieces, and the numbers of their labels."""

    pieces: list[list[int]]
    labels: _Integers


class _Batch(NamedTuple):
    places: _Integers
    """Of its texts (batch,); the last ones may repeat the first, so that all have one shape."""
    pieces: _Integers
    mask: Floats


def train(rows: Sequence[Labelled], base: Path, advance: Advance) -> Trained:
    """The model `accurate` for rows, an ONNX file in eight bits.

    It is fitted twice: without a fifth of the rows, for its quality and its calibration (for the
    quality one half of the fifth calibrates the other), and to all. The same rows on the same
    machine give the same model.

    Args:
        rows: the texts.
        base: the folder of the pre-trained model.
        advance: is told how many steps are done, and of how many.

    Raises:
        ConfigurationError: there are too few rows, or no such base.
    """
    check(rows)
    start, vocabulary = bert.read_base(base)
    vocabulary, kept = reduced(vocabulary, [row.text for row in rows], PIECES)
    start["word"] = start["word"][kept]
    start["position"] = start["position"][:LENGTH]
    split = WordPieces(vocabulary, LENGTH)
    texts = _Texts(
        [split(prepared(row.text)) for row in rows],
        np.array([LABELS.index(row.label) for row in rows], np.int32),
    )
    held = folds(len(rows)) == 0
    most = np.flatnonzero(~held)
    total = _steps(len(most)) + _steps(len(rows))
    parameters = _fit(start, texts, most, lambda step: advance(step, total))
    scores = _answers(parameters, texts, np.flatnonzero(held))
    labels = texts.labels[held]
    chances = np.empty_like(scores)
    for half in (0, 1):
        heat = temperature(scores[1 - half :: 2], labels[1 - half :: 2])
        chances[half::2] = softmax(scores[half::2] / heat)
    parameters = _fit(
        start, texts, np.arange(len(rows)), lambda step: advance(_steps(len(most)) + step, total)
    )
    heat = temperature(scores, labels)
    parameters["head"] = {name: value / heat for name, value in parameters["head"].items()}
    model = quantized(bert.to_onnx(parameters, {"vocabulary": json.dumps(vocabulary)}))
    return Trained(model, held, chances, "a fifth that was held out of a first fit")


def reduced(
    vocabulary: Sequence[str], texts: Sequence[str], most: int
) -> tuple[list[str], _Integers]:
    """The part of a vocabulary that is kept, and its numbers in the whole.

    Every single character stays, so that any word still has pieces: shorter ones.
    """
    split = WordPieces(vocabulary, LENGTH)
    needed = {number for text in texts for number in split(prepared(text))}
    needed |= {
        number
        for number, piece in enumerate(vocabulary)
        if len(piece.removeprefix(CONTINUED)) == 1 or piece in (PADDING, UNKNOWN, BEGIN, END)
    }
    for number, piece in enumerate(vocabulary):  # the commonest ones come first
        if len(needed) >= most:
            break
        if not piece.startswith("["):
            needed.add(number)
    numbers = np.array(sorted(needed), np.int32)
    return [vocabulary[number] for number in numbers], numbers


def temperature(scores: Floats, labels: _Integers) -> float:
    """By what scores are divided, so that their softmax is calibrated.

    C. Guo et al., "On Calibration of Modern Neural Networks" (2017).
    """

    def loss(heat: float) -> float:
        chances = softmax(scores / np.float32(heat))
        return -float(np.log(np.maximum(chances[np.arange(len(labels)), labels], 1e-9)).mean())

    heats: list[float] = np.arange(0.5, 4.0, 0.02).tolist()
    return min(heats, key=loss)


def quantized(model: onnx.ModelProto) -> bytes:
    """The model with its matrices in seven of eight bits: so no processor's sums overflow."""
    with tempfile.TemporaryDirectory() as folder:
        whole, small = Path(folder) / "whole.onnx", Path(folder) / "small.onnx"
        onnx.save(model, str(whole))
        logging.disable(logging.WARNING)  # its advice to optimise the model before
        try:
            quantize_dynamic(
                whole,
                small,
                op_types_to_quantize=["MatMul"],
                per_channel=True,
                reduce_range=True,
                weight_type=QuantType.QInt8,
            )
        finally:
            logging.disable(logging.NOTSET)
        return small.read_bytes()


def _steps(count: int) -> int:
    return EPOCHS * -(-count // BATCH)


def _fit(
    start: bert.Parameters,
    texts: _Texts,
    places: npt.NDArray[np.intp],
    advance: Callable[[int], None],
) -> bert.Parameters:
    """The parameters, fine-tuned to the texts at some places."""
    random = np.random.default_rng(0)
    size = start["word"].shape[1]
    head = {
        "weight": random.normal(0, 0.02, (size, len(LABELS))).astype(np.float32),
        "bias": np.zeros(len(LABELS), np.float32),
    }
    parameters = jax.tree.map(jnp.asarray, {**start, "head": head})
    steps = _steps(len(places))
    rate = optax.warmup_cosine_decay_schedule(
        0.0, RATE, int(steps * _WARM_UP), steps, RATE * _LAST_RATE
    )
    optimizer = optax.chain(
        optax.clip_by_global_norm(_LARGEST_GRADIENT), optax.adamw(rate, weight_decay=_DECAY)
    )

    def loss(parameters: Any, batch: Any, labels: Any, key: Any) -> Any:
        found = bert.scores(parameters, batch.pieces, batch.mask, key)
        wanted = optax.smooth_labels(jax.nn.one_hot(labels, len(LABELS)), _SMOOTHING)
        return optax.softmax_cross_entropy(found, wanted).mean()

    @jax.jit
    def step(parameters: Any, state: Any, batch: Any, labels: Any, key: Any) -> Any:
        gradient = jax.grad(loss)(parameters, batch, labels, key)
        updates, state = optimizer.update(gradient, state, parameters)
        return optax.apply_updates(parameters, updates), state

    state = optimizer.init(parameters)
    key = jax.random.key(0)
    done = 0
    for _ in range(EPOCHS):
        for batch in _batches(texts, random.permutation(places), random):
            key, used = jax.random.split(key)
            labels = texts.labels[batch.places]
            parameters, state = step(parameters, state, batch, labels, used)
            done += 1
            advance(done)
    fitted: bert.Parameters = jax.tree.map(np.asarray, parameters)
    return fitted


def _answers(parameters: bert.Parameters, texts: _Texts, places: npt.NDArray[np.intp]) -> Floats:
    """The scores of labels for the texts at some places (places, 3)."""
    found = np.empty((len(texts.pieces), len(LABELS)), np.float32)
    run = jax.jit(bert.scores)
    for batch in _batches(texts, places):
        found[batch.places] = run(parameters, jnp.asarray(batch.pieces), jnp.asarray(batch.mask))
    return found[places]


def _batches(
    texts: _Texts,
    places: npt.NDArray[np.intp],
    random: np.random.Generator | None = None,
) -> Iterator[_Batch]:
    """Batches of texts of about one length; with random numbers in their order."""
    near = [places[start : start + BATCH * _NEAR] for start in range(0, len(places), BATCH * _NEAR)]
    batches = []
    for part in near:
        ordered = sorted(part.tolist(), key=lambda place: len(texts.pieces[place]))
        batches += [ordered[start : start + BATCH] for start in range(0, len(ordered), BATCH)]
    order = range(len(batches)) if random is None else random.permutation(len(batches))
    for number in order:
        chosen = np.resize(batches[number], BATCH).astype(np.int32)
        length = max(len(texts.pieces[place]) for place in chosen)
        shape = (BATCH, min(LENGTH, -(-length // _ROUNDED) * _ROUNDED))
        pieces, mask = np.zeros(shape, np.int32), np.zeros(shape, np.float32)
        for row, place in enumerate(chosen):
            found = texts.pieces[place]
            pieces[row, : len(found)] = found
            mask[row, : len(found)] = 1
        yield _Batch(chosen, pieces, mask)

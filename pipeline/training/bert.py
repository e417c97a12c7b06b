"""A small BERT in JAX: read from ONNX, run forward, written to ONNX in eight bits.

J. Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers" (2019). Here it ends in a
linear layer over the first piece's vector, which gives a score for each label.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pipeline.enrich.sentiment.model import LABELS, Floats
from pipeline.errors import ConfigurationError

HEAD_SIZE = 32  # of attention, in all BERTs of 384 and fewer dimensions
DROPOUT = 0.1
_EPSILON = 1e-12
_OPSET = 20
_IR_VERSION = 10

Parameters = dict[str, Any]
"""A tree of arrays: word (pieces, size), position (length, size), norm, layers, head."""


class Base(NamedTuple):
    """A pre-trained model without a head: its parameters and its vocabulary."""

    parameters: Parameters
    vocabulary: list[str]


def read_base(folder: Path) -> Base:
    """The pre-trained BERT in a folder's model.onnx and tokenizer.json, as models are published.

    Raises:
        ConfigurationError: there is none, or it is of another kind.
    """
    try:
        pieces = json.loads((folder / "tokenizer.json").read_bytes())["model"]["vocab"]
        weights = _named(onnx.load(str(folder / "model.onnx")).graph)
        parameters = _parameters(weights)
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"{folder}: expected a BERT as model.onnx and tokenizer.json: {error!r}"
        ) from error
    return Base(parameters, sorted(pieces, key=pieces.__getitem__))


def _named(graph: onnx.GraphProto) -> dict[str, Floats]:
    """The weights by their names; those that the exporter left without, by their step's name."""
    weights = {value.name: numpy_helper.to_array(value) for value in graph.initializer}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in weights:
            name = node.name.strip("/").removesuffix("/MatMul").replace("/", ".")
            weights[f"{name}.weight"] = weights[node.input[1]].T
    return {name.removeprefix("bert."): value for name, value in weights.items()}


def _parameters(weights: Mapping[str, Floats]) -> Parameters:
    def linear(*names: str) -> Parameters:
        return {
            "weight": np.concatenate([weights[f"{name}.weight"] for name in names]).T,
            "bias": np.concatenate([weights[f"{name}.bias"] for name in names]),
        }

    def norm(name: str) -> Parameters:
        return {"gain": weights[f"{name}.weight"], "bias": weights[f"{name}.bias"]}

    layers: list[Parameters] = []
    while f"encoder.layer.{len(layers)}.output.dense.bias" in weights:
        layer = f"encoder.layer.{len(layers)}"
        attention = f"{layer}.attention"
        layers.append(
            {
                "attention": linear(*(f"{attention}.self.{n}" for n in ("query", "key", "value"))),
                "mixed": linear(f"{attention}.output.dense"),
                "mixed_norm": norm(f"{attention}.output.LayerNorm"),
                "wide": linear(f"{layer}.intermediate.dense"),
                "narrow": linear(f"{layer}.output.dense"),
                "norm": norm(f"{layer}.output.LayerNorm"),
            }
        )
    if not layers:
        raise ValueError("no layers")
    # Of the two types of text there is only the first here: its vector is a part of each position.
    position = weights["embeddings.position_embeddings.weight"]
    return {
        "word": weights["embeddings.word_embeddings.weight"],
        "position": position + weights["embeddings.token_type_embeddings.weight"][0],
        "norm": norm("embeddings.LayerNorm"),
        "layers": layers,
    }


def scores(
    parameters: Parameters, pieces: jax.Array, mask: jax.Array, key: jax.Array | None = None
) -> jax.Array:
    """The score of each label (texts, 3), before the softmax.

    Args:
        parameters: with a head.
        pieces: the numbers of the texts' pieces (texts, length).
        mask: 1 for a piece, 0 for padding (texts, length).
        key: the random numbers of dropout, while the model is trained.
    """
    dropout = _Dropout(key)
    texts, length = pieces.shape
    x = parameters["word"][pieces] + parameters["position"][:length]
    x = dropout(_normalized(x, parameters["norm"]))
    size = x.shape[-1]
    heads = (texts, length, 3, size // HEAD_SIZE, HEAD_SIZE)
    hidden = jnp.where(mask > 0, 0.0, -1e9)[:, None, None, :]
    for layer in parameters["layers"]:
        query, key_, value = _applied(x, layer["attention"]).reshape(heads).transpose(2, 0, 3, 1, 4)
        weights = jax.nn.softmax(query @ key_.transpose(0, 1, 3, 2) / math.sqrt(HEAD_SIZE) + hidden)
        mixed = (weights @ value).transpose(0, 2, 1, 3).reshape(texts, length, size)
        x = _normalized(x + dropout(_applied(mixed, layer["mixed"])), layer["mixed_norm"])
        wide = jax.nn.gelu(_applied(x, layer["wide"]), approximate=False)
        x = _normalized(x + dropout(_applied(wide, layer["narrow"])), layer["norm"])
    return _applied(dropout(x[:, 0]), parameters["head"])


class _Dropout:
    def __init__(self, key: jax.Array | None) -> None:
        self._key = key

    def __call__(self, x: jax.Array) -> jax.Array:
        if self._key is None:
            return x
        self._key, key = jax.random.split(self._key)
        return x * jax.random.bernoulli(key, 1 - DROPOUT, x.shape) / (1 - DROPOUT)


def _applied(x: jax.Array, linear: Parameters) -> jax.Array:
    return jnp.add(x @ linear["weight"], linear["bias"])


def _normalized(x: jax.Array, norm: Parameters) -> jax.Array:
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    normal = (x - mean) * jax.lax.rsqrt(variance + _EPSILON)
    return jnp.add(normal * norm["gain"], norm["bias"])


def to_onnx(parameters: Parameters, metadata: Mapping[str, str]) -> onnx.ModelProto:
    """The model from pieces and mask (texts, length) to probabilities (texts, 3).

    A piece's vector is kept in eight bits with a scale of its own; the matrices are floats, for
    onnxruntime's quantization.
    """
    graph = _Graph()
    words = np.asarray(parameters["word"])
    scale = np.maximum(np.abs(words).max(axis=1, keepdims=True), 1e-9) / 127
    rows = graph("Gather", graph.constant(np.round(words / scale).astype(np.int8)), "pieces")
    scales = graph("Gather", graph.constant(scale.astype(np.float32)), "pieces")
    x = graph("Mul", graph("Cast", rows, to=TensorProto.FLOAT), scales)
    length = graph("Slice", graph("Shape", "pieces"), graph.integers(1), graph.integers(2))
    position = graph.constant(np.asarray(parameters["position"]))
    x = graph("Add", x, graph("Slice", position, graph.integers(0), length, graph.integers(0)))
    x = graph.norm(x, parameters["norm"])
    size = words.shape[1]
    heads = size // HEAD_SIZE
    absent = graph("Sub", graph.number(1.0), graph("Cast", "mask", to=TensorProto.FLOAT))
    hidden = graph("Mul", graph("Unsqueeze", absent, graph.integers(1, 2)), graph.number(-1e9))
    for layer in parameters["layers"]:
        attention = {k: np.array(v) for k, v in layer["attention"].items()}
        for name in ("weight", "bias"):
            attention[name][..., :size] /= math.sqrt(HEAD_SIZE)
        joined = graph.linear(x, attention)
        parts = graph("Reshape", joined, graph.integers(0, 0, 3, heads, HEAD_SIZE))
        query = graph.part(parts, 0, (0, 2, 1, 3))
        key = graph.part(parts, 1, (0, 2, 3, 1))
        value = graph.part(parts, 2, (0, 2, 1, 3))
        weights = graph("Softmax", graph("Add", graph("MatMul", query, key), hidden), axis=-1)
        mixed = graph("Transpose", graph("MatMul", weights, value), perm=(0, 2, 1, 3))
        mixed = graph("Reshape", mixed, graph.integers(0, 0, size))
        x = graph.norm(graph("Add", x, graph.linear(mixed, layer["mixed"])), layer["mixed_norm"])
        wide = graph("Gelu", graph.linear(x, layer["wide"]))
        x = graph.norm(graph("Add", x, graph.linear(wide, layer["narrow"])), layer["norm"])
    first = graph("Gather", x, graph.constant(np.array(0, np.int64)), axis=1)
    graph("Softmax", graph.linear(first, parameters["head"]), axis=-1, output="chances")
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "sentiment",
            [
                helper.make_tensor_value_info(name, TensorProto.INT64, ("texts", "length"))
                for name in ("pieces", "mask")
            ],
            [helper.make_tensor_value_info("chances", TensorProto.FLOAT, ("texts", len(LABELS)))],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
    )
    helper.set_model_props(model, dict(metadata))
    return model


class _Graph:
    """Steps and constants as they are added; each call adds a step and gives its output's name."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def __call__(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        output = output or f"step{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, value: np.ndarray[Any, Any]) -> str:
        name = f"weight{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def integers(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def number(self, value: float) -> str:
        return self.constant(np.array(value, np.float32))

    def linear(self, x: str, linear: Parameters) -> str:
        product = self("MatMul", x, self.constant(np.asarray(linear["weight"])))
        return self("Add", product, self.constant(np.asarray(linear["bias"])))

    def norm(self, x: str, norm: Parameters) -> str:
        gain, bias = (self.constant(np.asarray(norm[name])) for name in ("gain", "bias"))
        return self("LayerNormalization", x, gain, bias, axis=-1, epsilon=_EPSILON)

    def part(self, parts: str, number: int, order: tuple[int, ...]) -> str:
        """One of query, key and value (texts, length, 3, heads, size), in another order."""
        taken = self("Gather", parts, self.constant(np.array(number, np.int64)), axis=2)
        return self("Transpose", taken, perm=order)

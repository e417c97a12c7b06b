"""The entities of a spaCy pipeline's `ner`, found in a fraction of its time.

spaCy's recogniser walks over a text token by token and asks for each of its 74 actions whether it
is allowed and how it scores. But while no entity is open, the scores depend on the token alone:
they are one matrix product for all tokens of a batch. Only inside an entity a step depends on the
one before, and just two actions are allowed there, In and Last of the entity's own label. So every
token that could begin an entity is followed to that entity's end, all of them side by side, and a
walk over those spans takes the ones that spaCy would take.

The vectors of tokens depend on their neighbours, and are computed as spaCy does, by whole
batches; what depends on a word alone is kept. spaCy is the oracle of the tests: the same
entities, on any text and at any size of a batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from blis.py import gemm

from pipeline.enrich.recognizer.fast_tokens import FastTokenizer, Tokens

if TYPE_CHECKING:
    from spacy.language import Language
    from thinc.api import Model

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.intp]
Product = Callable[[Floats, Floats, Floats], None]
"""Writes the product of its first two arguments into the third."""

MOST_TOKENS = 8_000
"""Tokens that are looked at together, unless a text has more: 20 MB."""

_BLOCK = 1024
"""Tokens that go through a layer at a time: what they take stays in the processor's cache."""

_ARCHITECTURE = "spacy.TransitionBasedParser.v2 over spacy.MultiHashEmbed and MaxoutWindowEncoder"


class Span(NamedTuple):
    """`text[start:end]`, in code points, and the recogniser's label (PERSON, ORG, GPE, …)."""

    start: int
    end: int
    label: str


class _Maxout(NamedTuple):
    """A window of tokens to one vector: the largest of a few linear maps, normalised.

    Attributes:
        weights: (window × width + 1, pieces × width), the pieces one behind the other; the last row
            is the bias.
        scale: (width,), of the normalisation.
        shift: (width,)
    """

    weights: Floats
    scale: Floats
    shift: Floats


class _Actions(NamedTuple):
    """The numbers of the actions, by the place of their label in `labels`.

    Attributes:
        labels: the labels of entities.
        kind: for each action 0 where no open state allows it, else one of B, U, O.
        label: for each action the place of its label.
        inside: for each label its In.
        last: for each label its Last.
    """

    labels: list[str]
    kind: npt.NDArray[np.uint8]
    label: Numbers
    inside: Numbers
    last: Numbers


_BEGIN, _UNIT, _OUT = 1, 2, 3


class FastNER:
    """Finds what a pipeline of a tokenizer and an `ner` finds.

    Args:
        nlp: the pipeline.
        name: of its entity recogniser.
        alone: nothing else uses the pipeline, so that it need not find out more of new words.

    Raises:
        ValueError: the recogniser is of another architecture.
    """

    def __init__(self, nlp: Language, name: str = "ner", *, alone: bool = False) -> None:
        ner: Any = nlp.get_pipe(name)
        tok2vec, lower, upper = _parts(ner.model)
        embedding, encoder, project = _parts_of_vectors(tok2vec)
        attributes, self._embed = _embedding(embedding)
        self._layers = [_maxout(layer) for layer in encoder]
        self._product = _fastest(self._layers[0].weights)
        self._pad = len(self._layers)
        self._width = self._layers[0].scale.size
        self._project = (_transposed(project.get_param("W")), _floats(project.get_param("b")))
        self._actions = _actions(ner.moves)
        # (features, hidden, pieces, width): to one matrix for each feature, pieces in blocks.
        weights = _floats(lower.get_param("W"))
        features, _, pieces, _ = weights.shape
        if features != 3:
            raise ValueError(f"only {_ARCHITECTURE} can be read")
        self._pieces = pieces
        self._features = [_weights_in_blocks(of_feature) for of_feature in weights]
        pad = _floats(lower.get_param("pad"))[0].transpose(0, 2, 1).reshape(features, -1)
        self._bias = _bias_in_blocks(lower.get_param("b"))
        self._closed_bias = self._bias + pad[1] + pad[2]
        scores, bias = _floats(upper.get_param("W")), _floats(upper.get_param("b"))
        # How much In scores above Last, for each label.
        inside, end = self._actions.inside, self._actions.last
        self._goes_on = tuple(of_action[inside] - of_action[end] for of_action in (scores, bias))
        # The actions that are possible while no entity is open.
        possible = self._actions.kind != 0
        for unseen in ner.model.attrs.get("unseen_classes") or ():
            possible[unseen] = False
        self._closed = np.flatnonzero(possible)
        self._upper = scores[self._closed].T.copy(), bias[self._closed]
        kinds = self._actions.kind[self._closed]
        self._not_out, self._begins = kinds != _OUT, kinds == _BEGIN
        self._tokenizer = FastTokenizer(nlp, attributes, alone=alone)
        self._words = np.empty((0, self._width), np.float32)

    def __call__(self, texts: Sequence[str]) -> list[list[Span]]:
        """The entities of each text, in order."""
        found: list[list[Span]] = []
        batch: list[Tokens] = []
        count = 0
        if self._tokenizer.is_full:
            self._tokenizer.clear()
            self._words = self._words[:0]
        for tokens in self._tokenizer(texts):
            if batch and count + len(tokens.words) > MOST_TOKENS:
                found += self._batch(batch)
                batch, count = [], 0
            batch.append(tokens)
            count += len(tokens.words)
        return found + self._batch(batch)

    def _batch(self, texts: Sequence[Tokens]) -> list[list[Span]]:
        lengths = [len(tokens.words) for tokens in texts]
        found: list[list[Span]] = [[] for _ in texts]
        if not any(lengths):
            return found
        words = np.array([word for tokens in texts for word in tokens.words], np.intp)
        vectors = self._vectors(self._embedded(words), lengths)
        ends = np.cumsum(lengths)
        last = np.zeros(len(words), bool)
        last[ends[np.asarray(lengths) > 0] - 1] = True
        for number, start, end, label in self._spans(
            vectors, self._tokenizer.is_space[words], last, ends
        ):
            found[number].append(Span(*texts[number].span(start, end - 1), label))
        return found

    def _embedded(self, words: Numbers) -> Floats:
        """The vectors of words (words, width), each computed once."""
        known, size = len(self._words), self._tokenizer.size
        if size > known:
            new = self._embed(self._tokenizer.attributes[known:size])
            self._words = np.concatenate([self._words, new])
        return self._words[words]

    def _vectors(self, words: Floats, lengths: Sequence[int]) -> Floats:
        """What the recogniser sees of each token (tokens, hidden): itself and its neighbours."""
        pad, width = self._pad, self._width
        # Where the tokens stand: behind a row that is no one's, rows of zeros before each document
        # and behind the last.
        number = np.repeat(np.arange(1, len(lengths) + 1), lengths)
        places = np.arange(len(words)) + pad * number + 1
        last = len(words) + pad * (len(lengths) + 1) + 1
        rows = np.zeros((last + 1, width), np.float32)
        rows[places] = words
        after = np.zeros_like(rows)
        windows = np.ones((_BLOCK, 3 * width + 1), np.float32)
        products = np.empty((_BLOCK, self._layers[0].weights.shape[1]), np.float32)
        for layer in self._layers:
            for begin in range(1, last, _BLOCK):
                end = min(begin + _BLOCK, last)
                window, product = windows[: end - begin], products[: end - begin]
                window[:, :width] = rows[begin - 1 : end - 1]
                window[:, width : 2 * width] = rows[begin:end]
                window[:, 2 * width : -1] = rows[begin + 1 : end + 1]
                self._product(window, layer.weights, product)
                more = _normalized(_largest(product, width), layer)
                np.add(rows[begin:end], more, out=after[begin:end])
            rows, after = after, rows
        weights, bias = self._project
        vectors: Floats = rows[places] @ weights + bias
        return vectors

    def _spans(
        self,
        vectors: Floats,
        spaces: npt.NDArray[np.bool_],
        last: npt.NDArray[np.bool_],
        ends: Numbers,
    ) -> Iterator[tuple[int, int, int, str]]:
        """The spans of all texts in order: the text's number, the tokens, the label."""
        actions = self._actions
        at_token = vectors @ self._features[0]
        weights, bias = self._upper
        scores = self._hidden(at_token + self._closed_bias) @ weights
        scores += bias
        scores[np.ix_(last, self._begins)] = -np.inf
        scores[np.ix_(spaces, self._not_out)] = -np.inf
        best = self._closed[scores.argmax(axis=1)]
        kinds = actions.kind[best]
        starts = np.flatnonzero(kinds != _OUT)
        labels = actions.label[best[starts]]
        stops = starts + 1
        begins = np.flatnonzero(kinds[starts] == _BEGIN)
        stops[begins] = self._followed(vectors, at_token, last, starts[begins], labels[begins])
        begin_of = np.concatenate([[0], ends[:-1]])
        documents = np.searchsorted(ends, starts, side="right")
        free = 0
        for document, start, stop, label in zip(
            documents.tolist(), starts.tolist(), stops.tolist(), labels.tolist(), strict=True
        ):
            if start >= free:
                free = stop
                first = int(begin_of[document])
                yield document, start - first, stop - first, actions.labels[label]

    def _followed(
        self,
        vectors: Floats,
        at_token: Floats,
        last: npt.NDArray[np.bool_],
        starts: Numbers,
        labels: Numbers,
    ) -> Numbers:
        """Where entities that begin at some tokens end, exclusive; all are followed at a time."""
        stops = np.empty_like(starts)
        differs, beyond = self._goes_on
        first = vectors[starts] @ self._features[1] + self._bias
        open_, tokens = np.arange(len(starts)), starts + 1
        while len(open_):
            state = first[open_] + at_token[tokens] + vectors[tokens - 1] @ self._features[2]
            kind = labels[open_]
            more = np.einsum("ij,ij->i", self._hidden(state), differs[kind]) + beyond[kind] >= 0
            more &= ~last[tokens]
            stops[open_[~more]] = tokens[~more] + 1
            open_, tokens = open_[more], tokens[more] + 1
        return stops

    def _hidden(self, features: Floats) -> Floats:
        """The hidden layer (states, hidden) from the sums of features, their pieces in blocks."""
        return _largest(features, features.shape[1] // self._pieces)


def _fastest(weights: Floats) -> Product:
    """The faster of two libraries: on some processors one, on others the other, up to 3 times."""
    rows = np.ones((500, len(weights)), np.float32)
    out = np.empty((500, weights.shape[1]), np.float32)

    def seconds(product: Product) -> float:
        times = []
        for _ in range(5):
            begin = time.perf_counter()
            product(rows, weights, out)
            times.append(time.perf_counter() - begin)
        return min(times)

    return min((_by_numpy, _by_blis), key=seconds)


def _by_numpy(rows: Floats, weights: Floats, out: Floats) -> None:
    np.matmul(rows, weights, out=out)


def _by_blis(rows: Floats, weights: Floats, out: Floats) -> None:
    gemm(rows, weights, out=out, beta=0.0)  # of itself it adds to what is there


def _largest(pieces: Floats, width: int) -> Floats:
    """The largest of the pieces, which stand one behind the other (rows, pieces × width)."""
    largest = np.maximum(pieces[:, :width], pieces[:, width : 2 * width])
    for begin in range(2 * width, pieces.shape[1], width):
        np.maximum(largest, pieces[:, begin : begin + width], out=largest)
    return largest


def _normalized(rows: Floats, layer: _Maxout) -> Floats:
    """Rows of mean 0 and variance 1, scaled and shifted; in place."""
    width = rows.shape[1]
    rows -= rows @ np.full((width, 1), 1 / width, np.float32)
    variance = np.einsum("ij,ij->i", rows, rows) / np.float32(width) + np.float32(1e-8)
    rows *= (1 / np.sqrt(variance))[:, None]
    rows *= layer.scale
    rows += layer.shift
    return rows


def _floats(values: Any) -> Floats:
    return np.ascontiguousarray(values, dtype=np.float32)


def _transposed(values: Any) -> Floats:
    return np.ascontiguousarray(_floats(values).T)


def _weights_in_blocks(weights: Any) -> Floats:
    """From (outputs, pieces, inputs) to (inputs, pieces × outputs), the pieces in blocks."""
    turned = _transposed(weights)
    return turned.reshape(len(turned), -1)


def _bias_in_blocks(bias: Any) -> Floats:
    """From (outputs, pieces) to (pieces × outputs,), the pieces in blocks."""
    return _transposed(bias).reshape(-1)


def _parts(model: Model[Any, Any]) -> Sequence[Model[Any, Any]]:
    """The vectors of tokens, and the two layers above them."""
    if len(model.layers) != 3 or not model.attrs.get("has_upper"):
        raise ValueError(f"only {_ARCHITECTURE} can be read")
    return model.layers


def _parts_of_vectors(
    tok2vec: Model[Any, Any],
) -> tuple[Model[Any, Any], Sequence[Model[Any, Any]], Model[Any, Any]]:
    """The embedding of words, the layers over windows of tokens, and the last, linear map."""
    try:
        embed_encode, _, project = tok2vec.layers
        embedding, encoder = embed_encode.layers
        chain = encoder.layers[0]
        layers = (
            chain.layers
            if all(layer.name.startswith("residual") for layer in chain.layers)
            else [chain]
        )
    except (ValueError, IndexError) as error:
        raise ValueError(f"only {_ARCHITECTURE} can be read") from error
    return embedding, layers, project


def _embedding(embedding: Model[Any, Any]) -> tuple[list[int | str], Any]:
    """The attributes of a token that its vector depends on, and what computes it from them."""
    try:
        extract, _, hashes, mix, _ = embedding.layers
        columns = extract.attrs["columns"]
    except (ValueError, KeyError) as error:
        raise ValueError(f"only {_ARCHITECTURE} can be read") from error
    inner, outer = hashes.layers[0], mix.layers[0]
    return (
        list(columns),
        lambda attributes: outer.predict(inner.predict(attributes)),
    )


def _maxout(residual: Model[Any, Any]) -> _Maxout:
    window, maxout, norm = (
        next(part for part in residual.walk() if part.name == name)
        for name in ("expand_window", "maxout", "layernorm")
    )
    if window.attrs["window_size"] != 1:
        raise ValueError("only windows of one token to each side can be read")
    return _Maxout(
        np.vstack(
            [
                _weights_in_blocks(maxout.get_param("W")),
                _bias_in_blocks(maxout.get_param("b")),
            ]
        ),
        _floats(norm.get_param("G")),
        _floats(norm.get_param("b")),
    )


def _actions(moves: Any) -> _Actions:
    names = [moves.get_class_name(number) for number in range(moves.n_moves)]
    parts = [name.partition("-") for name in names]
    labels = sorted({label for _, _, label in parts if label})
    places = {label: place for place, label in enumerate(labels)}
    kinds = {"B": _BEGIN, "U": _UNIT, "O": _OUT}
    # One action is "U-" without a label: it is allowed for tokens that were blocked before.
    return _Actions(
        labels,
        np.array(
            [kinds.get(kind, 0) if label or kind == "O" else 0 for kind, _, label in parts],
            np.uint8,
        ),
        np.array([places.get(label, 0) for _, _, label in parts], np.intp),
        np.array([names.index(f"I-{label}") for label in labels], np.intp),
        np.array([names.index(f"L-{label}") for label in labels], np.intp),
    )

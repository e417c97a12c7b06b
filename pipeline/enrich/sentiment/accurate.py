"""The sentiment model `accurate`: a small BERT in eight bits, run by onnxruntime.

`newsloom train sentiment --model accurate` fine-tunes it; docs/models/sentiment-accurate.md says
from what, on what, and how good it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from importlib.resources import files

import numpy as np

from pipeline.enrich.sentiment.fast import FastModel
from pipeline.enrich.sentiment.model import LABELS, Floats, SentimentModel
from pipeline.enrich.sentiment.word_pieces import WordPieces
from pipeline.errors import ConfigurationError

LENGTH = 64
"""The most pieces of a text that are read: some forty words."""

_PIECES_AT_ONCE = 1024  # of a batch of texts, padding included

_LINK = re.compile(r"https?://\S+")


class AccurateModel(SentimentModel):
    """Scores titles and leads; `fast` scores the rest of an article.

    Args:
        data: a model as `newsloom train sentiment` writes it; without, the one that ships.
        name: of the model, for an article's provenance.

    Attributes:
        vocabulary: the words and pieces of words that it knows.

    Raises:
        ConfigurationError: onnxruntime is not installed.
        ValueError: it is no such model.
    """

    def __init__(self, data: bytes | None = None, name: str = "accurate-1") -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise ConfigurationError(
                "the sentiment model accurate needs onnxruntime: pip install 'newsloom[accurate]'"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # each worker process has a core
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                data or _shipped(), options, providers=["CPUExecutionProvider"]
            )
            metadata = self._session.get_modelmeta().custom_metadata_map
            self.vocabulary: list[str] = json.loads(metadata["vocabulary"])
            self._pieces = WordPieces(self.vocabulary, LENGTH)
        except Exception as error:
            raise ValueError(f"no sentiment model: {error}") from error
        self.name = name
        self.rest = FastModel()

    def chances(self, texts: Sequence[str]) -> Floats:
        """The probabilities of `LABELS` for each text (texts, 3), in English."""
        found = np.empty((len(texts), len(LABELS)), np.float32)
        pieces = [self._pieces(prepared(text)) for text in texts]
        order = sorted(range(len(texts)), key=lambda place: len(pieces[place]))
        while order:
            longest = len(pieces[order[-1]])
            batch = order[-max(1, _PIECES_AT_ONCE // longest) :]
            del order[-len(batch) :]
            numbers = np.zeros((len(batch), longest), np.int64)
            mask = np.zeros_like(numbers)
            for row, place in enumerate(batch):
                numbers[row, : len(pieces[place])] = pieces[place]
                mask[row, : len(pieces[place])] = 1
            (found[batch],) = self._session.run(["chances"], {"pieces": numbers, "mask": mask})
        return found


def prepared(text: str) -> str:
    """A text as the model reads it: without links."""
    return _LINK.sub("", text)


def _shipped() -> bytes:
    return files("pipeline.enrich").joinpath("data/sentiment_accurate.onnx").read_bytes()

"""Quality and speed of sentiment on labelled texts: python -m benchmarks.sentiment DATA.csv

DATA.csv has columns text and label (0 negative, 1 positive, 2 neutral). Half of it is frozen: no
rule and no constant was tuned on it, and the models that are trained here are trained on the other
half. What ships is trained on all: `newsloom train sentiment` says how good that is on what it left
out. The second table has sentences of another kind, which nothing was trained on, and the models as
they ship.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from benchmarks.table import show
from pipeline.article import SentimentLabel
from pipeline.enrich.sentiment.accurate import AccurateModel
from pipeline.enrich.sentiment.fast import FastModel
from pipeline.enrich.sentiment.lexicon import LexiconModel
from pipeline.enrich.sentiment.model import LABELS, SentimentModel
from pipeline.training.labelled import Labelled, quality, read_labelled
from pipeline.training.linear import fit

Answers = Sequence[SentimentLabel]
Model = tuple[str, Callable[[Sequence[str]], Answers]]
ROOT = Path(__file__).parent.parent
COMPANY_NEWS = ROOT / "training" / "data" / "company_news.csv"
UNSEEN = ROOT / "benchmarks" / "data" / "company_news.csv"
VADER_THRESHOLD = 0.05
"""Of its `compound` score, as its documentation has it."""


def is_frozen(text: str) -> bool:
    """Whether a text is of the half that is only reported on: nothing may be tuned by it."""
    return blake2b(text.encode(), digest_size=1).digest()[0] % 2 == 1


def certain(answers: Answers) -> npt.NDArray[np.float32]:
    """Labels as probabilities of 0 and 1."""
    return np.eye(len(LABELS), dtype=np.float32)[[LABELS.index(label) for label in answers]]


def of_model(model: SentimentModel) -> Callable[[Sequence[str]], Answers]:
    """What answers with a model's labels."""
    return lambda texts: [sentiment.label for sentiment in model.score(texts)]


def tf_idf(rows: Sequence[Labelled]) -> Callable[[Sequence[str]], Answers]:
    """Words and pairs of words under a linear support vector machine, fitted to rows."""
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LinearSVC(C=0.5))
    model.fit([row.text for row in rows], [row.label for row in rows])
    return lambda texts: model.predict(texts).tolist()


def vader(texts: Sequence[str]) -> Answers:
    """Hutto & Gilbert's lexicon of social media."""
    analyzer = SentimentIntensityAnalyzer()
    scores = [analyzer.polarity_scores(text)["compound"] for text in texts]
    return [
        "positive" if score >= VADER_THRESHOLD
        else "negative" if score <= -VADER_THRESHOLD
        else "neutral"
        for score in scores
    ]  # fmt: skip


def measure(title: str, rows: Sequence[Labelled], models: Sequence[Model]) -> None:
    """Prints how good and how fast models are."""
    texts, truth = [row.text for row in rows], [row.label for row in rows]
    table = []
    for name, answer in models:
        answer(texts[:100])
        start = time.perf_counter()
        answers = answer(texts)
        seconds = time.perf_counter() - start
        found = quality(truth, certain(answers))
        table.append((name, found.accuracy, found.macro_f1, len(texts) / seconds))
    show(title, ("", "accuracy", "macro-F1", "texts/s"), table)


def commonest(rows: Sequence[Labelled]) -> Model:
    """What always gives the commonest label of rows."""
    label = Counter(row.label for row in rows).most_common(1)[0][0]
    return "commonest label", lambda texts: [label] * len(texts)


def main(path: Path) -> None:
    """Prints the tables."""
    rows = read_labelled(path)
    tuning = [row for row in rows if not is_frozen(row.text)]
    frozen = [row for row in rows if is_frozen(row.text)]
    ours = read_labelled(COMPANY_NEWS)
    lexicon = ("newsloom lexicon", of_model(LexiconModel()))
    measure(
        f"{len(frozen):,} frozen headlines; models trained on {len(tuning):,} others",
        frozen,
        [
            commonest(tuning),
            ("VADER", vader),
            ("TF-IDF, linear SVM", tf_idf(tuning)),
            lexicon,
            ("newsloom fast, unrated", of_model(FastModel(fit([*tuning, *ours])))),
        ],
    )
    unseen = read_labelled(UNSEEN)
    measure(
        f"{len(unseen)} sentences of company news; models of all headlines, and as they ship",
        unseen,
        [
            commonest(rows),
            ("VADER", vader),
            ("TF-IDF, linear SVM", tf_idf(rows)),
            ("the same, company news too", tf_idf([*rows, *ours])),
            lexicon,
            ("newsloom fast", of_model(FastModel())),
            ("newsloom accurate", of_model(AccurateModel())),
        ],
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m benchmarks.sentiment DATA.csv")
    main(Path(sys.argv[1]))

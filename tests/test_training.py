"""Training: the same data gives the same weights, which know what the data shows."""

from __future__ import annotations

import csv
import json
import random
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.article import SentimentLabel
from pipeline.enrich.sentiment.accurate import AccurateModel
from pipeline.enrich.sentiment.fast import FastModel, read_weights
from pipeline.errors import ConfigurationError
from pipeline.training.labelled import Labelled, Quality, Trained, quality, read_labelled
from pipeline.training.linear import fit, rate, train
from tests.test_cli import newsloom

WORDS: dict[SentimentLabel, str] = {"positive": "glim", "negative": "drak", "neutral": "mun"}
"""Words of no language: only the data can say what they mean."""


def rows(count: int = 120) -> list[Labelled]:
    chosen = random.Random(3)
    made = []
    for number in range(count):
        label = list(WORDS)[number % 3]
        filler = chosen.sample(["oris", "velt", "sabb", "tuno", "quar", "plen"], 3)
        made.append(Labelled(" ".join([*filler[:2], WORDS[label], filler[2]]), label))
    return made


def write(path: Path, labelled: list[Labelled]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows(labelled)
    return path


def test_a_model_learns_the_words_of_its_data() -> None:
    model = FastModel(fit(rows()))
    answers = [sentiment.label for sentiment in model.score([f"velt {w}" for w in WORDS.values()])]
    assert answers == list(WORDS)


def test_the_same_rows_give_the_same_model_and_answers() -> None:
    first, again = train(rows()), train(rows())
    assert first.model == again.model
    assert np.array_equal(first.chances, again.chances)
    assert first.held.all()
    assert of_held(first, rows()).accuracy > 0.95


def test_a_teacher_rates_words_that_no_text_has() -> None:
    rated = rate(rows(), AccurateModel())
    row = dict(zip(rated.words, rated.ratings.tolist(), strict=True))
    assert {"glim", "bankruptcy", "surged"} <= row.keys()
    good, bad = row["surged"]
    assert good > bad
    good, bad = row["bankruptcy"]
    assert bad > good
    weights = fit([*rows(), *[Labelled("oris surged", "positive")] * 20], rated)
    with_teacher, without = FastModel(weights), FastModel(fit(rows()))
    text = ["profit soars"]  # no text has these words
    assert with_teacher.chances(text)[0, 0] > without.chances(text)[0, 0]


def test_answers_are_those_to_texts_that_were_left_out() -> None:
    chosen = random.Random(4)
    shuffled = [Labelled(row.text, chosen.choice(list(WORDS))) for row in rows(300)]
    assert of_held(train(shuffled), shuffled).accuracy < 0.5


def of_held(trained: Trained, labelled: list[Labelled]) -> Quality:
    truth = [row.label for row, held in zip(labelled, trained.held, strict=True) if held]
    return quality(truth, trained.chances)


def test_accuracy_f1_and_calibration_error_are_as_they_are_defined() -> None:
    chances = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.6, 0.2, 0.2]], np.float32)
    found = quality(["positive", "neutral", "negative"], chances)
    assert found.accuracy == pytest.approx(2 / 3)
    assert found.macro_f1 == pytest.approx((2 / 3 + 1 + 0) / 3)
    # Two answers of confidence .8 are both right, one of .6 is wrong.
    assert found.calibration_error == pytest.approx((2 * 0.2 + 0.6) / 3)


def test_labels_are_read_as_numbers_and_as_names(tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_text('text,label\n"Up, up",1\nDown,negative\nSame,2\n', encoding="utf-8")
    assert read_labelled(file) == [
        Labelled("Up, up", "positive"), Labelled("Down", "negative"), Labelled("Same", "neutral"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "content", [b"text,label\nUp,7\n", b"body,label\nUp,1\n", b"text,label\nUp\n", b"\xff\xfe\x00"]
)
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "data.csv"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match="columns text and label"):
        read_labelled(file)


@pytest.mark.parametrize("few", [rows(99), [Labelled("x", "neutral")] * 200])
def test_too_few_rows_are_refused(few: list[Labelled]) -> None:
    with pytest.raises(ConfigurationError, match="100 texts"):
        train(few)


def test_without_scikit_learn_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(ConfigurationError, match=r"newsloom\[train\]"):
        fit(rows())


def test_the_command_prints_the_quality_and_writes_the_weights(tmp_path: Path) -> None:
    data, out = write(tmp_path / "data.csv", rows()), tmp_path / "own.npz"
    other = write(tmp_path / "other.csv", rows(60))
    answer = newsloom(
        "train", "sentiment", "--data", str(data), "--data", str(other), "--out", str(out)
    )
    assert answer.status == 0
    first, *lines = answer.out.splitlines()
    assert first.startswith("180 texts, a model of 0.0")
    assert [line.split()[:2] for line in lines[-2:]] == [["data.csv", "120"], ["other.csv", "60"]]
    model = FastModel(read_weights(out.read_bytes()))
    assert model.score(["oris drak"])[0].label == "negative"
    labelled = newsloom("annotate", "-", stdin=b"oris", NEWSLOOM_SENTIMENT=str(out))
    provenance = json.loads(labelled.out)["provenance"]
    assert provenance["models"]["sentiment"].startswith("fast ")

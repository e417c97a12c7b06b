"""The commands that fit models: train sentiment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.common import DONE
from pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from pipeline.training.labelled import Labelled, Trained


@click.group()
def train() -> None:
    """Fit the models that label articles, anew or on your own data."""


@train.command("sentiment")
@click.option(
    "--data",
    "files",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    multiple=True,
    metavar="CSV",
    help="Columns text and label: 0 or negative, 1 or positive, 2 or neutral. Can be repeated.",
)
@click.option("--model", type=click.Choice(["fast", "accurate"]), default="fast", show_default=True)
@click.option(
    "--base",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="For accurate: a pre-trained BERT, as model.onnx and tokenizer.json.",
)
@click.option(
    "--teacher",
    is_flag=True,
    help="For fast: also take from the shipped accurate how good or bad news single words are.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where the model goes; without, only the quality is printed.",
)
def train_sentiment(
    files: tuple[Path, ...], model: str, base: Path | None, *, teacher: bool, out: Path | None
) -> int:
    """Fit a model of sentiment, and say how good it is on texts that were left out of it.

    The same data gives the same model. Needs what pip install 'newsloom[train]' installs.
    NEWSLOOM_SENTIMENT names the file to use in place of the shipped models. `accurate` takes
    forty minutes to an hour for 10,000 texts on two cores.
    """
    if (model == "accurate") is not (base is not None):
        raise ConfigurationError("--base DIR goes with --model accurate, and is needed there")
    if teacher and model != "fast":
        raise ConfigurationError("--teacher goes with --model fast")
    import numpy as np

    from pipeline.enrich.sentiment.accurate import AccurateModel
    from pipeline.training import labelled, linear

    parts = [labelled.read_labelled(file) for file in files]
    rows = [row for part in parts for row in part]
    if base is not None:
        trained = _fine_tuned(rows, base)
    else:
        trained = linear.train(rows, AccurateModel() if teacher else None)
    if out is not None:
        out.write_bytes(trained.model)
    click.echo(f"{len(rows):,} texts, a model of {len(trained.model) / 1e6:.2f} MB\n")
    width = max(len(trained.how), *(len(file.name) for file in files))
    click.echo(f"{trained.how:{width}}  texts  accuracy  macro-F1  calibration error")
    of_file = np.repeat(range(len(files)), list(map(len, parts)))[trained.held]
    truth = np.array([row.label for row in rows])[trained.held]
    for number, file in enumerate(files):
        here = of_file == number
        quality = labelled.quality(truth[here].tolist(), trained.chances[here])
        click.echo(
            f"{file.name:{width}}{here.sum():>7,}{quality.accuracy:>10.3f}"
            f"{quality.macro_f1:>10.3f}{quality.calibration_error:>19.3f}"
        )
    return DONE


def _fine_tuned(rows: Sequence[Labelled], base: Path) -> Trained:
    try:
        from pipeline.training import transformer
    except ImportError as error:
        raise ConfigurationError(
            f"{error.name} is missing: pip install 'newsloom[train]'"
        ) from error
    from pipeline.terminal import progress

    with progress("steps") as advance:
        return transformer.train(rows, base, advance)

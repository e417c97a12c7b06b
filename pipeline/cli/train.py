"""The commands that fit models: train sentiment."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.cli.common import DONE


@click.group()
def train() -> None:
    """Fit the models that label articles, anew or on your own data."""


@train.command("sentiment")
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    metavar="CSV",
    help="Columns text and label: 0 or negative, 1 or positive, 2 or neutral.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where the weights go; without, only the quality is printed.",
)
def train_sentiment(data: Path, out: Path | None) -> int:
    """Fit the model `fast`, and say how good it is on texts that were left out of it.

    The same data gives the same weights. Needs scikit-learn: pip install 'newsloom[train]'.
    NEWSLOOM_SENTIMENT names the file of weights to use in place of the shipped ones.
    """
    from pipeline import training

    report = training.train_sentiment(training.read_labelled(data))
    weights = report.weights.to_bytes()
    if out is not None:
        out.write_bytes(weights)
    quality = report.quality
    for name, value in (
        ("texts", f"{report.texts:,}"),
        ("words and pairs", f"{len(report.weights.terms):,}"),
        ("size", f"{len(weights) / 1000:,.0f} kB"),
        ("accuracy", f"{quality.accuracy:.3f}"),
        ("macro-F1", f"{quality.macro_f1:.3f}"),
        ("calibration error", f"{quality.calibration_error:.3f}"),
    ):
        click.echo(f"{name:<20}{value:>10}")
    click.echo(
        f"The last three are of {training.FOLDS}-fold cross-validation."
        + (f" {out} holds the weights, fitted to all texts." if out else "")
    )
    return DONE

"""Writes sentences that compare a figure with the year before: python -m training.comparisons FILE

Company announcements are full of them, and what is good depends on the figure: a loss that narrows
is good news, a profit that narrows is not. Companies are fiction; the same call, the same file.
"""

from __future__ import annotations

import csv
import random
import sys
from pathlib import Path

COUNT = 360
GOOD = (
    "operating profit",
    "net sales",
    "pretax profit",
    "net profit",
    "turnover",
    "EBITDA",
    "order intake",
    "earnings per share",
    "the order backlog",
    "cash flow from operations",
    "gross profit",
    "the result",
)
BAD = (
    "operating loss",
    "net loss",
    "pretax loss",
    "loss before taxes",
    "loss per share",
    "operating costs",
    "interest-bearing debt",
    "net financing costs",
    "credit losses",
    "the loss for the period",
)
UP = ("rose", "increased", "grew", "climbed", "went up", "widened", "swelled")
DOWN = (
    "fell",
    "decreased",
    "declined",
    "dropped",
    "shrank",
    "narrowed",
    "went down",
    "was reduced",
)
ONLY_BAD = ("widened", "narrowed", "swelled", "was reduced")
PLURAL = ("sales", "earnings", "costs", "losses")
FIRMS = (
    "Aarnivalkea",
    "Bergsund Marine",
    "Corvane",
    "Dalmora Foods",
    "Eskeryd Steel",
    "Fennorra",
    "Galtby",
    "Hollins & Pryce",
    "Ilmarva Oyj",
    "Jentova",
    "Kettering Mills",
    "Lumivaara",
    "Marnholt AG",
    "Norrviken",
)
PERIODS = (
    "in the third quarter",
    "in the first half",
    "for the full year",
    "in January-March",
    "in Q2",
    "in the financial year",
    "in July-September",
    "for the nine-month period",
)
BEFORE = (
    "a year earlier",
    "in the corresponding period",
    "in the year-ago period",
    "a year ago",
    "in the same quarter last year",
    "the year before",
    "in the previous year",
)


def sentence(chosen: random.Random) -> tuple[str, str]:
    """A sentence and its label."""
    is_good = chosen.random() < 0.5
    figure = chosen.choice(GOOD if is_good else BAD)
    kind = chosen.random()
    old, new = chosen.randint(10, 400) / 10, chosen.randint(10, 400) / 10
    while abs(old - new) < 0.1 * old:
        new = chosen.randint(10, 400) / 10
    unit = chosen.choice(
        ("EUR {} mn", "EUR {} million", "EUR{}m", "SEK {} million", "USD {} mn", "€{} million")
    )
    if "per share" in figure:
        old, new, unit = (
            old / 100,
            new / 100,
            chosen.choice(("EUR {:.2f}", "USD {:.2f}", "€{:.2f}")),
        )
    now, then = unit.format(new), unit.format(old)
    period, before = chosen.choice(PERIODS), chosen.choice(BEFORE)
    firm = chosen.choice(FIRMS)
    begun = figure[0].upper() + figure[1:]
    whose = (f"{firm}'s {figure}", f"The company's {figure}", begun, f"The group's {figure}")
    subject = begun if figure.startswith("the ") else chosen.choice(whose)
    if kind < 0.15:
        # A figure alone says nothing.
        text = chosen.choice(
            (
                f"{subject} amounted to {now} {period}.",
                f"{subject} was {now} {period}.",
                f"{subject} totalled {now}.",
            )
        )
        return text.replace(" was ", " were ") if _is_plural(figure) else text, "neutral"
    rises = new > old
    if kind < 0.55:
        moves = [m for m in (UP if rises else DOWN) if not is_good or m not in ONLY_BAD]
        text = chosen.choice(
            (
                "{s} {m} to {n} from {t}.",
                "{s} {m} to {n} {p} from {t} {b}.",
                "{s} {m} to {n}, from {t} {b}.",
                "{s} {m} from {t} to {n} {p}.",
                "{p}, {s} {m} to {n} ({t}).",
            )
        )
        text = text.format(s=subject, m=chosen.choice(moves), n=now, t=then, p=period, b=before)
    else:
        text = chosen.choice(
            (
                "{s} was {n}, compared with {t} {b}.",
                "{s} totalled {n} {p}, against {t} {b}.",
                "{s} amounted to {n}, {d} from {t} {b}.",
                "{s} came to {n}, as against {t} {b}.",
                "{s} was {n} {p} compared to {t} {b}.",
                "{s} of {n} was recorded {p}, {d} from {t}.",
            )
        )
        text = text.format(
            s=subject, n=now, t=then, p=period, b=before, d="up" if rises else "down"
        )
    if _is_plural(figure):
        text = text.replace(" was ", " were ")
    return text[0].upper() + text[1:], "positive" if rises is is_good else "negative"


def _is_plural(figure: str) -> bool:
    return any(word in figure for word in PLURAL)


def main(path: Path) -> None:
    """Writes the file."""
    chosen = random.Random(11)
    rows: dict[str, str] = {}
    while len(rows) < COUNT:
        text, label = sentence(chosen)
        rows.setdefault(text, label)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["text", "label"])
        writer.writerows(rows.items())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m training.comparisons FILE")
    main(Path(sys.argv[1]))

"""Paper 2: whether any setting of LWSSIM beats MSE training in MSE or SSIM training in SSIM, by a search."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from replication.papers.lwssim.celeba import words
from replication.training.losses import title
from replication.training.search import COLUMNS

FIGURES = {"validation_mse": "MSE", "validation_ssim": "SSIM"}


def read(folder: Path) -> pd.DataFrame:
    """The trials of every loss, of `training.search.search`, from <loss>.csv in `folder`; empty if there are none."""
    tables = [pd.read_csv(path) for path in sorted(folder.glob("*.csv"))]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)


def best(runs: pd.DataFrame) -> pd.DataFrame:
    """The best trial of each loss by each figure: by, loss (title), trials, MSE, SSIM, learning rate, options.

    Raises ValueError where losses had different numbers of trials: the best of more trials is better by chance alone.
    """
    counts = runs.groupby("loss", sort=False).size()
    if counts.nunique() > 1:
        said = ", ".join(f"{loss} {count}" for loss, count in counts.items())
        raise ValueError(f"losses must have equal numbers of trials to be compared by their best, got {said}")
    rows: list[dict[str, Any]] = []
    for figure, name in FIGURES.items():
        for loss, group in runs.groupby("loss", sort=False):
            ordered = group.sort_values(figure, ascending=figure == "validation_mse", kind="stable")
            row = ordered.iloc[0]
            options = words(json.loads(row["options"])) or "defaults"
            about = {"by": name, "loss": title(str(loss)), "trials": len(group)}
            found = {name: row[figure] for figure, name in FIGURES.items()}
            rows.append({**about, **found, "learning rate": row["learning_rate"], "options": options})
    columns = ["by", "loss", "trials", *FIGURES.values(), "learning rate", "options"]
    return pd.DataFrame(rows, columns=columns)


def answer(table: pd.DataFrame) -> str:
    """In words, from `best`: whether the best LWSSIM beats the best MSE training in MSE, and SSIM training in SSIM."""
    sentences = []
    for figure, sign in (("MSE", -1), ("SSIM", 1)):
        own = table[table["by"] == figure].set_index("loss")[figure]
        if not {"LWSSIM", figure} <= set(own.index):
            sentences.append(f"{figure}: not searched with both losses.")
            continue
        apart = sign * (own["LWSSIM"] - own[figure])
        word = "beats" if apart > 0 else "does not beat"
        sentences.append(
            f"The best of LWSSIM's trials {word} the best of {figure} training in {figure}: {own['LWSSIM']:.5f} "
            f"against {own[figure]:.5f}."
        )
    return " ".join(sentences)

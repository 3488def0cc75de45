"""Autoencoders of paper 2 with codes of several sizes: errors of each loss and of a linear code of that size."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from replication.datasets.stacks import Stack
from replication.models.autoencoders import Autoencoder
from replication.papers.lwssim.celeba_networks import Key
from replication.reporting.losses import titles
from replication.scoring.linear_baseline import linear_errors, mean_errors
from replication.training.autoencoders import reconstruct
from replication.training.sized import Sized
from replication.training.trained import Trained

LINEAR = "linear code"
ERRORS = {"ssim": "SSIM", "mse": "MSE", "mse_interior": "MSE, interior", "mse_border": "MSE, border"}


def size_table(
    trained: Mapping[Key, Trained[Autoencoder]],
    sized: Sized,
    training: Stack,
    test: Stack,
    table: Path | None = None,
) -> pd.DataFrame:
    """Mean errors on test images by size of the code: units, loss (title, or "linear code"), seeds, and ERRORS.

    trained: of the usual size, of which plain autoencoders count. table: of `linear_errors`.
    """
    runs = {(run.network.bottleneck, key.loss, key.seed): run for key, run in trained.items() if key.model == "ae"}
    names = titles(dict.fromkeys(loss for _, loss, _ in [*runs, *sized]), ())
    rows: list[dict[str, Any]] = []
    for (units, loss, _), run in {**runs, **sized}.items():
        rows.append({"units": units, "loss": names[loss], **mean_errors(test, reconstruct(run.network, test))})
    for units in dict.fromkeys(int(row["units"]) for row in rows):
        linear = linear_errors(training, test, units, table).iloc[0]
        rows.append({"units": units, "loss": LINEAR, **{name: linear[name] for name in ERRORS}})
    groups = pd.DataFrame(rows).groupby(["units", "loss"], sort=False)
    found = groups[list(ERRORS)].mean()
    found.insert(0, "seeds", groups.size())
    order = {name: place for place, name in enumerate([LINEAR, *names.values()])}
    found = found.reset_index()
    return found.sort_values(
        ["units", "loss"], key=lambda c: c.map(order) if c.name == "loss" else c, ignore_index=True
    )

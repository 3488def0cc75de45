"""Autoencoders of paper 2 with codes of several sizes: their errors, and where the printed values lie among them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replication.datasets.stacks import Stack
from replication.models.autoencoders import Autoencoder
from replication.papers.lwssim.celeba_networks import MODELS, Key, loss_title
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
) -> pd.DataFrame:
    """Mean errors on test images by size of the code: units, loss (title, or "linear code"), seeds, and ERRORS.

    trained: of the usual size, of which plain autoencoders count.
    """
    runs = {(run.network.bottleneck, key.loss, key.seed): run for key, run in trained.items() if key.model == "ae"}
    names = titles(dict.fromkeys(loss for _, loss, _ in [*runs, *sized]), ())
    rows: list[dict[str, Any]] = []
    for (units, loss, _), run in {**runs, **sized}.items():
        rows.append({"units": units, "loss": names[loss], **mean_errors(test, reconstruct(run.network, test))})
    for units in dict.fromkeys(int(row["units"]) for row in rows):
        linear = linear_errors(training, test, units).iloc[0]
        rows.append({"units": units, "loss": LINEAR, **{name: linear[name] for name in ERRORS}})
    groups = pd.DataFrame(rows).groupby(["units", "loss"], sort=False)
    found = groups[list(ERRORS)].mean()
    found.insert(0, "seeds", groups.size())
    order = {name: place for place, name in enumerate([LINEAR, *names.values()])}
    found = found.reset_index()
    return found.sort_values(
        ["units", "loss"], key=lambda c: c.map(order) if c.name == "loss" else c, ignore_index=True
    )


def against_linear(by_size: pd.DataFrame, loss: str) -> str:
    """At which sizes training with `loss` (a title) errs more, by MSE, than a linear code of that size: a sentence.

    Empty where no network was trained with it.
    """
    errors = by_size.pivot(index="units", columns="loss", values="mse")
    if loss not in errors:
        return ""
    lost = [str(units) for units in errors.index if errors.loc[units, loss] > errors.loc[units, LINEAR]]
    if not lost:
        return f"{loss} training errs no more than a linear code at any size."
    units = " and ".join([", ".join(lost[:-1]), lost[-1]] if lost[1:] else lost)
    return (
        f"**{loss} training errs more than a linear code of {units} units**: there it is the training or the width of "
        "the network that sets its errors, not the size of the code, and losses are not tested."
    )


def printed_errors(values: pd.DataFrame) -> pd.DataFrame:
    """What the paper prints for plain autoencoders: loss (title), measure ("ssim" or "mse"), value.

    values: of `published.values`, in the order of print.
    """
    rows = [
        {"loss": loss_title(row["row"]), "measure": row["statistic"].lower(), "value": row["value"]}
        for row in values.to_dict("records")
        if row["row"].startswith(f"{MODELS['ae']} (")
    ]
    return pd.DataFrame(rows, columns=["loss", "measure", "value"])


def placed(by_size: pd.DataFrame, printed: pd.DataFrame) -> pd.DataFrame:
    """Where printed values lie on our curves of error by size: loss, measure, printed, units (text).

    Between two sizes a curve is a straight line over log2 of the units; units is where it first passes the printed
    value; where it does not, "below 64" (better at the smallest size already) or "above 512" (worse at the largest).
    by_size: of `size_table`. printed: of `printed_errors`; losses that were not trained are left out.
    """
    rows = []
    for row in printed.to_dict("records"):
        curve = by_size[by_size["loss"] == row["loss"]].sort_values("units")
        if curve.empty:
            continue
        units, sign = curve["units"].to_numpy(float), -1 if row["measure"] == "mse" else 1
        ahead = sign * (curve[row["measure"]].to_numpy(float) - row["value"])  # of the printed value, if positive
        found = _crossing(units, ahead)
        if found is None:
            found = f"below {units[0]:.0f}" if ahead[0] > 0 else f"above {units[-1]:.0f}"
        rows.append({"loss": row["loss"], "measure": row["measure"], "printed": row["value"], "units": found})
    return pd.DataFrame(rows, columns=["loss", "measure", "printed", "units"])


def orders(by_size: pd.DataFrame, printed: pd.DataFrame) -> pd.DataFrame:
    """The paper's losses from best to worst, as printed and at every size: measure, units (text), order, as printed.

    by_size: of `size_table`. printed: of `printed_errors`. A size at which a loss is missing has no row.
    """
    rows = []
    for measure, own in printed.groupby("measure", sort=False):
        best = str(measure) != "mse"
        usual = list(own.sort_values("value", ascending=not best)["loss"])
        rows.append({"measure": measure, "units": "printed", "order": ", ".join(usual), "as printed": ""})
        for units, table in by_size[by_size["loss"].isin(usual)].groupby("units"):
            ours = list(table.sort_values(str(measure), ascending=not best)["loss"])
            if len(ours) == len(usual):
                same = "yes" if ours == usual else "no"
                rows.append({"measure": measure, "units": str(units), "order": ", ".join(ours), "as printed": same})
    return pd.DataFrame(rows, columns=["measure", "units", "order", "as printed"])


def _crossing(units: NDArray[np.float64], ahead: NDArray[np.float64]) -> str | None:
    """The first size at which `ahead` is 0 or changes its sign, by a straight line over log2 of the units; or None."""
    for place, value in enumerate(ahead):
        if value == 0:
            return f"{units[place]:.0f}"
        if place and value * ahead[place - 1] < 0:
            share = ahead[place - 1] / (ahead[place - 1] - value)
            return f"{2 ** (np.log2(units[place - 1]) * (1 - share) + np.log2(units[place]) * share):.0f}"
    return None

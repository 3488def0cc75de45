"""Paper 1, super-resolution: the losses compared under other conditions, and which of these give the printed PSNR."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from replication.models.srcnn import SRCNN
from replication.papers.msssim.losses import MAE, MSE, OURS
from replication.papers.msssim.super_resolution import loss_differences
from replication.reporting.numbers import signed, signed_interval
from replication.scoring.super_resolution import FITTED
from replication.training.losses import title
from replication.training.trained import Trained

USUAL = "as above"
AT_PRINT = 0.05  # dB: at which paper.toml still calls a PSNR reproduced; the sign counts as well
FITS = {"PSNR": "as they are", FITTED: "brightness and contrast fitted"}

Networks = dict[tuple[str, int], Trained[SRCNN]]


def load(folder: Path, arms: Mapping[str, Mapping[str, Any]], seeds: Sequence[int]) -> dict[str, Networks]:
    """The networks of every condition, by the loss's title and the seed, from <arm>-<seed>/ in `folder`.

    arms: name -> loss and condition, the training in words. Arms of one condition are compared with each other.
    Raises ValueError for a condition without the MSE, or with two arms of one loss; AbsentError as `Trained.load` does.
    """
    found: dict[str, Networks] = {}
    for name, arm in arms.items():
        networks = found.setdefault(arm["condition"], {})
        for seed in seeds:
            key = title(arm["loss"]), seed
            if key in networks:
                raise ValueError(f"two arms train with {key[0]} under the condition {arm['condition']!r}: rename one")
            networks[key] = Trained.load(folder / f"{name}-{seed}", SRCNN)
    for condition, networks in found.items():
        if not any(loss == MSE for loss, _ in networks):
            raise ValueError(f"the condition {condition!r} needs an arm that trains with mse, to compare others with")
    return found


def differences(scores: Mapping[str, pd.DataFrame], *, seed: int = 0) -> pd.DataFrame:
    """`loss_differences` of every condition, with a column condition. scores: of `score_seeds`, by condition."""
    parts = [loss_differences(table, seed=seed).assign(condition=name) for name, table in scores.items()]
    table = pd.concat(parts, ignore_index=True)
    return table[["condition", *table.columns.drop("condition")]]


def printed_gaps(compared: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """PSNR with MS-SSIM minus PSNR with MSE training beside the printed difference, under each condition and fit.

    compared: of `differences`. published: the paper's values (row, column, statistic, value). Columns: condition, fit,
    data_set, mean, low, high, printed, word: "at print" within 0.05 dB of the printed difference, else "below" or
    "above".
    """
    values = published[published["statistic"] == "PSNR"].pivot(index="column", columns="row", values="value")
    printed = values[OURS] - values[MSE]
    own = compared[(compared["first"] == OURS) & (compared["second"] == MSE) & compared["metric"].isin(FITS)]
    rows = []
    for row in own.to_dict("records"):
        expected = float(printed[row["data_set"]])
        apart = row["mean"] - expected
        alike = abs(apart) <= AT_PRINT and row["mean"] * expected > 0
        word = "at print" if alike else "below" if apart < 0 else "above"
        about = row["condition"], FITS[row["metric"]], row["data_set"]
        rows.append((*about, row["mean"], row["low"], row["high"], expected, word))
    return pd.DataFrame(rows, columns=["condition", "fit", "data_set", "mean", "low", "high", "printed", "word"])


def readable_gaps(gaps: pd.DataFrame) -> pd.DataFrame:
    """`printed_gaps` to be read: a row for each condition and fit, a column for each data set."""
    cells = gaps.apply(lambda row: f"{signed_interval(row['mean'], row['low'], row['high'], 2)} {row['word']}", axis=1)
    wide = gaps.assign(cell=cells).pivot(index=["condition", "fit"], columns="data_set", values="cell")
    order = gaps[["condition", "fit"]].drop_duplicates()
    printed = gaps.drop_duplicates("data_set").set_index("data_set")["printed"]
    table = wide.loc[pd.MultiIndex.from_frame(order), list(printed.index)]
    return table.set_axis([f"{name} (printed {signed(value, 2)} dB)" for name, value in printed.items()], axis=1)


def answer(gaps: pd.DataFrame) -> str:
    """One sentence: the conditions whose gap in PSNR is the printed one on every set, and on some."""
    at = (gaps["word"] == "at print").groupby([gaps["condition"], gaps["fit"]], sort=False)
    everywhere, somewhere = at.all(), at.any()
    names = [f"{condition} ({fit})" for condition, fit in everywhere.index]
    full = [name for name, holds in zip(names, everywhere, strict=True) if holds]
    part = [name for name, holds, some in zip(names, everywhere, somewhere, strict=True) if some and not holds]
    near = f"of the printed sign and within {AT_PRINT} dB of the printed difference"
    said = f"On every set {near}: {'; '.join(full) or 'no condition'}."
    return f"{said} On some: {'; '.join(part)}." if part else said


def mae_gaps(compared: pd.DataFrame) -> pd.DataFrame:
    """MSE minus MAE training under each condition that has both: positive where MAE is behind, as printed.

    Columns: condition, metric, data_set, mean, low, high, agree, seeds.
    """
    own = compared[(compared["first"] == MSE) & (compared["second"] == MAE) & compared["metric"].isin(["PSNR", "SSIM"])]
    return own[["condition", "metric", "data_set", "mean", "low", "high", "agree", "seeds"]].reset_index(drop=True)

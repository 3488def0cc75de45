"""Paper 1, "Autoencoder reconstructions": means and differences of losses, and which detail survives.

Items are images; crops of one photo are not independent, so intervals draw photos (`photo_of`). Numbers of several
seeds are averaged image by image before an interval is taken; the least and greatest mean of a seed stand beside it.
"""

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from replication.evaluation.cluster_means import cluster_mean, cluster_statistic, cut_off
from replication.evaluation.intervals import Interval
from replication.models.autoencoders import Autoencoder
from replication.scoring.reconstructions import Made
from replication.scoring.reconstructions import detail as measure_detail
from replication.training.trained import Trained

PAPER = "msssim"
METHODS = {"mse": "MSE", "mae": "MAE", "ms_ssim": "MS-SSIM"}
"""Losses by their name in params.yaml and in the paper."""
OURS = "MS-SSIM"  # the loss that the claims are about


def load_runs(folder: Path, losses: Sequence[str], seeds: Sequence[int]) -> dict[tuple[str, int], Trained[Autoencoder]]:
    """The trained networks by the loss's name in the paper and the seed. The claims need MSE, MAE and MS-SSIM."""
    if sorted(losses) != sorted(METHODS):
        raise ValueError(f"the paper compares {', '.join(METHODS)}; losses are {', '.join(losses)}")
    return {
        (METHODS[loss], seed): Trained.load(folder / f"ae-{loss}-{seed}", Autoencoder)
        for loss in losses
        for seed in seeds
    }


def photo_of(names: Sequence[str]) -> list[str]:
    """The photo each image was cut from: of "set/photo@left,top" what stands before "@"; else the name itself."""
    return [name.partition("@")[0] for name in names]


def means(table: pd.DataFrame, value: str, by: Sequence[str], *, seed: int = 0) -> pd.DataFrame:
    """Mean of each loss with its 95 % interval over photos: `by`, loss, mean, low, high, least, most, n.

    table: loss, seed, image, `by` and `value`. least, most: of the means of single seeds. Images where `value` is not
    finite for any loss or seed are left out for all; n counts the others.
    """
    rows = []
    for key, wide in _wide(table, value, by):
        for loss in dict.fromkeys(wide.columns.get_level_values("loss")):
            rows.append((*key, loss, *_summary(wide[loss], seed)))
    return pd.DataFrame(rows, columns=[*by, "loss", "mean", "low", "high", "least", "most", "n"])


def differences(table: pd.DataFrame, value: str, by: Sequence[str], *, seed: int = 0) -> pd.DataFrame:
    """MS-SSIM minus each other loss on the same images: `by`, second, mean, low, high, least, most, n; see `means`."""
    rows = []
    for key, wide in _wide(table, value, by):
        for loss in dict.fromkeys(wide.columns.get_level_values("loss")):
            if loss != OURS:
                rows.append((*key, loss, *_summary(wide[OURS] - wide[loss], seed)))
    return pd.DataFrame(rows, columns=[*by, "second", "mean", "low", "high", "least", "most", "n"])


def mean_correlation(detail: pd.DataFrame, low: float, high: float) -> pd.DataFrame:
    """Mean over the bands from `low` to `high` of each reconstruction's correlation: loss, seed, image, correlation.

    NaN where a band of the image is empty. detail: `replication.scoring.reconstructions.detail`.
    """
    inside = detail[(detail["band_low"] >= low - 1e-9) & (detail["band_high"] <= high + 1e-9)]
    if inside.empty:
        raise ValueError(f"no band lies between {low:g} and {high:g} cycles per pixel; name edges among the bands'")
    groups = inside.groupby(["loss", "seed", "image"], sort=False)["correlation"]
    return groups.agg(lambda values: values.mean(skipna=False)).reset_index()


def cut_offs(detail: pd.DataFrame, *, threshold: float = 0.5, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cut-off frequency of each loss: where the mean correlation over images first falls below `threshold`.

    The first table is as from `means`, the second as from `differences`, both in cycles per pixel. Bands stand at the
    geometric means of their ends.
    """
    bands = detail[["band_low", "band_high"]].drop_duplicates().sort_values("band_low")
    frequencies = np.sqrt(bands["band_low"].to_numpy() * bands["band_high"].to_numpy())
    wide = detail.pivot(index="image", columns=["loss", "seed", "band_low"], values="correlation")
    wide = wide.loc[np.isfinite(wide.to_numpy()).all(axis=1)].sort_index(axis=1)
    photos = photo_of(list(wide.index))
    seeds = list(dict.fromkeys(detail["seed"]))

    def row(first: str, second: str | None) -> tuple[float, ...]:
        def of(chosen: Sequence[int]) -> Interval:
            curves = [
                sum(wide[loss][one].to_numpy() for one in chosen) / len(chosen)
                for loss in (first, second)
                if loss is not None
            ]

            def measure(curve: NDArray[np.float64]) -> NDArray[np.float64]:
                parts = [cut_off(frequencies, part, threshold) for part in np.split(curve, len(curves), axis=-1)]
                return parts[0] if second is None else parts[0] - parts[1]

            return cluster_statistic(measure, np.concatenate(curves, axis=1), photos, seed=seed)

        single = [of([one]).estimate for one in seeds]
        return (*of(seeds), min(single), max(single), len(wide))

    losses = list(dict.fromkeys(detail["loss"]))
    columns = ["mean", "low", "high", "least", "most", "n"]
    return (
        pd.DataFrame([(loss, *row(loss, None)) for loss in losses], columns=["loss", *columns]),
        pd.DataFrame([(loss, *row(OURS, loss)) for loss in losses if loss != OURS], columns=["second", *columns]),
    )


def detail_choices(
    originals: Tensor, made: Made, names: Sequence[str], detail: pd.DataFrame, fine: Sequence[float], *, seed: int = 0
) -> pd.DataFrame:
    """MS-SSIM's differences under other choices of "fine detail", in rows as of `differences`.

    detail: `replication.scoring.reconstructions.detail` of the same reconstructions; fine: the choice in use. Others:
    fine detail from each lower end of a band on; without window; another threshold of the cut-off frequency.
    """
    edges = sorted({*detail["band_low"], *detail["band_high"]})
    span = "{:g} to {:g} cycles per pixel"
    parts = [
        differences(mean_correlation(detail, low, fine[1]), "correlation", [], seed=seed).assign(
            what="mean correlation", choice=span.format(low, fine[1]) + (" (in use)" if low == fine[0] else "")
        )
        for low in edges
        if low < fine[1]
    ]
    bare = measure_detail(originals, made, names, [edge for edge in edges if fine[0] <= edge <= fine[1]], taper=False)
    parts.append(
        differences(mean_correlation(bare, *fine), "correlation", [], seed=seed).assign(
            what="mean correlation", choice=span.format(*fine) + ", no window"
        )
    )
    for threshold, words in ((0.5, "below 1/2 (in use)"), (1 / 7, "below 1/7")):
        parts.append(cut_offs(detail, threshold=threshold, seed=seed)[1].assign(what="cut-off frequency", choice=words))
    table = pd.concat(parts, ignore_index=True)
    return table[["what", "choice", *table.columns.drop(["what", "choice"])]]


def _wide(table: pd.DataFrame, value: str, by: Sequence[str]) -> list[tuple[tuple[Hashable, ...], pd.DataFrame]]:
    """For each group of `by`, image x (loss, seed), without the images that lack a finite value."""
    groups = table.groupby(list(by), sort=False) if by else [((), table)]
    found = []
    for key, group in groups:
        wide = group.pivot(index="image", columns=["loss", "seed"], values=value)
        wide = wide.loc[np.isfinite(wide.to_numpy()).all(axis=1)]
        if len(wide) < 2:
            raise ValueError(f"{value} is defined for {len(wide)} images at {key}; means need two or more")
        found.append((tuple(key) if isinstance(key, tuple) else (key,), wide))
    return found


def _summary(by_seed: pd.DataFrame, seed: int) -> tuple[Any, ...]:
    """mean, low, high, least, most, n of values (image x seed)."""
    values = by_seed.mean(axis=1)
    single = by_seed.mean(axis=0)
    return (*cluster_mean(values, photo_of(list(by_seed.index)), seed=seed), single.min(), single.max(), len(values))

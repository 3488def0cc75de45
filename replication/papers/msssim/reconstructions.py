"""Paper 1, "Autoencoder reconstructions": means and differences of losses, and which detail survives.

Items are images; crops of one photo are not independent, so intervals draw photos (`photo_of`). Numbers of several
seeds are averaged image by image before an interval is taken, which also covers the seed (`evaluation.seeds`); the
least and greatest mean of a seed stand beside it.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from replication.evaluation.cluster_means import cluster_mean, cluster_statistic, cut_off
from replication.evaluation.intervals import Interval
from replication.evaluation.seeds import over_seeds
from replication.models.autoencoders import Autoencoder, Kind
from replication.papers.msssim.losses import METHODS, OURS, PAIRS, PAPER
from replication.reporting.adequacy import Basis, Gate
from replication.reporting.losses import pairs, titles
from replication.scoring.reconstructions import Border, Made
from replication.scoring.reconstructions import detail as measure_detail
from replication.training.trained import Trained

COMPARED = [pair for pair in PAIRS if pair[0] == OURS]
"""The paper's comparisons on this page."""


def load_runs(
    folder: Path, losses: Iterable[str], seeds: Sequence[int], model: Kind = "ae"
) -> dict[tuple[str, int], Trained[Autoencoder]]:
    """The trained networks of a model by the loss's title and the seed; of `titles`, the paper's losses first."""
    return {
        (title, seed): Trained.load(folder / f"{model}-{loss}-{seed}", Autoencoder)
        for loss, title in titles(losses, METHODS).items()
        for seed in seeds
    }


def basis(source: str, title: str, met: Iterable[Gate]) -> Basis:
    """What the numbers rest on. source, title: of the images, STL-10 being the paper's; met: the gates of training."""
    return Basis("own" if source == "stl10" else "stand-in", "" if source == "stl10" else title, gates=tuple(met))


def photo_of(names: Sequence[str]) -> list[str]:
    """The photo each image was cut from: of "set/photo@left,top" what stands before "@"; else the name itself."""
    return [name.partition("@")[0] for name in names]


def means(table: pd.DataFrame, value: str, by: Sequence[str], *, seed: int = 0) -> pd.DataFrame:
    """Mean of each loss with its 95 % interval over photos: `by`, loss, mean, low, high, least, most, n.

    table: loss, seed, image, `by` and `value`. least, most: of the means of single seeds. Images where `value` is not
    finite for one of the paper's losses and any seed are left out for all, and those where it is not for another loss
    for that loss; n counts the others.
    """
    rows = []
    for key, wide in _wide(table, value, by):
        for loss in _losses(wide):
            rows.append((*key, loss, *_summary(pd.DataFrame(_defined(wide, value, loss)[loss]), seed)))
    return pd.DataFrame(rows, columns=[*by, "loss", "mean", "low", "high", "least", "most", "n"])


def differences(
    table: pd.DataFrame,
    value: str,
    by: Sequence[str],
    *,
    compared: Iterable[tuple[str, str]] | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """First loss minus second on the same images: `by`, first, second, mean, low, high, least, most, n; see `means`.

    compared: the pairs of losses; by default MS-SSIM with the paper's others, then every extension with each of these.
    """
    rows = []
    for key, wide in _wide(table, value, by):
        for first, second in compared or pairs(COMPARED, _losses(wide)):
            both = _defined(wide, value, first, second)
            rows.append((*key, first, second, *_summary(pd.DataFrame(both[first] - both[second]), seed)))
    return pd.DataFrame(rows, columns=[*by, "first", "second", "mean", "low", "high", "least", "most", "n"])


def mean_correlation(detail: pd.DataFrame, low: float, high: float) -> pd.DataFrame:
    """Mean over the bands from `low` to `high` of each reconstruction's correlation: loss, seed, image, correlation.

    NaN where a band of the image is empty. detail: `replication.scoring.reconstructions.detail`.
    """
    inside = detail[(detail["band_low"] >= low - 1e-9) & (detail["band_high"] <= high + 1e-9)]
    if inside.empty:
        raise ValueError(f"no band lies between {low:g} and {high:g} cycles per pixel; name edges among the bands'")
    groups = inside.groupby(["loss", "seed", "image"], sort=False)["correlation"]
    return groups.agg(lambda values: values.mean(skipna=False)).reset_index()


def cut_offs(
    detail: pd.DataFrame,
    *,
    threshold: float = 0.5,
    compared: Iterable[tuple[str, str]] | None = None,
    seed: int = 0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cut-off frequency of each loss: where the mean correlation over images first falls below `threshold`.

    The first table is as from `means`, the second as from `differences`, both in cycles per pixel. Bands stand at the
    geometric means of their ends.
    """
    bands = detail[["band_low", "band_high"]].drop_duplicates().sort_values("band_low")
    frequencies = np.sqrt(bands["band_low"].to_numpy() * bands["band_high"].to_numpy())
    wide = detail.pivot(index="image", columns=["loss", "seed", "band_low"], values="correlation")
    losses, seeds = _losses(wide), list(dict.fromkeys(detail["seed"]))
    wide = wide.sort_index(axis=1)

    def row(*losses: str) -> tuple[float, ...]:
        """The cut-off of one loss, or of the first minus that of the second."""
        defined = _defined(wide, "the correlation of every band", *losses)
        photos = photo_of(list(defined.index))

        def of(chosen: Sequence[int]) -> Interval:
            curves = [sum(defined[loss][one].to_numpy() for one in chosen) / len(chosen) for loss in losses]

            def measure(curve: NDArray[np.float64]) -> NDArray[np.float64]:
                parts = [cut_off(frequencies, part, threshold) for part in np.split(curve, len(curves), axis=-1)]
                return parts[0] if len(parts) == 1 else parts[0] - parts[1]

            return cluster_statistic(measure, np.concatenate(curves, axis=1), photos, seed=seed)

        single = [of([one]).estimate for one in seeds]
        return (*over_seeds(of(seeds), single), min(single), max(single), len(defined))

    columns = ["mean", "low", "high", "least", "most", "n"]
    both = compared or pairs(COMPARED, losses)
    return (
        pd.DataFrame([(loss, *row(loss)) for loss in losses], columns=["loss", *columns]),
        pd.DataFrame([(*pair, *row(*pair)) for pair in both], columns=["first", "second", *columns]),
    )


def detail_choices(
    originals: Tensor, made: Made, names: Sequence[str], detail: pd.DataFrame, fine: Sequence[float], *, seed: int = 0
) -> pd.DataFrame:
    """MS-SSIM minus each other loss under other choices of "fine detail": what, choice, then as from `differences`.

    detail: `replication.scoring.reconstructions.detail` of the same reconstructions; fine: the choice in use. Others:
    fine detail from each lower end of a band on; a window, or jumps, at the border; another threshold of the cut-off.
    """
    edges = sorted({*detail["band_low"], *detail["band_high"]})
    compared = [(OURS, loss) for loss in dict.fromkeys(detail["loss"]) if loss != OURS]
    span = "{:g} to {:g} cycles per pixel"
    parts = [
        differences(mean_correlation(detail, low, fine[1]), "correlation", [], compared=compared, seed=seed).assign(
            what="mean correlation", choice=span.format(low, fine[1]) + (" (in use)" if low == fine[0] else "")
        )
        for low in edges
        if low < fine[1]
    ]
    inside = [edge for edge in edges if fine[0] <= edge <= fine[1]]
    borders: dict[Border, str] = {"window": "Hann window", "jump": "jumps at the border"}
    for border, words in borders.items():
        other = measure_detail(originals, made, names, inside, border=border)
        parts.append(
            differences(mean_correlation(other, *fine), "correlation", [], compared=compared, seed=seed).assign(
                what="mean correlation", choice=f"{span.format(*fine)}, {words}"
            )
        )
    for threshold, words in ((0.5, "below 1/2 (in use)"), (1 / 7, "below 1/7")):
        apart = cut_offs(detail, threshold=threshold, compared=compared, seed=seed)[1]
        parts.append(apart.assign(what="cut-off frequency", choice=words))
    table = pd.concat(parts, ignore_index=True).drop(columns="first")
    return table[["what", "choice", *table.columns.drop(["what", "choice"])]]


def extensions(
    scores: pd.DataFrame, fine: pd.DataFrame, cut_off: pd.DataFrame, preferred: pd.DataFrame, *, note: str
) -> pd.DataFrame:
    """Numbers that the paper does not print, for the scorecard.

    scores: `means` by metric; fine: `means` of `mean_correlation`; cut_off: of `cut_offs`; preferred: `preferences` of
    model observers.
    """
    rows: list[tuple[Any, ...]] = []
    for row in scores.to_dict("records"):
        rows.append(("reconstructions", row["loss"], "held-out images", row["metric"], *_four(row, "mean"), note))
    for statistic, table in (("correlation of fine detail", fine), ("cut-off, cycles per pixel", cut_off)):
        for row in table.to_dict("records"):
            rows.append(("reconstructions", row["loss"], "held-out images", statistic, *_four(row, "mean"), note))
    for row in preferred.to_dict("records"):
        words = f"model observer {row['observer']}, no people; {note}"
        rows.append(
            (
                "model observers",
                row["first"],
                row["observer"],
                f"share ranked above {row['second']}",
                *_four(row, "share"),
                words,
            )
        )
    columns = ["table", "row", "column", "statistic", "value", "low", "high", "n", "note"]
    found = pd.DataFrame(rows, columns=columns)
    found.insert(0, "paper", PAPER)
    return found


def _wide(table: pd.DataFrame, value: str, by: Sequence[str]) -> list[tuple[tuple[Hashable, ...], pd.DataFrame]]:
    """For each group of `by`, image x (loss, seed)."""
    groups = table.groupby(list(by), sort=False) if by else [((), table)]
    found = []
    for key, group in groups:
        wide = group.pivot(index="image", columns=["loss", "seed"], values=value)
        found.append((tuple(key) if isinstance(key, tuple) else (key,), wide))
    return found


def _losses(wide: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(wide.columns.get_level_values("loss")))


def _defined(wide: pd.DataFrame, what: str, *losses: str) -> pd.DataFrame:
    """The images with a finite value, of every seed, for the paper's losses and for `losses`. what: for the message."""
    needed = list(dict.fromkeys([*METHODS.values(), *losses]))
    found = pd.DataFrame(wide.loc[np.isfinite(wide[needed].to_numpy()).all(axis=1)])
    if len(found) < 2:
        raise ValueError(
            f"{what} is defined for {len(found)} images with {', '.join(needed)} training; means need two or more"
        )
    return found


def _summary(by_seed: pd.DataFrame, seed: int) -> tuple[Any, ...]:
    """mean, low, high, least, most, n of values (image x seed)."""
    values = by_seed.mean(axis=1)
    single = by_seed.mean(axis=0)
    interval = over_seeds(cluster_mean(values, photo_of(list(by_seed.index)), seed=seed), single)
    return (*interval, single.min(), single.max(), len(values))


def _four(row: Mapping[Hashable, Any], estimate: str) -> tuple[float, float, float, int]:
    return row[estimate], row["low"], row["high"], row["n"]


def in_words(means: pd.DataFrame) -> list[str]:
    """Two lines of the result: mean SSIM, and MSE of the interior and of the border, of every loss; from `means`."""
    values = means.set_index(["metric", "loss"])["mean"]
    losses = list(dict.fromkeys(means["loss"]))
    similarity = "; ".join(f"{loss} {values['SSIM', loss]:.3f}" for loss in losses)
    errors = "; ".join(
        f"{loss} {values['MSE', loss]:.5f} ({values['MSE, interior', loss]:.5f}, {values['MSE, border', loss]:.5f})"
        for loss in losses
    )
    return [f"SSIM by training loss: {similarity}.", f"MSE of the whole image (interior, outer 5 pixels): {errors}."]

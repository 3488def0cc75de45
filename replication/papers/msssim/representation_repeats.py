"""Paper 1, "Learned representations": predictions over many splits, from codes of other sizes and longer runs."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from replication.datasets.yaleb import LitFaces
from replication.models.autoencoders import Autoencoder
from replication.papers.msssim.losses import MSE, OURS
from replication.scoring.probes import probe_errors
from replication.scoring.representations import PCA_ALL, TARGETS, Representation
from replication.training.autoencoders import codes
from replication.training.sized import Sized
from replication.training.trained import Trained

TEN = 10  # faces: 27 - 17, the printed difference in identity


def repeats_table(by_fold: pd.DataFrame) -> pd.DataFrame:
    """What the split alone does to errors: a row for each target and method, of `scoring.probes.probe_errors`.

    Columns: target, method, mean, sd (over repetitions, of the mean over folds and seeds), least, most (single test
    parts, of any seed), networks, repeats.
    """
    rows = []
    for (target, method), group in by_fold.groupby(["target", "method"], sort=False):
        weighted = (group["error"] * group["images"]).groupby(group["repeat"]).sum()
        each = weighted / group.groupby("repeat")["images"].sum()
        spread = float(each.std(ddof=1)) if len(each) > 1 else float("nan")
        ends = group["error"].min(), group["error"].max()
        rows.append((target, method, each.mean(), spread, *ends, group["seed"].nunique(), len(each)))
    columns = ["target", "method", "mean", "sd", "least", "most", "networks", "repeats"]
    return pd.DataFrame(rows, columns=columns)


def single_splits(by_fold: pd.DataFrame, first: str = OURS, second: str = MSE) -> pd.DataFrame:
    """How two losses' numbers of wrong identities differ on single test parts, as the printed 17 and 27 of 482 do.

    One row: images (in a test part, mean), parts (of all repetitions, folds and seeds), wrong_first, wrong_second
    (means), fewer (mean of second minus first), sd, ten (share of the parts in which the first has at least ten fewer),
    reversed (share in which it has more). Both losses are measured on the same parts.
    """
    own = by_fold[(by_fold["target"] == "identity") & by_fold["method"].isin([first, second])]
    counts = own.assign(wrong=own["error"] / 100 * own["images"])
    wide = counts.pivot(index=["seed", "repeat", "fold"], columns="method", values="wrong")
    wide = wide.reindex(columns=[first, second]).dropna()
    if len(wide) < 2:
        raise ValueError(f"{first} and {second} have {len(wide)} test parts in common; two or more are needed")
    fewer = (wide[second] - wide[first]).round()
    row = {
        "images": own["images"].mean(),
        "parts": len(wide),
        "wrong_first": wide[first].mean(),
        "wrong_second": wide[second].mean(),
        "fewer": fewer.mean(),
        "sd": fewer.std(ddof=1),
        "ten": (fewer >= TEN).mean(),
        "reversed": (fewer < 0).mean(),
    }
    return pd.DataFrame([row])


def sized_errors(
    lit: LitFaces,
    usual: Mapping[tuple[str, int], Trained[Autoencoder]],
    sized: Sized,
    names: Mapping[str, str],
    groups: NDArray[np.intp],
    *,
    folds: int,
    repeats: int,
    seed: int = 0,
) -> pd.DataFrame:
    """Errors of a linear read-out by the size of the code: units, method, target, error (mean), networks.

    usual: networks of the usual size, by loss and seed. sized: of other sizes. names: titles of the losses. Beside them
    as many principal components of all images. Each is measured by `probe_errors` on the same splits.
    """
    networks: Sized = {(run.network.bottleneck, loss, number): run for (loss, number), run in usual.items()}
    networks |= sized
    pixels = lit.stack.pixels.reshape(len(lit), -1) / 255.0
    most = min(max(units for units, _, _ in networks), *pixels.shape)
    components = PCA(most, svd_solver="full").fit_transform(pixels)
    parts = []
    for units in sorted({units for units, _, _ in networks}):
        found = [
            Representation(names[loss], number, codes(run.network, lit.stack).double().numpy())
            for (size, loss, number), run in networks.items()
            if size == units
        ]
        found.append(Representation(PCA_ALL, 0, components[:, :units]))
        label = f"codes of {units}"
        errors = probe_errors(lit, found, groups, folds=folds, repeats=repeats, seed=seed, label=label).by_image
        means = errors.groupby(["method", "target"], sort=False).agg(
            error=("error", "mean"), networks=("seed", "nunique")
        )
        parts.append(means.reset_index().assign(units=units))
    return pd.concat(parts, ignore_index=True)[["units", "method", "target", "error", "networks"]]


def readable_sizes(table: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """`sized_errors` to be read: a row for each target and size, a column for each method."""
    wide = table.pivot(index=["target", "units"], columns="method", values="error")
    order = [method for method in [*methods, PCA_ALL] if method in wide.columns]
    targets = list(dict.fromkeys(table["target"]))
    return wide.loc[targets, order].rename_axis(None, axis=1)


def of_longer(
    lit: LitFaces, longer: Mapping[str, Trained[Autoencoder]], names: Mapping[str, str]
) -> list[Representation]:
    """The codes of networks with more updates, by loss; names: titles of the losses, others are left out."""
    return [
        Representation(names[loss], int(run.identity["recipe"]["seed"]), codes(run.network, lit.stack).double().numpy())
        for loss, run in longer.items()
        if loss in names
    ]


def beside_longer(usual: pd.DataFrame, longer: pd.DataFrame) -> pd.DataFrame:
    """What more updates change in a read-out: target, method, usual, longer, least, most.

    usual, longer: errors by image of `scoring.probes.probe_errors`, on the same splits. The column "usual" is the mean
    error of the network of the longer one's seed, NaN where there is none; least and most are over the usual networks
    of all seeds.
    """
    keys = ["target", "method"]
    before, after = (
        table.groupby([*keys, "seed"], sort=False)["error"].mean().reset_index() for table in (usual, longer)
    )
    same = before.rename(columns={"error": "usual"})
    table = after.rename(columns={"error": "longer"}).merge(same, on=[*keys, "seed"], how="left")
    ends = before.groupby(keys)["error"].agg(least="min", most="max").reset_index()
    table = table.merge(ends, on=keys, how="left")[[*keys, "usual", "longer", "least", "most"]]
    order = list(TARGETS)
    return table.sort_values("target", key=lambda c: c.map(order.index), kind="stable", ignore_index=True)

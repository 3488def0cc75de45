"""Images to draw, maps of distortion and of attention, and attention beside a model of visibility."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from scipy import stats
from torch import Tensor

from replication.datasets.rated import RatedSet
from replication.evaluation import bootstrap_mean
from replication.features import Backbone, backbone
from replication.metrics import visible_error
from replication.metrics.attended_maps import Maps, feature_maps, pixel_maps
from replication.metrics.names import parse
from replication.papers.smic.gains import Family, pairs
from replication.reporting.tables import VERDICT_CSS, Html
from replication.scoring.scored import Scored

MEANS = ["metric", "map", "mean", "low", "high", "images"]  # columns of `visibility_means`
"""`visibility_means` of nothing."""

_CELLS = 24  # cells along the short side of the grid on which maps are compared


def telling_pairs(scored: Scored, family: Family) -> pd.DataFrame:
    """The pair of images of one reference, of two distortion types, that people tell apart most clearly among those
    that attention brings into their order, and among those that it takes out of it: why, better, worse, gap."""
    found = pairs(scored, family)
    found = found[found["across"]]
    kinds = {
        "attention sets right": (found["before"] < 0) & (found["after"] > 0),
        "attention sets wrong": (found["before"] > 0) & (found["after"] < 0),
    }
    rows = []
    for why, chosen in kinds.items():
        if chosen.any():
            best = found[chosen].sort_values(["gap", "better", "worse"], ascending=[False, True, True]).iloc[0]
            rows.append((why, best["better"], best["worse"], best["gap"]))
    return pd.DataFrame(rows, columns=["why", "better", "worse", "gap"])


def of_pixels(families: Sequence[Family], network: str) -> dict[str, str]:
    """The metrics of pixels with that network's attention: measure -> label."""
    chosen = [each for each in families if each.network == network and each.measure in ("PSNR", "SSIM") and each.local]
    return {each.measure: each.local for each in chosen}


def attention_and_visibility(data_set: RatedSet, labels: Mapping[str, str], images: int) -> pd.DataFrame:
    """Spearman correlations per image over a grid of cells between
    maps and MAD's map of visible error, which models contrast sensitivity and masking: reference, distorted,
    distortion, metric, map ("distortion", "attention", "product"), correlation.

    labels: name -> a metric of pixels with attention. images: how many, evenly spaced over the data set.
    """
    table = data_set.table.iloc[np.unique(np.linspace(0, len(data_set.table) - 1, images).round().astype(int))]
    rows = []
    for row in table.to_dict("records"):
        reference, distorted = (image_of(data_set, str(row[name])) for name in ("reference", "distorted"))
        grid = grid_of(reference)
        seen = F.adaptive_avg_pool2d(visible_error(reference, distorted).mean(dim=1), grid)
        for name, label in labels.items():
            found = maps_of(label, reference, distorted, stride=2)[""]
            for kind, each in zip(("distortion", "attention", "product"), found, strict=True):
                cells = F.adaptive_avg_pool2d(each, grid)
                flat = min(seen.max() - seen.min(), cells.max() - cells.min()) == 0
                rho = math.nan if flat else stats.spearmanr(seen.flatten(), cells.flatten()).statistic
                rows.append((row["reference"], row["distorted"], row["distortion"], name, kind, float(rho)))
    return pd.DataFrame(rows, columns=["reference", "distorted", "distortion", "metric", "map", "correlation"])


def visibility_means(table: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Mean correlation with visible error for each metric and map, with its 95 % bootstrap interval over references.

    A map that is the same everywhere, such as that of an error which is nowhere visible, has no correlation.
    """
    rows = []
    for (metric, kind), part in table.groupby(["metric", "map"], sort=False):
        per_reference = part.groupby("reference", sort=False)["correlation"].mean().dropna()
        images = part.loc[part["correlation"].notna(), "distorted"].nunique()
        rows.append((metric, kind, *bootstrap_mean(per_reference, seed=seed), images))
    return pd.DataFrame(rows, columns=MEANS)


def show_visibility(means: pd.DataFrame) -> Html:
    """`visibility_means` as a table, a row for each metric."""
    kinds = list(dict.fromkeys(means["map"]))
    head = "".join(f"<th class='number'>{escape(kind)} [95&nbsp;% interval]</th>" for kind in kinds)
    rows = []
    for metric, part in means.groupby("metric", sort=False):
        cells = "".join(
            f"<td class='number'>{row['mean']:.3f} "
            f"<span class='interval'>[{row['low']:.3f}, {row['high']:.3f}]</span></td>"
            for row in part.set_index("map").loc[kinds].to_dict("records")
        )
        rows.append(f"<tr><th scope='row'>{escape(str(metric))}</th>{cells}</tr>")
    return Html(
        f"<style>{VERDICT_CSS}</style><table class='sides'><thead><tr><th>metric</th>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table><p><small>Spearman correlation with MAD's map of visible error, "
        f"mean of {means['images'].max()} images.</small></p>"
    )


def grid_of(image: Tensor) -> tuple[int, int]:
    """Rows and columns of the grid on which maps of an image (N, C, H, W) are compared."""
    height, width = image.shape[-2:]
    short = min(_CELLS, min(height, width) // 8)
    return (short, round(short * width / height)) if height <= width else (round(short * height / width), short)


def maps_of(label: str, reference: Tensor, distorted: Tensor, stride: int = 1) -> dict[str, Maps]:
    """Maps of a metric: one set named "" for metrics of pixels, else one for each tap of attention."""
    name, options = parse(label)
    base = name.partition("+")[0]
    net, taps = network_of(base, options)
    patch = int(options.get("patch", 4 if base == "deepwsd" else 7))
    how: dict[str, Any] = {"backbone": net, "taps": taps, "patch": patch, "stride": stride}
    if base in ("psnr", "ssim"):
        of_pixels: Any = base
        return {"": pixel_maps(of_pixels, reference, distorted, **how)}
    of_features: Any = base.partition("-")[0]
    return feature_maps(reference, distorted, metric=of_features, **how)


def network_of(base: str, options: Mapping[str, Any]) -> tuple[Backbone, tuple[str, ...]]:
    """The network and the taps that a metric, such as "psnr", has attention from, by its options."""
    defaults = {"lpips-squeeze": ("squeezenet1_1", ("fire5", "fire8")), "lpips-alex": ("alexnet", ("relu3", "relu4"))}
    name, taps = defaults.get(base, ("vgg16", ("relu3_3", "relu4_3")))
    name = str(options.get("backbone", name))
    net = backbone(
        name,
        weights=options.get("weights", "imagenet"),
        seed=int(options.get("seed", 0)),
        pooling="l2" if name.startswith("vgg") and not base.startswith("lpips") else "max",
    )
    return net, tuple(options.get("taps", taps))


def image_of(data_set: RatedSet, name: str) -> Tensor:
    """An image of a data set, (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(data_set.images[name].read()).permute(2, 0, 1).unsqueeze(0).float().div(255)

"""Pictures of where a metric sees distortion and where attention goes, as the paper's Figures 3, 4 and 5."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from replication.datasets.rated import RatedSet
from replication.metrics.attended_maps import slices
from replication.metrics.names import parse
from replication.papers.smic.gains import Family
from replication.papers.smic.pictures import image_of, maps_of, network_of
from replication.scoring.scored import Scored

_SLICES = 3  # of the first tap's that are drawn


def draw_pair(data_set: RatedSet, scored: Scored, family: Family, better: str, worse: str) -> Figure:
    """Two distorted images of one reference as in the paper's Figure 5, the one that people like better above.

    Of each the distortion as the metric maps it, attention and their product, in a row for each tap of attention. Every
    map has its own scale of colours, from 0 to all but its largest .5 %; attention ends at its largest value.
    """
    rows = data_set.table.set_index("distorted")
    reference = image_of(data_set, str(rows.loc[better, "reference"]))
    names = (better, worse)
    maps = [maps_of(family.local, reference, image_of(data_set, name)) for name in names]
    lines = sum(map(len, maps))
    height, width = reference.shape[-2:]
    tall = 1.72 * height / width + 0.24
    figure, axes = plt.subplots(lines, 5, figsize=(11.4, lines * tall + 0.7 * len(maps)), squeeze=False)
    line = 0
    for name, found in zip(names, maps, strict=True):
        for number, (tap, each) in enumerate(found.items()):
            row = axes[line]
            if number == 0:
                _picture(row[0], reference, "reference")
                _picture(row[1], image_of(data_set, name), _caption(scored, family, rows, name))
            where = f", {tap}" if tap else ""
            for axis, title, shown in zip(row[2:], ("distortion", "attention", "product"), each, strict=True):
                _map(axis, shown[0], f"{title}{where}", whole=title == "attention")
            line += 1
    for axis in axes.flat:
        axis.set_axis_off()
    return figure


def draw_pipeline(data_set: RatedSet, label: str, name: str) -> Figure:
    """From two images to their weighted map of distortion, as in the paper's Figures 3 and 4, with a metric of pixels.

    Above the reference and slices of its features at the first tap, then the distorted image and the same slices, then
    the MIC of each slice's patches; on the right the squared error (or 1 - SSIM), attention, which is 1 - the mean of
    MIC over all slices, and their product.
    """
    reference = image_of(data_set, str(data_set.table.set_index("distorted").loc[name, "reference"]))
    distorted = image_of(data_set, name)
    base, options = parse(label)
    net, taps = network_of(base.partition("+")[0], options)
    cut = slices(reference, distorted, backbone=net, taps=taps, patch=int(options.get("patch", 7)))[taps[0]]
    maps = maps_of(label, reference, distorted)[""]
    height, width = reference.shape[-2:]
    figure, axes = plt.subplots(3, 2 + _SLICES, figsize=(11.4, 3 * (1.72 * height / width + 0.24)))
    _picture(axes[0, 0], reference, "reference")
    _picture(axes[1, 0], distorted, "distorted")
    _map(axes[2, 0], cut.mic[0].mean(dim=0), f"mean of MIC, {cut.mic.shape[1]} slices", whole=True)
    for k in range(_SLICES):
        pair = (cut.reference[0, k], cut.distorted[0, k])
        ends = (min(float(each.min()) for each in pair), max(float(each.max()) for each in pair))
        _map(axes[0, 1 + k], pair[0], f"slice {k + 1} of the reference, {taps[0]}", ends=ends)
        _map(axes[1, 1 + k], pair[1], f"slice {k + 1} of the distorted image", ends=ends)
        _map(axes[2, 1 + k], cut.mic[0, k], f"MIC of slice {k + 1}", whole=True)
    titles = ("distortion", f"attention, {' and '.join(taps)}", "product")
    for axis, title, shown in zip(axes[:, -1], titles, maps, strict=True):
        _map(axis, shown[0], title, whole=title.startswith("attention"))
    for axis in axes.flat:
        axis.set_axis_off()
    return figure


def _caption(scored: Scored, family: Family, rows: pd.DataFrame, name: str) -> str:
    table = scored.table[scored.table["distorted"] == name].set_index("metric")["score"]
    return (
        f"{rows['distortion'][name]}, {scored.opinion.kind} {rows['opinion'][name]:.2f}\n"
        f"{family.measure} {table[family.plain]:.4g}\nwith attention {table[family.local]:.4g}"
    )


def _picture(axis: Axes, image: Tensor, title: str) -> None:
    axis.imshow(image[0].permute(1, 2, 0).numpy())
    axis.set_title(title, fontsize=7.5, loc="left")


def _map(
    axis: Axes, values: Tensor, title: str, *, whole: bool = False, ends: tuple[float, float] | None = None
) -> None:
    """A map with its colour bar, from 0 to its largest value (whole) or quantile .995, or between given ends."""
    top = float(values.max() if whole else values.flatten().quantile(0.995)) or 1.0
    low, high = ends or (0.0, top)
    picture = axis.imshow(values.numpy(), cmap="magma" if ends is None else "gray", vmin=low, vmax=high)
    axis.set_title(title, fontsize=7.5, loc="left")
    bar: Any = axis.figure.colorbar(picture, ax=axis, fraction=0.046, pad=0.02)
    bar.ax.tick_params(labelsize=6, length=2)
    bar.set_ticks(np.linspace(low, high, 3), labels=[f"{tick:.2g}" for tick in np.linspace(low, high, 3)])

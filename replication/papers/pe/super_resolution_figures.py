"""Figure 7 of paper 4: the planes of distortion and perception, and how far apart their lines are."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from replication.papers.pe.super_resolution import DISTORTIONS, PLAIN, WEIGHTED
from replication.reporting.figures import COLOURS, MARKERS
from replication.training.vdsr import L2

_LINES = {PLAIN: "all channels alike", WEIGHTED: "weighted by PE", "pe-root": "weighted by the root of PE"}
_BELOW = (4, -10)
_ABOVE = (4, 5)


def draw_planes(points: Sequence[pd.DataFrame], distortion: str) -> Figure:
    """A row for each of `super_resolution.plane`'s tables (one for each measure of perception), a panel for each data
    set: the line of each weighting from the L2 network on, alpha written at the points of every line.
    """
    data_sets = list(dict.fromkeys(points[0]["data_set"]))
    size = (4.6 * len(data_sets), 3.6 * len(points))
    figure, axes = plt.subplots(len(points), len(data_sets), figsize=size, squeeze=False)
    for row, table in zip(axes, points, strict=True):
        for axis, data_set in zip(row, data_sets, strict=True):
            _draw_lines(axis, table[table["data_set"] == data_set])
            axis.set(title=data_set, ylabel=f"perception: {table['perception'].iloc[0]}")
    for axis in axes[-1]:
        axis.set_xlabel(f"distortion: {_axis(distortion)}")
    axes[0][0].legend(fontsize=8)
    return figure


def gap_figure(gaps: pd.DataFrame) -> Figure:
    """`super_resolution.gaps` of all measures of perception as percentages of what the plain line attains: right of 0,
    the PE-weighted line is nearer the origin.
    """
    cases = list(dict.fromkeys(zip(gaps["perception"], gaps["data_set"], strict=True)))
    figure, axis = plt.subplots(figsize=(7, 1.2 + 0.34 * len(cases)))
    for number, distortion in enumerate(DISTORTIONS):
        own = gaps[(gaps["distortion"] == distortion) & gaps["gap"].notna()]
        scale = 100 * own["relative"] / own["gap"].where(own["gap"] != 0)
        keys = zip(own["perception"], own["data_set"], strict=True)
        places = [cases.index(case) + 0.16 * (2 * number - 1) for case in keys]
        spread = np.stack([(own["gap"] - own["low"]) * scale, (own["high"] - own["gap"]) * scale])
        look: dict[str, Any] = {"fmt": MARKERS[number], "color": COLOURS[number], "markersize": 5, "linewidth": 1.2}
        axis.errorbar(100 * own["relative"], places, xerr=np.nan_to_num(spread), label=f"at equal {distortion}", **look)
    axis.axvline(0, color="black", linewidth=0.8)
    axis.set_yticks(range(len(cases)), [f"{perception}, {data_set}" for perception, data_set in cases], fontsize=8)
    axis.set_ylim(len(cases) - 0.5, -0.5)
    axis.set_xlabel("perception gained by PE weighting, % of the plain line's")
    axis.legend(fontsize=8)
    return figure


def _draw_lines(axis: Axes, points: pd.DataFrame) -> None:
    for number, (weighting, line) in enumerate(points.groupby("weighting", sort=True)):
        spread = [(line[v] - line[f"{v}_low"], line[f"{v}_high"] - line[v]) for v in ("x", "y")]
        axis.errorbar(
            line["x"],
            line["y"],
            xerr=np.maximum(spread[0], 0),
            yerr=np.maximum(spread[1], 0),
            marker=MARKERS[number],
            color=COLOURS[number],
            ecolor=(*to_rgb(COLOURS[number]), 0.4),
            elinewidth=0.8,
            label=_LINES.get(str(weighting), str(weighting)),
        )
        for _, point in line.iterrows():
            axis.annotate(
                "L2" if point["method"] == L2 else f"{point['alpha']:g}",
                (point["x"], point["y"]),
                xytext=_BELOW if number % 2 else _ABOVE,
                textcoords="offset points",
                fontsize=7,
                color=COLOURS[number],
            )
    axis.locator_params(nbins=5)


def _axis(distortion: str) -> str:
    return "1 \N{MINUS SIGN} SSIM" if distortion == "SSIM" else f"{distortion} (grey levels)"

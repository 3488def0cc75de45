"""Figure 6 of paper 4: pictures inverted from sets of channels, on one sheet, and the two numbers of each."""

from collections.abc import Mapping
from html import escape

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from replication.reporting.figures import COLOURS, MARKERS
from replication.reporting.pictures import webp
from replication.reporting.tables import Html

Array = NDArray[np.float64]
ORIGINAL = "original"
_GAP = 4  # white pixels between two pictures
_SHOWN = 52  # screen pixels of a picture, so that 19 columns fit on a page
_LABEL = "font-size:.78em;line-height:1.3;text-align:center"


def contact_sheet(
    inversions: pd.DataFrame, made: Mapping[tuple[str, str, str, str], Array], pictures: Mapping[str, Array]
) -> Html:
    """A row for each photo, a column for the original and for each set of channels of each layer; grey where no picture
    was found, as the channels are silent on the photo. Under each column: mean spectral centroid and share of colour.

    inversions, made: of `channels.invert_sets`. pictures: the originals, all of one size. One image with loss (WebP).
    """
    means = inversions.groupby(["backbone", "tap", "set"], sort=False)[["centroid", "chroma"]].mean()
    layers = list(dict.fromkeys((str(name), str(tap)) for name, tap, _ in means.index))
    sets = [str(label) for label in dict.fromkeys(inversions["set"]) if label != ORIGINAL]
    columns = [(name, tap, label) for name, tap in layers for label in sets]
    side = next(iter(pictures.values())).shape[0]
    sheet = np.ones((len(pictures) * (side + _GAP) - _GAP, (1 + len(columns)) * (side + _GAP) - _GAP, 3))
    for row, (title, picture) in enumerate(pictures.items()):
        found = [made.get((name, tap, title, label)) for name, tap, label in columns]
        for column, content in enumerate([picture, *found]):
            top, left = row * (side + _GAP), column * (side + _GAP)
            sheet[top : top + side, left : left + side] = 0.5 if content is None else content
    image = webp(np.rint(np.clip(sheet, 0, 1) * 255).astype(np.uint8), lossless=False)
    width = (1 + len(columns)) * _SHOWN
    named = "".join(
        f'<div style="grid-column:span {len(sets)};border-bottom:1px solid #9aa3ad">{escape(f"{name} {tap}")}</div>'
        for name, tap in layers
    )
    first = means.xs(ORIGINAL, level="set").iloc[0]
    of_columns = means.reindex(pd.MultiIndex.from_tuples(columns))
    numbers = [(first["centroid"], first["chroma"]), *of_columns.itertuples(index=False, name=None)]
    below = "".join(f"<div>{_two_numbers(*each)}</div>" for each in numbers)
    heads = "".join(f"<div>{escape(label)}</div>" for label in [ORIGINAL, *(label for _, _, label in columns)])
    grid = f"display:grid;grid-template-columns:repeat({1 + len(columns)},minmax(0,1fr));{_LABEL}"
    return Html(
        f'<figure style="margin:0;max-width:{width}px"><div style="{grid};column-gap:2px"><div></div>{named}</div>'
        f'<div style="{grid}">{heads}</div>'
        f'<img width="{width}" alt="photos and their inversions" src="data:image/webp;base64,{image}" '
        f'style="max-width:100%;height:auto;display:block"><div style="{grid}">{below}</div>'
        '<figcaption style="font-size:.85em;padding:.25em 0">Below each column: mean over photos of the spectral '
        "centroid (cycles/degree) and of the share of colour in the contrast.</figcaption></figure>"
    )


def picture_numbers(inversions: pd.DataFrame, untrained: pd.DataFrame, centre: float) -> Figure:
    """Spectral centroid and share of colour of the inverted pictures of each layer: dots are photos, marks their means;
    hollow marks are untrained networks. Black: the means of the originals; dashed: `centre`, the CSF's peak.
    """
    made = inversions[inversions["set"] != ORIGINAL]
    layers = list(dict.fromkeys(zip(made["backbone"], made["tap"], strict=True)))
    sets = list(dict.fromkeys(made["set"]))
    figure, axes = plt.subplots(1, 2, figsize=(9, 1.3 + 0.48 * len(layers)), sharey=True)
    originals = inversions[inversions["set"] == ORIGINAL].drop_duplicates("picture")
    for axis, quantity in zip(axes, ("centroid", "chroma"), strict=True):
        axis.axvline(originals[quantity].mean(), color="black", linewidth=1.2, label="originals")
        for number, label in enumerate(sets):
            colour, marker = COLOURS[number], MARKERS[number]
            places = np.arange(len(layers)) + 0.22 * (number - (len(sets) - 1) / 2)
            for place, (name, tap) in zip(places, layers, strict=True):
                own, without = (
                    table.loc[
                        (table["backbone"] == name) & (table["tap"] == tap) & (table["set"] == label), quantity
                    ].dropna()
                    for table in (made, untrained)
                )
                axis.plot(own, np.full(len(own), place), ".", color=colour, alpha=0.25, markersize=4)
                axis.plot(own.mean(), place, marker, color=colour, markersize=6, label=label if place < 0.5 else None)
                if len(without):
                    axis.plot(without.mean(), place, marker, markerfacecolor="white", color=colour, markersize=6)
    axes[0].axvline(centre, color="black", linewidth=0.8, linestyle="--")
    axes[0].set(xlabel="spectral centroid (cycles/degree)")
    axes[1].set(xlabel="share of colour in the contrast")
    axes[0].set_yticks(range(len(layers)), [f"{name} {tap}" for name, tap in layers])
    axes[0].set_ylim(len(layers) - 0.5, -0.5)
    axes[1].legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _two_numbers(centroid: float, chroma: float) -> str:
    return f"{centroid:.1f}<br>{chroma:.2f}" if np.isfinite(centroid) else "\N{EN DASH}"

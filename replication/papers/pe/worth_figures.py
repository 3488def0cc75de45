"""The figure and the tables on what makes a channel worth choosing, for reading."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from replication.papers.pe.worth import ALL, BOTH, MEASURES, OPINIONS, PE, RANDOM, REFERENCES, SETS, SIMPLE, added
from replication.reporting.figures import COLOURS, MARKERS
from replication.reporting.numbers import p_equals, signed, signed_interval
from replication.reporting.tables import Html, show_frame

SHOWN = (PE, SIMPLE, BOTH, OPINIONS)
_BACKGROUND = {RANDOM: "|", ALL: "x"}
_TITLES = {"explained": "share of worth explained", "srcc": "SRCC of the chosen tenth"}
_PAIRS = [
    ("explained", BOTH, SIMPLE, "explained"),
    ("srcc", BOTH, SIMPLE, "SRCC"),
    ("srcc", PE, RANDOM, "SRCC"),
    ("srcc", SIMPLE, RANDOM, "SRCC"),
    ("srcc", OPINIONS, PE, "SRCC"),
]


def worth_figure(layers: pd.DataFrame) -> Figure:
    """`worth.by_layer` of one data set by layer: how much of the channels' worth each way explains, and how well the
    tenth that it chooses follows the opinions; with all channels and random ones. Left: learnt on other references of
    the set; right, where there is one: on another set.
    """
    names = list(dict.fromkeys(zip(layers["network"], layers["tap"], strict=True)))
    learnt = {REFERENCES: "other references", SETS: "another set"}
    panels = [(held_out, value) for held_out in learnt for value in _TITLES if held_out in set(layers["held_out"])]
    size = (4.5 * len(panels) if len(panels) < 3 else 12, 1.4 + 0.21 * len(names))
    figure, axes = plt.subplots(1, len(panels), figsize=size, sharey=True, squeeze=False)
    for axis, (held_out, value) in zip(axes.flat, panels, strict=True):
        table = layers[layers["held_out"] == held_out]
        wide = table.pivot(index=["network", "tap"], columns="by", values=value).reindex(names)
        places = range(len(names))
        axis.hlines(places, wide[[*SHOWN]].min(axis=1), wide[[*SHOWN]].max(axis=1), color="#c9ced6", linewidth=1)
        for by, marker in _BACKGROUND.items():
            if wide[by].notna().any():
                axis.plot(wide[by], places, marker, color="#56606a", markersize=6, linestyle="", label=by)
        for number, by in enumerate(SHOWN):
            look = {"marker": MARKERS[number], "color": COLOURS[number], "markersize": 5, "alpha": 0.85}
            axis.plot(wide[by], places, linestyle="", label=by, **look)
        if value == "explained":
            axis.axvline(0, color="black", linewidth=0.8)
        axis.set_xlabel(_TITLES[value])
        axis.set_title(f"learnt on {learnt[held_out]}", fontsize=9)
    for value in _TITLES:  # one reading scale for both ways to hold images out
        same = [axis for axis, panel in zip(axes.flat, panels, strict=True) if panel[1] == value]
        limits = [axis.get_xlim() for axis in same]
        for axis in same:
            axis.set_xlim(min(low for low, _ in limits), max(high for _, high in limits))
    axes[0, 0].set_yticks(range(len(names)), [f"{network} {tap}" for network, tap in names], fontsize=8)
    axes[0, 0].set_ylim(len(names) - 0.5, -0.5)
    axes[0, -1].legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def show_worth(layers: pd.DataFrame, value: str) -> Html:
    """`worth.by_layer`'s `value` ("explained" or "srcc") of one data set, median over the layers of a network: a row
    for each way of choosing, a column for each network and way to hold images out.
    """
    order = [PE, *MEASURES, SIMPLE, BOTH, OPINIONS, RANDOM, ALL]
    groups = layers.groupby(["by", "network", "held_out"], sort=False)[value].median()
    wide = groups.unstack(["network", "held_out"]).reindex(order).dropna(how="all")
    return show_frame(_flat(wide), "{:.2f}", caption=f"{_TITLES[value]}, median over layers")


def added_table(table: pd.DataFrame) -> pd.DataFrame:
    """`worth.added` of the pairs that decide, below one another, with the columns measure, first and second."""
    parts = [
        added(table, value, first, second).assign(measure=title, first=first, second=second)
        for value, first, second, title in _PAIRS
    ]
    return pd.concat(parts, ignore_index=True)


def show_added(found: pd.DataFrame) -> Html:
    """`added_table` of one data set for reading: a row for each pair, a column for each network and way to hold images
    out.
    """
    cells = [
        f"{row['above']} of {row['layers']}; "
        + (
            signed(row["difference"])
            if pd.isna(row["low"])
            else f"{signed_interval(row['difference'], row['low'], row['high'])}, {p_equals(row['p'])}"
        )
        for row in found.to_dict("records")
    ]
    compared = found["measure"] + ": " + found["first"] + " minus " + found["second"]
    named = found.assign(cell=cells, compared=compared)
    wide = named.set_index(["compared", "network", "held_out"])["cell"].unstack(["network", "held_out"])
    caption = "layers in which the first is above the second; mean difference over layers [95 % interval]"
    return show_frame(_flat(wide.reindex(compared.unique())), na_rep="\N{EN DASH}", caption=caption)


def _flat(wide: pd.DataFrame) -> pd.DataFrame:
    """Columns named by network and held-out images in one line, the index without a name."""
    names = [", ".join(map(str, column)) for column in wide.columns]
    return wide.set_axis(names, axis=1).rename_axis(index=None, columns=None)

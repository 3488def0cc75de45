"""Tables and figures of the study of channel sets, for reading."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from replication.papers.pe.quality import CONTROL
from replication.reporting.figures import COLOURS, MARKERS
from replication.reporting.numbers import ALPHA, number, signed, signed_interval
from replication.reporting.tables import VERDICT_CSS, Html
from replication.scoring.channel_tables import ChannelDistances

Floats = NDArray[np.float64]


def order(percentages: Sequence[float]) -> list[str]:
    """Sets from lowest to highest PE: L-5, ..., L-50, F, H-50, ..., H-5."""
    rising = sorted(percentages)
    return [f"L-{x:g}" for x in rising] + ["F"] + [f"H-{x:g}" for x in reversed(rising)]


def sets_figure(table: pd.DataFrame, percentages: Sequence[float], *, value: str = "srcc") -> Figure:
    """Figure 4 or 5 of one network: `value` by set, a panel for each layer, with 95 % intervals.

    The band, where the table has it, holds 95 % of random sets of the same size; its middle line is their median.
    """
    names = order(percentages)
    taps = list(table["tap"].unique())
    columns = min(6, len(taps))
    lines = -(-len(taps) // columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(0.5 + 1.65 * columns, 0.4 + 1.75 * lines), squeeze=False, sharex=True, sharey=True
    )
    for axis, tap in zip(axes.flat, taps, strict=False):
        part = table[table["tap"] == tap].set_index("set").reindex(names)
        x = np.arange(len(names))
        if "chance_low" in part:
            axis.fill_between(x, part["chance_low"], part["chance_high"], color="#c9ced6", linewidth=0)
            axis.plot(x, part["chance_median"], color="#8a929c", linewidth=0.9)
        axis.axhline(part.loc["F", value], color="#56606a", linewidth=0.7, linestyle=":")
        for side, colour, marker in (("L", 1, 1), ("F", 6, 2), ("H", 0, 0)):
            own = np.array([name.startswith(side) for name in names])
            rows = part[own]
            if "same_as" in rows:
                axis.plot(
                    x[own], rows[value].where(rows["same_as"] != ""), "o", color="white", markersize=1.8, zorder=5
                )
            error = np.abs(np.stack([rows[value] - rows["low"], rows["high"] - rows[value]]))
            look = {"color": COLOURS[colour], "marker": MARKERS[marker], "markersize": 3.5, "linewidth": 1}
            axis.errorbar(x[own], rows[value], _error(error), **look)
        axis.set_title(tap, fontsize=8)
        axis.set_xticks(x, names, rotation=90, fontsize=6.5)
        axis.tick_params(axis="y", labelsize=7)
    for axis in axes.flat[len(taps) :]:
        axis.set_visible(False)
    figure.supylabel("SRCC" if value == "srcc" else value, fontsize=8)
    return figure


def differences_figure(table: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> Figure:
    """`study`'s differences of one data set and weighting with their intervals, a panel for each pair of sets."""
    layers = list(dict.fromkeys(zip(table["network"], table["tap"], strict=True)))
    height = 0.9 + 0.17 * len(layers)
    size = (2.0 + 2.2 * len(pairs), height)
    figure, axes = plt.subplots(1, len(pairs), figsize=size, squeeze=False, sharex=True, sharey=True)
    networks = list(dict.fromkeys(network for network, _ in layers))
    for axis, (first, second) in zip(axes.flat, pairs, strict=True):
        part = table[(table["first"] == first) & (table["second"] == second)]
        for network, group in part.groupby("network", sort=False):
            y = [layers.index((network, tap)) for tap in group["tap"]]
            colour = COLOURS[networks.index(network) % len(COLOURS)]
            axis.hlines(y, group["low"], group["high"], color=colour, linewidth=1.3)
            significant = (group["p_bh"] < ALPHA).to_numpy()
            filled = [colour if clear else "white" for clear in significant]
            axis.scatter(group["difference"], y, s=14, c=filled, edgecolors=colour, zorder=3)
        axis.axvline(0, color="black", linewidth=0.8)
        axis.set_title(f"{first} minus {second}", fontsize=9)
        axis.tick_params(labelsize=7)
    axes[0, 0].set_yticks(range(len(layers)), [f"{network} {tap}" for network, tap in layers])
    axes[0, 0].set_ylim(len(layers) - 0.5, -0.5)
    figure.supxlabel("difference of SRCC; filled: p < 0.05, corrected", fontsize=8)
    return figure


def metrics_figure(table: pd.DataFrame) -> Figure:
    """Figure 8 of one data set: F and H-10 of every layer, other metrics as lines; a panel for all images and for each
    type of distortion in `beside_metrics`'s table."""
    of_layers = table[table["set"] != "metric"]
    kinds = list(of_layers["images"].unique())
    layers = list(dict.fromkeys(zip(of_layers["network"], of_layers["tap"], strict=True)))
    width = max(4.5, 2.6 + 0.3 * len(layers))
    figure, axes = plt.subplots(len(kinds), 1, figsize=(width, 0.6 + 2.4 * len(kinds)), squeeze=False, sharex=True)
    for axis, kind in zip(axes.flat, kinds, strict=True):
        part = of_layers[of_layers["images"] == kind]
        for place, (label, group) in enumerate(part.groupby("metric", sort=False)):
            look = {
                "color": COLOURS[1 + place % 5],
                "linestyle": ("-", "--", ":", "-.", (0, (6, 1, 1, 1, 1, 1)))[place % 5],
            }
            axis.axhline(group["metric_srcc"].iloc[0], linewidth=1.3, label=label, **look)
        first = part[part["metric"] == part["metric"].iloc[0]]
        for name, colour, marker in (("F", 6, 2), (f"H-{CONTROL}", 0, 0)):
            own = first[first["set"] == name]
            x = [layers.index(key) for key in zip(own["network"], own["tap"], strict=True)]
            axis.plot(x, own["srcc"], MARKERS[marker], color=COLOURS[colour], markersize=5, alpha=0.85, label=name)
        axis.set_title(f"{kind} ({part['n'].iloc[0]} images)")
        axis.set_ylabel("SRCC")
    names = [f"{network} {tap}" for network, tap in layers]
    axes[-1, 0].set_xticks(range(len(layers)), names, rotation=90, fontsize=7.5)
    axes[0, 0].legend(fontsize=7.5, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def show_measured(measured: Sequence[ChannelDistances]) -> Html:
    """Measured data, networks with their weights, and the reasons for missing ones."""
    there = [each for each in measured if not each.absent]
    lines = []
    for title in dict.fromkeys(each.title for each in there):
        own = [each for each in there if each.title == title]
        count = f"{len(own[0].table):,} pairs, SHA-256 {own[0].digest[:12]}"
        lines.append(f"<b>{escape(title)}</b>: {count}. {escape('; '.join(own[0].remarks))}.")
    for name in dict.fromkeys(each.backbone for each in there):
        own = [each for each in there if each.backbone == name]
        lines.append(f"<b>{escape(name)}</b>: layers {', '.join(own[0].distances)}; weights: {escape(own[0].weights)}.")
    reasons = dict.fromkeys(str(each.absent) for each in measured if each.absent)
    lines += [f"<b>Not run</b>: {escape(reason)}" for reason in reasons]
    return Html(f"<ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>")


def show_agreement(table: pd.DataFrame, percentages: Sequence[float]) -> Html:
    """SRCC of every set of one data set and weighting, layers by network; marked where unlike random sets."""
    names = [*order(percentages), f"A-{CONTROL}", f"V-{CONTROL}"]
    head = "<th>layer</th><th class='number'>channels</th>" + "".join(f"<th class='number'>{n}</th>" for n in names)
    rows = []
    for network, of_network in table.groupby("network", sort=False):
        rows.append(f"<tr class='group'><th colspan='{len(names) + 2}'>{escape(str(network))}</th></tr>")
        for tap, group in of_network.groupby("tap", sort=False):
            part = {row["set"]: row for row in group.to_dict("records")}
            cells = "".join(f"<td class='number'>{_marked(part[name], name)}</td>" for name in names)
            count = f"<td class='number'>{part['F']['of']}</td>"
            rows.append(f"<tr><th scope='row'>{escape(str(tap))}</th>{count}{cells}</tr>")
    note = (
        "\N{BLACK UP-POINTING TRIANGLE} better, \N{BLACK DOWN-POINTING TRIANGLE} (L) worse than random sets of the "
        "same size, p < 0.05 after Benjamini and Hochberg's correction over all layers; in brackets: the same "
        "channels as the next smaller set, by ties of PE"
    )
    return _table(head, rows, note)


def show_summary(table: pd.DataFrame, rows: Sequence[str], across: str) -> Html:
    """`summary` for reading: a row for each pair of sets, or of a set and a metric, a column for each of `across`."""

    def cell(row: Mapping[Any, Any]) -> str:
        spread = signed_interval(row["median"], row["least"], row["greatest"])
        tested = f"significantly {row['significantly_above']}, significantly below {row['significantly_below']}"
        return f"{row['above']} of {row['layers']} <span class='interval'>({tested}); {spread}</span>"

    note = "layers in which the first is above the second (p < 0.05, corrected); median [least, greatest] difference"
    return _crossed(table, rows, across, cell, " minus ", note)


def show_chance(table: pd.DataFrame) -> Html:
    """`summarise_chance` for reading."""

    def cell(row: Mapping[Any, Any]) -> str:
        rest = f"above their median in {row['above_median']}; percentile {row['percentile']:.0f}"
        return f"{row['significant']} of {row['layers']} <span class='interval'>({rest})</span>"

    note = (
        "layers in which the set is better (L: worse) than random ones of its size (p < 0.05, corrected); in how many "
        "it is above the median of the random ones; at which percentile of them it stands in the median layer"
    )
    return _crossed(table, ["set"], "weighting", cell, "", note)


def show_sensitivity(table: pd.DataFrame) -> Html:
    """`summarise_sensitivity` for reading."""
    titles = ["H-10 above F", "median difference", "F above L-10", "median difference", "overlap", "rank"]
    head = "<th>choices</th>" + "".join(f"<th class='number'>{title}</th>" for title in titles)
    rows = []
    for title, group in table.groupby("data_set", sort=False):
        rows.append(f"<tr class='group'><th colspan='7'>{escape(str(title))}</th></tr>")
        for row in group.to_dict("records"):
            cells = [
                f"{row['h_above_f']} of {row['layers']}",
                signed(row["h_minus_f"]),
                f"{row['f_above_l']} of {row['layers']}",
                signed(row["f_minus_l"]),
                f"{row['overlap']:.2f}",
                number(row["rank"], ".2f"),
            ]
            numbers = "".join(f"<td class='number'>{cell}</td>" for cell in cells)
            rows.append(f"<tr><th scope='row'>{escape(str(row['choices']))}</th>{numbers}</tr>")
    return _table(head, rows, "")


def _error(error: Floats) -> Floats | None:
    """Error bars, or None where there is no interval at all."""
    return None if np.isnan(error).all() else np.nan_to_num(error)


def _marked(row: Mapping[Any, Any], name: str) -> str:
    sign = "\N{BLACK DOWN-POINTING TRIANGLE}" if name.startswith("L") else "\N{BLACK UP-POINTING TRIANGLE}"
    srcc = number(row["srcc"])
    if row["same_as"]:
        return f"({srcc})"
    return f"{srcc}{sign}" if row["p_bh"] < ALPHA else srcc


def _crossed(
    table: pd.DataFrame,
    rows: Sequence[str],
    across: str,
    cell: Callable[[Mapping[Any, Any]], str],
    between: str,
    note: str,
) -> Html:
    """A table of cells, `rows` by `across`, grouped by data set."""
    columns = list(table[across].unique())
    head = "<th></th>" + "".join(f"<th>{escape(str(column))}</th>" for column in columns)
    lines = []
    for title, of_set in table.groupby("data_set", sort=False):
        lines.append(f"<tr class='group'><th colspan='{len(columns) + 1}'>{escape(str(title))}</th></tr>")
        for key, group in of_set.groupby(list(rows), sort=False):
            found = {row[across]: cell(row) for row in group.to_dict("records")}
            cells = "".join(f"<td>{found.get(column, '')}</td>" for column in columns)
            lines.append(f"<tr><th scope='row'>{escape(between.join(map(str, key)))}</th>{cells}</tr>")
    return _table(head, lines, note)


def _table(head: str, rows: Sequence[str], note: str) -> Html:
    below = f"<p><small>{escape(note)}</small></p>" if note else ""
    return Html(
        f"<style>{VERDICT_CSS}</style><div class='scroll'><table class='sides'><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>{below}"
    )

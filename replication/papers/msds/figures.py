"""The figures of MSDS's page."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from replication.evaluation.power import TESTS
from replication.papers.msds.significance import MARGIN
from replication.papers.msds.study import EQUAL, LEARNED, Study
from replication.reporting.numbers import ALPHA


def draw_weights(studies: Sequence[Study]) -> Figure:
    """Learned weights with their intervals, a panel for each network and set: a row for each set."""
    figure, panels = _panels([(of.network, of.title) for of in studies], 2.4, 0.0)
    for of in studies:
        axis, table = panels[of.network, of.title], of.weights
        errors = np.abs(table[["low", "high"]].to_numpy().T - table["weight"].to_numpy())
        axis.bar(table["level"], table["weight"], color="C5", width=0.6)
        axis.errorbar(table["level"], table["weight"], yerr=errors, fmt="none", ecolor="black", capsize=3)
        axis.axhline(1 / len(table), color="0.5", linestyle=":")
        axis.set(xticks=table["level"], xlabel="level", ylim=(0, 1))
    figure.supylabel("weight", fontsize=9)
    return figure


def draw_differences(compared: pd.DataFrame) -> Figure:
    """MSDS minus each single level, with 95 % intervals over references, by network and set: a row for each set."""
    names = list(dict.fromkeys(zip(compared["network"], compared["data_set"], strict=True)))
    figure, panels = _panels(names, 2.6, 1.4)
    for (network, data_set), axis in panels.items():
        part = compared[(compared["network"] == network) & (compared["data_set"] == data_set)]
        for shift, (method, marker) in zip((-0.12, 0.12), ((LEARNED, "o"), (EQUAL, "s")), strict=True):
            rows = part[part["first"] == method]
            place = np.arange(len(rows)) + shift
            errors = np.stack([rows["difference"] - rows["low"], rows["high"] - rows["difference"]])
            axis.errorbar(rows["difference"], place, xerr=errors, fmt=marker, capsize=2, label=method, markersize=4)
        axis.axvline(0, color="0.3", linewidth=1)
        axis.axvspan(-MARGIN, MARGIN, color="0.9", zorder=0)
        axis.set_yticks(range(len(rows)), [f"minus {name}" for name in rows["second"]])
    axis.invert_yaxis()
    figure.supxlabel("difference of SRCC", fontsize=9)
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, fontsize=8)
    return figure


def _panels(names: Sequence[tuple[str, str]], height: float, margin: float) -> tuple[Figure, dict[Any, Axes]]:
    """A figure and its panels by (network, set); networks stand side by side, or up to three sets of one network."""
    networks, sets = (list(dict.fromkeys(each)) for each in zip(*names, strict=True))
    cells = [(network, title) for title in sets for network in networks]
    columns = len(sets) if len(networks) == 1 and len(sets) <= 3 else len(networks)
    rows = len(cells) // columns
    size = (margin + 2.3 * columns, height * rows)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, sharex=True, sharey=True)
    panels = {}
    for axis, (network, title) in zip(axes.flat, cells, strict=True):
        axis.set_title(f"{network}\n{title}", fontsize=8)
        axis.set_visible((network, title) in names)
        panels[network, title] = axis
    return figure, {name: panels[name] for name in names}


def draw_power(power: pd.DataFrame) -> Figure:
    """Left: the test over references at each set's size. Right: all tests at one size, the last."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.2), sharey=True)
    markers = "osD^vPX"
    chosen = power[power["test"] == TESTS[0]]
    for marker, (name, part) in zip(markers, chosen.groupby("data_set", sort=False), strict=False):
        left.plot(part["difference"], part["power"], marker=marker, label=name)
    last = power["data_set"].iloc[-1]
    for marker, (name, part) in zip(
        markers, power[power["data_set"] == last].groupby("test", sort=False), strict=False
    ):
        right.plot(part["difference"], part["power"], marker=marker, label=name)
    left.set(xlabel="true difference of SRCC", ylabel="share of data sets called different", ylim=(0, 1))
    left.set_title("test over references, by size of the set")
    right.set(xlabel="true difference of SRCC")
    right.set_title(f"every test, {last}")
    for axis in (left, right):
        axis.axhline(ALPHA, color="0.5", linestyle=":")
        axis.axhline(0.8, color="0.5", linestyle=":")
        axis.legend(fontsize=7)
    return figure


def draw_by_distortion(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Gain of MSDS over level 0 within each distortion type, with 95 % intervals, one mark for each of the tables."""
    names = list(dict.fromkeys(name for table in tables.values() for name in table["distortion"]))
    figure, axis = plt.subplots(figsize=(7, 1.2 + 0.12 * len(names) * (1 + len(tables))))
    for number, (label, table) in enumerate(tables.items()):
        place = np.array([names.index(name) for name in table["distortion"]])
        shift = 0.7 / len(tables) * (number - (len(tables) - 1) / 2)
        errors = np.stack([table["gain"] - table["low"], table["high"] - table["gain"]])
        axis.errorbar(
            table["gain"], place + shift, xerr=errors, fmt="osD^vPX"[number % 7], capsize=2, label=label, markersize=4
        )
    axis.axvline(0, color="0.3", linewidth=1)
    axis.set_yticks(range(len(names)), names, fontsize=8)
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.set_xlabel("SRCC within the type, MSDS minus level 0")
    figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=2, fontsize=8)
    return figure

"""Figures and tables for reading of paper 1, "Autoencoder reconstructions"."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from replication.models.autoencoders import Autoencoder
from replication.reporting.figures import style
from replication.reporting.numbers import MISSING, minus
from replication.training.trained import Trained

_CURVES = {"validation_ssim": "SSIM", "validation_mse": "MSE"}


def draw_curves(runs: Mapping[tuple[str, int], Trained[Autoencoder]]) -> Figure:
    """SSIM and MSE of reconstructions of validation images while training, a line for each loss and seed."""
    curves = pd.concat([run.history.assign(loss=loss, seed=seed) for (loss, seed), run in runs.items()])
    losses = list(dict.fromkeys(loss for loss, _ in runs))
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2))
    for axis, (column, title) in zip(axes, _CURVES.items(), strict=True):
        for number, loss in enumerate(losses):
            for position, (_, one) in enumerate(curves[curves["loss"] == loss].groupby("seed", sort=False)):
                label = loss if position == 0 else None
                axis.plot(one["step"], one[column], **style(number), markersize=3.5, label=label)
        axis.set(xlabel="optimiser step", ylabel=f"{title}, validation images")
    axes[0].legend()
    return figure


def draw_ranks(shares: pd.DataFrame, losses: Sequence[str]) -> Figure:
    """Shares of rankings in which each loss was first, second and so on, by observer: the paper's histogram."""
    observers = list(dict.fromkeys(shares["observer"]))
    columns = min(3, len(observers))
    rows = -(-len(observers) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(1.2 + 2.7 * columns, 0.6 + 2.1 * rows), sharex=True, sharey=True, squeeze=False
    )
    for axis, observer in zip(axes.flat, observers, strict=False):
        for number, loss in enumerate(losses):
            one = shares[(shares["observer"] == observer) & (shares["loss"] == loss)]
            at = one["rank"] + 0.81 / len(losses) * (number - (len(losses) - 1) / 2)
            axis.bar(at, one["share"], width=0.75 / len(losses), color=style(number)["color"], label=loss)
        axis.set(title=observer, xticks=range(1, len(losses) + 1), ylim=(0, 1))
        axis.grid(visible=False, axis="x")
    for axis in axes.flat[len(observers) :]:
        axis.set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel("share of rankings")
    figure.supxlabel("rank (1: nearest to the original)", fontsize=10)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=len(losses))
    return figure


def draw_bands(correlation: pd.DataFrame, decibels: pd.DataFrame, detail: tuple[float, float]) -> Figure:
    """Correlation with the original and power relative to it, by band: mean over images and interval over photos.

    The bands that count as fine detail are shaded.
    """
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.5))
    for axis, table, title in (
        (axes[0], correlation, "correlation with the original"),
        (axes[1], decibels, "power relative to the original (dB)"),
    ):
        axis.axvspan(*detail, color="#eef1f4", zorder=0)
        for number, (loss, one) in enumerate(table.groupby("loss", sort=False)):
            middle = np.sqrt(one["band_low"] * one["band_high"]) * 1.02 ** (number - 1)  # beside each other
            spread = [one["mean"] - one["low"], one["high"] - one["mean"]]
            axis.errorbar(middle, one["mean"], spread, **style(number), capsize=2, label=loss)
        axis.set(xscale="log", xlabel="spatial frequency (cycles per pixel)", ylabel=title)
        edges = sorted({*table["band_low"], *table["band_high"]})
        ticks = [edges[0]]
        for edge in edges:
            if edge > 1.4 * ticks[-1]:  # labels closer than that would run into each other
                ticks.append(edge)
        axis.set_xticks(ticks, [f"{edge:g}" for edge in ticks])
        axis.minorticks_off()
    axes[1].axhline(0, color="black", linewidth=0.8)
    axes[0].legend(loc="upper right")
    return figure


def draw_power(power: pd.DataFrame) -> Figure:
    """Power of a simulated experiment by the size of the preference, a line for each spread of tastes."""
    figure, axis = plt.subplots(figsize=(5.5, 3.2))
    for number, (taste, one) in enumerate(power.groupby("taste", sort=False)):
        label = "none" if taste == 0 else f"deviation {taste:g}"
        axis.plot(one["share"], one["found"], **style(number), label=label)
    axis.set(
        xlabel="true share of rankings above each other loss (tastes apart)",
        ylabel="share of experiments\nthat find it",
        ylim=(-0.03, 1.03),
    )
    axis.legend(title="difference in taste", fontsize=9)
    return figure


def draw_worths(table: pd.DataFrame, losses: Sequence[str]) -> Figure:
    """Plackett-Luce worths with their intervals, a row for each observer."""
    observers = list(dict.fromkeys(table["observer"]))
    figure, axis = plt.subplots(figsize=(7, 0.9 + 0.45 * len(observers)))
    for number, loss in enumerate(losses):
        one = table[table["loss"] == loss].set_index("observer").loc[observers]
        at = np.arange(len(observers)) + 0.66 / len(losses) * (number - (len(losses) - 1) / 2)
        spread = [one["worth"] - one["low"], one["high"] - one["worth"]]
        axis.errorbar(one["worth"], at, xerr=spread, linestyle="", **style(number), capsize=2, label=loss)
    axis.axvline(1 / len(losses), color="black", linewidth=0.8, linestyle=":")
    axis.set(
        yticks=range(len(observers)), yticklabels=observers, xlim=(0, 1), xlabel="worth: chance to be ranked first"
    )
    axis.set_ylim(len(observers) - 0.5, -0.5)
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def draw_agreement(table: pd.DataFrame) -> Figure:
    """Mean Kendall's tau of every two observers."""
    side = 2.4 + 0.62 * len(table)
    figure, axis = plt.subplots(figsize=(side + 0.8, side * 0.72))
    labels = [str(name).replace(" (", "\n(") for name in table]
    sns.heatmap(
        table,
        xticklabels=labels,
        yticklabels=labels,
        annot=True,
        fmt=".2f",
        vmin=-1,
        vmax=1,
        cmap="PuOr",
        cbar=False,
        ax=axis,
        linewidths=0.5,
    )
    axis.grid(visible=False)
    axis.set(xlabel="", ylabel="")
    axis.tick_params(axis="x", rotation=30)
    axis.tick_params(axis="y", rotation=0)
    return figure


def readable(table: pd.DataFrame, index: Sequence[str], columns: str, estimate: str, form: str) -> pd.DataFrame:
    """A long table as a square one of "estimate [low, high]"; `form` formats a number."""
    text = table.assign(
        cell=[
            MISSING
            if pd.isna(row[estimate])
            else minus(f"{form.format(row[estimate])} [{form.format(row['low'])}, {form.format(row['high'])}]")
            for row in table.to_dict("records")
        ]
    )
    wide = text.pivot(index=list(index), columns=columns, values="cell")
    order = (
        pd.MultiIndex.from_frame(table[list(index)].drop_duplicates()) if len(index) > 1 else table[index[0]].unique()
    )
    return wide.loc[order, list(dict.fromkeys(table[columns]))].rename_axis(columns=None)


def readable_range(table: pd.DataFrame, index: str, columns: str, form: str) -> pd.DataFrame:
    """The columns least and most of a long table as a square one of "least to most"."""
    words = [f"{form.format(a)} to {form.format(b)}" for a, b in zip(table["least"], table["most"], strict=True)]
    wide = table.assign(cell=words).pivot(index=index, columns=columns, values="cell")
    return wide.loc[table[index].unique(), list(dict.fromkeys(table[columns]))].rename_axis(columns=None)

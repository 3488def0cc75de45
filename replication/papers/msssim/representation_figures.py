"""Figures and tables for reading of paper 1, "Learned representations"."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from replication.datasets.stacks import Stack
from replication.datasets.yaleb import LitFaces
from replication.models.autoencoders import Autoencoder
from replication.papers.msssim.representations import GROUPED, GUESS, RANDOM, STATISTICS, _plain, decimals
from replication.reporting.figures import COLOURS, style
from replication.reporting.numbers import signed, signed_interval
from replication.scoring.representations import TARGETS
from replication.training.autoencoders import reconstruct
from replication.training.trained import Trained

_COLUMN = 20.0  # degrees of azimuth that are drawn as one point


def draw_curves(names: Mapping[str, str], networks: Mapping[tuple[str, int], Trained[Autoencoder]]) -> Figure:
    """The loss in its unit, MSE and SSIM of the validation images over training, a line for each network."""
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.0))
    for (loss, _), run in networks.items():
        number = list(names).index(loss)
        for axis, column in zip(axes, ["validation_loss", "validation_mse", "validation_ssim"], strict=True):
            axis.plot(
                run.history["step"],
                run.history[column],
                **style(number),
                markersize=3,
                linewidth=1,
                label=names[loss],
            )
    for axis, title in zip(axes, ["own loss / that of the mean image", "MSE", "SSIM"], strict=True):
        axis.set(title=title, xlabel="optimiser step")
    axes[1].set_yscale("log")
    handles, labels = axes[2].get_legend_handles_labels()
    of_losses = dict(zip(labels, handles, strict=True))  # one entry for all seeds of a loss
    axes[2].legend(of_losses.values(), of_losses.keys(), fontsize=8)
    return figure


def draw_reconstructions(
    names: Mapping[str, str], networks: Mapping[tuple[str, int], Trained[Autoencoder]], stack: Stack, count: int
) -> Figure:
    """`count` images, evenly spread over the stack, above what the first seed's networks make of them."""
    chosen = stack.select(np.linspace(0, len(stack) - 1, min(count, len(stack))).round().astype(np.intp))
    rows = {"original": chosen.pixels[:, 0] / 255}
    for loss, name in names.items():
        first = next(run for (other, _), run in networks.items() if other == loss)
        rows[name] = reconstruct(first.network, chosen)[:, 0].numpy()
    figure, axes = plt.subplots(
        len(rows), len(chosen), figsize=(0.9 * len(chosen) + 0.7, 0.9 * len(rows)), squeeze=False
    )
    for row, (name, images) in zip(axes, rows.items(), strict=True):
        for axis, image in zip(row, images, strict=True):
            axis.imshow(image, vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
            axis.grid(False)
        row[0].set_ylabel(name, rotation=0, ha="right", va="center")
    return figure


def readable(table: pd.DataFrame, guessed: Mapping[str, float]) -> pd.DataFrame:
    """A `summary` to be read: a row for each method, the mean and its interval for each target."""
    cells = {
        (row["method"], row["target"]): _with_interval(row["mean"], row["low"], row["high"], decimals(row["target"]))
        for row in table.to_dict("records")
    }
    cells |= {(GUESS, target): f"{value:.{decimals(target)}f}" for target, value in guessed.items()}
    return _plain(pd.Series(cells).unstack(sort=False))


def readable_networks(table: pd.DataFrame) -> pd.DataFrame:
    """`of_networks` to be read: a row for each method, a column for each target and seed."""
    wide = table.pivot(index="method", columns=["target", "seed"], values="error")
    columns = sorted(wide.columns, key=lambda column: (list(TARGETS).index(column[0]), column[1]))
    cells = {column: [f"{value:.{decimals(column[0])}f}" for value in wide[column]] for column in columns}
    order = list(dict.fromkeys(table["method"]))
    return pd.DataFrame(cells, index=wide.index).loc[order].rename_axis(None).rename_axis([None, "seed"], axis=1)


def readable_differences(table: pd.DataFrame) -> pd.DataFrame:
    """`differences` to be read."""
    rows = []
    for row in table.to_dict("records"):
        digits = decimals(row["target"])
        rows.append(
            {
                "target": row["target"],
                "difference": f"{row['first']} minus {row['second']}",
                "mean [over lights]": signed_interval(row["mean"], row["low"], row["high"], digits),
                "[over people]": f"[{signed(row['low_people'], digits)}, {signed(row['high_people'], digits)}]",
                "seeds": row["seeds"],
                "effect": signed(row["effect"], 2),
                "p": f"{row['p']:.2g}",
                "p (Holm)": f"{row['p_holm']:.2g}",
            }
        )
    return pd.DataFrame(rows)


def draw_overview(
    grouped: pd.DataFrame, drawn: pd.DataFrame, guessed: Mapping[str, float], published: pd.DataFrame
) -> Figure:
    """Errors of all methods for each target on a logarithmic axis, beside the published ones and the plain guess."""
    methods = list(dict.fromkeys(grouped["method"]))
    at = {method: len(methods) - number for number, method in enumerate(methods)}
    figure, axes = plt.subplots(1, len(TARGETS), figsize=(10, 0.34 * len(methods) + 1.5), sharey=True)
    for axis, target in zip(axes, TARGETS, strict=True):
        for label, table, colour, marker, shift in (
            (GROUPED, grouped, COLOURS[0], "o", 0.13),
            (RANDOM, drawn, COLOURS[1], "s", -0.13),
        ):
            rows = table[table["target"] == target]
            y = np.array([at[method] for method in rows["method"]]) + shift
            reach = np.abs(rows[["low", "high"]].to_numpy().T - rows["mean"].to_numpy())
            axis.errorbar(rows["mean"], y, xerr=reach, fmt=marker, color=colour, markersize=4, label=label, linewidth=1)
            for place, seeds in zip(y, rows["seeds"], strict=True):
                axis.plot(seeds, [place] * len(seeds), "|", color=colour, markersize=7, alpha=0.7)
        printed = published[published["column"] == target]
        axis.plot(printed["value"], [at[row] for row in printed["row"]], "k*", markersize=8, label="published")
        axis.axvline(guessed[target], color="0.5", linestyle=":", linewidth=1, label=GUESS)
        axis.set(xscale="log", title=f"{target}, {STATISTICS[target]}", yticks=list(at.values()), yticklabels=list(at))
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.tick_params(axis="x", labelsize=8)
    figure.legend(*axes[-1].get_legend_handles_labels(), fontsize=8, loc="outside lower center", ncols=4)
    return figure


def draw_by_azimuth(errors: pd.DataFrame, lit: LitFaces, methods: Sequence[str]) -> pd.DataFrame:
    """Errors by the light's azimuth, in columns of 20 degrees, of the given methods and the plain guess of angles.

    A column stands at the mean azimuth of its images; angles as root of the mean squared error, in degrees. Returns
    what is drawn: target, method, azimuth, error, n.
    """
    column = pd.Series(lit.azimuth).groupby(np.floor(lit.azimuth / _COLUMN + 0.5)).transform("mean").to_numpy().round(6)
    mean = errors[errors["method"].isin(methods)].groupby(["target", "method", "image"], sort=False)["error"].mean()
    image = mean.index.get_level_values("image")
    means = mean.reset_index(name="error").assign(azimuth=column[image])
    guesses = []
    for target in ("azimuth", "elevation"):
        error = (getattr(lit, target) - getattr(lit, target).mean()) ** 2
        guesses.append(pd.DataFrame({"target": target, "method": GUESS, "error": error, "azimuth": column}))
    both = pd.concat([means, *guesses])
    table = both.groupby(["target", "method", "azimuth"], sort=False)["error"].agg(["mean", "size"]).reset_index()
    table = table.rename(columns={"mean": "error", "size": "n"}).sort_values(["target", "method", "azimuth"])
    angles = table["target"] != "identity"
    table.loc[angles, "error"] = np.sqrt(table.loc[angles, "error"])
    _, axes = plt.subplots(1, len(TARGETS), figsize=(10, 3.2))
    for axis, target in zip(axes, TARGETS, strict=True):
        for number, method in enumerate([*methods, GUESS]):
            rows = table[(table["target"] == target) & (table["method"] == method)]
            look = style(number) | ({"color": "0.6", "linestyle": ":"} if method == GUESS else {})
            axis.plot(rows["azimuth"], rows["error"], label=method, markersize=4, **look)
        unit = "wrong (percent)" if target == "identity" else "RMS error (degrees)"
        axis.set(title=target, ylabel=unit, xlabel="azimuth of the light (degrees)", ylim=(0, None))
    axes[1].legend(fontsize=7)
    return table.reset_index(drop=True)


def _with_interval(mean: float, low: float, high: float, digits: int) -> str:
    return f"{mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"

"""Figures of paper 4: gratings, tuning curves, scores over layers, what open choices change."""

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from replication.features.csf import CSFS, peak, sensitivity
from replication.features.efficacy import ChannelScores, choose
from replication.papers.pe.channels import Measured, example_channels
from replication.reporting.figures import COLOURS, MARKERS, show_crops
from replication.reporting.tables import Html

Array = NDArray[np.float64]


def gratings(choices: Mapping[str, Any], shown: int = 96) -> Html:
    """Figure 1: rings at an eighth, a quarter and half of the grid's frequencies, and bars at four orientations; the
    middle of each picture, `shown` pixels wide.
    """
    chosen = choose(**choices)
    crops, titles = {}, {}
    grid, angles = chosen.grid(), chosen.angles()
    for part in (8, 4, 2):
        frequency = grid[max(1, len(grid) // part) - 1]
        crops[f"rings {part}"] = _middle(chosen.radial(frequency, 0.0).numpy()[0], shown)
        titles[f"rings {part}"] = f"rings, {frequency:g} c/deg"
    for number in sorted({len(angles) * quarter // 4 for quarter in range(4)}):
        crops[f"bars {number}"] = _middle(chosen.oriented(angles[number], 0.0).numpy()[0], shown)
        titles[f"bars {number}"] = (
            f"{np.degrees(angles[number]):.0f}\N{DEGREE SIGN}, {chosen.tested_frequency():g} c/deg"
        )
    return show_crops(crops, titles, scale=1 if chosen.size >= shown else 2)


def sensitivity_functions(used: str, up_to: float) -> Figure:
    """The contrast sensitivity functions of `CSFS`, each relative to its largest value; the one in use is bold."""
    figure, axis = plt.subplots(figsize=(6, 2.8))
    f = np.linspace(0.05, up_to, 400)
    for colour, name in zip(COLOURS, CSFS, strict=False):
        values = sensitivity(name, f) / sensitivity(name, peak(name))
        axis.plot(f, values, color=colour, linewidth=2.6 if name == used else 1.2, label=f"{name}, {peak(name):.1f}")
    axis.set(xlabel="cycles per degree", ylabel="sensitivity (peak = 1)", ylim=(0, 1.05))
    axis.legend(title="function, peak")
    return figure


def frequency_tuning(found: ChannelScores, csf: str, title: str) -> Figure:
    """Figure 2: mean activations over frequency of the channel with the highest mu1 and of a low one, beside the CSF;
    and channels at even steps through the ranking by mu1.
    """
    return _tuning(found.frequencies, found.frequency_response, found.mu1, "cycles per degree", "\u03bc1", title, csf)


def orientation_tuning(found: ChannelScores, title: str) -> Figure:
    """Figure 3: the same over orientation, ranked by mu2."""
    degrees = np.degrees(found.orientations)
    return _tuning(degrees, found.orientation_response, found.mu2, "orientation (degrees)", "\u03bc2", title, None)


def channel_card(found: ChannelScores, channel: int, csf: str, title: str) -> Figure:
    """Both tuning curves of one channel, with its scores and its place in the layer."""
    place = int((found.pe > found.pe[channel]).sum()) + 1
    figure, axes = plt.subplots(1, 2, figsize=(8, 2.6))
    axes[0].plot(found.frequencies, found.frequency_response[channel], marker="o", markersize=3)
    _beside(axes[0], found.frequencies, csf)
    axes[0].set(xlabel="cycles per degree", ylabel="mean activation", title=f"\u03bc1 = {found.mu1[channel]:.3g}")
    axes[1].plot(np.degrees(found.orientations), found.orientation_response[channel], marker="o", markersize=3)
    axes[1].set(xlabel="orientation (degrees)", ylim=(0, None), title=f"\u03bc2 = {found.mu2[channel]:.3g}")
    figure.suptitle(
        f"{title}, channel {channel}: PE {found.pe[channel]:.3g}, place {place} of {len(found.pe)}", fontsize=10
    )
    return figure


def explore(measured: Mapping[str, Measured], csf: str) -> Any:
    """`channel_card` for a network, layer and place in the ranking, to be chosen in JupyterLab (ipywidgets)."""
    import ipywidgets as widgets  # type: ignore[import-untyped]

    network = widgets.Dropdown(options=list(measured), description="network")
    tap = widgets.Dropdown(description="layer")
    place = widgets.IntSlider(value=1, min=1, max=2, description="place", continuous_update=False)

    def show_taps(*_: object) -> None:
        tap.options = list(measured[network.value].scores)

    def show_places(*_: object) -> None:
        if tap.value in measured[network.value].scores:
            place.max = len(measured[network.value].scores[tap.value].pe)

    def draw(network: str, tap: str, place: int) -> None:
        if tap in measured[network].scores:
            found = measured[network].scores[tap]
            ranked = np.argsort(-found.pe, kind="stable")
            channel_card(found, int(ranked[min(place, len(ranked)) - 1]), csf, f"{network} {tap}")
            plt.show()

    network.observe(show_taps, "value")
    tap.observe(show_places, "value")
    show_taps()
    show_places()
    picture = widgets.interactive_output(draw, {"network": network, "tap": tap, "place": place})
    return widgets.VBox([widgets.HBox([network, tap, place]), picture])


def score_distributions(measured: Mapping[str, Measured]) -> Figure:
    """PE of every channel of every layer, relative to the PE of each if all channels of the layer were alike.

    A box is the middle half of the channels that answer, the line their median, whiskers from 5 to 95 %; the number is
    the percentage of flat channels (PE of 0), which a logarithmic axis cannot show.
    """
    columns = min(2, len(measured))
    rows = -(-len(measured) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(4.6 * columns, 2.6 * rows), sharey=True, squeeze=False)
    for axis in axes.flat[len(measured) :]:
        axis.set_visible(False)
    for axis, (name, network) in zip(axes.flat, measured.items(), strict=False):
        layers = [found.pe * len(found.pe) ** 2 for found in network.scores.values()]
        axis.boxplot(
            [values[values > 0] for values in layers], whis=(5, 95), showfliers=False, medianprops={"color": COLOURS[1]}
        )
        for number, values in enumerate(layers, start=1):
            axis.annotate(
                f"{100 * (values == 0).mean():.0f}%",
                (number, 0.01),
                xycoords=("data", "axes fraction"),
                ha="center",
                fontsize=7,
            )
        axis.axhline(1, color="black", linewidth=0.7)
        labels = [tap.removeprefix("inception_") for tap in network.scores]
        axis.set_xticks(range(1, len(layers) + 1), labels, rotation=45, ha="right", fontsize=8)
        axis.set(yscale="log", title=name)
    for axis in axes[:, 0]:
        axis.set_ylabel("PE, even shares = 1")
    return figure


def high_and_low(layers: pd.DataFrame, centre: float) -> Figure:
    """Preferred frequency and share of colour of the channels with highest and lowest PE, by layer."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 1.2 + 0.19 * len(layers)), sharey=True)
    places = np.arange(len(layers))[::-1]
    for axis, quantity in zip(axes, ("frequency", "colour"), strict=True):
        for label, name, colour, marker in (
            ("low", "L-10", COLOURS[1], MARKERS[1]),
            ("high", "H-10", COLOURS[0], MARKERS[0]),
        ):
            axis.plot(layers[f"{quantity}_{label}"], places, marker, color=colour, label=name)
        axis.hlines(
            places, layers[f"{quantity}_low"], layers[f"{quantity}_high"], color="#9aa3ad", linewidth=1, zorder=1
        )
    axes[0].axvline(centre, color="black", linewidth=0.8)
    axes[0].set_xscale("log", base=2)
    axes[0].set(xlabel="median preferred frequency (cycles/degree)", title="line: the CSF's peak")
    axes[0].xaxis.set_major_formatter("{x:g}")
    axes[1].set(xlabel="mean share of colour in the answers", title="0: luminance alone; 1: colour alone")
    axes[0].set_yticks(places, layers["backbone"] + " " + layers["tap"], fontsize=7)
    axes[1].legend(loc="best")
    return figure


def sensitivity_map(study: pd.DataFrame) -> Figure:
    """Agreement of the ranking, and of H-10, with the usual ones under each changed choice, one dot per layer."""
    cases = list(dict.fromkeys(zip(study["choice"], study["value"], strict=True)))
    figure, axes = plt.subplots(1, 2, figsize=(9, 1.2 + 0.26 * len(cases)), sharey=True)
    places = {case: len(cases) - 1 - number for number, case in enumerate(cases)}
    heights = np.array([places[case] for case in zip(study["choice"], study["value"], strict=True)], dtype=float)
    for axis, quantity in zip(axes, ("srcc", "overlap"), strict=True):
        for number, (name, rows) in enumerate(study.groupby("backbone", sort=False)):
            shift = 0.22 * (number - (study["backbone"].nunique() - 1) / 2)
            height = heights[study["backbone"] == name] - shift
            axis.plot(
                rows[quantity], height, MARKERS[number], color=COLOURS[number], markersize=3.5, alpha=0.75, label=name
            )
        axis.set_xlim(min(-0.02, np.nanmin(study[quantity]) - 0.02), 1.02)
    axes[0].set_yticks(list(places.values()), [f"{choice} = {value}" for choice, value in cases], fontsize=8)
    axes[0].set_xlabel("rank correlation of PE with the usual")
    axes[1].set_xlabel("part of the usual H-10 that stays")
    axes[0].legend(loc="lower left", fontsize=8)
    return figure


def _tuning(x: Array, responses: Array, values: Array, label: str, score: str, title: str, csf: str | None) -> Figure:
    chosen = example_channels(values, 5)
    figure, axes = plt.subplots(1, 2, figsize=(9, 2.9), width_ratios=(1, 1.5))
    for channel, colour, marker in zip(chosen[:1] + chosen[-2:-1], COLOURS, MARKERS, strict=False):
        axes[0].plot(
            x, responses[channel], marker, linestyle="-", color=colour, markersize=3, label=f"channel {channel}"
        )
    axes[0].set(xlabel=label, ylabel="mean activation", title=title)
    axes[0].legend(fontsize=8)
    if csf is not None:
        _beside(axes[0], x, csf)
    for number, channel in enumerate(chosen):
        largest = responses[channel].max()
        curve = responses[channel] / largest if largest > 0 else responses[channel]
        axes[1].plot(
            x, curve, MARKERS[number], linestyle="-", markersize=3, label=f"{channel}: {score} = {values[channel]:.2g}"
        )
    axes[1].set(xlabel=label, ylabel="activation (largest = 1)", title=f"channels through the ranking by {score}")
    axes[1].legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _beside(axis: Any, frequencies: Array, csf: str) -> None:
    """The CSF behind a tuning curve, on a separate scale."""
    other = axis.twinx()
    other.fill_between(frequencies, sensitivity(csf, frequencies), color="#000000", alpha=0.08, linewidth=0)
    other.set(yticks=[], ylim=(0, None))
    other.grid(False)
    other.spines["right"].set_visible(False)


def _middle(picture: Array, side: int) -> Array:
    top, left = (max(0, (length - side) // 2) for length in picture.shape)
    return picture[top : top + side, left : left + side]

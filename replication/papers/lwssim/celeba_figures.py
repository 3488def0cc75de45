"""Figures of paper 2: training curves, reconstructions, colour, and the luminance argument."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from replication.datasets.stacks import Stack
from replication.models.autoencoders import Autoencoder
from replication.papers.lwssim.celeba_networks import MODELS, Key, loss_title, row_name
from replication.papers.lwssim.celeba_sizes import LINEAR
from replication.papers.lwssim.luminance import BINS, boards, forms
from replication.reporting.figures import COLOURS, show_crops, style
from replication.reporting.tables import Html
from replication.training.autoencoders import reconstruct
from replication.training.losses import title as loss_name
from replication.training.trained import Trained

_GAP = 4  # white pixels between faces
_STRONGER = 3  # how many times a difference is enlarged in a map


def training_curves(curves: pd.DataFrame) -> Figure:
    """Validation SSIM (above) and MSE (below) by epoch, a panel for each model; every line is a seed."""
    models = list(dict.fromkeys(curves["model"]))
    figure, axes = plt.subplots(2, len(models), figsize=(3.4 * len(models), 5), sharex=True, squeeze=False)
    for column, model in enumerate(models):
        for row, (figure_name, title) in enumerate((("validation_ssim", "SSIM"), ("validation_mse", "MSE"))):
            axis = axes[row][column]
            for number, loss in enumerate(dict.fromkeys(curves["loss"])):
                own = curves[(curves["model"] == model) & (curves["loss"] == loss)]
                for seed, line in own.groupby("seed"):
                    axis.plot(
                        line["epoch"],
                        line[figure_name],
                        **style(number),
                        linewidth=0.9,
                        markersize=2.5,
                        label=f"{loss_name(loss)} training" if seed == own["seed"].iloc[0] else None,
                    )
            if row == 0:
                axis.set_title(MODELS.get(model, model))
            else:
                axis.set_xlabel("epoch")
                shown = curves.loc[(curves["model"] == model) & (curves["epoch"] > curves["epoch"].max() / 10)]
                axis.set_ylim(0, 1.05 * shown[figure_name].max())
            axis.set_ylabel(f"{title}, validation images" if column == 0 else "")
    axes[0][0].legend(fontsize=8)
    return figure


def faces(images: Stack, trained: Mapping[Key, Trained[Autoencoder]], scores: pd.DataFrame) -> Html:
    """Originals, and below them what each network makes of them, as the paper's Figure 1; of each loss the first seed.

    Beside each row are maps of its differences from the originals, mean over channels and three times as strong: grey
    where there is none, dark where the reconstruction is too dark. Captions give means over the images shown of SSIM,
    MSE and chroma error. scores: of `celeba.score`.
    """
    originals = images.pixels / 255
    rows = [show_crops({"originals": _strip(originals)}).html]
    seen: set[tuple[str, str]] = set()
    for key, run in trained.items():
        if (key.model, key.loss) in seen:
            continue
        seen.add((key.model, key.loss))
        own = scores[(scores["model"] == key.model) & (scores["loss"] == key.loss) & (scores["seed"] == key.seed)]
        means = own[own["image"].isin(images.names)][["ssim", "mse", "chroma_error"]].mean()
        name = row_name(key.model, key.loss)
        caption = f"{name}: SSIM {means['ssim']:.3f}, MSE {means['mse']:.4f}, chroma error {means['chroma_error']:.1f}"
        made = reconstruct(run.network, images).numpy()
        maps = f"{name}, difference"
        crops = {name: _strip(made), maps: _strip(difference_maps(made, originals))}
        rows.append(show_crops(crops, {name: caption, maps: f"difference, {_STRONGER} times as strong"}).html)
    return Html("\n".join(rows))


def difference_maps(made: NDArray[np.float64], originals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Maps (N, 3, H, W) in [0, 1] of made - originals: 1/2 + 3 times its mean over channels, the same in all three."""
    mean = 0.5 + _STRONGER * (made - originals).mean(axis=1, keepdims=True)
    return np.repeat(mean.clip(0, 1), 3, axis=1)


def colour_bars(colours: pd.DataFrame) -> Figure:
    """Lightness error, chroma error and vibrancy of every row with their intervals; `colours`: of `colour_table`."""
    titles = {
        "lightness error": "mean |dL*|",
        "chroma error": "mean chroma error",
        "vibrancy": "C* / that of originals",
    }
    rows = list(dict.fromkeys(colours["row"]))[::-1]
    figure, axes = plt.subplots(1, 3, figsize=(9.5, max(3.2, 0.3 * len(rows))), sharey=True)
    for axis, (statistic, title) in zip(axes, titles.items(), strict=True):
        own = colours[colours["statistic"] == statistic].set_index("row").loc[rows]
        for number, name in enumerate(dict.fromkeys(map(loss_title, reversed(rows)))):
            at = [place for place, row in enumerate(rows) if loss_title(row) == name]
            part = own.iloc[at]
            spread = np.maximum([part["value"] - part["low"], part["high"] - part["value"]], 0)
            axis.errorbar(part["value"], at, xerr=spread, linestyle="", **style(number), markersize=6)
        axis.set(title=title, yticks=range(len(rows)), yticklabels=rows)
    axes[2].axvline(1, color="black", linewidth=0.8)
    return figure


def size_curves(by_size: pd.DataFrame, printed: pd.DataFrame) -> Figure:
    """SSIM and MSE by size of the code, a line for each loss and the linear code; dotted: what the paper prints.

    by_size: of `celeba_sizes.size_table`. printed: of `celeba_sizes.printed_errors`.
    """
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6))
    sizes = sorted(set(by_size["units"]))
    for axis, (measure, title) in zip(axes, (("ssim", "SSIM"), ("mse", "MSE")), strict=True):
        losses = [name for name in dict.fromkeys(by_size["loss"]) if name != LINEAR]
        for number, name in enumerate(losses):
            own = by_size[by_size["loss"] == name]
            axis.plot(own["units"], own[measure], **style(number), label=f"{name} training")
            for value in printed.loc[(printed["loss"] == name) & (printed["measure"] == measure), "value"]:
                axis.axhline(value, color=style(number)["color"], linestyle=":", linewidth=1)
        linear = by_size[by_size["loss"] == LINEAR]
        axis.plot(linear["units"], linear[measure], color="black", linestyle="--", linewidth=0.9, label=LINEAR)
        axis.set_xscale("log", base=2)
        axis.set_xticks(sizes, [str(size) for size in sizes], minor=False)
        axis.set(xlabel="units of the code", ylabel=f"{title}, test images")
    axes[0].legend(fontsize=8)
    return figure


def board_strip(contrasts: Sequence[float]) -> Html:
    """The board and its copies of lower contrast, with what SSIM and its luminance say of each."""
    crops, titles = {}, {}
    for contrast in contrasts:
        pair = boards(contrast)
        found = forms(pair)
        name = f"contrast {contrast:g}"
        crops[name] = pair[1][0, 0].numpy()
        titles[name] = f"{name}\nl {found['l']:.3f}\nSSIM {found['product']:.3f}"
    return show_crops(crops, titles, scale=3)


def contrast_curves(table: pd.DataFrame) -> Figure:
    """Each term and both forms for copies of equal local means and lower contrast; of `contrast_table`."""
    figure, axis = plt.subplots(figsize=(6, 3.2))
    lines = {
        "luminance l": table["l"],
        "product l c s (SSIM)": table["product"],
        "sum l + c s, minus 1": table["sum"] - 1,
    }
    for number, (name, values) in enumerate(lines.items()):
        summed = name.startswith("sum")  # lies on the product
        axis.plot(
            table["contrast"],
            values,
            **style(number),
            linewidth=1.4 if summed else 4,
            linestyle="--" if summed else "-",
            label=name,
        )
    axis.set(xlabel="contrast of the copy / contrast of the board", ylabel="value, mean over windows")
    axis.legend(fontsize=8)
    return figure


def brightness_curves(table: pd.DataFrame) -> Figure:
    """Loss of the product (left) and of the sum (right) by an error of brightness; of `brightness_table`."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True)
    for axis, form, title in zip(axes, ("product", "sum"), ("product l c s", "sum l + c s"), strict=True):
        for number, (structure, line) in enumerate(table.groupby("structure", sort=False)):
            label = f"structure {structure:g}"
            width = 1.6 if form == "product" else 10 - 3 * number  # on the right all lines are one
            axis.plot(line["brightness"], line[form], color=COLOURS[number], linewidth=width, label=label)
        axis.set(title=title, xlabel="error of brightness", ylabel="score minus its value without error")
    axes[1].set_ylabel("")
    axes[0].legend(fontsize=8)
    return figure


def structure_histograms(shares: Mapping[str, NDArray[np.float64]], masked: float) -> Figure:
    """Histogram of c s over windows, a line for each of `shares` (name -> `luminance.histogram`).

    Rows of a model share a panel; others, such as the mean image, are drawn into all panels in black.
    """
    models = [name for name in MODELS.values() if any(row.startswith(f"{name} (") for row in shares)]
    figure, axes = plt.subplots(1, len(models), figsize=(3.4 * len(models), 3), sharey=True, squeeze=False)
    middles = (BINS[:-1] + BINS[1:]) / 2
    for axis, model in zip(axes[0], models, strict=True):
        own = [row for row in shares if row.startswith(f"{model} (")]
        for row, values in shares.items():
            if row in own:
                colour = style(own.index(row))["color"]
                axis.step(middles, values, where="mid", color=colour, label=loss_title(row))
            elif not loss_title(row):
                axis.step(middles, values, where="mid", color="black", linestyle=":", label=row)
        axis.axvline(masked, color="0.5", linewidth=0.8)
        axis.set(title=model, xlabel="c s of a window")
    axes[0][0].set_ylabel("share of windows")
    axes[0][0].legend(fontsize=8)
    return figure


def variant_points(table: pd.DataFrame, spread: Mapping[str, tuple[float, float]]) -> Figure:
    """Differences of the variants from the default with their intervals; of `variant_table`.

    spread: figure -> least and largest difference of other seeds of the default from its first: a grey band.
    """
    titles = {"ssim": "SSIM", "mse": "MSE", "chroma_error": "chroma error"}
    names = [name for name in dict.fromkeys(table["variant"]) if name != "default"][::-1]
    figure, axes = plt.subplots(1, 3, figsize=(9.5, 1.1 + 0.35 * len(names)), sharey=True)
    for axis, (figure_name, title) in zip(axes, titles.items(), strict=True):
        own = table[table["figure"] == figure_name].set_index("variant").loc[names]
        errors = np.nan_to_num(np.maximum([own["mean"] - own["low"], own["high"] - own["mean"]], 0))
        if figure_name in spread:
            axis.axvspan(*spread[figure_name], color="0.85")
        axis.errorbar(own["mean"], range(len(names)), xerr=errors, fmt="o", color=COLOURS[0])
        axis.axvline(0, color="black", linewidth=0.8)
        axis.set(title=f"{title}, minus default", yticks=range(len(names)), yticklabels=names, ylim=(-0.6, len(names)))
        axis.locator_params(axis="x", nbins=4)
    return figure


def _strip(images: NDArray[np.float64] | Tensor) -> NDArray[np.float64]:
    """Images (N, 3, H, W) side by side with white between them, (H, ., 3)."""
    pixels = np.asarray(images.numpy() if isinstance(images, torch.Tensor) else images, dtype=np.float64)
    white = np.ones((pixels.shape[2], _GAP, 3))
    parts = [part for image in pixels for part in (image.transpose(1, 2, 0), white)]
    return np.concatenate(parts[:-1], axis=1)

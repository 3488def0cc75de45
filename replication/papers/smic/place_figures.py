"""Tables and figures of where an error lies, where attention lies and where distortion is visible."""

from html import escape
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from replication.datasets.sets import ImageSet
from replication.metrics import visible_error
from replication.metrics.attended_maps import pixel_maps
from replication.metrics.colour import rgb_to_gray
from replication.metrics.names import parse
from replication.papers.smic.pictures import network_of
from replication.papers.smic.place import PLAIN, VISIBILITY, tensor
from replication.papers.smic.place_effects import ordered
from replication.papers.smic.placed_errors import ERRORS, REGIONS, everywhere, regions, with_error
from replication.reporting.figures import COLOURS, MARKERS
from replication.reporting.numbers import ALPHA, number, p_value, signed
from replication.reporting.tables import VERDICT_CSS, Html

WORDS = {PLAIN: "as it is", "none": "weights of 1", "level": "attention's level", "local": "attention"} | {
    "shuffled": "shuffled",
    "turned": "turned by 180\N{DEGREE SIGN}",
    "other": "of another image",
    "inverted": "1 \N{MINUS SIGN} attention",
    "variance": "variance of the reference",
    "saliency": "saliency of the reference",
}
"""Weightings in words."""

_DRAWN = ("none", "level", "local", "turned")


def draw_regions(means: pd.DataFrame) -> Figure:
    """How much the same error counts in each region, a panel for each measure and error: `region_means`.

    The models of visibility stand above the measures as they are and under the weightings of most interest.
    """
    titles = [name for name in dict.fromkeys(means["measure"]) if name not in VISIBILITY]
    errors = list(dict.fromkeys(means["error"]))
    lines = [*((name, "") for name in VISIBILITY), *((None, each) for each in (PLAIN, *_DRAWN))]
    labels = [f"{name}: {VISIBILITY[name]}" if name else WORDS[each] for name, each in lines]
    size = (1.7 + 1.9 * len(titles), 0.9 + 0.26 * len(lines) * len(errors))
    figure, axes = plt.subplots(len(errors), len(titles), figsize=size, sharex=True, sharey=True, squeeze=False)
    for row, error in enumerate(errors):
        for column, title in enumerate(titles):
            axis = axes[row, column]
            for place, (name, weighting) in enumerate(lines):
                part = means[(means["error"] == error) & (means["measure"] == (name or title))]
                part = part[part["weighting"] == weighting].set_index("region")
                for offset, region in enumerate(REGIONS):
                    if region not in part.index:
                        continue
                    one = part.loc[region]
                    reach = np.nan_to_num([[one["mean"] - one["low"]], [one["high"] - one["mean"]]])
                    axis.errorbar(one["mean"], place + 0.2 * (offset - 1), xerr=reach, fmt=MARKERS[offset],
                                  color=COLOURS[offset], markersize=3.5, capsize=1.5, linewidth=1,
                                  label=region if place == len(lines) - 1 else None)  # fmt: skip
            axis.axvline(0, color="black", linewidth=0.8)
            axis.axhline(len(VISIBILITY) - 0.5, color="black", linewidth=0.8, linestyle=":")
            axis.set_title(f"{title}, {error}", fontsize=8.5)
            axis.tick_params(labelsize=7)
    axes[0, 0].set_yticks(range(len(lines)), labels, fontsize=7.5)
    axes[0, 0].invert_yaxis()
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper right", ncols=len(REGIONS), fontsize=8)
    figure.supxlabel("log\N{SUBSCRIPT TWO} of the distance over the mean of the three regions", fontsize=8.5)
    return figure


def show_dependence(table: pd.DataFrame) -> Html:
    """`place_effects.dependence` for reading, a row for each measure and weighting, the errors side by side."""
    errors = list(dict.fromkeys(table["error"]))
    columns = ("spread", "agreement", "change")
    titles = {"spread": "spread", "agreement": "agreement with MAD", "change": "minus that under the level"}
    head = "".join(f"<th class='number'>{escape(error)}: {titles[name]}</th>" for error in errors for name in columns)
    rows = []
    for measure, part in table.groupby("measure", sort=False):
        rows.append(
            f"<tr class='group'><th colspan='{1 + len(columns) * len(errors)}'>{escape(str(measure))}</th></tr>"
        )
        for weighting in ordered(list(part["weighting"])) or [""]:
            own = part[part["weighting"] == weighting].set_index("error")
            cells = "".join(_with_interval(own, error, name) for error in errors for name in columns)
            title = WORDS.get(weighting, VISIBILITY.get(str(measure), ""))
            rows.append(f"<tr><th scope='row'>{escape(title)}</th>{cells}</tr>")
    return Html(
        f"<style>{VERDICT_CSS}</style><div class='scroll'><table class='sides'><thead><tr><th>weights</th>{head}</tr>"
        f"</thead><tbody>{''.join(rows)}</tbody></table></div><p><small>{table['photos'].max()} photos; 95&nbsp;% "
        "intervals over photos. Spread: standard deviation over regions of log\N{SUBSCRIPT TWO} distance. Agreement: "
        "Kendall's correlation with MAD's order of the three regions; MAD's own is below 1 where it sees nothing of "
        "the error in two of them.</small></p>"
    )


def _with_interval(own: pd.DataFrame, key: str, name: str) -> str:
    row = own.to_dict("index").get(key)
    if row is None or pd.isna(row[name]):
        return "<td class='number'></td>"
    value, low, high = (float(row[f"{name}{end}"]) for end in ("", "_low", "_high"))
    clear = " style='font-weight:700'" if name == "change" and (low > 0 or high < 0) else ""
    form = signed if name == "change" else _two
    ends = "" if np.isnan(low) else f" <span class='interval'>[{form(low, 2)}, {form(high, 2)}]</span>"
    return f"<td class='number'{clear}>{form(value, 2)}{ends}</td>"


def _two(value: float, decimals: int) -> str:
    return number(value, f".{decimals}f")


def draw_map_agreement(means: pd.DataFrame) -> Figure:
    """Correlation of each map with each model of visibility, `place_effects.map_means`; the shaded band is the
    interval of the two models' own correlation, the ceiling for either."""
    errors, models = list(dict.fromkeys(means["error"])), list(VISIBILITY)
    names = [name for name in dict.fromkeys(means["first"]) if name not in VISIBILITY]
    figure, axes = plt.subplots(1, len(models), figsize=(7.6, 0.9 + 0.36 * len(names)), sharey=True, squeeze=False)
    for axis, model in zip(axes.flat, models, strict=True):
        for offset, error in enumerate(errors):
            part = means[(means["error"] == error) & (means["second"] == model)].set_index("first")
            ceiling = means[(means["error"] == error) & (means["first"] == "NVF") & (means["second"] == "MAD")]
            for _, one in ceiling.iterrows():
                axis.axvspan(one["low"], one["high"], color=COLOURS[offset], alpha=0.13, linewidth=0)
            for place, name in enumerate(names):
                if name not in part.index:
                    continue
                one = part.loc[name]
                reach = np.nan_to_num([[one["mean"] - one["low"]], [one["high"] - one["mean"]]])
                axis.errorbar(one["mean"], place + 0.2 * (offset - 0.5), xerr=reach, fmt=MARKERS[offset],
                              color=COLOURS[offset], markersize=4, capsize=2, linewidth=1.2,
                              label=error if place == 0 else None)  # fmt: skip
        axis.axvline(0, color="black", linewidth=0.8)
        axis.set_title(f"with {VISIBILITY[model]} ({model})", fontsize=9)
        axis.set_xlabel("Spearman correlation", fontsize=8.5)
    axes[0, 0].set_yticks(range(len(names)), [_map_word(name) for name in names], fontsize=8)
    axes[0, 0].invert_yaxis()
    axes[0, 0].legend(fontsize=8)
    return figure


def _map_word(name: str) -> str:
    return {"turned": "attention turned by 180\N{DEGREE SIGN}"}.get(name, WORDS.get(name, name))


def draw_local(gains: pd.DataFrame) -> Figure:
    """SRCC under each control minus that under attention's level, a panel for each distortion: `local_gains`."""
    shown = [each for each in ordered(list(gains["weighting"])) if each not in (PLAIN, "none", "level")]
    panels = list(gains.groupby(["set", "distortion", "against"], sort=False))
    titles = list(dict.fromkeys(gains["measure"]))
    size = (1.9 + 2.5 * len(panels), 0.9 + 0.14 * len(shown) * len(titles))
    figure, axes = plt.subplots(1, len(panels), figsize=size, sharey=True, squeeze=False)
    for axis, ((_, distortion, against), part) in zip(axes.flat, panels, strict=True):
        for place, weighting in enumerate(shown):
            for offset, measure in enumerate(titles):
                row = part[(part["measure"] == measure) & (part["weighting"] == weighting)]
                if row.empty or row["difference"].isna().all():
                    continue
                one = row.iloc[0]
                reach = np.nan_to_num([[one["difference"] - one["low"]], [one["high"] - one["difference"]]])
                axis.errorbar(one["difference"], place + 0.15 * (offset - (len(titles) - 1) / 2), xerr=reach,
                              fmt=MARKERS[offset], color=COLOURS[offset], markersize=3.5, capsize=1.5, linewidth=1,
                              label=measure if place == 0 else None)  # fmt: skip
        axis.axvline(0, color="black", linewidth=0.8)
        axis.set_title(f"{distortion}\nagainst {against}", fontsize=8.5)
        axis.tick_params(labelsize=7.5)
        axis.locator_params(axis="x", nbins=5)
    axes[0, 0].set_yticks(range(len(shown)), [WORDS[each] for each in shown], fontsize=8)
    axes[0, 0].invert_yaxis()
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside right center", fontsize=8)
    figure.supxlabel("SRCC minus that under attention's level", fontsize=8.5)
    return figure


def show_local(gains: pd.DataFrame) -> Html:
    """`place_effects.local_gains` for reading: SRCC under the level, and the difference of attention and controls."""
    shown = [each for each in ordered(list(gains["weighting"])) if each != "level"]
    head = "".join(f"<th class='number'>{escape(WORDS[each])}</th>" for each in shown)
    rows = []
    for (title, distortion, against), part in gains.groupby(["set", "distortion", "against"], sort=False):
        facts = f"{title}: {distortion}, {part['images'].max()} images of {part['references'].max()} references, SRCC"
        rows.append(f"<tr class='group'><th colspan='{2 + len(shown)}'>{escape(f'{facts} with {against}')}</th></tr>")
        for measure, own in part.groupby("measure", sort=False):
            by = own.set_index("weighting")
            level = float(own.loc[own["weighting"] == "level", "srcc"].iloc[0])
            cells = "".join(_gain(by, each) for each in shown)
            rows.append(
                f"<tr><th scope='row'>{escape(str(measure))}</th><td class='number'>{number(level)}</td>{cells}</tr>"
            )
    return Html(
        f"<style>{VERDICT_CSS}</style><details><summary>SRCC under attention's level, and the differences of the other "
        "weights from it</summary><div class='scroll'><table class='sides'><thead><tr><th>measure</th>"
        f"<th class='number'>attention's level</th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
        f"<p><small>Intervals over references; bold: p below {ALPHA} after Holm's correction over the measures and "
        "controls of a distortion.</small></p></details>"
    )


def _gain(by: pd.DataFrame, weighting: str) -> str:
    one = by.to_dict("index").get(weighting)
    if one is None or pd.isna(one["difference"]):
        return "<td class='number'></td>"
    clear = f" style='font-weight:700' title='p {p_value(one['p_holm'])}'" if one["p_holm"] < ALPHA else ""
    ends = f"<span class='interval'>[{signed(one['low'])}, {signed(one['high'])}]</span>"
    return f"<td class='number'{clear}>{signed(one['difference'])}<br>{ends}</td>"


@torch.no_grad()
def draw_example(photos: ImageSet, name: str, label: str, mean_square: float, seed: int) -> Figure:
    """A photo with its three regions, and under the same noise in each: attention and MAD's visible error; in the last
    column the noise is everywhere. Each map has its own scale, from 0 to its largest value."""
    photo = photos.read(name)
    base, options = parse(label)
    net, taps = network_of(base.partition("+")[0], options)
    patch = int(options.get("patch", 7))
    squares = regions(photo, ERRORS[0], mean_square)
    made = {region.kind: with_error(photo, region, ERRORS[0], mean_square, seed) for region in squares}
    whole = everywhere(photo, ERRORS[0], mean_square, seed)
    made |= {"everywhere": whole} if whole is not None else {}
    figure, axes = plt.subplots(
        2, 1 + len(made), figsize=(1.0 + 2.2 * (1 + len(made)), 3.6), squeeze=False, gridspec_kw={"wspace": 0.05}
    )
    axes[0, 0].imshow(photo)
    for region in squares:
        corner = (region.left, region.top)
        edge: dict[str, Any] = {"fill": False, "edgecolor": COLOURS[REGIONS.index(region.kind)], "linewidth": 2}
        axes[0, 0].add_patch(Rectangle(corner, region.width, region.height, **edge))
        axes[0, 0].text(*corner, region.kind, color="white", fontsize=7, va="bottom",
                        bbox={"facecolor": edge["edgecolor"], "pad": 1, "linewidth": 0})  # fmt: skip
    axes[0, 0].set_title(name, fontsize=8.5)
    x = tensor(photo)
    for column, (kind, changed) in enumerate(made.items(), start=1):
        y = tensor(changed)
        found = pixel_maps("psnr", x, y, backbone=net, taps=taps, patch=patch, stride=2).attention
        seen = visible_error(*(rgb_to_gray(image) for image in (x, y))).squeeze(1)
        for line, (title, shown) in enumerate((("attention", found), ("visible error (MAD)", seen))):
            axis = axes[line, column]
            drawn = F.interpolate(shown[None], photo.shape[:2], mode="bilinear", align_corners=False)[0, 0].numpy()
            picture = axis.imshow(drawn, cmap="magma", vmin=0, vmax=float(drawn.max()) or 1.0)
            axis.set_title(f"{title}: {kind}", fontsize=7.5)
            figure.colorbar(picture, ax=axis, fraction=0.04, pad=0.02).ax.tick_params(labelsize=6)
    for axis in axes.flat:
        axis.set_axis_off()
    return figure


def show_shares(means: pd.DataFrame) -> Html:
    """`place_effects.share_means` for reading."""
    rows = []
    for row in means.to_dict("records"):
        rows.append(
            f"<tr><th scope='row'>{escape(str(row['measure']))}</th><td>{escape(str(row['distortion']))}</td>"
            f"<td>{escape(WORDS[str(row['weighting'])])}</td><td class='number'>{100 * row['mean']:.2f} % "
            f"<span class='interval'>[{100 * row['low']:.2f}, {100 * row['high']:.2f}]</span></td></tr>"
        )
    return Html(
        f"<style>{VERDICT_CSS}</style><div class='scroll'><table class='sides'><thead><tr><th>measure</th>"
        "<th>distortion</th><th>weights</th><th class='number'>share of the two stages with attention</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )

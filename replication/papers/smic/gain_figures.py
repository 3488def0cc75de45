"""Figures and tables of the effect of attention on a metric, for reading."""

import textwrap
from html import escape

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from replication.reporting.figures import COLOURS, MARKERS
from replication.reporting.numbers import ALPHA, p_value, signed
from replication.reporting.tables import VERDICT_CSS, Html


def show_steps(table: pd.DataFrame) -> Html:
    """`steps` for reading: SRCC and PLCC before and after, the difference with interval and adjusted p."""
    head = "<th>measure, network</th>" + "".join(
        f"<th class='number'>{statistic}</th><th class='number'>difference<br>[95&nbsp;% interval]</th>"
        "<th class='number'>p (Holm)</th>"
        for statistic in ("SRCC", "PLCC")
    )
    rows = []
    for step, part in table.groupby("step", sort=False):
        rows.append(f"<tr class='group'><th colspan='7'>{escape(str(step))}</th></tr>")
        for (measure, network), both in part.groupby(["measure", "network"], sort=False):
            cells = ""
            for row in both.to_dict("records"):
                clear = " style='font-weight:700'" if row["p_holm"] < ALPHA else ""
                cells += (
                    f"<td class='number'>{row['before']:.3f} \N{RIGHTWARDS ARROW} {row['after']:.3f}</td>"
                    f"<td class='number'{clear}>{signed(row['difference'])}<br><span class='interval'>"
                    f"[{signed(row['low'])}, {signed(row['high'])}]</span></td>"
                    f"<td class='number'>{p_value(row['p_holm'])}</td>"
                )
            title = f"{measure}, {network}" if network else str(measure)
            rows.append(f"<tr><th scope='row'>{escape(title)}</th>{cells}</tr>")
    counts = {
        str(step): f"{part['n'].max():,} images, {part['references'].max()} references"
        for step, part in table.groupby("step", sort=False)
    }
    alike = len(set(counts.values())) == 1
    note = "; ".join(set(counts.values()) if alike else (f"{step}: {count}" for step, count in counts.items()))
    return Html(
        f"<style>{VERDICT_CSS}</style><div class='scroll'><table class='sides'><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div><p><small>"
        f"{escape(note or 'nothing to compare')}; bold: p below {ALPHA} after Holm's correction over all that is "
        "compared.</small></p>"
    )


def show_judged(gains: pd.DataFrame) -> Html:
    """`rules.own_gains` for reading: a row for each measure and set, SRCC and PLCC before and after."""
    if gains.empty:
        return Html("<p>No measure was scored with attention.</p>")
    return show_steps(gains.rename(columns={"column": "step"}).assign(network=""))


def draw_steps(table: pd.DataFrame) -> Figure:
    """The differences of SRCC with their intervals, a panel for each step, all on one scale."""
    shown = table[table["statistic"] == "SRCC"]
    names = list(dict.fromkeys(f"{a}, {b}" for a, b in zip(shown["measure"], shown["network"], strict=True)))
    panels = list(dict.fromkeys(shown["step"]))
    size = (2.0 + 2.3 * len(panels), 0.9 + 0.27 * len(names))
    figure, axes = plt.subplots(1, len(panels), figsize=size, sharex=True, sharey=True, squeeze=False)
    for number, (axis, step) in enumerate(zip(axes.flat, panels, strict=True)):
        part = shown[shown["step"] == step]
        places = [names.index(f"{a}, {b}") for a, b in zip(part["measure"], part["network"], strict=True)]
        reach = np.abs(part[["low", "high"]].to_numpy().T - part["difference"].to_numpy())
        axis.errorbar(
            part["difference"], places, xerr=reach, fmt=MARKERS[number], color=COLOURS[number], markersize=4, capsize=2
        )
        axis.axvline(0, color="black", linewidth=0.8)
        axis.set_title(_lines(step), fontsize=8.5)
        axis.locator_params(axis="x", nbins=4)
        axis.tick_params(labelsize=8)
    axes[0, 0].set_yticks(range(len(names)), names, fontsize=8)
    axes[0, 0].invert_yaxis()
    figure.supxlabel("difference of SRCC", fontsize=9)
    return figure


def show_overview(table: pd.DataFrame) -> Html:
    """`overview` for reading."""
    head = "".join(f"<th class='number'>{name} [95&nbsp;% interval]</th>" for name in ("SRCC", "PLCC"))
    rows = []
    for row in table.to_dict("records"):
        cells = "".join(
            f"<td class='number'>{row[name]:.3f} "
            f"<span class='interval'>[{row[f'{name}_low']:.3f}, {row[f'{name}_high']:.3f}]</span></td>"
            for name in ("srcc", "plcc")
        )
        rows.append(
            f"<tr><th scope='row'>{escape(str(row['method']))}</th><td>{escape(str(row['network']))}</td>{cells}</tr>"
        )
    return Html(
        f"<style>{VERDICT_CSS}</style><div class='scroll'><table class='sides'><thead><tr><th>method</th>"
        f"<th>network of attention</th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _lines(text: str, width: int = 24) -> str:
    return "\n".join(textwrap.wrap(text, width))


def draw_gains(table: pd.DataFrame, title: str) -> Figure:
    """Gains, families by distortions, as colours on both sides of zero with the numbers in them."""
    import seaborn as sns

    down, left = (0.06 * max(len(str(name)) for name in names) for names in (table.columns, table.index))
    height, width = 0.5 + 0.75 * down + 0.28 * len(table), 0.4 + max(left, 0.5 * down) + 0.62 * table.shape[1]
    figure, axis = plt.subplots(figsize=(width, height))
    most = max(0.01, float(table.abs().max().max()))
    sns.heatmap(
        table,
        vmin=-most,
        vmax=most,
        cmap="RdBu",
        annot=table.map(lambda gain: "" if np.isnan(gain) else signed(gain)),
        fmt="",
        annot_kws={"size": 7},
        cbar=False,
        ax=axis,
    )
    axis.set(xlabel="", ylabel="")
    axis.set_title(f"gain from {title}")
    axis.tick_params(labelsize=8, length=0)
    axis.grid(False)
    axis.set_xticks(axis.get_xticks(), table.columns, rotation=45, ha="right")
    return figure

"""How far each choice that attention is made of moves a measure's agreement with opinions: table, figure, sentences."""

from collections.abc import Mapping, Sequence
from html import escape

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from replication.evaluation.dependent import compare_correlations
from replication.metrics.names import parse
from replication.papers.smic.gains import TITLES
from replication.reporting.figures import COLOURS, MARKERS
from replication.reporting.metric_scores import increases_with_opinion, scores_in_common
from replication.reporting.numbers import number, signed
from replication.reporting.tables import VERDICT_CSS, Html
from replication.scoring.scored import Scored

USUAL = "usual"
"""The choice whose metrics, one for each measure, are the setting that all others are compared with."""

_FEWEST = 4  # images, fewer have no rank correlation worth an interval
_WEIGHTS = {"none": "weights of 1", "level": "attention's mean"}
_KINDS = {"smic": "slices", "mic": "channels", "": "without attention"}


def changes(scored: Scored, named: Mapping[str, Sequence[str]], *, seed: int = 0) -> pd.DataFrame:
    """The change of SRCC from the usual setting, one choice at a time.

    named: choice -> labels; those of USUAL are the usual setting, and labels of other measures are passed over.
    Columns: choice, setting (the options that differ from the usual label's, in words), measure, srcc, change, low and
    high (95 % interval, paired on the same images, resampling references), usual (whether all scores equal the usual
    ones), images, references. A setting without scores has NaN.
    """
    usual = {_measure(label): label for label in scored.with_scores(named[USUAL])}
    rows = []
    for choice, labels in named.items():
        for label in scored.with_scores(labels):
            base = usual.get(_measure(label))
            if choice == USUAL or base is None:
                continue
            wide, opinions, references = scores_in_common(scored, [label, base])
            values = [np.nan] * 4
            if len(opinions) >= _FEWEST:
                directions = (increases_with_opinion(scored, label), increases_with_opinion(scored, base))
                found = compare_correlations(
                    wide[0], wide[1], opinions, references=references, higher_is_better=directions, seed=seed
                )
                values = [found.a, *found.difference]
            same = bool(len(opinions)) and np.array_equal(wide[0], wide[1])
            counts = (len(opinions), len(set(references)))
            rows.append((choice, _setting(label, base), _measure(label), *values, same, *counts))
    names = ["choice", "setting", "measure", "srcc", "change", "low", "high", "usual", "images", "references"]
    return pd.DataFrame(rows, columns=names)


def _measure(label: str) -> str:
    base = parse(label)[0].partition("+")[0]
    return TITLES.get(base, base)


def _setting(label: str, base: str) -> str:
    """The options in which a label differs from another, in words."""
    (name, options), (of_base, usual) = parse(label), parse(base)
    kinds = [each.partition("+")[2] for each in (name, of_base)]
    words = [_KINDS[kinds[0]]] if kinds[0] != kinds[1] else []
    words += [_words(value) for option, value in options.items() if usual.get(option) != value]
    return ", ".join(words) or "usual"


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " + ".join(map(str, value))
    return _WEIGHTS.get(str(value), str(value))


def lines(table: pd.DataFrame) -> list[tuple[str, str]]:
    """The lines of figure and table: (choice and its usual setting, "") before its settings other than that.

    A choice of which no setting but the usual one has scores has no lines.
    """
    found = []
    for choice, part in table.groupby("choice", sort=False):
        others = part[~part["usual"]]
        if others.empty:
            continue
        named = [each for each in dict.fromkeys(part[part["usual"]]["setting"]) if each != "usual"]
        found.append((f"{choice} (usual: {named[0]})" if named else str(choice), ""))
        found += [(str(choice), setting) for setting in dict.fromkeys(others["setting"])]
    return found


def draw_changes(table: pd.DataFrame) -> Figure:
    """`changes` on one axis: a line for each setting, a colour and marker for each measure."""
    shown = lines(table)
    measures = list(dict.fromkeys(table["measure"]))
    figure, axis = plt.subplots(figsize=(7.4, 0.8 + 0.21 * len(shown)))
    for offset, measure in enumerate(measures):
        own = table[(table["measure"] == measure) & ~table["usual"]].set_index(["choice", "setting"])
        places = [place for place, line in enumerate(shown) if line in own.index]
        values = own.loc[[shown[place] for place in places], ["change", "low", "high"]].to_numpy(float).T
        axis.errorbar(
            values[0],
            np.array(places) + 0.24 * (offset - (len(measures) - 1) / 2),
            xerr=np.nan_to_num([values[0] - values[1], values[2] - values[0]]).clip(min=0),
            fmt=MARKERS[offset],
            color=COLOURS[offset],
            markersize=4,
            capsize=1.5,
            linewidth=1,
            label=measure,
        )
    axis.axvline(0, color="black", linewidth=0.8)
    axis.set_yticks(range(len(shown)), [setting or choice for choice, setting in shown], fontsize=7.5)
    for text, (_, setting) in zip(axis.get_yticklabels(), shown, strict=True):
        if not setting:
            text.set_fontweight("bold")
    axis.set_ylim(len(shown) - 0.4, -0.6)
    axis.tick_params(axis="x", labelsize=8)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="y", visible=False)
    axis.set_xlabel("change of SRCC from the usual setting, 95 % interval over references", fontsize=8.5)
    figure.legend(loc="outside upper right", ncols=len(measures), fontsize=8)
    return figure


def sentences(table: pd.DataFrame) -> list[str]:
    """The result in a line for each measure: how many settings change SRCC for certain, the largest loss and gain."""
    found = []
    for measure, part in table[table["change"].notna()].groupby("measure", sort=False):
        others = part[~part["usual"]]
        if others.empty:
            continue
        own = others["srcc"] - others["change"]
        clear = (others["low"] > 0) | (others["high"] < 0)
        in_order = others.sort_values("change", kind="stable").to_dict("records")
        ends = (in_order[0], in_order[-1])
        least, most = (f"{signed(end['change'])} ({end['choice']}: {end['setting']})" for end in ends)
        found.append(
            f"{measure}: SRCC {number(own.iloc[0])} with the usual setting ({part['images'].max()} images of "
            f"{part['references'].max()} references). Of {len(others)} other settings {int(clear.sum())} have an "
            f"interval without zero; the changes go from {least} to {most}."
        )
    return found


def show_changes(table: pd.DataFrame) -> Html:
    """`changes` as a table that folds out: SRCC and change of each measure, a line for each setting."""
    measures = list(dict.fromkeys(table["measure"]))
    head = "".join(
        f"<th class='number'>{escape(each)}: SRCC</th><th class='number'>change [95&nbsp;% interval]</th>"
        for each in measures
    )
    by_line = {key: part.set_index("measure") for key, part in table[~table["usual"]].groupby(["choice", "setting"])}
    rows = []
    for choice, setting in lines(table):
        if not setting:
            rows.append(f"<tr class='group'><th colspan='{1 + 2 * len(measures)}'>{escape(choice)}</th></tr>")
            continue
        cells = "".join(_cells(by_line[choice, setting], measure) for measure in measures)
        rows.append(f"<tr><th scope='row'>{escape(setting)}</th>{cells}</tr>")
    return Html(
        f"<style>{VERDICT_CSS}</style><details><summary>{len(by_line)} settings as a table</summary>"
        f"<div class='scroll'><table class='sides'><thead><tr><th>setting</th>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div></details>"
    )


def _cells(part: pd.DataFrame, measure: str) -> str:
    if measure not in part.index:
        return "<td></td><td></td>"
    row = part.loc[measure]
    if pd.isna(row["change"]):
        return "<td class='number' colspan='2'>too few scores</td>"
    ends = f"[{signed(row['low'])}, {signed(row['high'])}]"
    return (
        f"<td class='number'>{number(row['srcc'])}</td>"
        f"<td class='number'>{signed(row['change'])} <span class='interval'>{ends}</span></td>"
    )

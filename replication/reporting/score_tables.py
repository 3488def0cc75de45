"""Score tables for reading: mean and range of every metric by distortion."""

from collections.abc import Hashable, Mapping
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from replication.reporting.numbers import number
from replication.reporting.tables import VERDICT_CSS, Html

_ALL = "all images"


def by_distortion(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and range of each metric's scores on the images of each distortion, and on all of them.

    table: long, as `scoring.engine.score` gives it. Columns: metric, distortion ("" for all), mean, low and high (the
    least and the largest score), scored, failed (images without a score). In the table's order, all images first.
    """
    rows = []
    for metric, of_metric in table.groupby("metric", sort=False):
        for distortion, part in [("", of_metric), *of_metric.groupby("distortion", sort=False)]:
            scores = part["score"].dropna().to_numpy(float)
            values = (scores.mean(), scores.min(), scores.max()) if len(scores) else (np.nan, np.nan, np.nan)
            rows.append((metric, distortion, *map(float, values), len(scores), len(part) - len(scores)))
    return pd.DataFrame(rows, columns=["metric", "distortion", "mean", "low", "high", "scored", "failed"])


def show_by_distortion(summary: pd.DataFrame) -> Html:
    """`by_distortion` as a table, a row for each metric: mean and range by distortion, and counts."""
    distortions = list(dict.fromkeys(summary["distortion"]))
    head = "".join(f"<th class='number'>{escape(each or _ALL)}</th>" for each in distortions)
    rows = []
    for metric, part in summary.groupby("metric", sort=False):
        by = {row["distortion"]: row for row in part.to_dict("records")}
        cells = "".join(_cell(by[each]) if each in by else "<td></td>" for each in distortions)
        clear = " style='font-weight:700'" if by[""]["failed"] else ""
        rows.append(
            f"<tr><th scope='row'>{escape(str(metric))}</th><td class='number'>{by['']['scored']:,}</td>"
            f"<td class='number'{clear}>{by['']['failed']:,}</td>{cells}</tr>"
        )
    return Html(
        f"<style>{VERDICT_CSS}</style><div class='scroll'><table class='sides'><thead><tr><th>metric</th>"
        f"<th class='number'>scored</th><th class='number'>failed</th>{head}</tr></thead><tbody>"
        f"{''.join(rows)}</tbody></table></div><p><small>Mean score [least, largest].</small></p>"
    )


def _cell(row: Mapping[Hashable, Any]) -> str:
    if not row["scored"]:
        return "<td class='number'>none</td>"
    ends = f"[{_short(row['low'])}, {_short(row['high'])}]"
    return f"<td class='number'>{_short(row['mean'])}<br><span class='interval'>{ends}</span></td>"


def _short(score: float) -> str:
    """Three digits, or as many as a whole number has."""
    return number(score, ",.0f" if abs(score) >= 1000 else ".3g")

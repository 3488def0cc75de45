"""Gates: which images that were made again are near enough to the published ones for their opinions to count."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from replication.papers.benchmark.checks import beside, tables_of
from replication.scoring.scored import Scored

RATIO, RANK, SRCC = 0.05, 0.97, 0.01
"""A distortion passes if for each measure the median of ours over published is within RATIO of one, in all images and
at each level; ours ranks its images as published, SRCC above RANK; and the SRCC with the opinions differs by no more
than SRCC. Fixed on 28 November 2026, before the gates were computed."""

LEAST_MEASURES = 2
_LEAST_IMAGES = 10


@dataclass(frozen=True)
class Measure:
    """A metric that did not fix the strength of distortions, and its column in a published table.

    similarity: whether 1 is the score of equal images; ratios are then of 1 - score.
    """

    ours: str
    table: str
    column: str
    similarity: bool = False


MEASURES = (
    Measure("dists(resize=false)", "zeroshot", "DISTS"),
    Measure("fsim", "zeroshot", "FSIM", similarity=True),
    Measure("gmsd", "classical", "GMSD"),
)
"""Strengths were fixed by the MSE. Each of these has the published protocol (`checks`)."""

COLUMNS = ["data_set", "distortion", "kind", "images", "measures", "ratio_low", "ratio_high", "rank", "srcc_difference"]


def measured(
    everything: Sequence[Scored], published: Sequence[Scored], measures: Sequence[Measure] = MEASURES
) -> pd.DataFrame:
    """Each distortion of each set by each measure, at each level and in all images (level <NA>).

    Columns: data_set, distortion, kind, measure, level, images, ratio (median of ours over published), and over all
    levels also rank (SRCC of ours with published), srcc_ours and srcc_published (with the published opinions).
    """
    rows = []
    for scored in everything:
        tables = tables_of(scored, published)
        for measure in measures:
            table = tables.get(measure.table)
            if table is None or measure.ours not in scored.with_scores() or measure.column not in table.metrics:
                continue
            both = beside(scored, measure.ours, table, measure.column)
            if measure.similarity:
                both = both.assign(ours=1 - both["ours"], theirs=1 - both["theirs"])
            for (distortion, kind), group in both.groupby(["distortion", "kind"], sort=False):
                if len(group) < _LEAST_IMAGES:
                    continue
                about = {"data_set": scored.title, "distortion": distortion, "kind": kind, "measure": measure.column}
                rows.append(about | {"level": pd.NA} | _ratio(group) | _ranks(group))
                for level, part in group.dropna(subset="level").groupby("level"):
                    rows.append(about | {"level": level} | _ratio(part))
    names = ["data_set", "distortion", "kind", "measure", "level", "images", "ratio"]
    found = pd.DataFrame(rows, columns=[*names, "rank", "srcc_ours", "srcc_published"])
    return found.astype({"level": "Int64"})


def gates(found: pd.DataFrame) -> pd.DataFrame:
    """The verdict on each distortion, from `measured`: COLUMNS, then passed and failed (the reasons, "" if none).

    measures: how many. ratio_low, ratio_high: over measures and levels. rank: the least of the measures'.
    srcc_difference: the largest, absolute.
    """
    rows = []
    for (data_set, distortion, kind), group in found.groupby(["data_set", "distortion", "kind"], sort=False):
        whole = group[group["level"].isna()]
        off = (whole["srcc_ours"] - whole["srcc_published"]).abs()
        failed = _failures(group, whole, off)
        numbers = group["ratio"].min(), group["ratio"].max(), whole["rank"].min(), off.max()
        rows.append(
            (data_set, distortion, kind, whole["images"].max(), len(whole), *numbers, not failed, "; ".join(failed))
        )
    return pd.DataFrame(rows, columns=[*COLUMNS, "passed", "failed"])


def sentence(table: pd.DataFrame) -> str:
    """What passes and what fails, in words."""
    failed = table[~table["passed"].astype(bool)]
    start = f"{len(table) - len(failed)} of {len(table)} distortions pass the gates"
    if failed.empty:
        return f"{start}"
    pairs = zip(failed["distortion"], failed["data_set"], strict=True)
    named = "; ".join(f"{distortion} of {str(data_set).partition(' (')[0]}" for distortion, data_set in pairs)
    return f"{start}; not used in any verdict: {named}"


def _failures(group: pd.DataFrame, whole: pd.DataFrame, off: "pd.Series[float]") -> list[str]:
    reasons = []
    if len(whole) < LEAST_MEASURES:
        reasons.append(f"{len(whole)} measure, {LEAST_MEASURES} are needed")
    off_ratio = group[~(group["ratio"].sub(1).abs() <= RATIO)]
    for measure, part in off_ratio.groupby("measure", sort=False):
        low, high = f"{part['ratio'].min():.3f}", f"{part['ratio'].max():.3f}"
        levels = ", ".join(str(level) for level in part["level"].dropna())
        at = f" at level {levels}" if levels else ""
        reasons.append(f"{measure} {low if low == high else f'{low} to {high}'} of the published{at}")
    for row in whole[~(whole["rank"] > RANK)].to_dict("records"):
        reasons.append(f"{row['measure']} ranks as published only to {row['rank']:.3f}")
    for row in whole[~(off <= SRCC)].to_dict("records"):
        agreements = f"{row['srcc_ours']:.3f}, published {row['srcc_published']:.3f}"
        reasons.append(f"SRCC of {row['measure']} with opinions {agreements}")
    return reasons


def _ratio(group: pd.DataFrame) -> dict[str, object]:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = group["ours"].to_numpy(float) / group["theirs"].to_numpy(float)
    return {"images": len(group), "ratio": float(np.nanmedian(ratio))}


def _ranks(group: pd.DataFrame) -> dict[str, float]:
    ours, theirs, opinion = (group[name].to_numpy(float) for name in ("ours", "theirs", "opinion"))
    pairs = {"rank": (ours, theirs), "srcc_ours": (ours, opinion), "srcc_published": (theirs, opinion)}
    found = {name: float(stats.spearmanr(*pair)[0]) for name, pair in pairs.items()}
    return found | {name: abs(found[name]) for name in ("srcc_ours", "srcc_published")}

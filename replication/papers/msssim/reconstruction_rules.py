"""Paper 1, "Autoencoder reconstructions": verdicts on both claims and numbers for the scorecard."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from replication.papers.msssim.losses import OURS, PAPER
from replication.reporting.numbers import signed, signed_interval
from replication.reporting.verdicts import CLOSE, NOT_REPRODUCED, NOT_RUN, REPRODUCED


def judge_claims(people: pd.DataFrame | None, fine: pd.DataFrame, cut_off: pd.DataFrame, *, note: str) -> pd.DataFrame:
    """Verdicts on both claims: paper, claim, verdict, evidence. Comparisons of extensions play no part.

    people: `preferences` of people, or None. fine: `differences` of `mean_correlation` in the bands of fine detail.
    cut_off: the differences of `cut_offs`. note: on what images.
    """
    fine, cut_off = fine[fine["first"] == OURS], cut_off[cut_off["first"] == OURS]
    return pd.DataFrame(
        [
            (PAPER, "human-preference", *_human_preference(people, note)),
            (PAPER, "fine-detail", *_fine_detail(fine, cut_off, note)),
        ],
        columns=["paper", "claim", "verdict", "evidence"],
    )


def extensions(
    scores: pd.DataFrame, fine: pd.DataFrame, cut_off: pd.DataFrame, preferred: pd.DataFrame, *, note: str
) -> pd.DataFrame:
    """Numbers that the paper does not print, for the scorecard.

    scores: `means` by metric; fine: `means` of `mean_correlation`; cut_off: of `cut_offs`; preferred: `preferences` of
    model observers.
    """
    rows: list[tuple[Any, ...]] = []
    for row in scores.to_dict("records"):
        rows.append(("reconstructions", row["loss"], "held-out images", row["metric"], *_four(row, "mean"), note))
    for statistic, table in (("correlation of fine detail", fine), ("cut-off, cycles per pixel", cut_off)):
        for row in table.to_dict("records"):
            rows.append(("reconstructions", row["loss"], "held-out images", statistic, *_four(row, "mean"), note))
    for row in preferred.to_dict("records"):
        words = f"model observer {row['observer']}, no people; {note}"
        rows.append(
            (
                "model observers",
                row["first"],
                row["observer"],
                f"share ranked above {row['second']}",
                *_four(row, "share"),
                words,
            )
        )
    columns = ["table", "row", "column", "statistic", "value", "low", "high", "n", "note"]
    found = pd.DataFrame(rows, columns=columns)
    found.insert(0, "paper", PAPER)
    return found


def _human_preference(people: pd.DataFrame | None, note: str) -> tuple[str, str]:
    """'Observers tend to rank MS-SSIM reconstructions above MSE and MAE ones.'

    Reproduced: MS-SSIM stands above MSE, and above MAE, in more than half of the rankings, the whole 95 % interval over
    participants included. Close: in more than half, but not significantly. Otherwise not reproduced. Not run without
    people.
    """
    if people is None:
        return NOT_RUN, (
            "Needs people: no file of human rankings is given (msssim_autoencoders.analysis.rankings). Rankings by "
            "metrics are reported as model observers and give no verdict."
        )
    significant, mostly = (people["low"] > 0.5).all(), (people["share"] > 0.5).all()
    verdict = REPRODUCED if significant else CLOSE if mostly else NOT_REPRODUCED
    parts = [
        f"above {row['second']} in {row['share']:.1%} [{row['low']:.1%}, {row['high']:.1%}]"
        for row in people.to_dict("records")
    ]
    return verdict, f"{int(people['n'].iloc[0])} rankings by people: MS-SSIM {' and '.join(parts)}. {note}."


def _fine_detail(fine: pd.DataFrame, cut_off: pd.DataFrame, note: str) -> tuple[str, str]:
    """'MS-SSIM reconstructions keep fine detail better': detail is what correlates with the original's.

    Reproduced: the mean correlation over the bands of fine detail is significantly higher than with MSE and than with
    MAE. Close: it is not, but the cut-off frequency is significantly higher: finer detail survives. Otherwise not
    reproduced. Significant: the whole 95 % interval of the paired difference lies above 0, and so does the difference
    of every seed.
    """
    significant = [((table["low"] > 0) & (table["least"] > 0)).all() for table in (fine, cut_off)]
    verdict = REPRODUCED if significant[0] else CLOSE if significant[1] else NOT_REPRODUCED
    sentences = []
    for title, table in (("Correlation in the bands of fine detail", fine), ("Cut-off frequency", cut_off)):
        parts = [
            f"{signed_interval(row['mean'], row['low'], row['high'], 4)} against {row['second']}"
            + (
                f" (single seeds {signed(row['least'], 4)} to {signed(row['most'], 4)})"
                if row["least"] < row["most"]
                else ""
            )
            for row in table.to_dict("records")
        ]
        sentences.append(f"{title}, MS-SSIM's minus the other's: {', '.join(parts)}.")
    return verdict, f"{' '.join(sentences)} {note}."


def _four(row: Mapping[Hashable, Any], estimate: str) -> tuple[float, float, float, int]:
    return row[estimate], row["low"], row["high"], row["n"]

"""Paper 1: what the numbers say of each of its claims. paper.toml has the rules in words."""

import pandas as pd

from replication.papers.msssim.losses import MAE, METHODS, MSE, OURS
from replication.papers.msssim.representations import decimals
from replication.reporting.numbers import ALPHA, p_equals, signed, signed_interval
from replication.reporting.verdicts import CLOSE, NOT_REPRODUCED, NOT_RUN, REPRODUCED

PSNR_MARGIN = 0.2  # decibels; the largest gap between MS-SSIM and MSE that the paper still calls comparable is 0.17
FEWEST = 6  # images: with five, the smallest p of Wilcoxon's test is 0.0625

Outcome = tuple[str, str]


def super_resolution(differences: pd.DataFrame) -> dict[str, Outcome]:
    """The three claims about super-resolution, from `super_resolution.loss_differences`; see `verdicts.judged`."""
    own = differences[differences["first"].isin(METHODS.values())]
    return {
        "sr-ssim-best": _best_ssim(own[(own["metric"] == "SSIM") & (own["first"] == OURS)]),
        "sr-psnr-comparable": _comparable_psnr(
            own[(own["metric"] == "PSNR") & (own["first"] == OURS) & (own["second"] == MSE)]
        ),
        "sr-mae-worst": _worst_mae(own[(own["second"] == MAE) & own["metric"].isin(["PSNR", "SSIM"])]),
    }


def representations(drawn: pd.DataFrame, grouped: pd.DataFrame) -> dict[str, Outcome]:
    """The claim about predictions, from `representations.differences` by a random split and by groups of lights."""
    ours = drawn[drawn["first"] == OURS]
    lower, significant = ours["mean"] < 0, ours["high"] < 0
    verdict = REPRODUCED if significant.all() else CLOSE if lower.all() else NOT_REPRODUCED
    said = [_counted("by a random split", ours), _counted("by groups of lights", grouped[grouped["first"] == OURS])]
    evidence = f"MS-SSIM {'; '.join(said)}. MS-SSIM minus the other, by a random split: {_each_target(ours)}."
    return {"representations-best": (verdict, evidence)}


def edges(differences: pd.DataFrame | None) -> dict[str, Outcome]:
    """The claim about edges, from `representations.differences` of the errors of `scoring.edges`; None without them."""
    if differences is None:
        return {"edges-encoded": (NOT_RUN, "Needs the trained networks: edges are read out of their codes.")}
    ours = differences[differences["first"] == OURS]
    lower, significant = ours["mean"] < 0, ours["high"] < 0
    verdict = REPRODUCED if significant.all() else CLOSE if lower.all() else NOT_REPRODUCED
    said = f"Error of a linear read-out, MS-SSIM minus the other, in percent of the variance: {_each_target(ours)}."
    return {"edges-encoded": (verdict, f"Lower in {lower.sum()} of {len(ours)} comparisons. {said}")}


def reconstructions(
    people: pd.DataFrame | None, fine: pd.DataFrame, cut_off: pd.DataFrame, *, note: str
) -> dict[str, Outcome]:
    """Both claims about reconstructions. Comparisons of extensions play no part.

    people: `preference.preferences` of people, or None. fine: `reconstructions.differences` of `mean_correlation` in
    the bands of fine detail. cut_off: the differences of `cut_offs`. note: on what images.
    """
    fine, cut_off = fine[fine["first"] == OURS], cut_off[cut_off["first"] == OURS]
    return {"human-preference": _human_preference(people, note), "fine-detail": _fine_detail(fine, cut_off, note)}


def _best_ssim(rows: pd.DataFrame) -> Outcome:
    higher = rows["mean"] > 0
    significant = ((rows["p_holm"] < ALPHA) | (rows["n"] < FEWEST)) & (rows["agree"] == rows["seeds"])
    verdict = (REPRODUCED if significant.all() else CLOSE) if higher.all() else NOT_REPRODUCED
    return verdict, f"SSIM is higher with MS-SSIM training in {higher.sum()} of {len(rows)} comparisons. {_sets(rows)}"


def _comparable_psnr(rows: pd.DataFrame) -> Outcome:
    whole, mean = (rows["low"] > -PSNR_MARGIN).all(), (rows["mean"] > -PSNR_MARGIN).all()
    verdict = REPRODUCED if whole else CLOSE if mean else NOT_REPRODUCED
    return verdict, f"Margin {PSNR_MARGIN} dB. {_sets(rows)}"


def _worst_mae(rows: pd.DataFrame) -> Outcome:
    behind, significant = rows["mean"] > 0, rows["low"] > 0
    verdict = REPRODUCED if significant.all() else CLOSE if behind.all() else NOT_REPRODUCED
    return verdict, (
        f"MAE is behind in {behind.sum()} of {len(rows)} comparisons, significantly in {significant.sum()}. "
        f"{_sets(rows, tests=False)}"
    )


def _human_preference(people: pd.DataFrame | None, note: str) -> Outcome:
    if people is None:
        return NOT_RUN, (
            "Needs people: no file of human rankings is given (msssim_autoencoders.analysis.rankings). Rankings by "
            "metrics are reported as model observers and give no verdict."
        )
    ours = people[people["first"] == OURS]
    significant, mostly = (ours["low"] > 0.5).all(), (ours["share"] > 0.5).all()
    verdict = REPRODUCED if significant else CLOSE if mostly else NOT_REPRODUCED
    parts = [
        f"above {row['second']} in {row['share']:.1%} [{row['low']:.1%}, {row['high']:.1%}]"
        for row in ours.to_dict("records")
    ]
    return verdict, f"{int(ours['n'].iloc[0])} rankings by people: MS-SSIM {' and '.join(parts)}. {note}."


def _fine_detail(fine: pd.DataFrame, cut_off: pd.DataFrame, note: str) -> Outcome:
    significant = [((table["low"] > 0) & (table["least"] > 0)).all() for table in (fine, cut_off)]
    verdict = REPRODUCED if significant[0] else CLOSE if significant[1] else NOT_REPRODUCED
    sentences = []
    for title, table in (("Correlation in the bands of fine detail", fine), ("Cut-off frequency", cut_off)):
        parts = []
        for row in table.to_dict("records"):
            seeds = f" (single seeds {signed(row['least'], 4)} to {signed(row['most'], 4)})"
            said = f"{signed_interval(row['mean'], row['low'], row['high'], 4)} against {row['second']}"
            parts.append(said + (seeds if row["least"] < row["most"] else ""))
        sentences.append(f"{title}, MS-SSIM minus the other: {', '.join(parts)}.")
    return verdict, f"{' '.join(sentences)} {note}."


def _counted(where: str, ours: pd.DataFrame) -> str:
    best = sum((group["mean"] < 0).all() for _, group in ours.groupby("target"))
    below, significant, above = (ours["mean"] < 0).sum(), (ours["high"] < 0).sum(), (ours["low"] > 0).sum()
    return (
        f"{where}: lowest error for {best} of {ours['target'].nunique()} targets; lower in {below} of {len(ours)} "
        f"comparisons (significantly in {significant}, significantly higher in {above})"
    )


def _each_target(rows: pd.DataFrame) -> str:
    said = []
    for row in rows.to_dict("records"):
        difference = signed_interval(row["mean"], row["low"], row["high"], decimals(row["target"]))
        said.append(f"{row['target']} {difference} against {row['second']}")
    return ", ".join(said)


def _sets(rows: pd.DataFrame, *, tests: bool = True) -> str:
    """A sentence for each pair of losses and metric: mean difference on every data set, with the adjusted p if `tests`.

    Intervals and effect sizes stand in the notebook's table.
    """
    sentences = []
    for (metric, first, second), group in rows.groupby(["metric", "first", "second"], sort=False):
        decimals, unit = (4, "") if metric == "SSIM" else (2, " dB")
        parts = []
        for row in group.to_dict("records"):
            test = f" ({p_equals(row['p_holm'])})" if tests else ""
            parts.append(f"{row['data_set']} {signed(row['mean'], decimals)}{unit}{test}")
        sentences.append(f"{metric}, {first} minus {second}: {', '.join(parts)}.")
    return " ".join(sentences)

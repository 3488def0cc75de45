"""Paper 1, table "Image super-resolution": our rows, the differences between losses, and the verdicts on its claims."""

import pandas as pd

from replication.evaluation import bootstrap_mean, compare_paired, not_worse
from replication.evaluation.intervals import Interval
from replication.papers.msssim.losses import MAE, METHODS, MSE, OURS, PAIRS, PAPER
from replication.reporting.losses import holm_by_family, pairs
from replication.reporting.numbers import ALPHA, p_equals, signed
from replication.reporting.verdicts import CLOSE, NOT_REPRODUCED, REPRODUCED
from replication.scoring.super_resolution import BICUBIC

TABLE = "super_resolution"
STATISTICS = ("PSNR", "SSIM")  # those that the paper prints
PSNR_MARGIN = 0.2  # decibels; the largest gap between MS-SSIM and MSE that the paper still calls comparable is 0.17


def table_values(scores: pd.DataFrame, *, seed: int = 0, note: str = "") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Mean of each method on each data set with its 95 % bootstrap interval over images.

    The first table has the paper's methods, keyed as its table; the second has the extensions: the other losses.
    scores: `replication.scoring.super_resolution.score`. note: what a reader of the number must know of its data.
    """
    rows = []
    scores = scores[scores["metric"].isin(STATISTICS)]
    for (data_set, metric, method), group in scores.groupby(["data_set", "metric", "method"], sort=False):
        mean = bootstrap_mean(group["score"], seed=seed)
        rows.append((PAPER, TABLE, method, data_set, metric, *mean, len(group), note))
    columns = ["paper", "table", "row", "column", "statistic", "value", "low", "high", "n", "note"]
    table = pd.DataFrame(rows, columns=columns)
    published = table["row"].isin([BICUBIC, *METHODS.values()])
    return table[published], table[~published]


def loss_differences(scores: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Losses compared over the same images, on each data set and in each metric, by `pairs`.

    Columns: data_set, metric, first, second, mean, low, high (first minus second, 95 % bootstrap over images), effect
    (matched-pairs rank-biserial), p (Wilcoxon signed-rank), p_holm (adjusted over the tests of a metric among the
    paper's losses, and separately over those of extensions), n.
    """
    rows = []
    compared = pairs(PAIRS, [method for method in dict.fromkeys(scores["method"]) if method != BICUBIC])
    for (data_set, metric), group in scores.groupby(["data_set", "metric"], sort=False):
        wide = group.pivot(index="image", columns="method", values="score")
        for first, second in compared:
            result = compare_paired(wide[first], wide[second], seed=seed)
            rows.append((data_set, metric, first, second, *result.difference, result.effect, result.p_value, result.n))
    columns = ["data_set", "metric", "first", "second", "mean", "low", "high", "effect", "p", "n"]
    table = pd.DataFrame(rows, columns=columns)
    table.insert(8, "p_holm", holm_by_family(table, METHODS.values(), ["metric"]))
    return table


def judge_claims(differences: pd.DataFrame) -> pd.DataFrame:
    """Verdicts on what the paper says of its losses, from `loss_differences`: paper, claim, verdict, evidence."""
    differences = differences[differences["first"].isin(METHODS.values())]
    return pd.DataFrame(
        [
            (PAPER, "sr-ssim-best", *_best_ssim(differences)),
            (PAPER, "sr-psnr-comparable", *_comparable_psnr(differences)),
            (PAPER, "sr-mae-worst", *_worst_mae(differences)),
        ],
        columns=["paper", "claim", "verdict", "evidence"],
    )


def _best_ssim(differences: pd.DataFrame) -> tuple[str, str]:
    """'MS-SSIM gives the highest SSIM': higher on every set, significantly wherever the test can be.

    Reproduced: the mean is higher than that of both other losses on every set, and p (Holm) is below 0.05 on every set
    with at least six images (with five, the smallest possible p is 0.0625). Close: higher everywhere, not everywhere
    significantly. Otherwise not reproduced.
    """
    rows = differences[(differences["metric"] == "SSIM") & (differences["first"] == OURS)]
    higher = rows["mean"] > 0
    significant = (rows["p_holm"] < ALPHA) | (rows["n"] < 6)
    verdict = (REPRODUCED if significant.all() else CLOSE) if higher.all() else NOT_REPRODUCED
    return (
        verdict,
        f"SSIM is higher with MS-SSIM training in {higher.sum()} of {len(rows)} comparisons. {_describe(rows)}",
    )


def _comparable_psnr(differences: pd.DataFrame) -> tuple[str, str]:
    """'Comparable PSNR to MSE': not worse by 0.2 dB, the paper's own largest gap being 0.17.

    Reproduced: the whole interval of the difference lies above -0.2 dB on every set. Close: the mean does. Otherwise
    not reproduced.
    """
    rows = differences[
        (differences["metric"] == "PSNR") & (differences["first"] == OURS) & (differences["second"] == MSE)
    ]
    not_inferior = [not_worse(Interval(row.mean, row.low, row.high), PSNR_MARGIN) for row in rows.itertuples()]  # type: ignore[arg-type]
    on_average = (rows["mean"] > -PSNR_MARGIN).all()
    verdict = REPRODUCED if all(not_inferior) else CLOSE if on_average else NOT_REPRODUCED
    return verdict, f"Margin {PSNR_MARGIN} dB. {_describe(rows)}"


def _worst_mae(differences: pd.DataFrame) -> tuple[str, str]:
    """'MAE is behind MSE and MS-SSIM in both measures': in all comparisons; close if in more than half of them."""
    rows = differences[(differences["second"] == MAE) & differences["metric"].isin(STATISTICS)]
    behind = rows["mean"] > 0
    verdict = REPRODUCED if behind.all() else CLOSE if behind.mean() > 0.5 else NOT_REPRODUCED
    return verdict, f"MAE is behind in {behind.sum()} of {len(rows)} comparisons. {_describe(rows, tests=False)}"


def _describe(rows: pd.DataFrame, *, tests: bool = True) -> str:
    """A sentence for each pair of losses and metric: mean difference on every data set, with the adjusted p if `tests`.

    Intervals and effect sizes stand in the notebook's table.
    """
    sentences = []
    for (metric, first, second), group in rows.groupby(["metric", "first", "second"], sort=False):
        decimals, unit = (4, "") if metric == "SSIM" else (2, " dB")
        parts = [
            f"{row['data_set']} {signed(row['mean'], decimals)}{unit}"
            + (f" ({p_equals(row['p_holm'])})" if tests else "")
            for row in group.to_dict("records")
        ]
        sentences.append(f"{metric}, {first} minus {second}: {', '.join(parts)}.")
    return " ".join(sentences)

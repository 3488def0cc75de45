"""Rows and claims of the super-resolution table, on scores whose answer is known."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from replication.papers.msssim.super_resolution import judge_claims, loss_differences, table_values

SIZES = {"Set5": 5, "Set14": 14, "BSD200": 30}
METHODS = ("Bicubic", "MSE", "MAE", "MS-SSIM")


def scores(**offsets: tuple[float, float]) -> pd.DataFrame:
    """Scores of all images: a common part, and an offset (PSNR, SSIM) of each loss with a little noise."""
    rng = np.random.default_rng(0)
    rows = []
    for data_set, count in SIZES.items():
        common = {"PSNR": rng.normal(28, 3, count), "SSIM": rng.normal(0.75, 0.05, count)}
        for method in METHODS:
            for position, (metric, values) in enumerate(common.items()):
                offset = offsets.get(method.replace("-", "_"), (0.0, 0.0))[position]
                noise = rng.normal(0, (0.02, 0.0005)[position], count)
                for image, value in enumerate(values + offset + noise):
                    rows.append((data_set, f"{image:03}", method, metric, value))
    return pd.DataFrame(rows, columns=["data_set", "image", "method", "metric", "score"])


AS_PUBLISHED = {"MSE": (0.9, 0.04), "MAE": (0.4, 0.02), "MS_SSIM": (0.85, 0.05)}


def verdicts(**offsets: tuple[float, float]) -> dict[str, str]:
    claims = judge_claims(loss_differences(scores(**offsets)))
    return dict(zip(claims["claim"], claims["verdict"], strict=True))


def test_table_values_are_means_over_images_inside_their_interval() -> None:
    table = scores(**AS_PUBLISHED)
    values, extensions = table_values(table)
    row = values[(values["row"] == "MAE") & (values["column"] == "Set14") & (values["statistic"] == "PSNR")].iloc[0]
    chosen = table[(table["method"] == "MAE") & (table["data_set"] == "Set14") & (table["metric"] == "PSNR")]["score"]
    assert row["value"] == pytest.approx(chosen.mean())
    assert row["low"] < row["value"] < row["high"]
    assert row["n"] == 14
    assert (len(values), len(extensions)) == (24, 0)


def test_differences_are_paired_by_image_and_tested_by_wilcoxon() -> None:
    table = scores(**AS_PUBLISHED)
    shuffled = table.sample(frac=1, random_state=1)
    differences = loss_differences(shuffled).set_index(["data_set", "metric", "first", "second"])
    row = differences.loc[("BSD200", "SSIM", "MS-SSIM", "MSE")]
    wide = table[(table["data_set"] == "BSD200") & (table["metric"] == "SSIM")].pivot(
        index="image", columns="method", values="score"
    )
    difference = wide["MS-SSIM"] - wide["MSE"]
    assert row["mean"] == pytest.approx(difference.mean())
    assert row["p"] == pytest.approx(stats.wilcoxon(difference).pvalue)
    assert row["effect"] == pytest.approx(1.0)
    assert row["p_holm"] >= row["p"]


def test_the_published_order_gives_three_reproduced_claims() -> None:
    assert verdicts(**AS_PUBLISHED) == {
        "sr-ssim-best": "reproduced",
        "sr-psnr-comparable": "reproduced",
        "sr-mae-worst": "reproduced",
    }


@pytest.mark.parametrize(
    ("offsets", "claim", "verdict"),
    [
        ({"MS_SSIM": (0.85, 0.041)}, "sr-ssim-best", "reproduced"),
        ({"MS_SSIM": (0.85, 0.0402)}, "sr-ssim-best", "close"),
        ({"MS_SSIM": (0.85, 0.03)}, "sr-ssim-best", "not reproduced"),
        ({"MS_SSIM": (0.75, 0.05)}, "sr-psnr-comparable", "reproduced"),
        ({"MS_SSIM": (0.702, 0.05)}, "sr-psnr-comparable", "close"),
        ({"MS_SSIM": (0.5, 0.05)}, "sr-psnr-comparable", "not reproduced"),
        ({"MAE": (0.875, 0.02)}, "sr-mae-worst", "close"),
        ({"MAE": (0.95, 0.045)}, "sr-mae-worst", "not reproduced"),
    ],
)
def test_verdicts_follow_the_stated_rules(offsets: dict[str, tuple[float, float]], claim: str, verdict: str) -> None:
    assert verdicts(**(AS_PUBLISHED | offsets))[claim] == verdict


def test_evidence_says_how_much_and_at_which_p() -> None:
    evidence = judge_claims(loss_differences(scores(**AS_PUBLISHED))).set_index("claim")["evidence"]
    assert "higher with MS-SSIM training in 6 of 6 comparisons" in evidence["sr-ssim-best"]
    assert "MS-SSIM minus MSE: Set5 \N{MINUS SIGN}0.05 dB (p" in evidence["sr-psnr-comparable"]

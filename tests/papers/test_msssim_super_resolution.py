"""Rows and differences of the super-resolution table, on scores whose answer is known."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from replication.papers.msssim.super_resolution import loss_differences, table_values

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
    return pd.DataFrame(rows, columns=["data_set", "image", "method", "metric", "score"]).assign(seed=0)


AS_PUBLISHED = {"MSE": (0.9, 0.04), "MAE": (0.4, 0.02), "MS_SSIM": (0.85, 0.05)}


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


def test_seeds_are_averaged_and_widen_intervals() -> None:
    one = scores(**AS_PUBLISHED)
    shifted = {0: 0.0, 1: 0.1, 2: -0.1}
    ours = one["method"] == "MAE"
    several = pd.concat(
        [one.assign(seed=seed, score=one["score"] + np.where(ours, shift, 0)) for seed, shift in shifted.items()]
    )
    keys = ["data_set", "metric", "first", "second"]
    narrow, wide = (
        loss_differences(table).set_index(keys).loc[("Set14", "PSNR", "MSE", "MAE")] for table in (one, several)
    )
    assert wide["mean"] == pytest.approx(narrow["mean"])
    half = stats.t.ppf(0.975, 2) * 0.1 / np.sqrt(3)
    assert wide["mean"] - wide["low"] == pytest.approx(np.hypot(narrow["mean"] - narrow["low"], half))
    assert (wide["agree"], wide["seeds"], narrow["seeds"]) == (3, 3, 1)
    values = table_values(several, untested={True: "other images", False: ""})[0]
    assert set(values.loc[values["row"] == "Bicubic", "untested"]) == {""}
    assert set(values.loc[values["row"] != "Bicubic", "untested"]) == {"other images"}
    keys = ["row", "column", "statistic"]
    alone, row = (table_values(table)[0].set_index(keys).loc[("MAE", "Set14", "PSNR")] for table in (one, several))
    assert row["value"] == pytest.approx(alone["value"])
    assert row["high"] - row["low"] > alone["high"] - alone["low"]
    assert row["n"] == 14

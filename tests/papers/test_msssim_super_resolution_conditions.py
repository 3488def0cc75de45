"""Losses compared under other conditions, on scores whose differences are known, and the words for the printed gap."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from replication.papers.msssim import super_resolution, super_resolution_conditions
from replication.reporting import published
from replication.training.trained import Trained

PRINTED = {"Set5": -0.17, "Set14": -0.06, "BSD200": -0.03}


def scores(offset: float, *, mae: bool) -> pd.DataFrame:
    """Scores in which MS-SSIM is the printed difference plus `offset` dB behind, and a tenth less after the fit."""
    rng = np.random.default_rng(0)
    rows = []
    for data_set, gap in PRINTED.items():
        for image in range(8):
            base = rng.normal(28, 2)
            for seed in (0, 1):
                noise = 0.001 * rng.normal()
                for method, change in {"MSE": 0.0, "MS-SSIM": gap + offset + noise, "MAE": -0.5 + noise}.items():
                    if method == "MAE" and not mae:
                        continue
                    for metric, extra in (("PSNR", 0.0), ("PSNR, fitted", 0.1 * (method == "MS-SSIM"))):
                        rows.append((data_set, str(image), method, metric, base + change + extra, seed))
                    rows.append((data_set, str(image), method, "SSIM", 0.7 + change / 100, seed))
    return pd.DataFrame(rows, columns=["data_set", "image", "method", "metric", "score", "seed"])


def test_a_gap_is_at_print_within_the_tolerance_and_the_answer_names_its_condition() -> None:
    compared = super_resolution_conditions.differences(
        {"as above": scores(0.0, mae=True), "4 levels": scores(-0.1, mae=False), "5 levels": scores(-0.4, mae=False)}
    )
    gaps = super_resolution_conditions.printed_gaps(compared, published.values("msssim", "super_resolution"))
    first = gaps[gaps["data_set"] == "Set5"].set_index(["condition", "fit"])
    assert first.loc[("as above", "as they are"), "mean"] == pytest.approx(-0.17, abs=0.002)
    assert first.loc[("as above", "as they are"), "printed"] == pytest.approx(-0.17)
    words = gaps.groupby(["condition", "fit"])["word"].agg(set)
    assert words["as above", "as they are"] == {"at print"}
    assert words["as above", "brightness and contrast fitted"] == {"above"}
    assert words["4 levels", "as they are"] == {"below"}
    assert words["4 levels", "brightness and contrast fitted"] == {"at print"}
    assert words["5 levels", "brightness and contrast fitted"] == {"below"}
    said = super_resolution_conditions.answer(gaps)
    assert said.endswith("difference: as above (as they are); 4 levels (brightness and contrast fitted).")
    table = super_resolution_conditions.readable_gaps(gaps)
    assert table.shape == (6, 3)
    assert table.columns[0].startswith("Set5 (printed")
    mae = super_resolution_conditions.mae_gaps(compared)
    assert set(mae["condition"]) == {"as above"}
    assert mae.loc[mae["metric"] == "PSNR", "mean"].to_numpy() == pytest.approx(0.5, abs=0.002)


def test_the_answer_says_where_no_condition_comes_near() -> None:
    compared = super_resolution_conditions.differences({"as above": scores(-0.4, mae=True)})
    gaps = super_resolution_conditions.printed_gaps(compared, published.values("msssim", "super_resolution"))
    assert super_resolution_conditions.answer(gaps).endswith("difference: no condition.")


def test_a_condition_has_the_mse_and_each_loss_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trained, "load", lambda folder, build: folder.name)
    arms = {"a": {"condition": "c", "loss": "mse"}, "b": {"condition": "c", "loss": "ms_ssim"}}
    found: Any = super_resolution_conditions.load(tmp_path, arms, [0, 1])
    assert found == {
        "c": {("MSE", 0): "a-0", ("MSE", 1): "a-1", ("MS-SSIM", 0): "b-0", ("MS-SSIM", 1): "b-1"},
    }
    with pytest.raises(ValueError, match="'c' needs an arm that trains with mse"):
        super_resolution_conditions.load(tmp_path, {"b": arms["b"]}, [0])
    with pytest.raises(ValueError, match="two arms train with MSE under the condition 'c'"):
        super_resolution_conditions.load(tmp_path, {**arms, "d": arms["a"]}, [0])


def test_dead_units_and_the_result_are_said_network_by_network_and_set_by_set() -> None:
    table = super_resolution.dead_table({"MSE, seed 0": [0, 8], "MAE, seed 0": [1, 5]})
    assert table.loc["MSE, seed 0"].to_dict() == {"layer 1": 0, "layer 2": 8}
    assert super_resolution.dead_table({}).empty
    psnr, ssim = super_resolution.in_words(super_resolution.loss_differences(scores(0.0, mae=True)))
    assert psnr.startswith("PSNR, MS-SSIM minus MSE training: Set5 \N{MINUS SIGN}0.17 [")
    assert "BSD200 \N{MINUS SIGN}0.0003" in ssim


def test_the_psnr_after_the_fit_is_an_extension() -> None:
    values, extensions = super_resolution.table_values(scores(0.0, mae=True))
    assert set(values["statistic"]) == {"PSNR", "SSIM"}
    assert set(extensions["statistic"]) == {"PSNR, fitted"}
    assert set(extensions["row"]) == {"MSE", "MAE", "MS-SSIM"}

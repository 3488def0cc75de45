"""The gap between two lines of the perception-distortion plane against closed forms, its interval, and the verdict."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from replication.papers.pe.super_resolution import (
    at_equal_alpha,
    extensions,
    gap,
    gaps,
    judge,
    mean_scores,
    plane,
    telling_pair,
)

CONDITIONS = ["l2", "plain-0.9", "plain-0.5", "pe-0.9", "pe-0.5"]


def table(shift: float = 0.1, noise: float = 0.0, images: int = 12, conditions: list[str] = CONDITIONS) -> pd.DataFrame:
    """Lines perception = 1 - distortion, the weighted one lower by `shift` but for the L2 network they share."""
    rng = np.random.default_rng(0)
    rows = []
    for data_set in ("B", "A"):
        for image in range(images):
            difficulty = rng.normal(0, 1)
            for method in ["Bicubic", *conditions]:
                step = {"l2": 0.0, "Bicubic": 9.0}.get(method, 2.0 if method.endswith("0.5") else 1.0)
                perception = 5 - step - (shift if method.startswith("pe") else 0) + difficulty + noise * rng.normal()
                values = {"SSIM": 1 - (0.1 + 0.01 * step), "RMSE": 10 + step + difficulty, "lpips": perception}
                rows += [(data_set, str(image), method, metric, value) for metric, value in values.items()]
    return pd.DataFrame(rows, columns=["data_set", "image", "method", "metric", "score"])


def test_parallel_lines_are_apart_by_their_distance() -> None:
    x = np.array([1.0, 2.0, 4.0])
    assert gap(x, 5 - x, x, 4.5 - x) == pytest.approx(0.5)
    assert gap(x, 4.5 - x, x, 5 - x) == pytest.approx(-0.5)
    assert gap(x, 5 - x, x[::-1], 4.5 - x[::-1]) == pytest.approx(0.5)  # the order of the points does not matter


def test_only_distortions_that_both_lines_reach_count() -> None:
    # plain 1 from 0 to 2; weighted falls from 1 at 1 to 0 at 3: over [1, 2] they are apart by (x - 1)/2, 1/4 on average
    assert gap(np.array([0.0, 2]), np.array([1.0, 1]), np.array([1.0, 3]), np.array([1.0, 0])) == pytest.approx(0.25)
    assert np.isnan(gap(np.array([0.0, 1]), np.array([1.0, 1]), np.array([1.0, 3]), np.array([1.0, 0])))


def test_the_gap_agrees_with_a_fine_sum() -> None:
    rng = np.random.default_rng(1)
    (x1, y1), (x2, y2) = (np.sort(rng.random((2, 6)), axis=1) for _ in range(2))
    grid = np.linspace(max(x1[0], x2[0]), min(x1[-1], x2[-1]), 200_001)
    expected = np.mean(np.interp(grid, x1, y1) - np.interp(grid, x2, y2))
    assert gap(x1, y1, x2, y2) == pytest.approx(expected, abs=1e-5)


def test_the_gap_of_a_table_is_that_of_its_mean_lines() -> None:
    found = gaps(table(shift=0.1), "lpips")
    assert list(found["data_set"]) == ["B", "B", "A", "A"]  # as in the table of scores
    assert list(found["distortion"]) == ["SSIM", "RMSE"] * 2
    # the lines start together and are 0.1 apart from step 1 to step 2: 0.05 on average over [0, 1], 0.1 over [1, 2]
    np.testing.assert_allclose(found["gap"], 0.075, rtol=1e-6)
    np.testing.assert_allclose(found[["low", "high"]], 0.075, rtol=1e-6)  # without noise images say the same
    noisy = gaps(table(shift=0.1, noise=0.2), "lpips")
    assert ((noisy["low"] < noisy["gap"]) & (noisy["gap"] < noisy["high"])).all()


@pytest.mark.parametrize(
    ("scores", "verdict"),
    [
        (table(shift=0.1), "reproduced"),
        (table(shift=-0.1), "not reproduced"),
        (table(shift=0.03, noise=0.2), "close"),
        (table(conditions=["l2", "pe-0.9"]), "not run"),
    ],
    ids=["below", "above", "unsure", "no plain line"],
)
def test_the_verdict_follows_its_rule(scores: pd.DataFrame, verdict: str) -> None:
    found = gaps(scores, "lpips")
    if verdict == "close":  # all gaps above 0, not all intervals
        assert (found["gap"] > 0).all()
        assert (found["low"] < 0).any()
    claims = judge(found, "lpips")
    assert claims[["paper", "claim", "verdict"]].to_numpy().tolist() == [["pe", "sr-tradeoff", verdict]]
    assert "in place of NRQM" in claims["evidence"][0]
    assert not re.search("nan", claims["evidence"][0])


def test_lines_without_a_second_point_say_so() -> None:
    found = gaps(table(conditions=["l2", "pe-0.9"]), "lpips")
    assert set(found["reason"]) == {"not run: a line needs a second point beside L2"}
    assert extensions(found, "lpips", "one seed")["note"].tolist() == list(found["reason"])


def test_the_plane_has_the_l2_network_on_every_line_and_intervals_of_differences_from_it() -> None:
    points = plane(table(), "SSIM", "lpips")
    assert list(dict.fromkeys(points["data_set"])) == ["B", "A"]
    first = points[points["data_set"] == "B"]
    assert list(first["method"]) == ["l2", "pe-0.9", "pe-0.5", "l2", "plain-0.9", "plain-0.5"]
    np.testing.assert_allclose(first["x"], [0.1, 0.11, 0.12] * 2)
    # whatever the images' difficulty, every image says the same of the difference
    np.testing.assert_allclose(first["y_low"], first["y"], atol=1e-9)
    np.testing.assert_allclose(first["y_high"], first["y"], atol=1e-9)


def test_differences_at_equal_alpha_are_paired_over_images() -> None:
    found = at_equal_alpha(table(shift=0.1), "lpips")
    assert sorted(found["alpha"].unique()) == [0.5, 0.9]
    perception = found[found["metric"] == "lpips"]
    np.testing.assert_allclose(perception["mean"], -0.1)
    assert (perception["effect"] == -1).all()
    assert (perception["p_holm"] >= perception["p"]).all()


def test_means_keep_every_method() -> None:
    means = mean_scores(table())
    assert set(means["method"]) == {"Bicubic", *CONDITIONS}
    row = means.query("data_set == 'A' and method == 'pe-0.5' and metric == 'SSIM'").iloc[0]
    assert (row["mean"], row["n"]) == (pytest.approx(0.88), 12)


def test_crops_show_the_alpha_at_which_plain_perception_is_best() -> None:
    assert telling_pair(table(), "lpips") == ("pe-0.5", "plain-0.5")
    with pytest.raises(ValueError, match="no alpha for which both a plain and a pe network were trained"):
        telling_pair(table(conditions=["l2", "pe-0.9", "plain-0.5"]), "lpips")


def test_a_line_that_is_lost_in_some_resamples_has_no_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    from replication.papers.pe import super_resolution as pe_super_resolution

    calls: list[Any] = []

    def sometimes(*points: Any) -> float:
        calls.append(points)
        return 0.1 if len(calls) < 5 else float("nan")

    monkeypatch.setattr(pe_super_resolution, "gap", sometimes)
    found = gaps(table(), "lpips").iloc[0]
    assert found["gap"] == 0.1
    assert np.isnan(found["low"])
    assert found["reason"].startswith("no interval")

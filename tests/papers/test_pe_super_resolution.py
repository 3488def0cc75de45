"""The gap between two lines of the perception-distortion plane against closed forms, its interval, and the verdict."""

from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from replication.papers.pe import super_resolution
from replication.papers.pe import super_resolution_figures as views
from replication.papers.pe.super_resolution import (
    at_equal_alpha,
    attainment,
    extensions,
    gap,
    gaps,
    judge,
    mean_scores,
    plane,
    telling_pair,
)

CONDITIONS = ["l2", "plain-0.9", "plain-0.5", "pe-0.9", "pe-0.5"]


def table(
    shift: float = 0.1, noise: float = 0.0, images: int = 12, conditions: list[str] = CONDITIONS, seed: int = 0
) -> pd.DataFrame:
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
    return pd.DataFrame(rows, columns=["data_set", "image", "method", "metric", "score"]).assign(seed=seed)


def test_parallel_lines_are_apart_by_their_distance() -> None:
    x = np.array([1.0, 2.0, 4.0])
    assert gap(x, 5 - x, x, 4.5 - x) == pytest.approx(0.5)
    assert gap(x, 4.5 - x, x, 5 - x) == pytest.approx(-0.5)
    assert gap(x, 5 - x, x[::-1], 4.5 - x[::-1]) == pytest.approx(0.5)  # either end of the line may come first


def test_only_distortions_that_both_lines_reach_count() -> None:
    # plain 1 from 0 to 2; weighted falls from 1 at 1 to 0 at 3: over [1, 2] they are apart by (x - 1)/2, 1/4 on average
    assert gap(np.array([0.0, 2]), np.array([1.0, 1]), np.array([1.0, 3]), np.array([1.0, 0])) == pytest.approx(0.25)
    assert np.isnan(gap(np.array([0.0, 1]), np.array([1.0, 1]), np.array([1.0, 3]), np.array([1.0, 0])))


def test_a_line_attains_the_best_that_it_reaches_with_no_more_distortion() -> None:
    x, y = np.array([1.0, 3.0, 2.0, 2.0, 5.0]), np.array([4.0, 2.0, 3.5, 1.0, 3.0])
    # falls from 4 at 1 to 3 at 2, drops to 1 there (the vertical part), and never rises again
    np.testing.assert_allclose(attainment(x, y, np.array([0.9, 1.0, 1.5, 2.0, 4.0, 9.0])), [np.nan, 4, 3.5, 1, 1, 1])


def test_attainment_agrees_with_a_search_over_the_line() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.random((2, 6))
    at = np.linspace(x.min() + 0.02, 1, 50)
    along = np.linspace(0, 1, 100_001)
    line_x, line_y = (np.concatenate([a + along * (b - a) for a, b in pairwise(v)]) for v in (x, y))
    expected = [line_y[line_x <= limit].min() for limit in at]
    np.testing.assert_allclose(attainment(x, y, at), expected, atol=1e-4)  # steps of the search


def test_points_are_joined_in_the_order_of_alpha_not_of_distortion() -> None:
    x, y = np.array([1.0, 4.0, 2.0]), np.array([3.0, 0.0, 2.9])  # of 0.9, 0.5 and 0.1: the line turns back
    flat = np.array([0.0, 5.0]), np.array([3.0, 3.0])
    # it attains 4 - x, which the third point does not spoil: below 3 by x - 1 on [1, 4]
    assert gap(*flat, x, y) == pytest.approx(1.5, abs=1e-6)


def test_the_gap_of_a_table_is_that_of_its_mean_lines() -> None:
    found = gaps(table(shift=0.1), "lpips")
    assert list(found["data_set"]) == ["B", "B", "A", "A"]  # as in the table of scores
    assert list(found["distortion"]) == ["SSIM", "RMSE"] * 2
    # the lines are 0.1 apart from step 1 to step 2; the L2 network, where they would meet, is on neither
    np.testing.assert_allclose(found["gap"], 0.1, rtol=1e-6)
    np.testing.assert_allclose(found[["low", "high"]], 0.1, rtol=1e-6)  # without noise images say the same
    noisy = gaps(table(shift=0.1, noise=0.2), "lpips")
    assert ((noisy["low"] < noisy["gap"]) & (noisy["gap"] < noisy["high"])).all()


@pytest.mark.parametrize(
    ("scores", "says"),
    [
        (table(shift=0.1), "supports"),
        (table(shift=-0.1), "contradicts"),
        (table(shift=0.03, noise=0.2), "inconclusive"),
        (table(conditions=["l2", "pe-0.9", "pe-0.5"]), ""),
    ],
    ids=["below", "above", "not significant", "no plain line"],
)
def test_the_verdict_follows_its_rule_and_is_no_test(scores: pd.DataFrame, says: str) -> None:
    claims = judge(gaps(scores, "lpips"), "lpips", features="vgg16_conv2_2", weights="")
    verdict = "not tested" if says else "not run"
    assert claims[["paper", "claim", "verdict", "says"]].to_numpy().tolist() == [["pe", "sr-tradeoff", verdict, says]]
    reasons = claims["untested"][0]
    assert ("perception by lpips in place of NRQM" in reasons) == bool(says)
    assert ("vgg16_conv2_2 in place of VGG16" in reasons) == bool(says)
    assert "nan" not in claims["evidence"][0]


def test_the_paper_is_judged_by_ssim_alone() -> None:
    found = gaps(table(shift=0.1), "lpips")
    wrong = found.assign(low=np.where(found["distortion"] == "RMSE", -1.0, found["low"]))
    assert judge(wrong, "lpips", features="vgg16", weights="")["says"].tolist() == ["supports"]


def test_the_gap_is_the_mean_over_seeds_and_its_interval_covers_them() -> None:
    shifts = (0.05, 0.1, 0.3)
    found = gaps(pd.concat([table(shift, seed=number) for number, shift in enumerate(shifts)]), "lpips").iloc[0]
    assert found["gap"] == pytest.approx(0.15, rel=1e-6)
    assert (found["agree"], found["seeds"], found["n"]) == (3, 3, 12)
    half = stats.t.ppf(0.975, 2) * stats.sem(shifts)  # images say the same, so that seeds alone make the interval
    assert (found["low"], found["high"]) == pytest.approx((0.15 - half, 0.15 + half), rel=1e-6)
    # the plain line's perception falls from 4 to 3, on average 3.5 with the difficulty of the images
    images = table().query("data_set == 'B' and metric == 'lpips' and method in ['plain-0.9', 'plain-0.5']")
    assert found["relative"] == pytest.approx(0.15 / images["score"].mean(), rel=1e-3)
    mixed = gaps(pd.concat([table(0.1), table(-0.3, seed=1)]), "lpips").iloc[0]
    assert (mixed["gap"], mixed["agree"]) == (pytest.approx(-0.1), 1)


def test_points_of_the_plane_and_differences_are_means_over_seeds() -> None:
    both = pd.concat([table(0.1), table(0.3, seed=1)])
    points = plane(both, "SSIM", "lpips").set_index(["data_set", "method"])
    first = plane(table(0.1), "SSIM", "lpips").set_index(["data_set", "method"])
    assert points.loc[("B", "pe-0.5"), "y"] == pytest.approx(first.loc[("B", "pe-0.5"), "y"] - 0.1)
    assert points.loc[("B", "pe-0.5"), "y_low"] < points.loc[("B", "pe-0.5"), "y"] - 0.1  # two seeds, 0.2 apart
    found = at_equal_alpha(both, "lpips")
    perception = found[found["metric"] == "lpips"]
    np.testing.assert_allclose(perception["mean"], -0.2)
    assert (perception["low"] < -0.3).all()
    means = mean_scores(both).query("data_set == 'A' and method == 'pe-0.5' and metric == 'SSIM'").iloc[0]
    assert (means["mean"], means["n"]) == (pytest.approx(0.88), 12)


def test_every_seed_has_its_own_networks_and_all_share_bicubic(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def score(networks: Any, *args: Any, **options: Any) -> tuple[pd.DataFrame, list[str]]:
        asked.append((args, options))
        rows = [("A", "one", "Bicubic", "SSIM", 0.1)]
        rows += [("A", "one", name, "SSIM", float(network)) for name, network in networks.items()]
        return pd.DataFrame(rows, columns=["data_set", "image", "method", "metric", "score"]), ["one is unreadable"]

    monkeypatch.setattr(super_resolution, "score", score)
    networks: Any = {3: {"l2": 0.3, "pe-0.9": 0.4}, 5: {"l2": 0.5, "pe-0.9": 0.6}}
    found, problems = super_resolution.score_seeds(networks, "sets", scale=4)
    assert asked == [(("sets",), {"scale": 4})]  # every image is read, and its original prepared, once
    expected = {(seed, "Bicubic"): 0.1 for seed in (3, 5)}
    expected |= {(seed, method): value for seed, own in networks.items() for method, value in own.items()}
    assert found.set_index(["seed", "method"])["score"].to_dict() == expected
    assert problems == ["one is unreadable"]


def test_figures_label_both_lines_and_have_a_row_for_each_measure() -> None:
    points = plane(table(), "SSIM", "lpips")
    figure = views.draw_planes([points, points.assign(perception="dists")], "SSIM")
    assert len(figure.axes) == 4
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert sorted(texts) == ["0.5", "0.5", "0.9", "0.9", "L2", "L2"]
    assert "dists" in figure.axes[2].get_ylabel()
    both = pd.concat([gaps(table(noise=0.2), "lpips"), gaps(table(), "lpips").assign(perception="dists")])
    axis = views.gap_figure(both).axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["lpips, B", "lpips, A", "dists, B", "dists, A"]
    plt.close("all")


def test_only_the_measure_that_decides_is_judged() -> None:
    found = gaps(table(shift=0.1), "lpips")
    other = found.assign(perception="dists", low=-1.0, gap=-0.5)
    assert judge(pd.concat([found, other]), "lpips", features="vgg16", weights="")["says"].tolist() == ["supports"]


def test_lines_without_a_second_point_say_so() -> None:
    found = gaps(table(conditions=["l2", "pe-0.9", "pe-0.5", "plain-0.9"]), "lpips")
    assert set(found["reason"]) == {"a line needs two values of alpha besides L2"}
    assert extensions(found, "one seed")["note"].tolist() == list(found["reason"])


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
    calls: list[Any] = []

    def sometimes(*points: Any) -> float:
        calls.append(points)
        return 0.1 if len(calls) < 5 else float("nan")

    monkeypatch.setattr(super_resolution, "gap", sometimes)
    found = gaps(table(), "lpips").iloc[0]
    assert found["gap"] == 0.1
    assert np.isnan(found["low"])
    assert found["reason"].startswith("no interval")

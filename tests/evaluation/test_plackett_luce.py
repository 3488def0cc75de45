"""Worths from rankings: closed forms, a general optimiser, and raters simulated with known worths."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import optimize, stats

from replication.evaluation.plackett_luce import plackett_luce, rank_counts, rankings_of_scores


def simulated(worths: NDArray[np.float64], n: int, seed: int) -> NDArray[np.intp]:
    """Rankings of the model: the order of exponential waiting times with these rates."""
    return np.argsort(np.random.default_rng(seed).exponential(1 / worths, size=(n, len(worths))), axis=1)


def test_with_two_items_worths_are_the_shares_won_and_the_interval_is_that_of_the_logit() -> None:
    rankings = [[0, 1]] * 30 + [[1, 0]] * 12
    found = plackett_luce(rankings)
    np.testing.assert_allclose(found.worth, [30 / 42, 12 / 42], rtol=1e-9)
    margin = stats.norm.ppf(0.975) * np.sqrt(1 / 30 + 1 / 12)
    expected = np.log(30 / 12) + np.array([0, -margin, margin])
    np.testing.assert_allclose(found.difference(0, 1), expected, rtol=1e-9)
    np.testing.assert_allclose([found.low[0], found.high[0]], 1 / (1 + np.exp(-expected[1:])), rtol=1e-9)


def test_agrees_with_a_general_optimiser_on_the_likelihood() -> None:
    rankings = simulated(np.array([4.0, 2.0, 1.0, 0.5]), 60, 1)

    def unlikely(theta: NDArray[np.float64]) -> float:
        w = np.exp(np.append(theta, 0))
        return -sum(np.log(w[row[k]] / w[row[k:]].sum()) for row in rankings for k in range(3))

    theta = np.append(optimize.minimize(unlikely, np.zeros(3), method="BFGS", tol=1e-10).x, 0)
    np.testing.assert_allclose(plackett_luce(rankings).worth, np.exp(theta) / np.exp(theta).sum(), rtol=1e-5)


def test_worths_of_simulated_raters_are_recovered_and_intervals_cover_them() -> None:
    worths = np.array([0.6, 0.3, 0.1])
    np.testing.assert_allclose(plackett_luce(simulated(worths, 20_000, 0)).worth, worths, atol=0.01)
    found = [plackett_luce(simulated(worths, 200, seed)) for seed in range(120)]
    covered = np.mean([(f.low <= worths) & (worths <= f.high) for f in found], axis=0)
    assert ((covered > 0.89) & (covered < 0.995)).all()  # 95 %, three standard errors of 120 draws


def test_raters_who_disagree_widen_the_interval_when_rankings_are_clustered() -> None:
    """20 raters with tastes of their own, 50 rankings each: intervals over raters cover, those over rankings do not."""
    covered = []
    for seed in range(25):
        taste = np.random.default_rng(seed).normal(0, 0.7, (20, 3)) + np.log([3.0, 1.0, 1.0])
        rankings = np.concatenate([simulated(np.exp(t), 50, 1000 * seed + i) for i, t in enumerate(taste)])
        raters = np.repeat(np.arange(20), 50)
        pair = [plackett_luce(rankings, clusters).difference(1, 2) for clusters in (raters, None)]
        covered.append([low < 0 < high for _, low, high in pair])
    clustered, naive = np.mean(covered, axis=0)
    assert clustered > 0.8
    assert naive < 0.65


def test_equal_rankings_of_all_orders_have_equal_worths() -> None:
    orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
    np.testing.assert_allclose(plackett_luce(orders).worth, 1 / 3)


def test_counts_of_ranks() -> None:
    assert rank_counts([[0, 1, 2], [0, 2, 1], [1, 0, 2]]).tolist() == [[2, 1, 0], [1, 1, 1], [0, 1, 2]]


def test_scores_are_ranked_best_first() -> None:
    scores = [[0.1, 0.3, 0.2], [1.0, 1.0, 2.0]]
    assert rankings_of_scores(scores, higher_is_better=True).tolist() == [[1, 2, 0], [2, 0, 1]]
    assert rankings_of_scores(scores, higher_is_better=False).tolist() == [[0, 2, 1], [0, 1, 2]]


@pytest.mark.parametrize(
    ("rankings", "clusters", "message"),
    [
        ([[0, 1, 1]], None, "every ranking must name each of the items 0 to 2 once"),
        ([0, 1], None, r"rankings must be \(n, m\)"),
        ([[0, 1, 2], [0, 2, 1]], None, "no maximum of likelihood: item 0 and some other were ranked one way only"),
        ([[0, 1], [1, 0]], [3, 3], "clusters must name one of at least two"),
    ],
)
def test_what_has_no_answer_is_refused(rankings: object, clusters: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plackett_luce(rankings, clusters)  # type: ignore[arg-type]


def test_errors_of_many_rankings_are_those_of_the_reduced_model() -> None:
    """With one log-worth fixed at 0 the information has an ordinary inverse; differences are the same."""
    for seed in range(20):
        rankings = simulated(np.array([1.0, 1.0, 1.2]), 1000, seed)
        found = plackett_luce(rankings)

        def gradient(theta: NDArray[np.float64], order: NDArray[np.intp] = rankings) -> NDArray[np.float64]:
            w = np.exp(np.append(theta, 0))
            left = w[order][:, ::-1].cumsum(axis=1)[:, ::-1][:, :2]  # of all three, and of the last two
            among = [np.ones((len(order), 2)), order[:, 1:]]
            expected = [w[i] * (1 / left[:, 0] + (among[1] == i).any(axis=1) / left[:, 1]) for i in range(2)]
            return np.array([(order[:, :2] == i).sum() - e.sum() for i, e in enumerate(expected)])

        at = found.log_worth[:2] - found.log_worth[2]
        hessian = optimize.approx_fprime(at, gradient, 1e-6)
        covariance = -np.linalg.inv(hessian)
        variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
        _, low, high = found.difference(0, 1)
        assert high - low == pytest.approx(2 * stats.norm.ppf(0.975) * np.sqrt(variance), rel=1e-4)

"""Comparisons over groups: intervals that grow with dependence, and a test by exchanging whole groups."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from replication.evaluation import bootstrap_mean, rank_biserial
from replication.evaluation.cluster_means import cluster_mean
from replication.evaluation.grouped import compare_over_groups


def test_with_one_item_in_each_group_it_is_the_plain_bootstrap() -> None:
    values = np.random.default_rng(0).exponential(size=40)
    found = cluster_mean(values, np.arange(40), resamples=10_000)
    np.testing.assert_allclose(found, bootstrap_mean(values, method="percentile"), rtol=1e-12)


def test_the_mean_is_that_of_items_and_copies_within_groups_add_no_certainty() -> None:
    values = np.random.default_rng(1).normal(size=30)
    once = cluster_mean(values, np.arange(30))
    np.testing.assert_allclose(cluster_mean(np.repeat(values, 9), np.repeat(np.arange(30), 9)), once)
    assert cluster_mean([1, 1, 1, 5], ["a", "a", "a", "b"]).estimate == 2


def test_intervals_over_groups_of_unequal_size_cover_the_mean_as_often_as_they_say() -> None:
    generator = np.random.default_rng(2)
    covered, taken_for_independent = [], []
    groups = np.repeat(np.arange(24), generator.integers(5, 40, 24))
    for seed in range(300):
        values = generator.normal(size=24)[groups] + generator.normal(size=len(groups))
        found = cluster_mean(values, groups, resamples=600, seed=seed)
        alone = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
        covered.append(found.low <= 0 <= found.high)
        taken_for_independent.append(alone[0] <= 0 <= alone[1])
    assert 0.90 < np.mean(covered) < 0.985
    assert np.mean(taken_for_independent) < 0.6


def test_p_is_the_share_of_sign_patterns_as_extreme() -> None:
    sums = np.array([3.0, -1.0, 4.0, 2.0, 6.0, -2.0, 5.0])
    patterns = np.array(list(product([-1, 1], repeat=7)))
    expected = np.mean(np.abs(patterns @ sums) >= abs(sums.sum()))
    groups = np.repeat(np.arange(7), 2)
    found = compare_over_groups(np.repeat(sums, 2) + 10, np.full(14, 10.0), groups, resamples=200)
    assert found.p_value == pytest.approx(expected)
    assert found.difference.estimate == pytest.approx(sums.mean())
    assert found.effect == pytest.approx(rank_biserial(sums, np.zeros(7)))
    assert found.n == 7


def test_equal_methods_do_not_differ_and_one_that_is_always_better_does() -> None:
    a, groups = np.random.default_rng(3).normal(size=60), np.repeat(np.arange(20), 3)
    same = compare_over_groups(a, a, groups, resamples=200)
    assert (same.p_value, same.effect, same.difference) == (1, 0, (0, 0, 0))
    better = compare_over_groups(a - 1, a, groups, resamples=200)
    assert better.effect == -1
    assert better.p_value < 0.001
    assert better.difference.high == pytest.approx(-1)


@pytest.mark.parametrize(
    ("a", "b", "groups", "message"),
    [
        ([1, 2], [1, 2, 3], [0, 1], "of one length"),
        ([1, np.nan], [1, 2], [0, 1], "finite"),
        ([1, 2], [2, 1], [0, 0], "at least 2 references"),
        ([1, 2], [2, 1], [0], "one reference for each"),
    ],
)
def test_what_makes_no_sense_is_refused(a: list[float], b: list[float], groups: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compare_over_groups(a, b, groups)

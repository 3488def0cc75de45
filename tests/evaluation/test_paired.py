"""Paired comparisons: against enumeration of all sign patterns, values worked by hand, and their error rates."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from replication.evaluation import Interval, bootstrap_mean, compare_paired, holm, not_worse, rank_biserial, same_within

A = np.array([3.1, 2.0, 5.5, 4.0, 7.25, 1.5, 6.0])
B = np.array([3.0, 2.3, 5.0, 3.2, 6.2, 1.9, 4.0])  # differences .1 -.3 .5 .8 1.05 -.4 2, ranks 1 2 4 5 6 3 7


def test_p_value_is_the_share_of_sign_patterns_as_extreme():
    ranks = stats.rankdata(np.abs(A - B))
    observed = abs(np.sum(ranks * np.sign(A - B)))
    sums = np.array([abs(np.dot(ranks, signs)) for signs in product([-1, 1], repeat=7)])
    assert compare_paired(A, B).p_value == pytest.approx(np.mean(sums >= observed - 1e-9), rel=1e-12)


def test_difference_is_the_bootstrap_of_the_differences():
    result = compare_paired(A, B, seed=9)
    assert result.difference == bootstrap_mean(A - B, seed=9)
    assert result.difference.estimate == pytest.approx(3.75 / 7)
    assert result.n == 7


def test_effect_is_the_rank_biserial_correlation_worked_by_hand():
    assert rank_biserial(A, B) == pytest.approx((1 + 4 + 5 + 6 + 7 - 2 - 3) / 28)
    assert rank_biserial(B, A) == pytest.approx(-18 / 28)
    assert rank_biserial([1, 2, 3, 9], [1, 1, 4, 4]) == pytest.approx((1.5 + 3 - 1.5) / 6)  # a zero and a tie


def test_five_images_all_better_cannot_be_significant():
    result = compare_paired([2, 3, 4, 5, 6.5], [1, 1.9, 2.8, 3.7, 5])
    assert (result.p_value, result.effect) == (pytest.approx(2 / 2**5), 1.0)


def test_identical_scores_show_no_difference():
    result = compare_paired(A, A)
    assert (result.difference, result.p_value, result.effect) == ((0, 0, 0), 1.0, 0.0)


def test_holm_worked_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.4, 0.6]) == pytest.approx([0.8, 0.8])
    assert holm([0.5, 0.9, 0.8]) == pytest.approx([1, 1, 1])
    assert len(holm([])) == 0


def test_no_worse_and_the_same_go_by_the_whole_interval():
    assert not_worse(Interval(-0.05, -0.15, 0.1), 0.2)
    assert not not_worse(Interval(0.1, -0.25, 0.4), 0.2)
    assert not_worse(Interval(5, 4, 6), 0.2)
    assert same_within(Interval(0.0, -0.19, 0.19), 0.2)
    assert not same_within(Interval(0.1, -0.1, 0.3), 0.2)
    assert not same_within(Interval(-0.1, -0.3, 0.1), 0.2)


def test_no_worse_errs_no_more_often_than_it_says():
    generator = np.random.default_rng(4)
    margin, count = 0.5, 20  # the truth lies at the margin: every 'no worse' is an error
    passed = [
        not_worse(bootstrap_mean(generator.normal(-margin, 1, count), resamples=1000, seed=seed), margin)
        for seed in range(600)
    ]
    assert 0.01 < np.mean(passed) < 0.045  # 0.025 promised


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [([1, 2], [1, 2, 3], "one length"), ([1, np.nan], [1, 2], "finite"), ([1], [2], "at least 2")],
)
def test_scores_that_do_not_pair_are_refused(a, b, message):
    with pytest.raises(ValueError, match=message):
        compare_paired(a, b)


def test_bad_margins_and_p_values_are_refused():
    with pytest.raises(ValueError, match="margin must be positive, got -1"):
        not_worse(Interval(0, 0, 0), -1)
    with pytest.raises(ValueError, match="margin must be positive, got 0"):
        same_within(Interval(0, 0, 0), 0)
    for wrong in ([0.5, 1.2], [0.1, np.nan]):
        with pytest.raises(ValueError, match="between 0 and 1"):
            holm(wrong)

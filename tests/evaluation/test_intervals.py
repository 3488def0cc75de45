"""Bootstrap intervals: against scipy, closed forms and their promise, coverage."""

import numpy as np
import pytest
from scipy import stats

from replication.evaluation import bootstrap_mean, bootstrap_statistic

SKEWED = np.random.default_rng(1).exponential(size=40)


@pytest.mark.parametrize("method", ["bca", "percentile"])
def test_interval_of_a_mean_is_scipys(method):
    ours = bootstrap_mean(SKEWED, method=method, small_sample=False, resamples=100_000, seed=5)
    theirs = stats.bootstrap((SKEWED,), np.mean, n_resamples=100_000, method=method, rng=6).confidence_interval
    assert ours.estimate == pytest.approx(SKEWED.mean(), rel=1e-15)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.01)
    assert abs(theirs.high - ours.estimate) > 1.2 * abs(
        theirs.low - ours.estimate
    )  # skewed enough to tell the two apart


def test_percentile_interval_of_a_two_valued_sample_is_binomial():
    sample = np.repeat([0.0, 1.0], [13, 7])
    low, high = stats.binom.ppf([0.05, 0.95], 20, 7 / 20) / 20
    ours = bootstrap_mean(sample, confidence=0.9, method="percentile", small_sample=False, resamples=50_000)
    assert (ours.low, ours.high) == pytest.approx((low, high), abs=1e-12)


def test_small_samples_get_the_width_of_students_interval():
    sample = stats.norm.ppf((np.arange(12) + 0.5) / 12)
    low, high = stats.t.interval(0.95, 11, sample.mean(), stats.sem(sample))
    ours = bootstrap_mean(sample, method="percentile", resamples=50_000)
    assert (ours.low, ours.high) == pytest.approx((low, high), rel=0.04)


@pytest.mark.parametrize(("count", "least"), [(5, 0.89), (14, 0.92), (100, 0.92)])
def test_interval_covers_the_true_mean_as_often_as_it_says(count, least):
    draws = np.random.default_rng(0).normal(size=(500, count))
    intervals = [bootstrap_mean(draw, resamples=1000, seed=seed) for seed, draw in enumerate(draws)]
    coverage = np.mean([interval.low <= 0 <= interval.high for interval in intervals])
    assert least < coverage < 0.98


def test_several_samples_are_resampled_together():
    generator = np.random.default_rng(2)
    x = generator.normal(size=60)
    y = x + generator.normal(size=60)

    def correlation(a, b, axis=-1):
        a, b = a - a.mean(axis=axis, keepdims=True), b - b.mean(axis=axis, keepdims=True)
        return (a * b).sum(axis) / np.sqrt((a**2).sum(axis) * (b**2).sum(axis))

    ours = bootstrap_statistic(correlation, x, y, small_sample=False, resamples=30_000)
    theirs = stats.bootstrap((x, y), correlation, paired=True, n_resamples=30_000, rng=1).confidence_interval
    assert ours.estimate == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.01)


def test_same_seed_same_interval_and_chunks_make_no_difference(monkeypatch):
    first = bootstrap_mean(SKEWED, seed=3)
    assert bootstrap_mean(SKEWED, seed=3) == first
    assert bootstrap_mean(SKEWED, seed=4) != first
    monkeypatch.setattr("replication.evaluation.intervals._CHUNK", 4000)
    assert bootstrap_mean(SKEWED, seed=3) == first


def test_equal_scores_have_an_interval_of_no_width():
    assert bootstrap_mean([2.5, 2.5, 2.5]) == (2.5, 2.5, 2.5)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ([[1.0, np.nan]], {}, "1 values that are not finite"),
        ([[1.0]], {}, "at least 2 numbers"),
        ([[[1.0, 2.0]]], {}, r"got shape \(1, 2\)"),
        ([[1.0, 2.0], [1.0, 2.0, 3.0]], {}, r"one length, got lengths \[2, 3\]"),
        ([[1.0, 2.0]], {"confidence": 95}, "between 0 and 1, got 95"),
        ([[1.0, 2.0]], {"method": "basic"}, "got 'basic'"),
        ([[1.0, 2.0]], {"resamples": 10}, "at least 100"),
    ],
)
def test_bad_input_is_named(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_statistic(lambda *arrays: arrays[0].mean(axis=-1), *arguments, **options)


def test_two_items_have_the_widest_interval_there_is() -> None:
    assert bootstrap_mean([0.2, 0.8]) == pytest.approx((0.5, 0.2, 0.8))

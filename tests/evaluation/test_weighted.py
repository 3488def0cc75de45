"""Correlations of weighted references: against scipy on samples spelt out item by item."""

import numpy as np
import pytest
from scipy import stats

from replication.evaluation import bootstrap_statistic, weighted
from replication.evaluation.clusters import group_index, interval, jackknife_error, resample

GENERATOR = np.random.default_rng(0)
INDEX = np.sort(GENERATOR.integers(0, 25, 300))
X = np.round(GENERATOR.normal(size=300), 1)  # with ties
Y = np.round(X + GENERATOR.normal(size=300), 1)
WEIGHTS = GENERATOR.multinomial(25, np.full(25, 1 / 25), 20).astype(float)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(weighted.pearson, stats.pearsonr), (weighted.spearman, stats.spearmanr), (weighted.kendall, stats.kendalltau)],
)
@pytest.mark.parametrize("most_groups", [4000, 10])
def test_weights_are_repetitions(ours, theirs, most_groups, monkeypatch):
    monkeypatch.setattr("replication.evaluation.weighted._MOST_GROUPS", most_groups)
    monkeypatch.setattr("replication.evaluation.weighted._CHUNK", 1000)
    shuffled = np.random.default_rng(1).permutation(300)
    found = ours(X[shuffled], Y[shuffled], INDEX[shuffled], WEIGHTS)
    for value, row in zip(found, WEIGHTS, strict=True):
        times = row[INDEX].astype(int)
        assert value == pytest.approx(theirs(np.repeat(X, times), np.repeat(Y, times))[0], abs=1e-12)


def test_kendall_of_references_larger_than_a_byte_counts():
    x, y = GENERATOR.normal(size=(2, 700))
    y += x
    index = np.repeat([0, 1], [300, 400])
    assert weighted.kendall(x, y, index, np.ones((1, 2)))[0] == pytest.approx(stats.kendalltau(x, y)[0], abs=1e-12)


def test_constant_resamples_are_undefined():
    x, index = np.array([1.0, 1, 1, 2, 3, 4]), np.array([0, 0, 0, 1, 1, 1])
    for function in (weighted.pearson, weighted.spearman, weighted.kendall):
        first, second = function(x, np.arange(6.0), index, np.array([[2.0, 0.0], [1.0, 1.0]]))
        assert np.isnan(first)
        assert second > 0.8


def test_rmse_is_that_of_the_repeated_residuals():
    found = weighted.root_mean_square(X, INDEX, WEIGHTS)
    assert found[3] == pytest.approx(np.sqrt(np.mean(np.repeat(X, WEIGHTS[3][INDEX].astype(int)) ** 2)))


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_with_one_image_each_the_interval_is_the_plain_bootstraps(method):
    x, y = X[:40], Y[:40]

    def r(a, b):
        a, b = a - a.mean(-1, keepdims=True), b - b.mean(-1, keepdims=True)
        return (a * b).sum(-1) / np.sqrt((a**2).sum(-1) * (b**2).sum(-1))

    samples = resample(None, 40, 2000, seed=7)
    drawn = weighted.pearson(x, y, samples.index, samples.drawn)
    left_out = weighted.pearson(x, y, samples.index, samples.left_out)
    ours = interval(r(x, y), drawn, left_out, method=method)
    assert ours == pytest.approx(bootstrap_statistic(r, x, y, method=method, resamples=2000, seed=7), abs=1e-9)


def test_jackknife_error_of_a_mean_is_the_standard_error():
    values = X[:30]
    left_out = (values.sum() - values) / 29
    assert jackknife_error(left_out) == pytest.approx(stats.sem(values))


def test_references_of_any_type_become_numbers():
    assert group_index(["b", "a", "b"], 3).tolist() == [1, 0, 1]
    assert group_index(np.array(["x", "y", "x"], dtype=object), 3).tolist() == [0, 1, 0]
    assert group_index(None, 3).tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="one reference for each of the 3 images"):
        group_index(["a"], 3)
    with pytest.raises(ValueError, match="references hold NaN"):
        group_index([1.0, np.nan, 2.0], 3)

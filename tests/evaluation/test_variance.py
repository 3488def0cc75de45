"""Variances of residuals: scipy, closed forms, and error rates where the assumptions hold and where they do not."""

import numpy as np
import pytest
from scipy import stats

from replication.evaluation import f_test, normality, pitman_morgan

GENERATOR = np.random.default_rng(11)
A, B = GENERATOR.normal(size=(2, 40)) * [[1.0], [1.6]]


def false_alarms(test, first, second):
    return np.mean([test(a, b).p_value < 0.05 for a, b in zip(first, second, strict=True)])


def pairs(correlation, count=50):
    first, second = GENERATOR.normal(size=(2, 2000, count))
    return first, correlation * first + np.sqrt(1 - correlation**2) * second


def test_f_is_scipys():
    found = f_test(A, B)
    assert found.ratio == pytest.approx(A.var(ddof=1) / B.var(ddof=1))
    assert found.p_value == pytest.approx(2 * stats.f(39, 39).cdf(found.ratio))
    assert f_test(B, A).p_value == pytest.approx(found.p_value)
    assert f_test(A, B, parameters=5).degrees == (35, 35)
    assert f_test(A, A).p_value == pytest.approx(1)


def test_pitman_morgan_is_a_correlation_of_sum_and_difference():
    found = pitman_morgan(A, B)
    assert found.p_value == pytest.approx(stats.pearsonr(A + B, A - B).pvalue)
    assert pitman_morgan(A, -A).p_value == pitman_morgan(A, A).p_value == 1


def test_f_holds_for_independent_normal_residuals():
    assert 0.04 < false_alarms(f_test, *pairs(0)) < 0.06


def test_f_is_too_careful_where_residuals_share_the_opinions_noise():
    assert false_alarms(f_test, *pairs(0.5)) < 0.035
    assert false_alarms(f_test, *pairs(0.8)) < 0.01


@pytest.mark.parametrize("correlation", [0, 0.5, 0.9])
def test_pitman_morgan_holds_for_pairs(correlation):
    assert 0.04 < false_alarms(pitman_morgan, *pairs(correlation)) < 0.06


@pytest.mark.parametrize("test", [f_test, pitman_morgan])
def test_heavy_tails_and_shared_references_inflate_both(test):
    assert false_alarms(test, *GENERATOR.standard_t(5, (2, 1000, 200))) > 0.15
    offsets = np.repeat(GENERATOR.normal(size=(2, 1000, 25)), 10, axis=2)
    assert false_alarms(test, *(offsets + 0.5 * GENERATOR.normal(size=offsets.shape))) > 0.15


def test_normality_is_judged_by_kurtosis_and_a_test():
    uniform = np.linspace(-1, 1, 1001)
    assert normality(uniform).kurtosis == pytest.approx(1.8, abs=1e-3)
    assert not normality(uniform).looks_normal
    assert normality(stats.norm.ppf((np.arange(1000) + 0.5) / 1000)).looks_normal
    assert normality(A).p_value == pytest.approx(stats.normaltest(A).pvalue)
    assert 0.03 < np.mean([normality(draw).p_value < 0.05 for draw in GENERATOR.normal(size=(1000, 200))]) < 0.07
    assert np.isnan(normality(np.ones(9)).kurtosis)


def test_bad_input_is_named():
    for test in (f_test, pitman_morgan):
        with pytest.raises(ValueError, match="1 values that are not finite"):
            test([1, np.nan, 2], [1, 2, 3])
        with pytest.raises(ValueError, match="one-dimensional"):
            test([[1, 2]], [1, 2])
    with pytest.raises(ValueError, match="one length, at least 3, got 3 and 4"):
        pitman_morgan([1, 2, 3], [1, 2, 3, 4])
    with pytest.raises(ValueError, match="5 parameters leave no degree of freedom for 4"):
        f_test([1, 2, 3, 4], [1, 2, 3, 4], parameters=5)
    assert f_test([1, 2, 3], [1, 1, 1]).p_value == 0

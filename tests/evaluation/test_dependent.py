"""Correlations with the same opinions compared: printed examples, and error rates under the stated models."""

import numpy as np
import pytest
from scipy import stats

from replication.evaluation import Interval, compare_correlations, meng, same_within, tost, williams, zou

N = 2000  # data sets; 5 % then have an error of half a percent


def test_williams_is_the_printed_value_of_depcor():  # Silver, Hittner & May 2006
    assert williams(0.3, 0.4, 0.5, 100) == pytest.approx((-1.0767, 0.2843), abs=5e-5)


def test_meng_is_the_printed_value():
    statistic, p_value = meng(0.63, -0.03, -0.19, 15)  # Meng, Rosenthal & Rubin 1992: z = 1.68, p = .047 one-sided
    assert (statistic, p_value / 2) == (pytest.approx(1.68, abs=5e-3), pytest.approx(0.047, abs=5e-4))
    assert meng(0.3, 0.4, 0.5, 100) == pytest.approx((-1.0707, 0.2843), abs=5e-5)  # depcor
    # May & Hittner 1997
    for between, z in (
        (0.0, 1.62),
        (0.1, 1.70),
        (0.2, 1.80),
        (0.3, 1.91),
        (0.4, 2.06),
        (0.6, 2.50),
        (0.7, 2.87),
        (0.8, 3.50),
    ):
        assert meng(0.5, 0.2, between, 50).statistic == pytest.approx(z, abs=5.1e-3)
    for between, z in ((0.0, 2.03), (0.2, 2.20), (0.4, 2.47), (0.5, 2.66), (0.6, 2.94), (0.7, 3.35), (0.8, 4.05)):
        assert meng(0.7, 0.4, between, 50).statistic == pytest.approx(z, abs=5.1e-3)


def test_zou_is_the_printed_interval():  # Zou 2007
    assert zou(0.396, 0.179, 0.088, 66) == pytest.approx((0.217, -0.093, 0.517), abs=5e-4)


def test_equal_correlations_differ_by_nothing():
    assert williams(0.7, 0.7, 0.2, 20) == meng(0.7, 0.7, 0.2, 20) == (0, 1)
    assert williams(1.0, 1.0, 1.0, 20) == (0, 1)


def correlations(*samples):
    centred = [each - each.mean(-1, keepdims=True) for each in samples]
    one, two, three = (each / np.linalg.norm(each, axis=-1, keepdims=True) for each in centred)
    return zip((one * two).sum(-1), (one * three).sum(-1), (two * three).sum(-1), strict=True)


def false_alarms(test, *samples):
    count = samples[0].shape[-1]
    return np.mean([test(*each, count).p_value < 0.05 for each in correlations(*samples)])


def independent(rho, between):
    factor = np.linalg.cholesky([[1, rho, rho], [rho, 1, between], [rho, between, 1]])
    return np.einsum("ij,tjn->itn", factor, np.random.default_rng(11).normal(size=(N, 3, 60)))


def clustered(offset, data_sets=N, references=25, images=20, seed=11):
    """Opinions and two equally good metrics, (data sets, images): each metric is off by an amount per reference."""
    generator, index = np.random.default_rng(seed), np.repeat(np.arange(references), images)
    levels = np.tile(np.linspace(-1.5, 1.5, images), references)
    shape = (data_sets, references * images)
    metrics = [
        levels + offset * generator.normal(size=(data_sets, references))[:, index] + 0.5 * generator.normal(size=shape)
        for _ in range(2)
    ]
    return levels + 0.4 * generator.normal(size=shape), *metrics, index


@pytest.mark.parametrize("test", [williams, meng])
@pytest.mark.parametrize(("rho", "between"), [(0.5, 0.5), (0.85, 0.8)])
def test_independent_normal_images_give_false_alarms_as_promised(test, rho, between):
    assert 0.04 < false_alarms(test, *independent(rho, between)) < 0.06


def test_zou_covers_as_promised():
    covered = [zou(*each, 60) for each in correlations(*independent(0.85, 0.8))]
    assert 0.94 < np.mean([each.low <= 0 <= each.high for each in covered]) < 0.97


@pytest.mark.parametrize("test", [williams, meng])
def test_ranks_of_highly_correlated_images_inflate_them(test):
    assert 0.04 < false_alarms(test, *stats.rankdata(independent(0.5, 0.5), axis=-1)) < 0.065
    assert false_alarms(test, *stats.rankdata(independent(0.9, 0.85), axis=-1)) > 0.07


@pytest.mark.parametrize("test", [williams, meng])
def test_images_that_share_references_inflate_them(test):
    assert false_alarms(test, *clustered(0.5)[:3]) > 0.12


@pytest.mark.parametrize("offset", [0.0, 0.5])
def test_resampling_references_keeps_its_promise(offset):
    *images, index = clustered(offset)
    found = [
        compare_correlations(a, b, y, references=index, coefficient="pearson", resamples=200)
        for y, a, b in zip(*images, strict=True)
    ]
    assert 0.04 < np.mean([each.p_value < 0.05 for each in found]) < 0.06
    assert 0.94 < np.mean([each.difference.low <= 0 <= each.difference.high for each in found]) < 0.96


@pytest.mark.parametrize("coefficient", ["srcc", "krcc"])
def test_resampling_references_keeps_its_promise_for_ranks(coefficient):
    *images, index = clustered(0.5, images=6)
    found = [
        compare_correlations(a, b, y, references=index, coefficient=coefficient, resamples=150)
        for y, a, b in zip(*images, strict=True)
    ]
    assert 0.04 < np.mean([each.p_value < 0.05 for each in found]) < 0.06
    assert 0.93 < np.mean([each.difference.low <= 0 <= each.difference.high for each in found]) < 0.97


def test_a_difference_is_that_of_the_coefficients():
    y, a, b, index = (each[0] if each.ndim == 2 else each for each in clustered(0.5, data_sets=1))
    worse = b + np.random.default_rng(1).normal(size=len(b))
    for coefficient, theirs in (("srcc", stats.spearmanr), ("krcc", stats.kendalltau), ("pearson", stats.pearsonr)):
        found = compare_correlations(a, -worse, y, references=index, coefficient=coefficient)
        assert (found.a, found.b) == pytest.approx((theirs(a, y)[0], theirs(worse, y)[0]))
        assert found.difference.estimate == pytest.approx(found.a - found.b)
        assert found.effect == pytest.approx(np.arctanh(found.a) - np.arctanh(found.b))
        assert (found.degrees, found.better) == (24, 1.0)
        assert found.p_value < 0.001
        assert found.difference.low > 0
    told = compare_correlations(a, -worse, y, references=index, higher_is_better=(True, True))
    assert told.b == pytest.approx(-stats.spearmanr(worse, y)[0])
    assert compare_correlations(a, worse, y, references=index, coefficient="plcc").p_value < 0.001
    same = compare_correlations(a, 2 * a + 1, y, references=index)
    assert (same.difference, same.p_value, same.better) == ((0, 0, 0), 1, 0.5)


def test_equivalence_is_an_interval_within_the_margin():
    for difference in (0.0, 0.1, 0.17, 0.18, 0.3):
        half = stats.t.ppf(0.95, 12) * 0.02
        within = same_within(Interval(difference, difference - half, difference + half), 0.2)
        assert (tost(difference, 0.02, 12, 0.2).p_value < 0.05) == within
    assert tost(0.1, 0.0, 12, 0.2).p_value == 0
    assert tost(0.3, 0.0, 12, 0.2).p_value == 1


def test_equivalence_errs_no_more_often_than_it_says():
    draws = np.random.default_rng(2).normal(0.8, 1, (N, 20))  # the truth lies at the margin
    errors, means = draws.std(axis=1, ddof=1) / np.sqrt(20), draws.mean(axis=1)
    assert 0.04 < np.mean([tost(m, e, 19, 0.8).p_value < 0.05 for m, e in zip(means, errors, strict=True)]) < 0.06


def test_bad_input_is_named():
    for test in (williams, meng, zou):
        with pytest.raises(ValueError, match="between -1 and 1, got 1.2"):
            test(1.2, 0.3, 0.3, 20)
        with pytest.raises(ValueError, match="at least 4 items, got 3"):
            test(0.2, 0.3, 0.3, 3)
    with pytest.raises(ValueError, match="margin must be positive, got 0"):
        tost(0.1, 0.1, 10, 0)
    with pytest.raises(ValueError, match="standard error"):
        tost(0.1, -0.1, 10, 1)
    with pytest.raises(ValueError, match="got 'tau'"):
        compare_correlations([1, 2, 3, 4], [1, 2, 3, 5], [1, 2, 4, 3], coefficient="tau")
    with pytest.raises(ValueError, match="at least 2 references, got 1"):
        compare_correlations([1, 2, 3, 4], [1, 2, 3, 5], [1, 2, 4, 3], references=["a"] * 4)
    constant = compare_correlations([1, 1, 1, 1, 1], [1, 2, 3, 5, 4], [1, 2, 4, 3, 5])
    assert np.isnan(constant.p_value)

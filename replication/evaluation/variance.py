"""Residuals of two metrics after their mapping to opinions: VQEG's F test, its assumption, and a test for pairs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class VarianceTest:
    """ratio: variance of a's residuals over that of b's, below 1 where a predicts better. p_value: two-sided."""

    statistic: float
    ratio: float
    p_value: float
    degrees: tuple[int, int]


@dataclass(frozen=True)
class Normality:
    """kurtosis: fourth central moment over squared variance, 3 for a normal. looks_normal: it lies between 2 and 4,
    the check VQEG and Sheikh et al. (2006) made. p_value: D'Agostino & Pearson's (1973) test, NaN below 8 residuals."""

    kurtosis: float
    looks_normal: bool
    p_value: float


def f_test(residuals_a: ArrayLike, residuals_b: ArrayLike, *, parameters: int = 1) -> VarianceTest:
    """F test that two metrics' residuals have one variance, as VQEG and ITU-T P.1401 compare RMSE.

    residuals_a, residuals_b: opinion minus prediction, (n,) each. parameters: degrees of freedom taken from each n; 1
    is the sample variance, P.1401 takes as many as the mapping has parameters.

    It holds for two independent sets of independent normal residuals. Its use on the same images breaks the first: both
    metrics' residuals share the opinions' noise, and where they correlate by .5 it gives 2 % false alarms at 5 %, by .8
    0.1 %, and loses power (`pitman_morgan` has 5 %). Heavy tails break the last (see `normality`): 23 % for Student's
    t with 5 degrees, as `pitman_morgan`. Images that share a reference inflate both: 9 and 17 % for 25 references of 20
    images with offsets as large as the noise. (2,000 data sets each.)
    """
    a, b = _residuals(residuals_a), _residuals(residuals_b)
    one, two = len(a) - parameters, len(b) - parameters
    if min(one, two) < 1:
        raise ValueError(f"{parameters} parameters leave no degree of freedom for {min(len(a), len(b))} residuals")
    variance_a, variance_b = np.sum((a - a.mean()) ** 2) / one, np.sum((b - b.mean()) ** 2) / two
    if variance_b == 0:
        nan = float("nan")
        return VarianceTest(nan, float("inf") if variance_a > 0 else nan, 0.0 if variance_a > 0 else 1.0, (one, two))
    ratio = float(variance_a / variance_b)
    p_value = 2 * min(stats.f.cdf(ratio, one, two), stats.f.sf(ratio, one, two), 0.5)
    return VarianceTest(ratio, ratio, float(p_value), (one, two))


def pitman_morgan(residuals_a: ArrayLike, residuals_b: ArrayLike) -> VarianceTest:
    """Test that paired residuals have one variance (Pitman 1939, Morgan 1939): t test of corr(a + b, a - b) = 0.

    Exact for n independent pairs that are jointly normal, whatever their correlation, which is what two metrics on the
    same images need. Like all tests over images it errs too often where images share a reference.
    """
    a, b = _residuals(residuals_a), _residuals(residuals_b)
    if len(a) != len(b) or len(a) < 3:
        raise ValueError(f"paired residuals must be two arrays of one length, at least 3, got {len(a)} and {len(b)}")
    ratio = float(a.var() / b.var()) if b.var() > 0 else float("nan")
    total, difference = a + b, a - b
    spread = np.sqrt(total.var() * difference.var())
    n = len(a)
    if spread <= 1e-14 * max(total.var(), difference.var()):  # one is a multiple of the other
        same = difference.var() <= 1e-14 * total.var() or total.var() <= 1e-14 * difference.var()
        return VarianceTest(0.0 if same else float("nan"), ratio, 1.0 if same else float("nan"), (n - 2, n - 2))
    r = float(np.clip(np.mean((total - total.mean()) * (difference - difference.mean())) / spread, -1, 1))
    t = r * np.sqrt((n - 2) / (1 - r * r)) if abs(r) < 1 else np.copysign(np.inf, r)
    return VarianceTest(float(t), ratio, float(2 * stats.t.sf(abs(t), n - 2)), (n - 2, n - 2))


def normality(residuals: ArrayLike) -> Normality:
    """Normality of residuals, which `f_test` assumes: by their kurtosis, as VQEG judged it, and by a test."""
    values = _residuals(residuals)
    if np.ptp(values) == 0:
        return Normality(float("nan"), False, float("nan"))
    kurtosis = float(stats.kurtosis(values, fisher=False))
    p_value = float(stats.normaltest(values).pvalue) if len(values) >= 8 else float("nan")
    return Normality(kurtosis, 2 <= kurtosis <= 4, p_value)


def _residuals(values: ArrayLike) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) < 2:
        raise ValueError(f"residuals must be a one-dimensional array of at least 2 numbers, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"residuals hold {np.sum(~np.isfinite(array))} values that are not finite; leave them out")
    return array

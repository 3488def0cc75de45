"""Bootstrap confidence intervals: how much a statistic depends on which items happened to be measured."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Method = Literal["bca", "percentile"]
Statistic = Callable[..., NDArray[np.float64]]
_CHUNK = 4_000_000  # resampled values held in memory at once


class Interval(NamedTuple):
    """An estimate and its confidence interval."""

    estimate: float
    low: float
    high: float


def bootstrap_mean(
    scores: ArrayLike,
    *,
    confidence: float = 0.95,
    resamples: int = 10_000,
    method: Method = "bca",
    small_sample: bool = True,
    seed: int = 0,
) -> Interval:
    """Mean of `scores` (n items) with its bootstrap interval; see `bootstrap_statistic`."""
    return bootstrap_statistic(
        _mean, scores, confidence=confidence, resamples=resamples, method=method, small_sample=small_sample, seed=seed
    )


def bootstrap_statistic(
    statistic: Statistic,
    *samples: ArrayLike,
    confidence: float = 0.95,
    resamples: int = 10_000,
    method: Method = "bca",
    small_sample: bool = True,
    seed: int = 0,
) -> Interval:
    """Confidence interval of a statistic of n items by resampling the items with replacement.

    statistic: takes the samples as arrays (..., n) and returns (...); called with many resamples at once. With several
        samples (such as scores and opinions) items are resampled together.
    samples: one or more arrays (n,) of finite numbers, n >= 2.
    confidence: probability that the interval covers the true value, in (0, 1).
    method: 'percentile' takes quantiles of the resampled statistics; 'bca' (Efron 1987) first corrects their levels
        for bias z0 and skewness a,
            z0 = Phi^-1(share of resamples below the estimate),  a = sum(d^3) / (6 sum(d^2)^1.5),
            level = Phi(z0 + (z0 + z) / (1 - a (z0 + z))),  z = Phi^-1((1 -+ confidence) / 2),
        with d the jackknife influences.
    small_sample: widen the nominal levels to Phi(sqrt(n / (n - 1)) t^-1(level; n - 1)) (Hesterberg 2015, 'expanded'),
        because resampling n items shows a spread that is too small by that root and knows nothing of t. Of 95 %
        intervals of a mean of five normal scores, 92 % then cover the true mean, 85 % without; from a hundred items
        on it makes no difference.
    seed: of numpy's generator; the same seed gives the same interval.

    Returns Interval(estimate, low, high). Errors: ValueError that names what was wrong.
    """
    arrays = [_finite(sample, "sample") for sample in samples]
    if not arrays or any(len(array) != len(arrays[0]) for array in arrays):
        raise ValueError(f"samples must be arrays of one length, got lengths {[len(array) for array in arrays]}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence}")
    if resamples < 100:
        raise ValueError(f"at least 100 resamples are needed for an interval, got {resamples}")
    if method not in ("bca", "percentile"):
        raise ValueError(f"method must be 'bca' or 'percentile', got {method!r}")
    estimate = float(statistic(*arrays))
    resampled = _resample(statistic, arrays, resamples, seed)
    levels = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    if small_sample:
        count = len(arrays[0])
        levels = stats.norm.cdf(np.sqrt(count / (count - 1)) * stats.t.ppf(levels, count - 1))
    if method == "bca" and np.ptp(resampled) > 0:
        levels = _corrected(levels, statistic, arrays, estimate, resampled)
    low, high = np.quantile(resampled, levels)
    return Interval(estimate, float(low), float(high))


def _resample(
    statistic: Statistic, arrays: list[NDArray[np.float64]], resamples: int, seed: int
) -> NDArray[np.float64]:
    generator = np.random.default_rng(seed)
    count = len(arrays[0])
    parts = []
    for start in range(0, resamples, size := max(1, _CHUNK // count)):
        chosen = generator.integers(0, count, (min(size, resamples - start), count))
        parts.append(np.asarray(statistic(*(array[chosen] for array in arrays)), dtype=np.float64))
    return np.concatenate(parts)


def _corrected(
    levels: NDArray[np.float64],
    statistic: Statistic,
    arrays: list[NDArray[np.float64]],
    estimate: float,
    resampled: NDArray[np.float64],
) -> NDArray[np.float64]:
    """BCa's levels in place of the nominal ones."""
    count = len(arrays[0])
    without = np.array([statistic(*(np.delete(array, item) for array in arrays)) for item in range(count)])
    return bca_levels(levels, estimate, resampled, without)


def bca_levels(
    levels: NDArray[np.float64], estimate: float, resampled: NDArray[np.float64], without: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Levels corrected for bias and skewness, see `bootstrap_statistic`.

    resampled: the statistic of each resample; without: of all items (or groups of items) but one, in turn.
    """
    below = (np.sum(resampled < estimate) + np.sum(resampled <= estimate)) / (2 * len(resampled))  # ties count half
    bias = stats.norm.ppf(np.clip(below, 0.5 / len(resampled), 1 - 0.5 / len(resampled)))
    influence = without.mean() - without
    spread = np.sum(influence**2)
    skewness = np.sum(influence**3) / (6 * spread**1.5) if spread > 0 else 0.0
    shifted = bias + stats.norm.ppf(levels)
    with np.errstate(invalid="ignore"):
        corrected = stats.norm.cdf(bias + shifted / (1 - skewness * shifted))
    return np.where(np.isinf(shifted), levels, corrected)  # of two or three items the levels can round to 0 and 1


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(values.mean(axis=-1))


def _finite(values: ArrayLike, name: str) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) < 2:
        raise ValueError(f"{name} must be a one-dimensional array of at least 2 numbers, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(
            f"{name} holds {np.sum(~np.isfinite(array))} values that are not finite; leave those items out"
        )
    return array

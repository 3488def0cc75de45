"""Intervals that also cover which seed a network was trained with."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from replication.evaluation.intervals import Interval


def over_seeds(interval: Interval, by_seed: ArrayLike, confidence: float = 0.95) -> Interval:
    """The interval widened by what another training would change.

        h = t s / sqrt(k),   low = m - sqrt((m - low)^2 + h^2),   high = m + sqrt((high - m)^2 + h^2)

    with s the standard deviation of the k numbers in `by_seed` (the same statistic for each seed) and t the quantile of
    Student's distribution with k - 1 degrees of freedom: the two sources of error are independent, and their variances
    add. With one seed there is no such term, and the interval stays as it is.
    """
    values = np.asarray(by_seed, dtype=np.float64)
    if len(values) < 2:
        return interval
    half = stats.t.ppf((1 + confidence) / 2, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    middle = interval.estimate
    return Interval(
        middle,
        middle - float(np.hypot(middle - interval.low, half)),
        middle + float(np.hypot(interval.high - middle, half)),
    )

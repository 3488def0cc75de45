"""Resampling whole references: intervals and tests for statistics of images that are not independent."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from replication.evaluation.intervals import Interval, Method, bca_levels

Floats = NDArray[np.float64]

_DEFINED = 0.9  # share of resamples in which a statistic must be defined


@dataclass(frozen=True)
class Resamples:
    """Bootstrap and jackknife samples of groups, as how often each group counts.

    index: (n,) group of each item, 0 to groups - 1. drawn: (resamples, groups). left_out: (groups, groups), row g
    counts every group but g.
    """

    index: NDArray[np.intp]
    drawn: Floats
    left_out: Floats

    @property
    def groups(self) -> int:
        """Number of groups."""
        return int(self.drawn.shape[1])


def resample(references: ArrayLike | None, count: int, resamples: int, seed: int) -> Resamples:
    """Draw references with replacement, as many as there are; without `references` every image is its own.

    The draws are those of `bootstrap_statistic` with the same seed.
    """
    index = group_index(references, count)
    groups = int(index.max()) + 1
    if groups < 2:
        raise ValueError("an interval over references needs at least 2 references, got 1")
    if resamples < 100:
        raise ValueError(f"at least 100 resamples are needed for an interval, got {resamples}")
    chosen = np.random.default_rng(seed).integers(0, groups, (resamples, groups))
    offset = chosen + groups * np.arange(resamples)[:, None]
    drawn = np.bincount(offset.ravel(), minlength=resamples * groups).reshape(resamples, groups)
    return Resamples(index, drawn.astype(np.float64), 1 - np.eye(groups))


def group_index(references: ArrayLike | None, count: int) -> NDArray[np.intp]:
    """References of any type as numbers from 0, in sorted order; their own number for each image where None."""
    if references is None:
        return np.arange(count)
    labels = np.asarray(references)
    if labels.shape != (count,):
        raise ValueError(f"references must name one reference for each of the {count} images, got shape {labels.shape}")
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise ValueError("references hold NaN; name the reference of every image")
    return np.unique(labels.astype(str) if labels.dtype == object else labels, return_inverse=True)[1].astype(np.intp)


def interval(
    estimate: float,
    drawn: Floats,
    left_out: Floats,
    *,
    confidence: float = 0.95,
    method: Method = "percentile",
    small_sample: bool = True,
) -> Interval:
    """Confidence interval from a statistic's values in `Resamples.drawn` and `Resamples.left_out`.

    The same 'percentile' and 'bca' intervals, and the same widening for few groups, as `bootstrap_statistic` gives.
    Resamples in which the statistic is undefined (NaN) are left out; where they are more than one in ten, or the
    estimate is undefined, the limits are NaN.
    """
    check_options(confidence, method)
    kept = drawn[np.isfinite(drawn)]
    if not np.isfinite(estimate) or len(kept) < _DEFINED * len(drawn):
        return Interval(estimate, float("nan"), float("nan"))
    levels = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    groups = len(left_out)
    if small_sample:
        levels = stats.norm.cdf(np.sqrt(groups / (groups - 1)) * stats.t.ppf(levels, groups - 1))
    if method == "bca" and np.ptp(kept) > 0:
        defined = left_out[np.isfinite(left_out)]
        levels = bca_levels(levels, estimate, kept, defined if len(defined) else np.zeros(1))
    low, high = np.quantile(kept, levels)
    return Interval(estimate, float(low), float(high))


def jackknife_error(left_out: Floats) -> float:
    """Standard error from leaving out one group at a time: sqrt((g - 1) / g sum (v_g - mean v)^2)."""
    groups = len(left_out)
    return float(np.sqrt((groups - 1) / groups * np.sum((left_out - left_out.mean()) ** 2)))


def check_options(confidence: float, method: str) -> None:
    """Raise ValueError unless 0 < confidence < 1 and `method` is 'bca' or 'percentile'."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence}")
    if method not in ("bca", "percentile"):
        raise ValueError(f"method must be 'bca' or 'percentile', got {method!r}")

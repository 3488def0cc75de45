"""Means of items that come in clusters, such as crops of one photo or answers of one person."""

import numpy as np
from numpy.typing import ArrayLike

from replication.evaluation.clusters import interval, resample
from replication.evaluation.intervals import Interval


def cluster_mean(
    values: ArrayLike, clusters: ArrayLike, *, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Interval:
    """Mean of `values` (n,) with a bootstrap interval that draws whole clusters (percentile, widened for few of them).

    Every item counts alike; a resample's mean is the sum over its items divided by their number, which varies where
    clusters differ in size. clusters: of each item, any label; at least two. With each item its own cluster this is the
    percentile interval of `bootstrap_statistic`. Of differences of two methods on the same items it is the paired
    interval. Raises ValueError for values that are not finite.
    """
    items = np.asarray(values, dtype=np.float64)
    if items.ndim != 1 or len(items) < 2 or not np.isfinite(items).all():
        raise ValueError(f"values must be at least two finite numbers (n,), got shape {items.shape}; leave others out")
    drawn = resample(clusters, len(items), resamples, seed)
    sums = np.bincount(drawn.index, items, minlength=drawn.groups)
    sizes = np.bincount(drawn.index, minlength=drawn.groups).astype(np.float64)
    means, left_out = ((counts @ sums) / (counts @ sizes) for counts in (drawn.drawn, drawn.left_out))
    return interval(float(items.mean()), means, left_out, confidence=confidence)

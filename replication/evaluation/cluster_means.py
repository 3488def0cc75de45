"""Means of items that come in clusters, such as crops of one photo or answers of one person."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from replication.evaluation.clusters import interval, resample
from replication.evaluation.intervals import Interval

Floats = NDArray[np.float64]


def cluster_mean(
    values: ArrayLike, clusters: ArrayLike, *, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Interval:
    """Mean of `values` (n,) with a bootstrap interval that draws whole clusters; see `cluster_statistic`.

    With each item its own cluster this is the percentile interval of `bootstrap_statistic`. Of differences of two
    methods on the same items it is the paired interval.
    """
    column = np.asarray(values, dtype=np.float64)[..., None]
    return cluster_statistic(
        lambda means: means[..., 0], column, clusters, confidence=confidence, resamples=resamples, seed=seed
    )


def cluster_statistic(
    statistic: Callable[[Floats], Floats],
    values: ArrayLike,
    clusters: ArrayLike,
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """A statistic of means with a bootstrap interval that draws whole clusters (percentile, widened for few of them).

    statistic: takes means (..., k) to numbers (...). values: (n, k), k quantities of every item.
    Every item counts alike: a resample's mean is the sum over its items divided by their number, which varies where
    clusters differ in size. clusters: of each item, any label; at least two. Raises ValueError for values that are not
    finite.
    """
    items = np.asarray(values, dtype=np.float64)
    if items.ndim != 2 or len(items) < 2 or not np.isfinite(items).all():
        raise ValueError(
            f"values must be finite numbers of at least two items, got shape {items.shape}; leave others out"
        )
    drawn = resample(clusters, len(items), resamples, seed)
    sums = np.zeros((drawn.groups, items.shape[1]))
    np.add.at(sums, drawn.index, items)
    sizes = np.bincount(drawn.index, minlength=drawn.groups).astype(np.float64)
    means, left_out = (
        statistic((counts @ sums) / (counts @ sizes)[:, None]) for counts in (drawn.drawn, drawn.left_out)
    )
    return interval(float(statistic(items.mean(axis=0))), means, left_out, confidence=confidence)


def cut_off(frequencies: ArrayLike, correlation: ArrayLike, threshold: float = 0.5) -> Floats:
    """The frequency at which a curve of correlation first falls below the threshold: the finest detail preserved.

    In microscopy the same is the resolution by Fourier ring correlation (Saxton and Baumeister 1982).

    frequencies: (k,), ascending. correlation: (..., k) at these, interpolated linearly between them. Returns (...):
    the first frequency where the curve begins below the threshold, the last where it never falls below.
    """
    f, c = np.asarray(frequencies, dtype=np.float64), np.asarray(correlation, dtype=np.float64)
    if f.ndim != 1 or len(f) < 2 or (np.diff(f) <= 0).any() or c.shape[-1:] != f.shape:
        raise ValueError(f"a curve needs two rising frequencies, got {f.shape} for correlations {c.shape}")
    below = c < threshold
    after = np.where(below.any(axis=-1), below.argmax(axis=-1), len(f) - 1)
    before = np.maximum(after - 1, 0)
    high, low = (np.take_along_axis(c, at[..., None], axis=-1)[..., 0] for at in (before, after))
    drop = high - low
    share = np.divide(high - threshold, drop, out=np.ones_like(drop), where=drop > 0)
    crossing = f[before] + share * (f[after] - f[before])
    found: Floats = np.where(~below.any(axis=-1), f[-1], np.where(after == 0, f[0], crossing))
    return found

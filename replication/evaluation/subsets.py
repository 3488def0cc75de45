"""Subsets of many measurements as scores: how well a subset's mean follows opinions, and whether by more than chance.

The rows of a matrix (images, columns) are measured once; the score of an image with a subset of the columns is the mean
over them. Many subsets are a matrix product, and their rank correlations come from ranks taken all at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Chance:
    """A subset's coefficient among those of random subsets of its size.

    low, median, high: 2.5, 50 and 97.5 % quantiles of the random ones. percentile: per cent of them below, ties half.
    p_value: one-sided, see `against_chance`. draws: how many.
    """

    low: float
    median: float
    high: float
    percentile: float
    p_value: float
    draws: int


def subset_scores(columns: ArrayLike, subsets: Sequence[ArrayLike]) -> Floats:
    """Mean over each subset's columns, (subsets, images), of a matrix (images, columns); subsets are index arrays.

    ValueError for a matrix that is not finite, and for a subset that is empty, repeats a column or leaves the matrix.
    """
    matrix = np.asarray(columns, dtype=np.float64)
    if matrix.ndim != 2 or not np.isfinite(matrix).all():
        raise ValueError(f"columns must be a matrix (images, columns) of finite numbers, got shape {matrix.shape}")
    members = np.zeros((len(subsets), matrix.shape[1]))
    for row, subset in zip(members, subsets, strict=True):
        index = np.asarray(subset, dtype=np.intp)
        if not len(index) or index.min() < 0 or index.max() >= len(row) or len(np.unique(index)) < len(index):
            raise ValueError(f"a subset must be columns from 0 to {len(row) - 1}, each once and at least one")
        row[index] = 1 / len(index)
    return np.asarray(members @ matrix.T)


def rank_correlations(scores: ArrayLike, opinions: ArrayLike) -> Floats:
    """Spearman's rank correlation of each row of scores (subsets, images) with opinions (images,); ties at mean ranks.

    NaN for a row that is constant, and for all where the opinions are.
    """
    table, y = np.atleast_2d(np.asarray(scores, dtype=np.float64)), np.asarray(opinions, dtype=np.float64)
    if y.ndim != 1 or table.shape[1:] != y.shape or len(y) < 3:
        raise ValueError(f"scores must be (subsets, images) and opinions (images,), got {table.shape} and {y.shape}")
    if not (np.isfinite(table).all() and np.isfinite(y).all()):
        raise ValueError("scores and opinions must be finite; leave images without a score out")
    ranks, of_y = stats.rankdata(table, axis=1), stats.rankdata(y)
    ranks, of_y = ranks - ranks.mean(axis=1, keepdims=True), of_y - of_y.mean()
    size = np.linalg.norm(ranks, axis=1) * np.linalg.norm(of_y)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(size > 0, np.clip(ranks @ of_y / size, -1, 1), np.nan)


def random_subsets(columns: int, size: int, draws: int, seed: int) -> Indices:
    """Subsets of `size` of the columns, every one as likely as any other, (draws, size), each row ascending."""
    if not 1 <= size <= columns or draws < 1:
        raise ValueError(f"cannot draw {draws} subsets of {size} of {columns} columns")
    order = np.random.default_rng(seed).random((draws, columns)).argsort(axis=1)
    return np.sort(order[:, :size], axis=1)


def against_chance(value: float, random: ArrayLike, *, alternative: Literal["greater", "less"] = "greater") -> Chance:
    """Compare a subset's coefficient with those of random subsets of its size on the same images.

        p = (1 + number of random ones at least as large) / (1 + number of them)       (at least as small for "less")

    A test that the subset was chosen with no regard to the opinions' ranks; it counts the subset itself as one draw, so
    that p is never 0 and holds its level exactly (Phipson & Smyth 2010). It says nothing about other images; for those,
    resample references. Random coefficients that are NaN (scores all equal) count as 0. A NaN value gives NaN.
    """
    drawn = np.nan_to_num(np.asarray(random, dtype=np.float64), nan=0.0)
    if drawn.ndim != 1 or not len(drawn):
        raise ValueError(f"random must be a row of coefficients, got shape {drawn.shape}")
    if alternative not in ("greater", "less"):
        raise ValueError(f"alternative must be 'greater' or 'less', got {alternative!r}")
    low, median, high = (float(level) for level in np.quantile(drawn, [0.025, 0.5, 0.975]))
    if not np.isfinite(value):
        return Chance(low, median, high, float("nan"), float("nan"), len(drawn))
    extreme = drawn >= value if alternative == "greater" else drawn <= value
    percentile = 100 * (np.mean(drawn < value) + np.mean(drawn == value) / 2)
    return Chance(low, median, high, float(percentile), float((1 + extreme.sum()) / (1 + len(drawn))), len(drawn))

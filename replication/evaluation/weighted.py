"""Correlations when whole groups of items count several times or not at all, as in a bootstrap over references.

Images of one reference are drawn together, so a resample is a vector of weights, one whole number per reference,
and a coefficient is a function of those weights. Each function takes `index` (n,), the group of each item, and
`weights` (resamples, groups), and returns what its plain counterpart gives on the sample with every item repeated as
often as its group's weight says. NaN where that sample has one distinct value only.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
Index = NDArray[np.intp]

_CHUNK = 1_000_000  # items times resamples held at once
_MOST_GROUPS = 4000  # with more groups, Kendall's pairs are not stored as a table of groups by groups


def pearson(x: Floats, y: Floats, index: Index, weights: Floats) -> Floats:
    """Pearson's r, from six sums per group."""
    x, y = x - x.mean(), y - y.mean()
    groups = weights.shape[1]
    sums = [np.bincount(index, values, groups) for values in (np.ones(len(x)), x, y, x * x, y * y, x * y)]
    n, sx, sy, sxx, syy, sxy = (weights @ np.stack(sums, axis=1)).T
    return _ratio(sxy - sx * sy / n, sxx - sx * sx / n, syy - sy * sy / n, 1e-13 * sxx, 1e-13 * syy)


def root_mean_square(residuals: Floats, index: Index, weights: Floats) -> Floats:
    """Root of the mean squared residual."""
    groups = weights.shape[1]
    squares = weights @ np.bincount(index, residuals**2, groups)
    return np.asarray(np.sqrt(squares / (weights @ np.bincount(index, minlength=groups))))


def spearman(x: Floats, y: Floats, index: Index, weights: Floats) -> Floats:
    """Spearman's rank correlation, ties at their mean rank, in O(n) per resample once both are sorted."""
    total = weights @ np.bincount(index, minlength=weights.shape[1])
    parts = []
    for start in range(0, len(weights), size := max(1, _CHUNK // len(x))):
        part = weights[start : start + size].T
        centre = (total[start : start + size] + 1) / 2
        own = part[index]
        rank_x, rank_y = _midranks(x, own) - centre, _midranks(y, own) - centre
        weighted_x, weighted_y = own * rank_x, own * rank_y
        cross, square_x = (weighted_x * rank_y).sum(axis=0), (weighted_x * rank_x).sum(axis=0)
        square_y = (weighted_y * rank_y).sum(axis=0)
        parts.append(_ratio(cross, square_x, square_y, 1e-9, 1e-9))
    return np.concatenate(parts)


def kendall(x: Floats, y: Floats, index: Index, weights: Floats) -> Floats:
    """Kendall's tau-b = S / sqrt(Tx Ty), exactly.

    S = sum over pairs of items of sign(xi - xj) sign(yi - yj), Tx = number of pairs with xi != xj. Copies of one item
    count in none of the three, so each is a quadratic form w' M w / 2 with M summed once over pairs of groups.
    """
    groups = weights.shape[1]
    if groups > _MOST_GROUPS:
        return _kendall_one_by_one(x, y, index, weights)
    forms = _pair_signs(_codes(x), _codes(y), index, groups), _untied(x, index, groups), _untied(y, index, groups)
    s, tx, ty = (np.einsum("bg,bg->b", weights @ form, weights) / 2 for form in forms)
    return _ratio(s, tx, ty, 0.25, 0.25)


def _ratio(cross: Floats, x: Floats, y: Floats, least_x: Floats | float, least_y: Floats | float) -> Floats:
    """cross / sqrt(x y), kept within -1 and 1; NaN where x or y is no more than rounding."""
    defined = (x > least_x) & (y > least_y)
    value = cross / np.sqrt(np.where(defined, x, 1)) / np.sqrt(np.where(defined, y, 1))
    return np.where(defined, np.clip(value, -1, 1), np.nan)


def _midranks(values: Floats, own: Floats) -> Floats:
    """Ranks of `values` (n,) where item i occurs own[i, b] times: (n, resamples)."""
    order = np.argsort(values, kind="stable")
    placed = values[order]
    last = np.append(np.flatnonzero(placed[1:] != placed[:-1]), len(values) - 1)  # last of each run of ties
    upto = np.cumsum(own[order], axis=0)[last]
    below = np.vstack([np.zeros((1, own.shape[1])), upto[:-1]])
    return np.asarray(((below + upto + 1) / 2)[_codes(values)])


def _codes(values: Floats) -> NDArray[np.int32]:
    return np.unique(values, return_inverse=True)[1].astype(np.int32)


def _untied(values: Floats, index: Index, groups: int) -> Floats:
    """Pairs of items, one from each of two groups, that differ in value: (groups, groups)."""
    codes = _codes(values)
    counts = np.zeros((codes.max() + 1, groups))
    np.add.at(counts, (codes, index), 1)
    sizes = counts.sum(axis=0)
    return np.asarray(np.outer(sizes, sizes) - counts.T @ counts)


def _pair_signs(x: NDArray[np.int32], y: NDArray[np.int32], index: Index, groups: int) -> Floats:
    """Sum of sign(xi - xj) sign(yi - yj) over items i of one group and j of another: (groups, groups)."""
    small = np.int16 if len(x) < 2**15 else np.int32
    order = np.argsort(index, kind="stable")
    x, y, member = x[order].astype(small), y[order].astype(small), index[order]
    present, starts = np.unique(member, return_index=True)
    form = np.zeros((groups, groups))
    for group, start, stop in zip(present, starts, np.append(starts[1:], len(x)), strict=True):
        for first in range(start, stop, 127):  # so that a sum of signs fits in eight bits
            i = slice(first, min(first + 127, stop))
            sign_x = (x[i, None] > x).view(np.int8) - (x[i, None] < x).view(np.int8)
            sign_y = (y[i, None] > y).view(np.int8) - (y[i, None] < y).view(np.int8)
            columns = np.add.reduce(sign_x * sign_y, axis=0, dtype=np.int8)
            form[group, present] += np.add.reduceat(columns, starts, dtype=np.int64)
    return form


def _kendall_one_by_one(x: Floats, y: Floats, index: Index, weights: Floats) -> Floats:
    values = []
    for row in weights:
        repeats = row.astype(np.int64)[index]
        values.append(stats.kendalltau(np.repeat(x, repeats), np.repeat(y, repeats), method="asymptotic")[0])
    return np.array(values, dtype=np.float64)

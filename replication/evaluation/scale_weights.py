"""Weights that fuse the scores of several scales into one, learned from opinions, on references of their own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize
from scipy.special import expit

from replication.evaluation.clusters import resample
from replication.evaluation.splits import Split

Floats = NDArray[np.float64]
Objective = Literal["plcc", "rank", "nnls"]
Fusion = Literal["arithmetic", "geometric"]

OBJECTIVES: tuple[Objective, ...] = ("plcc", "rank", "nnls")
FUSIONS: tuple[Fusion, ...] = ("arithmetic", "geometric")

_LEAST = 1e-6  # smaller scores count as this in the geometric mean
_FARTHEST = 12.0  # limit of a softmax's argument: a share of e^-24 is negligible
_LEANING = 0.8  # share of the best level at the start, if it is better than equal weights
_PAIRS = 100_000

SOFTNESS = 0.05
"""Default of "rank", in standard deviations of the fused score; a pair that differs by it is 73 % in order."""


@dataclass(frozen=True)
class ScaleWeights:
    """weights: (levels,), none negative, of sum one. loss: the minimised loss at these weights; NaN for "nnls".
    converged: whether no small change of the weights lowers it."""

    weights: Floats
    objective: Objective
    fusion: Fusion
    loss: float
    converged: bool


def fuse(levels: ArrayLike, weights: ArrayLike, fusion: Fusion = "arithmetic") -> Floats:
    """(n, levels) scores to (n,): their weighted arithmetic mean, or geometric of max(score, 1e-6)."""
    table, shares = np.asarray(levels, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    if table.ndim != 2 or shares.shape != table.shape[1:]:
        raise ValueError(f"there must be a weight for each column of scores, got {shares.shape} and {table.shape}")
    return np.asarray(_shape(fusion)[0](_terms(table, fusion) @ shares))


def fit_weights(
    levels: ArrayLike,
    opinions: ArrayLike,
    *,
    objective: Objective = "rank",
    fusion: Fusion = "arithmetic",
    softness: float = SOFTNESS,
    seed: int = 0,
) -> ScaleWeights:
    """Non-negative weights of sum one with which the fused scores follow the opinions best.

    levels: (n, levels), finite; opinions: (n,), finite, higher for better images (turn a DMOS first).
    objective:
        "rank": the smallest share of pairs of images in the wrong order, smoothed: the mean over pairs of

                1 / (1 + exp(d / (softness s)))

            with d by how much the image with the better opinion scores more, and s the standard deviation of the fused
            scores themselves. As softness goes to zero this is (1 - Kendall's tau) / 2. If there are more than
            100,000 pairs, that many are drawn, from `seed`. s depends on the weights: with a fixed s, weight on a level
            of small spread would lower the loss of every wrong pair without ordering one correctly.
        "plcc": the largest Pearson correlation.
        "nnls": non-negative least squares on the opinions with an intercept (Lawson & Hanson), divided by its sum;
            equal weights where no non-negative weights correlate positively. For the arithmetic mean this is the
            optimum of "plcc" by another way: least squares has the largest correlation of all combinations, and so
            among the non-negative ones. For the geometric mean it is least squares of the opinions on the logarithms.
    In "rank" and "plcc" weights are a softmax, w_k = exp t_k / sum exp t, with analytic gradients. The descent (L-BFGS)
    starts at the best of equal weights and (near) each single level, and where it ends no better than that, that is
    the result. No objective changes when opinions or scores are multiplied by a positive number or shifted ("rank": any
    increasing function of the opinions; geometric mean: scores may be multiplied only).
    ValueError: other shapes, NaN, constant opinions.
    """
    table, y = _checked(levels, opinions)
    _check("objective", objective, OBJECTIVES)
    _check("fusion", fusion, FUSIONS)
    if not softness > 0:
        raise ValueError(f"softness must be greater than zero, got {softness}")
    count = table.shape[1]
    terms = _terms(table, fusion)
    equal = np.full(count, 1 / count)
    if objective == "nnls":
        found, _ = optimize.nnls(terms - terms.mean(axis=0), y - y.mean())
        total = found.sum()
        weights = found / total if total > 0 else equal
        return ScaleWeights(weights, objective, fusion, float("nan"), bool(total > 0))
    loss = _plcc(terms, y, fusion) if objective == "plcc" else _rank(terms, y, fusion, softness, seed)
    simple = [equal, *np.eye(count)]
    values = [loss(each)[0] for each in simple]
    best = int(np.argmin(values))
    if count == 1:
        return ScaleWeights(equal, objective, fusion, values[0], True)
    result = optimize.minimize(
        _softmaxed(loss),
        np.log(_LEANING * simple[best] + (1 - _LEANING) * equal),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-_FARTHEST, _FARTHEST)] * count,
        options={"maxiter": 1000, "ftol": 1e-10, "gtol": 1e-8},
    )
    if values[best] <= result.fun:
        return ScaleWeights(simple[best], objective, fusion, values[best], True)
    return ScaleWeights(_softmax(result.x), objective, fusion, float(result.fun), bool(result.success))


def weight_intervals(
    levels: ArrayLike,
    opinions: ArrayLike,
    references: ArrayLike | None = None,
    *,
    objective: Objective = "rank",
    fusion: Fusion = "arithmetic",
    softness: float = SOFTNESS,
    confidence: float = 0.95,
    resamples: int = 200,
    seed: int = 0,
) -> Floats:
    """Percentile intervals of the learned weights, (levels, 2), refitted to references drawn with replacement.

    A weight at zero has an interval that starts at zero. Scores of neighbouring levels correlate, so that weights are
    uncertain where the fused score is not.
    """
    table, y = _checked(levels, opinions)
    samples = resample(references, len(y), resamples, seed)
    order = np.argsort(samples.index, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(samples.index[order])) + 1)
    drawn = []
    for counts in samples.drawn.astype(np.intp):
        rows = np.concatenate([np.repeat(members[g], counts[g]) for g in np.flatnonzero(counts)])
        if np.ptp(y[rows]) > 0:
            found = fit_weights(table[rows], y[rows], objective=objective, fusion=fusion, softness=softness, seed=seed)
            drawn.append(found.weights)
    return np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0).T


def held_out(
    levels: ArrayLike,
    opinions: ArrayLike,
    folds: Sequence[Split],
    *,
    objective: Objective = "rank",
    fusion: Fusion = "arithmetic",
    softness: float = SOFTNESS,
    seed: int = 0,
) -> tuple[list[Floats], Floats]:
    """Fused scores of each split's test side with weights of its training side; and the weights (splits, levels).

    folds: of `splits`, so that no reference is on both sides.
    """
    table, y = _checked(levels, opinions)
    weights = [
        fit_weights(
            table[fold.train], y[fold.train], objective=objective, fusion=fusion, softness=softness, seed=seed
        ).weights
        for fold in folds
    ]
    scores = [fuse(table[fold.test], each, fusion) for fold, each in zip(folds, weights, strict=True)]
    return scores, np.stack(weights)


Loss = Callable[[Floats], tuple[float, Floats]]


def _terms(levels: Floats, fusion: Fusion) -> Floats:
    """Terms that the weights multiply: scores, or their logarithms for the geometric mean."""
    return levels if fusion == "arithmetic" else np.log(np.maximum(levels, _LEAST))


def _shape(fusion: Fusion) -> tuple[Callable[[Floats], Floats], Callable[[Floats], Floats]]:
    """Score as a function of the weighted sum, and its derivative as a function of the score."""
    if fusion == "arithmetic":
        return (lambda total: total), np.ones_like
    return np.exp, lambda score: score


def _plcc(terms: Floats, y: Floats, fusion: Fusion) -> Loss:
    """1 - r; with f and y centred and of length one, dr/df = (y - r f) / |f|."""
    target = (y - y.mean()) / np.linalg.norm(y - y.mean())
    score, slope = _shape(fusion)

    def loss(weights: Floats) -> tuple[float, Floats]:
        fused = score(terms @ weights)
        centred = fused - fused.mean()
        size = max(float(np.linalg.norm(centred)), 1e-300)
        r = float(centred @ target) / size
        return 1 - r, -terms.T @ ((target - r * centred / size) / size * slope(fused))

    return loss


def _rank(terms: Floats, y: Floats, fusion: Fusion, softness: float, seed: int) -> Loss:
    """Mean of p = 1 / (1 + exp m) with m = (f_i - f_j) / (c s), c the softness; of s, ds/df = (f - mean f) / (n s)."""
    first, second = _pairs(y, seed)
    score, slope = _shape(fusion)

    def loss(weights: Floats) -> tuple[float, Floats]:
        fused = score(terms @ weights)
        n, centred, spread = len(fused), fused - fused.mean(), float(fused.std())
        if spread <= 1e-12 * float(np.abs(fused).max()):  # equal scores have no order
            return 0.5, np.zeros_like(weights)
        margin = (fused[first] - fused[second]) / (softness * spread)
        wrong = expit(-margin)
        pull = wrong * (wrong - 1) / len(first)
        by_image = (np.bincount(first, pull, n) - np.bincount(second, pull, n)) / (softness * spread)
        by_image -= float(pull @ margin) * centred / (n * spread**2)
        return float(wrong.mean()), terms.T @ (by_image * slope(fused))

    return loss


def _pairs(y: Floats, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The better and the worse image of pairs with different opinions: all, or as many as are drawn."""
    n = len(y)
    if n * (n - 1) // 2 <= _PAIRS:
        one, two = np.triu_indices(n, 1)
    else:
        one, two = np.random.default_rng(seed).integers(0, n, (2, _PAIRS))
    one, two = one[y[one] != y[two]], two[y[one] != y[two]]
    better = y[one] > y[two]
    return np.where(better, one, two), np.where(better, two, one)


def _softmax(t: Floats) -> Floats:
    shares = np.exp(t - t.max())
    return np.asarray(shares / shares.sum())


def _softmaxed(loss: Loss) -> Loss:
    def of(t: Floats) -> tuple[float, Floats]:
        weights = _softmax(t)
        value, gradient = loss(weights)
        return value, weights * (gradient - weights @ gradient)

    return of


def _checked(levels: ArrayLike, opinions: ArrayLike) -> tuple[Floats, Floats]:
    table, y = np.asarray(levels, dtype=np.float64), np.asarray(opinions, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] < 1 or y.shape != table.shape[:1] or len(y) < 3:
        raise ValueError(
            f"levels must be (n, levels) and opinions (n,), n at least 3, got shapes {table.shape} and {y.shape}"
        )
    if not (np.isfinite(table).all() and np.isfinite(y).all()):
        raise ValueError("levels or opinions hold values that are not finite; leave those images out of both")
    if np.ptp(y) == 0:
        raise ValueError("all opinions are equal: no weights can be learned from them")
    return table, y


def _check(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")

"""Two methods measured on the same items: their difference, its significance, non-inferiority and equivalence."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from replication.evaluation.intervals import Interval, Method, bootstrap_mean


@dataclass(frozen=True)
class Comparison:
    """Method a against method b over n items; differences are a - b."""

    difference: Interval  # mean difference
    p_value: float  # Wilcoxon signed-rank, two-sided: no tendency either way
    effect: float  # matched-pairs rank-biserial correlation, -1 (b always higher) to 1 (a always higher)
    n: int


def compare_paired(
    a: ArrayLike,
    b: ArrayLike,
    *,
    confidence: float = 0.95,
    resamples: int = 10_000,
    method: Method = "bca",
    seed: int = 0,
) -> Comparison:
    """Compare the scores of two methods on the same items.

    a, b: n scores each, item i of a belonging to item i of b.

    The mean difference comes with a bootstrap interval over items; the p-value is that of Wilcoxon's signed-rank test
    (Wilcoxon 1945), zero differences counted with half their ranks on either side ('zsplit'), exact for up to 50 items
    without ties. With five items the smallest possible p is 0.0625: no such test can then be significant at 0.05. The
    effect is Kerby's (2014), see `rank_biserial`. All differences zero: p = 1, effect 0.
    """
    differences = _differences(a, b)
    interval = bootstrap_mean(differences, confidence=confidence, resamples=resamples, method=method, seed=seed)
    p_value = 1.0
    if np.any(differences != 0):
        p_value = float(stats.wilcoxon(differences, zero_method="zsplit").pvalue)
    return Comparison(interval, p_value, _effect(differences), len(differences))


def rank_biserial(a: ArrayLike, b: ArrayLike) -> float:
    """Matched-pairs rank-biserial correlation (Kerby 2014): (R+ - R-) / (R+ + R-).

    R+ and R- are the sums of the ranks of |a - b| over items where a > b and where a < b; zero differences are left
    out. 1: a is higher everywhere; 0: no tendency; -1: b is higher everywhere. 0 if all differences are zero.
    """
    return _effect(_differences(a, b))


def holm(p_values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjusted p-values of m tests (Holm 1979): compared with alpha, the chance of any false alarm stays below alpha.

    With p sorted upwards, adjusted(i) = max over j <= i of min(1, (m - j + 1) p(j)); returned in the order given.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not np.all((p >= 0) & (p <= 1)):
        raise ValueError("p-values must be a one-dimensional array of numbers between 0 and 1")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1)
    return adjusted


def not_worse(difference: Interval, margin: float) -> bool:
    """Non-inferiority: the whole interval of (method - comparator) lies above -margin, higher being better.

    With an interval of confidence c, the one-sided error is at most (1 - c) / 2.
    """
    _check_margin(margin)
    return difference.low > -margin


def same_within(difference: Interval, margin: float) -> bool:
    """Equivalence: the whole interval of the difference lies within -margin and +margin.

    This is the two one-sided tests procedure (Schuirmann 1987) at level (1 - c) / 2 each, c the interval's confidence.
    """
    _check_margin(margin)
    return -margin < difference.low and difference.high < margin


def _check_margin(margin: float) -> None:
    if not margin > 0:
        raise ValueError(f"the margin must be positive, got {margin}")


def _differences(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(f"paired scores must be two arrays of one length, got shapes {first.shape} and {second.shape}")
    if len(first) < 2 or not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError(
            "paired scores must be at least 2 finite numbers each; leave items without a score out of both"
        )
    return first - second


def _effect(differences: NDArray[np.float64]) -> float:
    kept = differences[differences != 0]
    if not len(kept):
        return 0.0
    ranks = stats.rankdata(np.abs(kept))
    return float(np.sum(ranks * np.sign(kept)) / np.sum(ranks))

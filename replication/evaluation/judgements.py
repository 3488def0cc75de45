"""Scores of distances against human choices, as in BAPPS (Zhang et al. 2018): two-alternative choice, and just
noticeable differences, as area under precision and recall or as the share of pairs in the right class."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Choices:
    """score: mean agreement with people. human: what one person scores against the others' distribution. best: what a
    metric that always takes the majority's side scores. agreement: per triplet (n,)."""

    score: float
    human: float
    best: float
    agreement: Floats


def two_alternative(distance_0: ArrayLike, distance_1: ArrayLike, judgement: ArrayLike) -> Choices:
    """2AFC score: the share of people who agree with the metric on which of two patches is nearer, averaged.

    distance_0, distance_1: (n,) distances of either patch to the reference. judgement: (n,) p, the share of people who
    chose patch 1. A triplet gives 1 - p where distance_0 is smaller, p where distance_1 is, 1/2 where they are equal.
    human = mean of p^2 + (1 - p)^2, best = mean of max(p, 1 - p).

    Intervals: `bootstrap_mean(result.agreement)`; every triplet of BAPPS has a patch of its own.
    """
    d0, d1, p = _arrays(distance_0=distance_0, distance_1=distance_1, judgement=judgement)
    _shares(p, "judgement")
    agreement = np.where(d0 < d1, 1 - p, np.where(d1 < d0, p, 0.5))
    human, best = p**2 + (1 - p) ** 2, np.maximum(p, 1 - p)
    return Choices(float(agreement.mean()), float(human.mean()), float(best.mean()), agreement)


def just_noticeable(distance: ArrayLike, same: ArrayLike) -> float:
    """JND score: area under the precision-recall curve of 'people call the pair the same', nearest pairs first.

    distance: (n,). same: (n,) share s of people who saw no difference. With pairs sorted by distance, the i nearest
    have TP = sum s and FP = sum (1 - s). Precision TP / i is raised to its maximum over all higher recalls, then summed
    over steps of recall TP / sum(s), as PASCAL VOC does since 2010 and the authors' code.

    Equal distances are taken together, so that the order of the pairs makes no difference; the authors' code takes
    them as they come. NaN if nobody called any pair the same.
    """
    d, s = _arrays(distance=distance, same=same)
    _shares(s, "same")
    if s.sum() == 0:
        return float("nan")
    order = np.argsort(d, kind="stable")
    last = np.append(np.flatnonzero(np.diff(d[order]) > 0), len(d) - 1)  # of each run of equal distances
    found = np.cumsum(s[order])[last]
    precision, recall = found / (last + 1), found / found[-1]
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * envelope))


def same_class(distance: ArrayLike, same: ArrayLike) -> float:
    """Share of pairs that the best thresholds on the distance put into the class that people gave them.

    distance: (n,). same: (n,) share s of people who saw no difference; its K distinct values are the classes (BAPPS: 0,
    1/3, 2/3 and 1, by three observers). The K - 1 thresholds cut the distances into K intervals, which may be empty,
    the nearest pairs being those of highest s; they are chosen for the largest share on these very pairs. Equal
    distances fall into one interval.

    The best cut is found exactly, class by class: with b_k(i) the most pairs of the i nearest that the first k classes
    can have right, and c_k(i) those of class k among the i nearest, b_k(i) = c_k(i) + max over j <= i of
    (b_{k-1}(j) - c_k(j)).
    """
    d, s = _arrays(distance=distance, same=same)
    _shares(s, "same")
    order = np.argsort(d, kind="stable")
    ends = np.append(0, np.append(np.flatnonzero(np.diff(d[order]) > 0), len(d) - 1) + 1)  # where a cut may lie
    best = np.full(len(ends), -np.inf)
    best[0] = 0.0
    for share in np.unique(s)[::-1]:
        right = np.append(0, np.cumsum(s[order] == share))[ends]
        best = right + np.maximum.accumulate(best - right)
    return float(best[-1] / len(d))


def _arrays(**named: ArrayLike) -> list[Floats]:
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in named.items()}
    shapes = [array.shape for array in arrays.values()]
    if len(set(shapes)) > 1 or len(shapes[0]) != 1 or shapes[0][0] < 1:
        raise ValueError(f"{', '.join(named)} must be arrays of one length, at least 1, got shapes {shapes}")
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds {np.sum(~np.isfinite(array))} values that are not finite; leave them out")
    return list(arrays.values())


def _shares(values: Floats, name: str) -> None:
    if values.min() < 0 or values.max() > 1:
        raise ValueError(f"{name} must be shares between 0 and 1, got {values.min()} to {values.max()}")

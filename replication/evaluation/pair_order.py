"""Pairs of images of one reference: does a score put the one first that people's opinions put first?"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from replication.evaluation.clusters import group_index


class Pairs(NamedTuple):
    """better, worse: positions of the images of each pair. apart: difference of their opinions, above 0."""

    better: NDArray[np.intp]
    worse: NDArray[np.intp]
    apart: NDArray[np.float64]


def pairs_of(opinions: ArrayLike, references: ArrayLike, *, higher_is_better: bool) -> Pairs:
    """All pairs of images of one reference with different opinions, reference by reference.

    opinions: (n,), finite. references: label of each image.
    """
    values = np.asarray(opinions, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError(
            f"opinions must be finite numbers (n,), got shape {values.shape}; leave images without one out"
        )
    index = group_index(references, len(values))
    first, second = np.triu_indices(len(values), 1)
    same = (index[first] == index[second]) & (values[first] != values[second])
    first, second = first[same], second[same]
    swap = (values[first] < values[second]) == higher_is_better
    better, worse = np.where(swap, second, first), np.where(swap, first, second)
    return Pairs(better, worse, np.abs(values[first] - values[second]))


def agrees(scores: ArrayLike, pairs: Pairs, *, higher_is_better: bool) -> NDArray[np.float64]:
    """For each pair 1 if the better image has the better score, 0 if the worse has, 1/2 if they have the same."""
    values = np.asarray(scores, dtype=np.float64)
    ahead = np.sign(values[pairs.better] - values[pairs.worse])
    return np.asarray((1 + (ahead if higher_is_better else -ahead)) / 2)

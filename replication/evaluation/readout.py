"""Numbers read out of a representation by a linear map, on images that it was not fitted on."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold

from replication.evaluation.scaling import Scaling, fit_scaling

PENALTIES = tuple(10.0**power for power in range(-2, 5))


def read_out(
    features: ArrayLike,
    targets: ArrayLike,
    groups: ArrayLike,
    *,
    folds: int = 5,
    penalties: Sequence[float] = PENALTIES,
    scaling: Scaling = "each",
    seed: int = 0,
) -> NDArray[np.float64]:
    """Error of each item, (n,), as a share of the targets' variance: 1 for always predicting the mean.

        error = |target - predicted|^2 / mean over all items of |target - mean target|^2

    features: (n, d), scaled by `scaling.fit_scaling` on the items fitted. targets: (n, k). groups: of each item; no
    group is in two folds. Predictions are by ridge regression without the item's fold; the penalty, one for all
    targets, is that of least leave-one-out error among the items fitted. seed: of the groups' order, which decides the
    folds.
    """
    x, y = np.asarray(features, dtype=np.float64), np.asarray(targets, dtype=np.float64)
    if x.ndim != 2 or y.ndim != 2 or not len(x) == len(y) == len(np.asarray(groups)):
        raise ValueError(f"features must be (n, d), targets (n, k), groups (n,), got {x.shape} and {y.shape}")
    variance = ((y - y.mean(0)) ** 2).sum(1).mean()
    if not variance > 0:
        raise ValueError("the targets are the same for all items")
    distinct, index = np.unique(np.asarray(groups), return_inverse=True)
    shuffled = np.random.default_rng(seed).permutation(len(distinct))[index.ravel()]
    predicted = np.empty_like(y)
    for train, test in GroupKFold(folds).split(x, groups=shuffled):
        scale = fit_scaling(x[train], scaling)
        fitted = RidgeCV(alphas=penalties).fit(scale(x[train]), y[train])
        predicted[test] = fitted.predict(scale(x[test]))
    errors: NDArray[np.float64] = ((y - predicted) ** 2).sum(1) / variance
    return errors

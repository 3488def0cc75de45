"""Features brought to a common scale by the items that a predictor is fitted on."""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

Floats = NDArray[np.float64]
Scaling = Literal["each", "common"]


def fit_scaling(fitted: Floats, scaling: Scaling = "each") -> Callable[[Floats], Floats]:
    """A function that scales features (n, d) by the mean and deviation of those `fitted` on.

    "each": every feature to unit variance; of principal components that is whitening. "common": all features divided by
    the root of their mean variance, so that a feature of more variance counts for more.
    """
    if scaling not in ("each", "common"):
        raise ValueError(f"scaling must be 'each' or 'common', got {scaling!r}")
    scaler = StandardScaler(with_std=scaling == "each").fit(fitted)
    unit = 1.0 if scaling == "each" else float(np.sqrt(fitted.var(axis=0).mean())) or 1.0
    return lambda features: np.asarray(scaler.transform(features) / unit)

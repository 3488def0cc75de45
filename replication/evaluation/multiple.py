"""Many tests at once (`holm` is in `paired`)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats


def benjamini_hochberg(p_values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjusted p-values of m tests (Benjamini & Hochberg 1995): compared with alpha, at most that share of what is
    called significant is expected to be false, if the tests are independent or positively dependent.

    With p sorted upwards, adjusted(i) = min over j >= i of min(1, m p(j) / j); returned in the order given. Weaker than
    `holm`, which bounds the chance of any false alarm.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not np.all((p >= 0) & (p <= 1)):
        raise ValueError("p-values must be a one-dimensional array of numbers between 0 and 1")
    return np.asarray(stats.false_discovery_control(p, method="bh")) if len(p) else p

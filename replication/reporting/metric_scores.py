"""Scores of a metric from a score table, their expected direction, and the groups in which images are resampled."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replication.scoring.scored import Scored

Floats = NDArray[np.float64]


def scores_of(scored: Scored, label: str) -> tuple[pd.DataFrame, int]:
    """The rows of a metric that have a score and an opinion, and how many lack either.

    Infinite scores (PSNR of identical images) are replaced by a number beyond all others, so that their rank is
    unchanged.
    """
    part = scored.table[scored.table["metric"] == label]
    if part.empty:
        known = ", ".join(scored.metrics)
        raise ValueError(f"{scored.name} has no scores of {label!r}; known: {known}")
    known_scores = part[part["score"].notna() & part["opinion"].notna()]
    values = known_scores["score"].to_numpy(float).copy()
    finite = values[np.isfinite(values)]
    if len(finite) and len(finite) < len(values):
        margin = finite.std() + 1e-9
        values[values == np.inf], values[values == -np.inf] = finite.max() + margin, finite.min() - margin
    return known_scores.assign(score=values), len(part) - len(known_scores)


def scores_in_common(
    scored: Scored, labels: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.str_]]:
    """Scores (metrics, images) of the images that all metrics have scored, their opinions and references."""
    parts = [scores_of(scored, label)[0].set_index("distorted") for label in labels]
    shared = [name for name in parts[0].index if all(name in part.index for part in parts[1:])]
    base = parts[0].loc[shared]
    table = np.stack([part.loc[shared, "score"].to_numpy(float) for part in parts])
    return table, base["opinion"].to_numpy(float), reference_groups(base.reset_index())


def reference_groups(part: pd.DataFrame) -> NDArray[np.str_]:
    """The reference of each image; an image whose reference is not known is a group of its own."""
    names = part["reference"].astype("string").fillna("")
    return np.where(names == "", part["distorted"].astype("string"), names).astype(str)


def increases_with_opinion(scored: Scored, label: str) -> bool | None:
    """True if a metric that works increases with the opinions; None where its direction is not known."""
    direction = scored.metrics[label].higher_is_better
    return None if direction is None else direction == scored.opinion.higher_is_better

"""Short runs at several learning rates, from which a loss's own rate is chosen."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from replication.training.fit import Compute
from replication.training.trained import Trained

# Shares of the best rate at which autoencoders are trained: the first, or the second where runs at the first fell
# apart. A short run ends before a rate that is too high does harm: at the best itself, a long run with MSE fell apart
# after 4,500 updates (nothing but a flat image was left), and so did all five with SSIM at half the best.
LONG_RUN_SHARES = (0.5, 0.25)


def compare_rates(
    train: Callable[..., Trained[Any]],
    recipe: Any,
    candidates: Sequence[float],
    training: Any,
    held_out: Any,
    *,
    checkpoints: Path,
    compute: Compute,
    label: str,
) -> pd.DataFrame:
    """Histories of short runs of `recipe` that differ in their learning rate only, one below the other.

    Each runs its whole schedule, so that a high rate is judged by where it ends and not by its noise on the way.
    Columns: those of `fit`, learning_rate being the candidate and current_rate the rate at the step.

    train: of `training.super_resolution` or `training.autoencoders`, with its recipe and its images.
    """
    histories = []
    for rate in candidates:
        trained = train(
            replace(recipe, learning_rate=rate),
            training,
            held_out,
            checkpoints=checkpoints / f"{rate:g}",
            compute=compute,
            label=f"{label}, rate {rate:g}",
        )
        histories.append(trained.history.rename(columns={"learning_rate": "current_rate"}).assign(learning_rate=rate))
    return pd.concat(histories, ignore_index=True)

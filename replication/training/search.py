"""A random search over a loss's options and learning rate, with as many trials for every loss."""

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from replication.datasets.stacks import Stack
from replication.training.autoencoders import Recipe, train
from replication.training.fit import Compute

RATE = "learning_rate"
_STREAM = 0x5EA2C4  # keeps the draws apart from other uses of the same seed
COLUMNS = ["trial", "loss", "options", RATE, "validation_loss", "validation_ssim", "validation_mse"]


@dataclass(frozen=True)
class Trial:
    """One setting: the loss's options and the learning rate."""

    options: Mapping[str, Any]
    learning_rate: float


def draw_trials(space: Mapping[str, Sequence[Any]], count: int, *, seed: int = 0) -> list[Trial]:
    """`count` settings from a space; the first has the first choice of every axis, the others are drawn at random.

    space: "learning_rate" -> its least and greatest value, between which rates are drawn evenly in the logarithm; and
        any other name of an axis -> its choices, each a mapping of options, which are put together. Options are not
        drawn twice before all combinations were.
    Raises ValueError for a space without a range of rates, or with an axis without choices.
    """
    low, high = space.get(RATE, (0.0, 0.0))
    axes: list[list[Mapping[str, Any]]] = [list(choices) for name, choices in space.items() if name != RATE]
    if not 0 < low <= high or not all(axes) or count < 1:
        raise ValueError(
            f"a search needs one trial or more, {RATE}: [least, greatest] above 0 and axes with choices, got {count} "
            f"and {dict(space)}"
        )
    draw = np.random.default_rng([_STREAM, seed])
    combinations = [_together(parts) for parts in itertools.product(*axes)]
    order = [0, *(1 + draw.permutation(len(combinations) - 1)).tolist()]
    rates = np.exp(draw.uniform(math.log(low), math.log(high), size=count))
    return [Trial(combinations[order[number % len(order)]], float(f"{rate:.2g}")) for number, rate in enumerate(rates)]


def search(
    recipe: Recipe,
    trials: Sequence[Trial],
    training: Stack,
    held_out: Stack,
    *,
    checkpoints: Path,
    compute: Compute,
    label: str,
) -> pd.DataFrame:
    """The last validation of a training of `recipe` with each trial's options and rate: COLUMNS, a row for each trial.

    options: as JSON. Trials share initial weights and batches. An interrupted search goes on where it stopped.
    """
    rows = []
    for number, trial in enumerate(trials):
        trained = train(
            replace(recipe, loss_options=dict(trial.options), learning_rate=trial.learning_rate),
            training,
            held_out,
            checkpoints=checkpoints / str(number),
            compute=compute,
            label=f"{label}, trial {number + 1} of {len(trials)}",
        )
        about = {"trial": number, "loss": recipe.loss, "options": json.dumps(dict(trial.options), sort_keys=True)}
        last: dict[str, Any] = {str(name): value for name, value in trained.history.iloc[-1].items()}
        rows.append({**last, **about, RATE: trial.learning_rate})
    return pd.DataFrame(rows)[COLUMNS]


def _together(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {key: value for part in parts for key, value in part.items()}

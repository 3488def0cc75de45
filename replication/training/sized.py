"""Trained autoencoders that differ from the usual ones in one choice, such as the size of the code."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from replication.models.autoencoders import Autoencoder
from replication.training.fit import TrainingError
from replication.training.trained import Trained

Sized = dict[tuple[int, str, int], Trained[Autoencoder]]
"""Networks by the units of the code, the loss and the seed."""


def load_sized(folder: Path, sizes: Iterable[int], losses: Iterable[str], seeds: Iterable[int]) -> Sized:
    """The trained autoencoders in <folder>/<size>-<loss>-<seed>; those that are absent are left out."""
    keys = [(size, loss, seed) for size in sizes for loss in losses for seed in seeds]
    found = {key: folder / "-".join(map(str, key)) for key in keys}
    return {key: Trained.load(at, Autoencoder) for key, at in found.items() if (at / "network.safetensors").is_file()}


def check_alike(usual: Iterable[Trained[Autoencoder]], others: Mapping[str, Trained[Autoencoder]], but: str) -> None:
    """Raise TrainingError unless each of `others` was trained like the usual networks of its model and loss.

    but: the value of the recipe that is meant to differ, such as "bottleneck". Seeds may differ too. What was trained
    before a parameter changed would otherwise stand beside what was trained after it.
    """
    recipes = {
        (run.identity["recipe"]["model"], run.identity["recipe"]["loss"]): run.identity["recipe"] for run in usual
    }
    for name, run in others.items():
        recipe = run.identity["recipe"]
        own = recipes.get((recipe["model"], recipe["loss"]), {})
        for key, value in own.items():
            if key not in (but, "seed") and recipe.get(key) != value:
                raise TrainingError(
                    f"{name} was trained with {key} {recipe.get(key)}, the networks beside it with {value}; "
                    "train it anew"
                )

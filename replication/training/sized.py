"""Trained autoencoders with codes of several sizes."""

from collections.abc import Iterable
from pathlib import Path

from replication.models.autoencoders import Autoencoder
from replication.training.trained import Trained

Sized = dict[tuple[int, str, int], Trained[Autoencoder]]
"""Networks by the units of the code, the loss and the seed."""


def load_sized(folder: Path, sizes: Iterable[int], losses: Iterable[str], seeds: Iterable[int]) -> Sized:
    """The trained autoencoders in <folder>/<size>-<loss>-<seed>; those that are absent are left out."""
    keys = [(size, loss, seed) for size in sizes for loss in losses for seed in seeds]
    found = {key: folder / "-".join(map(str, key)) for key in keys}
    return {key: Trained.load(at, Autoencoder) for key, at in found.items() if (at / "network.safetensors").is_file()}

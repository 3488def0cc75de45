"""Small rated sets for the tests of scoring; imported by worker processes too, so without torch."""

import hashlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from replication.datasets.images import Pixels
from replication.datasets.sets import ImageFile


@dataclass(frozen=True)
class RatedSet:
    """What `score` needs of a data set."""

    name: str
    table: pd.DataFrame
    images: Mapping[str, Any]


@dataclass(frozen=True)
class Noise:
    """An image without a file: noise of a seed."""

    seed: int
    size: tuple[int, int] = (24, 30)  # (height, width)

    def read(self, mode: str = "RGB") -> Pixels:
        return np.random.default_rng(self.seed).integers(0, 256, (*self.size, 3), dtype=np.uint8)

    def read_hashed(self, mode: str = "RGB") -> tuple[Pixels, str]:
        return self.read(mode), self.digest()

    def digest(self) -> str:
        return hashlib.sha256(repr(self).encode()).hexdigest()


@dataclass(frozen=True)
class Witness(Noise):
    """White where the process that reads it has imported torch, else black."""

    def read(self, mode: str = "RGB") -> Pixels:
        return np.full((*self.size, 3), 255 * ("torch" in sys.modules), dtype=np.uint8)


@dataclass(frozen=True)
class Deadly(Noise):
    """Kills the process that reads it, unless that is `survivor`."""

    survivor: int = 0

    def read(self, mode: str = "RGB") -> Pixels:
        if os.getpid() != self.survivor:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(mode)


def rated(images: Mapping[str, Any], pairs: Sequence[tuple[str, str]], name: str = "tiny") -> RatedSet:
    """A set of these pairs (reference, distorted), with opinions 0, 1, 2, ..."""
    table = pd.DataFrame(list(pairs), columns=["reference", "distorted"])
    table["opinion"] = np.arange(float(len(pairs)))
    table["distortion"] = "noise"
    table["level"] = pd.array([1] * len(pairs), dtype="Int64")
    return RatedSet(name, table, images)


def noise_set(references: int = 2, copies: int = 3, size: tuple[int, int] = (24, 30)) -> RatedSet:
    """References r0, r1, ... of noise, each with distorted d0-0, d0-1, ..., in turns: d0-0, d1-0, d0-1, ..."""
    images = {f"r{r}": Noise(r, size) for r in range(references)}
    images |= {f"d{r}-{c}": Noise(1000 + 100 * r + c, size) for r in range(references) for c in range(copies)}
    return rated(images, [(f"r{r}", f"d{r}-{c}") for c in range(copies) for r in range(references)])


def files(folder: Path, pixels: Mapping[str, Pixels]) -> dict[str, ImageFile]:
    """PNG files of these names and contents."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, image in pixels.items():
        Image.fromarray(image).save(folder / name)
    return {name: ImageFile(folder / name) for name in pixels}

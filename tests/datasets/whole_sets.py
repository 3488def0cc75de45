"""Whole sets in their official layouts: every name and opinion, and a few tiny images under thousands of names."""

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from layouts import build, build_judged
from PIL import Image

from replication.datasets.catalogue import JUDGED, RATED
from replication.datasets.iqa import labels
from replication.datasets.iqa.listing import Row

STRENGTHS = 8  # of the distortion; 0 is none


def pictures(side: int = 16) -> list[Image.Image]:
    """A photo-like image and its distorted versions, the stronger the later."""
    random = np.random.default_rng(0)
    waves = np.sin(np.arange(side) / 3)[:, None, None] * np.cos(np.arange(side)[:, None] / 4 + np.arange(3))
    noise = random.normal(size=(side, side, 3))
    return [
        Image.fromarray(np.clip(128 + 60 * waves + 5 * strength * noise, 0, 255).astype(np.uint8))
        for strength in range(STRENGTHS)
    ]


def rows_of(name: str, labels_folder: Path) -> list[Row]:
    """The rows of a whole set: the published ones, or, of QADS, names of its form with opinions made up.

    No list of QADS is published outside the set: the suite checks only how many images and references it has and the
    range of their opinions.
    """
    if name != "qads":
        return labels.read(name, labels_folder)
    random = np.random.default_rng(1)
    methods = [(2, index) for index in range(1, 18)] + [(scale, index) for scale in (3, 4) for index in range(1, 17)]
    return [
        Row(f"img{image:02d}.bmp", f"img{image:02d}_{scale}_{index}.bmp", round(random.uniform(), 5), "", None, (), ())
        for image in range(1, 21)
        for scale, index in methods
    ]


def strengths(name: str, rows: Sequence[Row]) -> dict[str, int]:
    """The strength with which each distorted image of a set is made: 1 to 7, more for those that people found worse,
    though not strictly so."""
    opinions = np.array([row.opinion for row in rows])
    worse = (-opinions if RATED[name].opinion.higher_is_better else opinions).argsort().argsort() / len(rows)
    chance = np.array([zlib.crc32(row.distorted.encode()) / 2**32 for row in rows])
    steps = 1 + ((STRENGTHS - 1) * (0.7 * worse + 0.3 * chance)).astype(int)
    return {row.distorted: int(step) for row, step in zip(rows, steps, strict=True)}


def write(name: str, root: Path, labels_folder: Path, shown: Sequence[Image.Image]) -> Path:
    """Write a whole set under the data root `root` as its authors distribute it."""
    folder = root / name
    folder.mkdir(parents=True)
    rows = rows_of(name, labels_folder)
    steps = strengths(name, rows)
    return build(name, rows, folder, lambda image: shown[steps.get(image, 0)])


def patch_strength(name: str) -> int:
    """The strength with which a patch of BAPPS, such as "cnn/p0/000001", is made; references are undistorted."""
    return 0 if "/ref/" in name else zlib.crc32(name.encode()) % STRENGTHS


def write_bapps(root: Path, shown: Sequence[Image.Image]) -> Path:
    """Write both validation parts of BAPPS under the data root: 46,000 comparisons of patches."""
    decisions: dict[str, Callable[[int], float]] = {
        "bapps-2afc": lambda index: index % 6 / 5,  # of five observers
        "bapps-jnd": lambda index: index % 4 / 3,
    }
    for name, decide in decisions.items():
        build_judged(JUDGED[name], root / "bapps", lambda image: shown[patch_strength(image)], decide)
    return root / "bapps"

"""Extended Yale B, cropped: 38 faces under 64 lights each, whose direction is in the file's name."""

import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from replication.datasets import availability
from replication.datasets.catalogue import TRAINING
from replication.datasets.errors import ImageError
from replication.datasets.images import read_image
from replication.datasets.manifests import locate
from replication.datasets.photos import PHOTOS
from replication.datasets.sets import images as image_set
from replication.datasets.stacks import Stack, fitted, stacked

SIZES = ((192, 168), (96, 84))  # height and width of the official images, and halved
_NAME = re.compile(r"(yaleB\d\d)_P(\d\d)A([+-]\d{3})E([+-]\d\d)\.pgm", re.IGNORECASE)


@dataclass(frozen=True)
class LitFaces:
    """Faces with, for each, who it is and where the light came from, in degrees.

    azimuth: of the light, positive to the right of the camera. elevation: positive above it.
    """

    stack: Stack
    identity: NDArray[np.str_]
    azimuth: NDArray[np.float64]
    elevation: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.stack)


def yaleb(folder: str | os.PathLike[str] | None = None, *, size: int = 48) -> LitFaces:
    """Every image with a light in its name: the largest central square, resized by `stacks.fitted`, (N, 1, size, size).

    folder: with the subjects' folders in it; yaleb under the data root (or CroppedYale) if not given. Images are
    168 x 192, or half of that. Files are recognised by their names: the 18 that were damaged when the set was made
    (.bad), images of ambient light, and any other files are passed over and counted in `stack.skipped`.
    Raises AbsentDataError if there are no images; ImageError for a damaged file or one of another size.
    """
    at = (locate("yaleb") or locate("CroppedYale")) if folder is None else Path(folder).expanduser()
    if at is None or not at.is_dir():
        raise availability.missing(TRAINING["yaleb"], "" if at is None else f"there is no folder {at}")
    skipped: Counter[str] = Counter()
    small, rows = {}, []
    for path in sorted(path for path in at.rglob("*") if path.is_file()):
        match = _NAME.fullmatch(path.name)
        if match is None:
            skipped[_reason(path)] += 1
            continue
        image = read_image(path, "L")
        if image.shape not in SIZES:
            raise ImageError(path, f"has {image.shape[1]} x {image.shape[0]} pixels; wanted 168 x 192, or 84 x 96")
        small[path.stem] = fitted(image, size)
        rows.append((match[1], float(match[3]), float(match[4])))
    if not small:
        raise availability.missing(TRAINING["yaleb"], f"the folder {at} holds no image named like its own")
    title = f"Extended Yale B, central squares resized to {size} x {size}"
    identity, azimuth, elevation = zip(*rows, strict=True)
    stack = stacked(title, small, dict(sorted(skipped.items())))
    return LitFaces(stack, np.array(identity), np.array(azimuth), np.array(elevation))


def lit_photos(sets: tuple[str, ...] | list[str] = ("photos-a", "photos-b", "photos-c"), *, size: int = 48) -> LitFaces:
    """Photos shaded as if lit from 24 directions, in place of Yale B: no faces, and the shading is a plane's.

    A photo times 0.1 + 0.9 max(0, cos of the angle between the light and a surface that bulges towards the camera).
    """
    at = (np.arange(size) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(0.6 * at, -0.6 * at)
    z = np.sqrt(1 - 0.9 * (x**2 + y**2))
    lights = [(a, e) for e in (-35.0, 0.0, 35.0) for a in (-110.0, -70.0, -35.0, -10.0, 10.0, 35.0, 70.0, 110.0)]
    small, rows = {}, []
    for name in sets:
        for image, pixels in image_set(name):
            grey = fitted(pixels, size).mean(axis=2)
            for a, e in lights:
                azimuth, elevation = np.deg2rad(a), np.deg2rad(e)
                towards = (np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation))
                shade = 0.1 + 0.9 * np.maximum(0, towards[0] * x + towards[1] * y + towards[2] * z)
                small[f"{image}_A{a:+04.0f}E{e:+03.0f}"] = np.rint(grey * shade).astype(np.uint8)
                rows.append((image, a, e))
    kind = "photos of scikit-image" if set(sets) <= set(PHOTOS) else ", ".join(sets)
    identity, azimuths, elevations = zip(*rows, strict=True)
    stack = stacked(f"{kind} under made-up light, in place of Extended Yale B", small)
    return LitFaces(stack, np.array(identity), np.array(azimuths), np.array(elevations))


def _reason(path: Path) -> str:
    if path.name.lower().endswith(".pgm.bad"):
        return "damaged when the set was made (.bad)"
    if "ambient" in path.name.lower():
        return "ambient light"
    return ".info" if path.suffix.lower() == ".info" else "other files"

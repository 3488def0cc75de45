"""The same squared error put into a salient, a flat or a textured region of a photo."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import ndimage

from replication.datasets.images import Pixels
from replication.metrics.colour import rgb_to_gray
from replication.metrics.saliency import spectral_residual

ERRORS = ("noise", "blur")
REGIONS = ("salient", "flat", "textured")

_BLOCK = 8  # pixels of the blocks whose deviations say how textured a region is
_WIDEST = 6.0  # pixels, deviation of the strongest blur
_HALVINGS = 24  # of the range of a distortion's strength: to 1e-6 of it

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Region:
    """A rectangle of a photo: its kind, the upper left corner, and its size in pixels."""

    kind: str
    top: int
    left: int
    height: int
    width: int

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the rectangle."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)

    def overlaps(self, other: "Region") -> bool:
        """Whether two rectangles of one size share pixels."""
        return abs(self.top - other.top) < self.height and abs(self.left - other.left) < self.width


def regions(photo: Pixels, error: str, mean_square: float) -> list[Region]:
    """The three regions of a photo (H, W, 3), a quarter of its shorter side across, none overlapping another.

    Of the squares half a side apart: "salient" has the largest mean of `saliency.spectral_residual`; of those that are
    left, "textured" has the largest median deviation of luminance in blocks of 8 x 8 pixels (an edge between two plain
    areas has few such blocks), "flat" the smallest mean of it. For "blur" only squares count in which a Gaussian of 6
    pixels makes the error, so that "flat" is the flattest that can be blurred by as much. Empty where there are not
    three.
    """
    height, width = photo.shape[:2]
    side = min(height, width) // 4 // _BLOCK * _BLOCK
    if side < _BLOCK:
        return []
    image = torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 255
    seen = F.interpolate(spectral_residual(image)[None], (height, width), mode="bilinear", align_corners=False)
    salient = seen[0, 0].double().numpy()
    grey = 255 * rgb_to_gray(image)[0, 0].double().numpy()
    found = []
    for top in range(0, height - side + 1, side // 2):
        for left in range(0, width - side + 1, side // 2):
            square = Region("", top, left, side, side)
            rows, columns = square.window
            if error == "blur" and _error(photo, _blurred(photo, square, _WIDEST), square) < mean_square:
                continue
            deviations = _block_deviations(grey[rows, columns])
            found.append((square, salient[rows, columns].mean(), deviations.mean(), np.median(deviations)))
    orders: dict[str, Callable[[tuple[Region, float, float, float]], float]] = {
        "salient": lambda each: -each[1],
        "textured": lambda each: -each[3],
        "flat": lambda each: each[2],
    }
    chosen: list[Region] = []
    for kind, order in orders.items():
        free = [each for each in found if not any(each[0].overlaps(taken) for taken in chosen)]
        if not free:
            return []
        best = min(free, key=order)[0]
        chosen.append(replace(best, kind=kind))
    return sorted(chosen, key=lambda region: REGIONS.index(region.kind))


def with_error(photo: Pixels, region: Region, error: str, mean_square: float, seed: int) -> Pixels:
    """The photo with an error in one region, whose mean square over the region's 8-bit samples is `mean_square`.

    "noise": one standard normal number for each pixel, the same in all channels and, with one seed, in all regions,
    times what makes the error. "blur": the photo behind a Gaussian of the width that makes the error. Clipping and
    rounding to 8 bits are part of both: the strength is found by halving intervals. Raises ValueError for another error
    or one that cannot be made (`regions` leaves such squares out).
    """
    makers: dict[str, tuple[Callable[[float], Pixels], float]] = {
        "noise": (lambda strength: _noisy(photo, region, strength, seed), 255.0),
        "blur": (lambda strength: _blurred(photo, region, strength), _WIDEST),
    }
    if error not in makers:
        raise ValueError(f"error must be one of {', '.join(ERRORS)}, got {error!r}")
    make, high = makers[error]
    low = 0.0
    if _error(photo, make(high), region) < mean_square:
        raise ValueError(f"no {error} makes a mean squared error of {mean_square:g} in this region; choose less")
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _error(photo, make(middle), region) < mean_square:
            low = middle
        else:
            high = middle
    return make(high)


def everywhere(photo: Pixels, error: str, mean_square: float, seed: int) -> Pixels | None:
    """The whole photo with that error; None where no blur makes it."""
    whole = Region("everywhere", 0, 0, *photo.shape[:2])
    if error == "blur" and _error(photo, _blurred(photo, whole, _WIDEST), whole) < mean_square:
        return None
    return with_error(photo, whole, error, mean_square, seed)


def _block_deviations(grey: Floats) -> Floats:
    side = grey.shape[0] // _BLOCK
    blocks = grey[: side * _BLOCK, : side * _BLOCK].reshape(side, _BLOCK, side, _BLOCK)
    deviations: Floats = blocks.std(axis=(1, 3))
    return deviations


def _noisy(photo: Pixels, region: Region, strength: float, seed: int) -> Pixels:
    rows, columns = region.window
    part = photo[rows, columns].astype(np.float64)
    noise = np.random.default_rng(seed).standard_normal(part.shape[:2])[..., None]
    return _replaced(photo, region, part + strength * noise)


def _blurred(photo: Pixels, region: Region, deviation: float) -> Pixels:
    rows, columns = region.window
    margin = int(np.ceil(4 * _WIDEST))
    top, left = max(rows.start - margin, 0), max(columns.start - margin, 0)
    part = photo[top : rows.stop + margin, left : columns.stop + margin].astype(np.float64)
    blurred = ndimage.gaussian_filter(part, (deviation, deviation, 0), mode="nearest")
    inside = blurred[rows.start - top :, columns.start - left :][
        : rows.stop - rows.start, : columns.stop - columns.start
    ]
    return _replaced(photo, region, inside)


def _replaced(photo: Pixels, region: Region, values: Floats) -> Pixels:
    changed = photo.copy()
    changed[region.window] = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return changed


def _error(photo: Pixels, changed: Pixels, region: Region) -> float:
    rows, columns = region.window
    difference = changed[rows, columns].astype(np.float64) - photo[rows, columns]
    return float(np.square(difference).mean())

"""Images cut into tiles of windows, so that intermediate results stay in the caches and memory stays bounded."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from replication.metrics.checks import Padding


class Tile(NamedTuple):
    """The part (P, h, w) of planes (N, H, W) that lies under the windows of a tile.

    places: in rows and in columns, which windows of an image these are. read: the slices that lie inside the image.
    missing: how many pixels lie beyond it (left, right, top, bottom); they are mirrored at the border pixels.
    """

    planes: slice
    places: tuple[slice, slice]
    read: tuple[slice, slice, slice]
    missing: tuple[int, int, int, int]

    def of(self, image: Tensor) -> Tensor:
        """The tile of an image."""
        tile = image[self.read]
        return F.pad(tile, self.missing, mode="reflect") if any(self.missing) else tile

    def add(self, gradient: Tensor, by_tile: Tensor) -> None:
        """Add the derivatives by a tile to those by the image; where it is mirrored, to the pixels mirrored."""
        for dim, before, after in ((-1, *self.missing[:2]), (-2, *self.missing[2:])):
            if before or after:
                inside = by_tile.shape[dim] - before - after
                first, last = by_tile.narrow(dim, 0, before), by_tile.narrow(dim, before + inside, after)
                by_tile = by_tile.narrow(dim, before, inside)
                by_tile.narrow(dim, 1, before).add_(first.flip(dim))
                by_tile.narrow(dim, inside - 1 - after, after).add_(last.flip(dim))
        gradient[self.read] += by_tile


def windows(side: int, size: int, padding: Padding) -> int:
    """Number of windows of `size` pixels along a side: one for each pixel if it is padded."""
    return side if padding == "reflect" else side - size + 1


def tiles(shape: Sequence[int], size: int, padding: Padding, pixels: int) -> Iterator[Tile]:
    """Tiles of about `pixels` windows of `size` that cover planes (N, H, W).

    Small planes go together; a large one is cut into rectangles twice as wide as high. How one plane is cut depends on
    its size alone, not on how many there are, so that sums over tiles do not depend on the batch either.
    """
    planes, *sides = shape
    height, width = (windows(side, size, padding) for side in sides)
    across = math.ceil(width / (2 * math.isqrt(pixels // 2))) if height * width > pixels else 1
    columns = math.ceil(width / across)
    rows = math.ceil(height / math.ceil(height * columns / pixels))
    together = max(1, pixels // (height * width))
    margin = size // 2 if padding == "reflect" else 0
    for row in range(0, height, rows):
        for column in range(0, width, columns):
            places = slice(row, min(row + rows, height)), slice(column, min(column + columns, width))
            wanted = [(place.start - margin, place.stop + size - 1 - margin) for place in places]
            top, left = (max(0, -start) for start, _ in wanted)
            bottom, right = (max(0, stop - side) for (_, stop), side in zip(wanted, sides, strict=True))
            inside = (slice(max(0, start), min(stop, side)) for (start, stop), side in zip(wanted, sides, strict=True))
            inside_rows, inside_columns = inside
            for plane in range(0, planes, together):
                chosen = slice(plane, min(plane + together, planes))
                yield Tile(chosen, places, (chosen, inside_rows, inside_columns), (left, right, top, bottom))

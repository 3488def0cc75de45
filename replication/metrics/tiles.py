"""Planes cut into tiles, so that what is computed of a tile stays in the caches and memory stays bounded."""

import math
from collections.abc import Iterator


def tiles(planes: int, height: int, width: int, pixels: int) -> Iterator[tuple[slice, slice, slice]]:
    """Slices of planes, rows and columns that cover (planes, height, width), of about `pixels` each.

    Small planes go together; a large one is cut into rectangles twice as wide as high. How one plane is cut depends on
    its size alone, not on how many there are, so that sums over tiles do not depend on the batch either.
    """
    across = math.ceil(width / (2 * math.isqrt(pixels // 2))) if height * width > pixels else 1
    columns = math.ceil(width / across)
    rows = math.ceil(height / math.ceil(height * columns / pixels))
    together = max(1, pixels // (height * width))
    for plane in range(0, planes, together):
        for row in range(0, height, rows):
            for column in range(0, width, columns):
                yield (
                    slice(plane, min(plane + together, planes)),
                    slice(row, min(row + rows, height)),
                    slice(column, min(column + columns, width)),
                )

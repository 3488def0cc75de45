"""Mean, deviation, skewness and kurtosis of overlapping blocks of an image."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

BLOCK, STEP = 16, 4  # pixels: the side of a block, and from one block to the next

_TINY = 1e-12  # added to variances


class BlockStatistics(NamedTuple):
    """Each (..., blocks down, blocks across). Kurtosis is 3 for a normal distribution."""

    mean: Tensor
    deviation: Tensor
    skewness: Tensor
    kurtosis: Tensor


def block_statistics(image: Tensor) -> BlockStatistics:
    """Statistics of all whole blocks of 16 x 16 pixels, one every four pixels.

    (..., H, W) to (H - 12) // 4 rows and (W - 12) // 4 columns of blocks.

    Four pixels down are one group, four such groups across a cell of 4 x 4, four cells across and four down a block;
    the moments of a union follow from those of its parts. That is ten times faster than cutting out every block, and
    as exact: no moment is computed as a difference of large numbers.
    """
    height, width = (side // STEP * STEP for side in image.shape[-2:])
    cells_in_block = BLOCK // STEP
    down, across = height // STEP - cells_in_block + 1, width // STEP - cells_in_block + 1
    groups = _union([_Moments(image[..., k:height:STEP, :width]) for k in range(STEP)])
    cells = _union([groups.at((..., slice(k, None, STEP))) for k in range(STEP)])
    strips = _union([cells.at((..., slice(k, k + across))) for k in range(cells_in_block)])
    blocks = _union([strips.at((..., slice(k, k + down), slice(None))) for k in range(cells_in_block)])
    assert isinstance(blocks.second, Tensor)
    deviation = torch.sqrt(blocks.second + _TINY)
    return BlockStatistics(blocks.mean, deviation, blocks.third / deviation**3, blocks.fourth / deviation**4)


class _Moments(NamedTuple):
    """The mean of each set, and the means of the powers of the deviations from it; none for single pixels."""

    mean: Tensor
    second: Tensor | float = 0.0
    third: Tensor | float = 0.0
    fourth: Tensor | float = 0.0

    def at(self, index: Any) -> "_Moments":
        return _Moments(self.mean[index], *(x[index] if isinstance(x, Tensor) else x for x in self[1:]))


def _union(sets: Sequence[_Moments]) -> _Moments:
    """Moments of the union of sets of the same size."""
    mean = sum(s.mean for s in sets) / len(sets)
    assert isinstance(mean, Tensor)
    second = third = fourth = torch.zeros_like(mean)
    for s in sets:
        shift = s.mean - mean
        square = shift * shift
        second = second + (square + s.second)
        third = third + shift * (square + 3 * s.second) + s.third
        fourth = fourth + square * (square + 6 * s.second) + 4 * shift * s.third + s.fourth
    return _Moments(mean, second / len(sets), third / len(sets), fourth / len(sets))

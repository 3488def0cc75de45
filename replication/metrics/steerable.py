"""Two orientations of the steerable pyramid of Simoncelli and Freeman (1995), as filters of the image."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from replication.metrics.chunks import strips

# The filters 'sp5' of the authors' matlabPyrTools (Karasaridis, Simoncelli 1996). The low-pass filters are symmetric
# about both axes, so that a quarter is given, the centre at its lower right. Of the six orientations of the band-pass
# filters only the derivative down the rows is given, whose upper half is the lower one negated; the one along the
# columns is its transpose, the sign apart.
_LOW_FIRST = (
    (0.00341614, -0.01551246, -0.03848215),
    (-0.01551246, 0.05586982, 0.15925570),
    (-0.03848215, 0.15925570, 0.40304148),
)
_LOW = (
    (0.00170808, -0.00489834, -0.00775624, -0.01888864, -0.01924108),
    (-0.00489834, -0.01046562, -0.01322234, 0.00821200, 0.02005976),
    (-0.00775624, -0.01322234, 0.02793492, 0.06554076, 0.07962786),
    (-0.01888864, 0.00821200, 0.06554076, 0.12852666, 0.16339236),
    (-0.01924108, 0.02005976, 0.07962786, 0.16339236, 0.20193080),
)
_BAND_BELOW = (
    (0.01021852, 0.03075356, 0.08226445, 0.11732297, 0.08226445, 0.03075356, 0.01021852),
    (0.00986904, 0.00893064, -0.01189859, -0.02755155, -0.01189859, 0.00893064, 0.00986904),
    (-0.00277643, -0.00496194, -0.01026699, -0.01455399, -0.01026699, -0.00496194, -0.00277643),
)


def oriented_bands(image: Tensor, levels: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Derivatives of fifth order down the rows and along the columns (sign apart) of each level, finest first.

    image: (N, 1, H, W); a level has half the rows and columns of the one before, rounded up. Beyond the border the
    image is mirrored, the border pixel not repeated; every level must have 5 rows and columns at least.
    """
    below = torch.tensor(_BAND_BELOW, dtype=torch.float64)
    band = torch.cat((-below.flip(0), torch.zeros_like(below[:1]), below))
    image = _filtered(image, _symmetric(_LOW_FIRST))
    for level in range(levels):
        yield _filtered(image, band), _filtered(image, band.T)
        if level < levels - 1:
            image = _filtered(image, _symmetric(_LOW), stride=2)


def _symmetric(quarter: tuple[tuple[float, ...], ...]) -> Tensor:
    """The whole filter whose upper left quarter, middle row and column included, is given."""
    left = torch.tensor(quarter, dtype=torch.float64)
    upper = torch.cat((left, left[:, :-1].flip(1)), dim=1)
    return torch.cat((upper, upper[:-1].flip(0)))


def _filtered(image: Tensor, weights: Tensor, stride: int = 1) -> Tensor:
    """Correlation with a filter, (N, 1, H, W) to a `stride`-th of the rows and columns, rounded up.

    Strip by strip: on a CPU a convolution takes many times the memory of its image.
    """
    size = weights.shape[0]
    padded, kernel = F.pad(image, [size // 2] * 4, mode="reflect"), weights.to(image)[None, None]
    parts = [
        F.conv2d(padded[..., rows.start * stride : (rows.stop - 1) * stride + size, :], kernel, stride=stride)
        for rows in strips(-(-image.shape[-2] // stride), len(image) * image.shape[-1])
    ]
    return torch.cat(parts, dim=-2)

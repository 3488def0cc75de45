"""Normalised Laplacian pyramid distance (NLPD)."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from replication.metrics.checks import Validate, check_least_size, checked_pair
from replication.metrics.chunks import in_chunks
from replication.metrics.filters import separable_filter
from replication.metrics.registry import metric
from replication.metrics.roots import square_root

LEAST_SIZE = 17  # the fifth reduction then still starts from two pixels, which its filter mirrors


class _Normalisation(NamedTuple):
    """Constant and weights of the neighbours' magnitudes of one level, in z / (constant + weighted sum)."""

    constant: float
    neighbours: dict[tuple[int, int], float]  # by (rows down, columns right)


# Fitted by the authors to natural images; finest level first. Their printed filters are convolved, so that the weight
# printed above the centre belongs to the neighbour below it.
_LEVELS = (
    _Normalisation(0.0248, {(1, 0): 0.1011, (0, 1): 0.1493, (0, -1): 0.1460, (-1, 0): 0.1015, (0, -2): 0.0072}),
    _Normalisation(0.0185, {(1, 0): 0.0757, (0, 1): 0.1986, (0, -1): 0.1846, (-1, 0): 0.0837}),
    _Normalisation(0.0179, {(1, 0): 0.0477, (0, 1): 0.2138, (0, -1): 0.2243, (-1, 0): 0.0467}),
    _Normalisation(0.0191, {(0, 1): 0.2503, (0, -1): 0.2616}),
    _Normalisation(0.0220, {(0, 1): 0.2598, (0, -1): 0.2552}),
    _Normalisation(0.2782, {(0, 1): 0.2215, (0, -1): 0.0717}),
)
_TAPS = (0.05, 0.25, 0.4, 0.25, 0.05)  # Burt and Adelson 1983


@metric("nlpd", higher_is_better=False, colour="gray", eight_bit=True)
def nlpd(reference: Tensor, distorted: Tensor, *, data_range: float = 1.0, validate: Validate = None) -> Tensor:
    """NLPD of each image, shape (N,), 0 for identical images; lower is better.

        NLPD = mean over six levels of sqrt(mean((a - b)^2)),  a = z / (sigma + sum of p |z| of neighbours)

    with z the levels of the Laplacian pyramid of either image, the last one its low-pass residual, and sigma and p
    fitted to natural images; channels are averaged (Laparra, Balle, Berardino, Simoncelli 2016). Nothing beyond that:
    no gamma, the root is taken of each level's mean, and levels count alike.

    On 8-bit grey (rgb2gray) it agrees with the authors' MATLAB code to seven digits. Three things decide how far
    others are from it: without the rounding of luminance to 8 bits the score falls by
    29 to 31 % where a picture differs mostly in colour, and by 0.1 % elsewhere (pyiqa's port does not round); the
    first level's filter has a fifth weight, .0072 two pixels away, that the port lacks (0.1 to 0.3 % more); and the
    filters mirror the image with its border pixel repeated when reducing, repeat the border pixel when enlarging, and
    see zeros when normalising.

    reference, distorted: (N, C, H, W) floats in [0, data_range], 17 x 17 at least; computed in float32 (float64 if
        given), whatever the autocast.
    validate: whether values are checked, see `checks.checked_pair`.
    Differentiable; the gradient of identical images is zero.
    Raises ValueError naming the tensor and what was wanted.
    """
    reference, distorted = checked_pair(reference, distorted, data_range, validate)
    check_least_size(reference, LEAST_SIZE, "NLPD")
    with torch.autocast(reference.device.type, enabled=False):
        return in_chunks(_distance, reference / data_range, distorted / data_range)


def _distance(x: Tensor, y: Tensor) -> Tensor:
    distances = [
        square_root((a - b).square().mean(-1).mean(-1))
        for a, b in zip(_normalised_levels(x), _normalised_levels(y), strict=True)
    ]
    return torch.stack(distances, dim=-1).mean(dim=-1).mean(dim=-1)


def _normalised_levels(image: Tensor) -> Iterator[Tensor]:
    """Levels of the Laplacian pyramid, each value divided by the magnitude of its neighbourhood."""
    for level in _LEVELS[:-1]:
        reduced = _reduced(image)
        yield _normalised(image - _enlarged(reduced, image.shape[-2], image.shape[-1]), level)
        image = reduced
    yield _normalised(image, _LEVELS[-1])


def _normalised(band: Tensor, level: _Normalisation) -> Tensor:
    height, width = band.shape[-2:]
    magnitude = F.pad(band.abs(), (2, 2, 1, 1))
    surround = level.constant + sum(
        weight * magnitude[..., 1 + down : 1 + down + height, 2 + right : 2 + right + width]
        for (down, right), weight in level.neighbours.items()
    )
    return band / surround


def _reduced(image: Tensor) -> Tensor:
    """Low-pass filtered, every second row and column from the first: (..., H, W) to half, rounded up."""
    for dim in (-1, -2):
        last = image.shape[dim] - 1
        beyond = [image.narrow(dim, position, 1) for position in (1, 0, last, last - 1)]
        image = torch.cat((*beyond[:2], image, *beyond[2:]), dim)
    return separable_filter(image, _TAPS)[..., ::2, ::2]


def _enlarged(image: Tensor, height: int, width: int) -> Tensor:
    """Zeros put between, low-pass filtered and doubled along both sides: (..., H / 2, W / 2) to (..., H, W)."""
    for dim, length in ((-2, height), (-1, width)):
        sides = (1, 1, 0, 0) if dim == -1 else (0, 0, 1, 1)
        padded = F.pad(image, sides, mode="replicate")
        before, centre, after = (padded.narrow(dim, start, image.shape[dim]) for start in range(3))
        at, between = 2 * (_TAPS[0] * (before + after) + _TAPS[2] * centre), 2 * _TAPS[1] * (centre + after)
        image = torch.stack((at, between), dim=dim).flatten(dim - 1, dim).narrow(dim, 0, length)
    return image

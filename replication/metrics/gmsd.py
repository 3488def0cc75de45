"""Gradient magnitude similarity deviation (GMSD)."""

import functools

import torch
import torch.nn.functional as F
from torch import Tensor

from replication.metrics.blocks import block_means
from replication.metrics.checks import Validate, check_least_size, checked_pair
from replication.metrics.chunks import in_chunks
from replication.metrics.registry import metric
from replication.metrics.roots import square_root

LEAST_SIZE = 5  # two sides of three pixels after halving: one whole Prewitt filter

_STABILITY = 170.0  # the paper's constant T, for images in [0, 255]
# Pixels (after halving) of one image worked on at a time: small enough for a CPU's caches, large for an accelerator.
_STRIP_CPU = 2**17
_STRIP_ACCELERATOR = 2**24


@metric("gmsd", higher_is_better=False, colour="gray", eight_bit=True)
def gmsd(reference: Tensor, distorted: Tensor, *, data_range: float = 1.0, validate: Validate = None) -> Tensor:
    """GMSD of each image, shape (N,), in [0, 1]; lower is better, 0 for identical images.

        GMSD = standard deviation over all pixels of  (2 g h + T) / (g^2 + h^2 + T),  T = 170 for images in [0, 255]

    with g and h the magnitudes of the Prewitt gradients of the two images, halved by 2 x 2 means, zeros beyond the
    border; channels are averaged (Xue, Zhang, Mou, Bovik 2014). On 8-bit grey (rgb2gray) it agrees with the authors'
    MATLAB code in all seven printed digits. piq's differs from it in two ways: it takes a colour image to unrounded
    luminance, which halves the score of nearly identical pictures, and divides by n, not n - 1, in the deviation.

    reference, distorted: (N, C, H, W) floats in [0, data_range], 5 x 5 at least; computed in float32 (float64 if
        given), sums in float64, whatever the autocast, strip by strip: 24 megapixels in colour take 300 MB beside the
        images themselves.
    validate: whether values are checked, see `checks.checked_pair`.
    Differentiable; the gradient of identical images is zero.
    Raises ValueError naming the tensor and what was wanted.
    """
    reference, distorted = checked_pair(reference, distorted, data_range, validate)
    check_least_size(reference, LEAST_SIZE, "GMSD")
    with torch.autocast(reference.device.type, enabled=False):
        return in_chunks(functools.partial(_deviation, scale=255 / data_range), reference, distorted)


def _deviation(x: Tensor, y: Tensor, scale: float) -> Tensor:
    """GMSD of images (N, C, H, W) in [0, 255 / scale]."""
    rows, columns = (-(-side // 2) for side in x.shape[-2:])
    strip = max(1, (_STRIP_CPU if x.device.type == "cpu" else _STRIP_ACCELERATOR) // columns)
    total = squares = torch.zeros((), dtype=torch.float64, device=x.device)
    for top in range(0, rows, strip):
        difference = _dissimilarity(x, y, top, min(top + strip, rows), scale)
        total = total + difference.sum(-1).sum(-1)  # row by row: the same order whatever the batch
        squares = squares + difference.square().sum(-1).sum(-1)
    n = rows * columns
    variance = (squares - total.square() / n).clamp(min=0) / (n - 1)
    return square_root(variance).mean(dim=1).to(x.dtype)


def _dissimilarity(x: Tensor, y: Tensor, top: int, bottom: int, scale: float) -> Tensor:
    """1 - similarity in rows top to bottom of the halved images, (N, C, bottom - top, columns), float64.

    (g - h)^2 / (g^2 + h^2 + T) is that difference without its cancellation, and has the same deviation.
    """
    g, h = (_gradient_magnitude(image, top, bottom, scale) for image in (x, y))
    return ((g - h).square() / (g.square() + h.square() + _STABILITY)).double()


def _gradient_magnitude(image: Tensor, top: int, bottom: int, scale: float) -> Tensor:
    """Magnitude of the Prewitt gradient in rows top to bottom of the halved image, zeros beyond its border."""
    rows = -(-image.shape[-2] // 2)
    halved = scale * block_means(image[..., max(0, 2 * top - 2) : 2 * bottom + 2, :], 2)
    halved = F.pad(halved, (1, 1, int(top == 0), int(bottom == rows)))
    down = halved[..., :-2, :] + halved[..., 1:-1, :] + halved[..., 2:, :]
    across = halved[..., :-2] + halved[..., 1:-1] + halved[..., 2:]
    horizontal, vertical = down[..., 2:] - down[..., :-2], across[..., 2:, :] - across[..., :-2, :]
    return square_root(horizontal.square() + vertical.square()) / 3

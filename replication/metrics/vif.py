"""Visual information fidelity (VIF), in the steerable pyramid and in the pixel domain."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from replication.metrics.checks import Validate, checked_pair
from replication.metrics.defaults import metric_on
from replication.metrics.libraries import piq
from replication.metrics.steerable import oriented_bands

LEAST_SIZE = 65  # nine coefficients at the coarsest of four levels: one whole window inside the border
LEAST_SIZE_PIXEL = 41  # piq's

_LEVELS = 4
_NOISE = 0.4  # variance of the visual noise, for images in [0, 255]
_SIDE = 3  # of the blocks of coefficients
_TINY = 1e-15


@metric_on("vif", higher_is_better=True, colour="gray", eight_bit=True)
def vif(reference: Tensor, distorted: Tensor, *, data_range: float = 1.0, validate: Validate = None) -> Tensor:
    """VIF of each image, shape (N,); higher is better, 1 for identical images, above 1 where contrast was raised.

        VIF = sum of log2(1 + g^2 s e / (v + n)) / sum of log2(1 + s e / n)

    over the eight bands of four levels of a steerable pyramid (two of its six orientations), the blocks of 3 x 3
    coefficients of a band, and the nine eigenvalues e of the covariance C of its blocks (Sheikh, Bovik 2006). Of a
    block c, s = c' C^-1 c / 9 is the strength in the reference; the distorted band is modelled as g times the
    reference plus noise of variance v, fitted in a window of 17, 9, 5 or 3 coefficients, finest level first; n = 0.4 is
    the variance of the visual noise for images in [0, 255]. Blocks whose window leaves the image are left out.

    This is the authors' MATLAB program vifvec, from which published values of VIF come; on 8-bit grey (rgb2gray) it
    agrees to the four printed digits. `vif_pixel` is their simplified program, with other values.

    reference, distorted: (N, C, H, W) floats in [0, data_range], 65 x 65 at least; channels are averaged. Computed in
        float32 (float64 if given) up to the bands; their statistics, small differences of large squares, in float64.
    validate: whether values are checked, see `checks.checked_pair`.
    A flat reference holds no information to lose, and scores 1.
    Raises ValueError naming the tensor and what was wanted.
    """
    reference, distorted = checked_pair(reference, distorted, data_range, validate)
    _check_size(reference, LEAST_SIZE)
    shape = reference.shape
    with torch.autocast(reference.device.type, enabled=False):
        # The bands do not see the mean; without it rounding errors are smaller, and none on flat images.
        x, y = (_centred(image.reshape(-1, 1, *shape[-2:])) * (255 / data_range) for image in (reference, distorted))
        kept = available = torch.zeros(len(x), dtype=torch.float64, device=x.device)
        pairs = zip(oriented_bands(x, _LEVELS), oriented_bands(y, _LEVELS), strict=True)
        for level, (bands_x, bands_y) in enumerate(pairs):
            window = 2 ** (_LEVELS - level) + 1
            for a, b in zip(bands_x, bands_y, strict=True):
                information = _information(a[:, 0].double(), b[:, 0].double(), window)
                kept, available = kept + information.kept, available + information.available
        score = (kept + _TINY) / (available + _TINY)
        return score.view(shape[:2]).mean(dim=1).to(reference.dtype)


@metric_on("vif-pixel", higher_is_better=True, colour="gray", eight_bit=True)
def vif_pixel(
    reference: Tensor, distorted: Tensor, *, data_range: float = 1.0, noise: float = 2.0, validate: Validate = None
) -> Tensor:
    """VIF in the pixel domain of each image, shape (N,); higher is better, 1 for identical images.

    The authors' simplified program (vifp_mscale), as piq computes it: gain and noise as in `vif`, but of the pixels
    under Gaussian windows at four scales. Its values are not those published for VIF.

    reference, distorted: (N, C, H, W) floats in [0, data_range], 41 x 41 at least; channels are averaged. Computed in
        float64, whatever the autocast: in float32 small variances lose three digits.
    noise: variance of the visual noise, for images in [0, 255].
    validate: whether values are checked, see `checks.checked_pair`.
    Raises ValueError naming the tensor and what was wanted.
    """
    reference, distorted = checked_pair(reference, distorted, data_range, validate)
    _check_size(reference, LEAST_SIZE_PIXEL)
    shape = reference.shape
    with torch.autocast(reference.device.type, enabled=False):
        x, y = (image.double().reshape(-1, 1, *shape[-2:]) / data_range for image in (reference, distorted))
        score: Tensor = piq().vif_p(y, x, sigma_n_sq=noise, data_range=1.0, reduction="none")
        return score.view(shape[:2]).mean(dim=1).to(reference.dtype)


class _Information(NamedTuple):
    """In bits: what of the reference the distorted band keeps, and what the reference has; each (N,)."""

    kept: Tensor
    available: Tensor


def _information(reference: Tensor, distorted: Tensor, window: int) -> _Information:
    """Of bands (N, H, W)."""
    gain, noise = _channel(reference, distorted, window)
    strength, eigenvalues = _source(reference)
    inside = _skipped(window)
    strength = strength[:, inside : strength.shape[1] - inside, inside : strength.shape[2] - inside]
    kept = available = torch.zeros_like(strength)
    for eigenvalue in eigenvalues.unbind(dim=1):
        signal = strength * eigenvalue[:, None, None]
        kept = kept + torch.log2(1 + gain.square() * signal / (noise + _NOISE))
        available = available + torch.log2(1 + signal / _NOISE)
    return _Information(kept.sum(-1).sum(-1), available.sum(-1).sum(-1))


def _channel(reference: Tensor, distorted: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Gain and noise variance of `distorted` = gain * `reference` + noise, in the window around each block."""
    first = _skipped(window) * _SIDE + _SIDE // 2 - window // 2
    count = [side // _SIDE - 2 * _skipped(window) for side in reference.shape[-2:]]
    rows, columns = (slice(first, first + (n - 1) * _SIDE + window) for n in count)
    x, y = reference[:, rows, columns], distorted[:, rows, columns]

    def mean(values: Tensor) -> Tensor:
        return F.avg_pool2d(values, window, stride=_SIDE)

    mean_x, mean_y = mean(x), mean(y)
    variance_x, variance_y = mean(x * x) - mean_x.square(), mean(y * y) - mean_y.square()
    covariance = mean(x * y) - mean_x * mean_y
    gain = (covariance / (variance_x.clamp(min=0) + _TINY)).clamp(min=0)
    return gain, (variance_y - gain * covariance).clamp(min=0)


def _source(band: Tensor) -> tuple[Tensor, Tensor]:
    """Strength of each block, (N, H / 3, W / 3), and eigenvalues of the blocks' covariance, (N, 9).

    The covariance is of all blocks, those between the others too, and about their mean; the strength, as in the
    authors' program, about zero.
    """
    height, width = (side // _SIDE * _SIDE for side in band.shape[-2:])
    band = band[:, None, :height, :width]
    blocks = F.unfold(band, _SIDE)
    blocks = blocks - blocks.mean(dim=2, keepdim=True)
    covariance = blocks @ blocks.mT / blocks.shape[2]
    apart = F.unfold(band, _SIDE, stride=_SIDE)
    inverse = torch.linalg.pinv(covariance, hermitian=True)
    strength = (apart * (inverse @ apart)).sum(dim=1) / _SIDE**2
    eigenvalues = torch.linalg.eigvalsh(covariance).clamp(min=0)
    return strength.clamp(min=0).view(-1, height // _SIDE, width // _SIDE), eigenvalues


def _skipped(window: int) -> int:
    """Rows and columns of blocks at the border that are left out."""
    return -(-(window // 2) // _SIDE)


def _centred(image: Tensor) -> Tensor:
    return image - image.mean(-1, keepdim=True).mean(-2, keepdim=True)


def _check_size(image: Tensor, least: int) -> None:
    height, width = image.shape[-2:]
    if min(height, width) < least:
        raise ValueError(
            f"reference and distorted are {height} x {width}, too small for VIF: the least size is {least} x {least}"
        )

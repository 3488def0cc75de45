"""Visual information fidelity (VIF), in the steerable pyramid and in the pixel domain."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from replication.metrics.checks import Validate, checked_pair
from replication.metrics.chunks import in_chunks
from replication.metrics.filters import separable_filter, window
from replication.metrics.registry import metric
from replication.metrics.steerable import oriented_bands

LEAST_SIZE = 65  # nine coefficients at the coarsest of four levels: one whole window inside the border
LEAST_SIZE_PIXEL = 41  # one whole window of the last scale

_LEVELS = 4
_NOISE = 0.4  # variance of the visual noise, for images in [0, 255]
_SIDE = 3  # of the blocks of coefficients
_TINY = 1e-15


@metric("vif", higher_is_better=True, colour="gray", eight_bit=True)
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
    with torch.autocast(reference.device.type, enabled=False):
        return in_chunks(_fidelity, 255 / data_range * reference, 255 / data_range * distorted)


@metric("vif-pixel", higher_is_better=True, colour="gray", eight_bit=True)
def vif_pixel(
    reference: Tensor, distorted: Tensor, *, data_range: float = 1.0, noise: float = 2.0, validate: Validate = None
) -> Tensor:
    """VIF in the pixel domain of each image, shape (N,); higher is better, 1 for identical images.

    The authors' simplified program (vifp_mscale): gain and noise as in `vif`, but of the pixels, under Gaussian windows
    of 17, 9, 5 and 3 pixels (deviation a fifth of that) at four scales, each filtered and halved. Its values are not
    those published for VIF. As piq's, to 1e-9 in float64; in float32 piq's takes rounding errors of flat areas for
    texture, and in float64 it needs a second for an image.

    reference, distorted: (N, C, H, W) floats in [0, data_range], 41 x 41 at least; channels are averaged. Computed in
        float64, whatever the autocast: small differences of large squares.
    noise: variance of the visual noise, for images in [0, 255].
    validate: whether values are checked, see `checks.checked_pair`.
    A flat reference holds no information to lose, and scores 1.
    Raises ValueError naming the tensor and what was wanted.
    """
    reference, distorted = checked_pair(reference, distorted, data_range, validate)
    _check_size(reference, LEAST_SIZE_PIXEL)
    if not noise > 0:
        raise ValueError(f"noise must be positive, got {noise}")
    with torch.autocast(reference.device.type, enabled=False):
        scaled = (255 / data_range * image for image in (reference, distorted))
        return in_chunks(functools.partial(_fidelity_of_pixels, noise=noise), *scaled)


class _Information(NamedTuple):
    """In bits: what of the reference the distorted band keeps, and what the reference has; each (N,)."""

    kept: Tensor
    available: Tensor


def _fidelity(x: Tensor, y: Tensor) -> Tensor:
    """VIF of images (N, C, H, W) in [0, 255]."""
    # The bands do not see the mean; without it rounding errors are smaller, and none on flat images.
    planes = [image.reshape(-1, 1, *image.shape[-2:]) for image in (x, y)]
    centred = [image - image.mean(-1, keepdim=True).mean(-2, keepdim=True) for image in planes]
    kept = available = torch.zeros(len(planes[0]), dtype=torch.float64, device=x.device)
    for level, pair in enumerate(zip(*(oriented_bands(image, _LEVELS) for image in centred), strict=True)):
        for a, b in zip(*pair, strict=True):
            information = _information(a[:, 0].double(), b[:, 0].double(), 2 ** (_LEVELS - level) + 1)
            kept, available = kept + information.kept, available + information.available
    score = (kept + _TINY) / (available + _TINY)
    return score.view(x.shape[:2]).mean(dim=1).to(x.dtype)


def _fidelity_of_pixels(reference: Tensor, distorted: Tensor, noise: float) -> Tensor:
    """VIF in the pixel domain of images (N, C, H, W) in [0, 255]."""
    x, y = (image.double() for image in (reference, distorted))
    x, y = (image - image.mean(-1, keepdim=True).mean(-2, keepdim=True) for image in (x, y))
    kept = available = torch.zeros(x.shape[:2], dtype=x.dtype, device=x.device)
    for scale, size in enumerate((17, 9, 5, 3)):
        taps = window(size, sigma=size / 5)
        if scale:
            x, y = (separable_filter(image, taps)[..., ::2, ::2] for image in (x, y))
        model = _channel(x, y, functools.partial(separable_filter, taps=taps))
        kept = kept + torch.log2(1 + model.gain.square() * model.signal / (model.noise + noise)).sum(-1).sum(-1)
        available = available + torch.log2(1 + model.signal / noise).sum(-1).sum(-1)
    return ((kept + _TINY) / (available + _TINY)).mean(dim=1).to(reference.dtype)


def _information(reference: Tensor, distorted: Tensor, size: int) -> _Information:
    """Of bands (N, H, W)."""
    inside = _skipped(size)
    first = inside * _SIDE + _SIDE // 2 - size // 2
    count = [side // _SIDE - 2 * inside for side in reference.shape[-2:]]
    rows, columns = (slice(first, first + (n - 1) * _SIDE + size) for n in count)
    around = functools.partial(F.avg_pool2d, kernel_size=size, stride=_SIDE)
    model = _channel(reference[:, rows, columns], distorted[:, rows, columns], around)
    strength, eigenvalues = _source(reference)
    strength = strength[:, inside : strength.shape[1] - inside, inside : strength.shape[2] - inside]
    kept = available = torch.zeros_like(strength)
    for eigenvalue in eigenvalues.unbind(dim=1):
        signal = strength * eigenvalue[:, None, None]
        kept = kept + torch.log2(1 + model.gain.square() * signal / (model.noise + _NOISE))
        available = available + torch.log2(1 + signal / _NOISE)
    return _Information(kept.sum(-1).sum(-1), available.sum(-1).sum(-1))


class _Channel(NamedTuple):
    """distorted = gain * reference + noise around each place, with the variances of reference (signal) and noise."""

    signal: Tensor
    gain: Tensor
    noise: Tensor


def _channel(x: Tensor, y: Tensor, mean: Callable[[Tensor], Tensor]) -> _Channel:
    """Fitted with local means."""
    mean_x, mean_y = mean(x), mean(y)
    signal, variance = ((mean(z * z) - m.square()).clamp(min=0) for z, m in ((x, mean_x), (y, mean_y)))
    covariance = mean(x * y) - mean_x * mean_y
    gain = (covariance / (signal + _TINY)).clamp(min=0)
    return _Channel(signal, gain, (variance - gain * covariance).clamp(min=0))


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


def _skipped(size: int) -> int:
    """Rows and columns of blocks at the border whose window of that size leaves the image."""
    return -(-(size // 2) // _SIDE)


def _check_size(image: Tensor, least: int) -> None:
    height, width = image.shape[-2:]
    if min(height, width) < least:
        raise ValueError(
            f"reference and distorted are {height} x {width}, too small for VIF: the least size is {least} x {least}"
        )

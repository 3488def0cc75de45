"""Visual information fidelity (VIF), in the steerable pyramid and in the pixel domain."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from replication.metrics.checks import Validate, check_least_size, checked_pair
from replication.metrics.chunks import in_chunks, strips
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
    check_least_size(reference, LEAST_SIZE, "VIF")
    with torch.autocast(reference.device.type, enabled=False):
        planes = (image.reshape(-1, 1, *image.shape[-2:]) for image in (reference, distorted))
        scores = in_chunks(functools.partial(_fidelity, scale=255 / data_range), *planes)
        return scores.view(reference.shape[:2]).mean(dim=1).to(reference.dtype)


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
    check_least_size(reference, LEAST_SIZE_PIXEL, "VIF")
    if not noise > 0:
        raise ValueError(f"noise must be positive, got {noise}")
    with torch.autocast(reference.device.type, enabled=False):
        planes = (image.reshape(-1, 1, *image.shape[-2:]) for image in (reference, distorted))
        score = functools.partial(_fidelity_of_pixels, noise=noise, scale=255 / data_range)
        return in_chunks(score, *planes).view(reference.shape[:2]).mean(dim=1).to(reference.dtype)


class _Information(NamedTuple):
    """Bits (N,) of information on the reference: those that the distorted image preserves, and all."""

    preserved: Tensor
    available: Tensor

    def plus(self, other: "_Information") -> "_Information":
        return _Information(self.preserved + other.preserved, self.available + other.available)

    def ratio(self) -> Tensor:
        return (self.preserved + _TINY) / (self.available + _TINY)


def _fidelity(x: Tensor, y: Tensor, scale: float) -> Tensor:
    """VIF of images (N, 1, H, W) in [0, 255 / scale], (N,), float64."""
    # The bands do not see the mean; without it rounding errors are smaller, and none on flat images.
    centred = [_centred(scale * image) for image in (x, y)]
    zero = torch.zeros(len(x), dtype=torch.float64, device=x.device)
    total = _Information(zero, zero)
    for level, pair in enumerate(zip(*(oriented_bands(image, _LEVELS) for image in centred), strict=True)):
        for a, b in zip(*pair, strict=True):
            total = total.plus(_information(a[:, 0], b[:, 0], 2 ** (_LEVELS - level) + 1))
    return total.ratio()


def _fidelity_of_pixels(reference: Tensor, distorted: Tensor, noise: float, scale: float) -> Tensor:
    """VIF in the pixel domain of images (N, 1, H, W) in [0, 255 / scale], (N,), float64."""
    x, y = (_centred((scale * image).double()) for image in (reference, distorted))
    zero = torch.zeros(len(x), dtype=x.dtype, device=x.device)
    total = _Information(zero, zero)
    for level, size in enumerate((17, 9, 5, 3)):
        taps = window(size, sigma=size / 5)
        if level:
            x, y = (_halved(image, taps) for image in (x, y))
        mean = functools.partial(separable_filter, taps=taps)
        parts = []
        for rows in strips(x.shape[-2] - size + 1, len(x) * x.shape[-1]):
            under = slice(rows.start, rows.stop + size - 1)
            model = _channel(x[..., under, :], y[..., under, :], mean)
            preserved = torch.log2(1 + model.gain.square() * model.signal / (model.noise + noise))
            parts.append(_Information(preserved.sum(-1), torch.log2(1 + model.signal / noise).sum(-1)))
        total = total.plus(_Information(*(torch.cat(rows, dim=-1).sum(-1)[:, 0] for rows in zip(*parts, strict=True))))
    return total.ratio()


def _centred(image: Tensor) -> Tensor:
    return image - image.mean(-1, keepdim=True).mean(-2, keepdim=True)


def _halved(image: Tensor, taps: Sequence[float]) -> Tensor:
    """Every second row and column of the filtered image; a copy, which does not keep the whole in memory."""
    return separable_filter(image, taps)[..., ::2, ::2].contiguous()


def _information(reference: Tensor, distorted: Tensor, size: int) -> _Information:
    """Information of bands (N, H, W), fitted in windows of size x size coefficients."""
    inside = _skipped(size)
    first = inside * _SIDE + _SIDE // 2 - size // 2
    down, across = (side // _SIDE - 2 * inside for side in reference.shape[-2:])
    columns = slice(first, first + (across - 1) * _SIDE + size)
    around = functools.partial(F.avg_pool2d, kernel_size=size, stride=_SIDE)
    inverse, eigenvalues = _covariance(reference)
    parts = []
    for blocks in strips(down, _SIDE * len(reference) * reference.shape[-1]):
        rows = slice(first + blocks.start * _SIDE, first + (blocks.stop - 1) * _SIDE + size)
        model = _channel(reference[:, rows, columns].double(), distorted[:, rows, columns].double(), around)
        strength = _strength(reference, inverse, slice(inside + blocks.start, inside + blocks.stop))
        strength = strength[..., inside : strength.shape[-1] - inside]
        preserved = available = torch.zeros_like(strength)
        for eigenvalue in eigenvalues.unbind(dim=1):
            signal = strength * eigenvalue[:, None, None]
            preserved = preserved + torch.log2(1 + model.gain.square() * signal / (model.noise + _NOISE))
            available = available + torch.log2(1 + signal / _NOISE)
        parts.append(_Information(preserved.sum(-1), available.sum(-1)))
    return _Information(*(torch.cat(rows, dim=-1).sum(-1) for rows in zip(*parts, strict=True)))


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


def _covariance(band: Tensor) -> tuple[Tensor, Tensor]:
    """Inverse (N, 9, 9) and eigenvalues (N, 9) of the covariance of a band's blocks, about their mean.

    It is of all blocks, overlapping ones too.
    """
    number, height, width = len(band), band.shape[-2] // _SIDE * _SIDE, band.shape[-1] // _SIDE * _SIDE
    count = (height - _SIDE + 1) * (width - _SIDE + 1)
    band = band[:, None, :height, :width]

    def all_blocks() -> Iterator[Tensor]:
        for rows in strips(height - _SIDE + 1, number * width):
            yield F.unfold(band[:, :, rows.start : rows.stop + _SIDE - 1].double(), _SIDE)

    zero = torch.zeros((), dtype=torch.float64, device=band.device)
    mean = sum((blocks.sum(dim=2, keepdim=True) for blocks in all_blocks()), zero) / count
    covariance = sum(((blocks - mean) @ (blocks - mean).mT for blocks in all_blocks()), zero) / count
    inverse = torch.linalg.pinv(covariance, hermitian=True)
    return inverse, torch.linalg.eigvalsh(covariance).clamp(min=0)


def _strength(band: Tensor, inverse: Tensor, blocks: slice) -> Tensor:
    """Strength c' C^-1 c / 9 of each block in these rows of blocks, (N, rows, W / 3).

    As in the authors' program it is about zero, and not about the blocks' mean.
    """
    width = band.shape[-1] // _SIDE * _SIDE
    rows = band[:, None, blocks.start * _SIDE : blocks.stop * _SIDE, :width].double()
    apart = F.unfold(rows, _SIDE, stride=_SIDE)
    strength = (apart * (inverse @ apart)).sum(dim=1) / _SIDE**2
    return strength.clamp(min=0).view(len(band), -1, width // _SIDE)


def _skipped(size: int) -> int:
    """Rows and columns of blocks at the border whose window of that size leaves the image."""
    return -(-(size // 2) // _SIDE)

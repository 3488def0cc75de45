"""Power of an image and its correlation with the original, in bands of spatial frequency."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from replication.metrics.checks import Validate, check_layout, checked_pair

_NOTHING = 1e-12  # mean square, of a range of one, below which a band is empty; rounding to 8 bits leaves 1e-6 in all


class Bands(NamedTuple):
    """(N, bands) each: `power`, of the distorted image over the reference's; `correlation` of the two, in [-1, 1]."""

    power: Tensor
    correlation: Tensor


def band_agreement(
    reference: Tensor,
    distorted: Tensor,
    edges: Sequence[float],
    *,
    taper: bool = True,
    data_range: float = 1.0,
    validate: Validate = None,
) -> Bands:
    """Power and correlation of two images, band by band of spatial frequency f = sqrt(fx^2 + fy^2).

        power = sum |Y|^2 / sum |X|^2,   correlation = sum Re(X conj Y) / sqrt(sum |X|^2 sum |Y|^2)

    with X and Y the Fourier transforms of the images minus their means, summed over low <= f < high and over channels.
    By Parseval, the correlation is that of the two band-pass filtered images: 1 where the detail is the original's,
    weakened or not, 0 where it is noise, however strong. A blur with transfer function H lowers the power to |H|^2 and
    leaves the correlation at 1.

    reference, distorted: (N, C, H, W) floats in [0, data_range]; computed in float64.
    edges: ends of the bands in cycles per pixel, rising, from above 0 to at most 0.5 (the highest frequency that every
        direction has), each band wide enough to hold a frequency of the image: about 1 / side.
    taper: weight pixels by a Hann window first, so that the jump from one border of the image to the other is no
        detail. Without, pixels count alike, and such jumps are in every band.
    Where a band of the reference is empty (mean square below 1e-12 of data_range^2) both are NaN; where that of the
    distorted image is, the correlation.
    validate: whether values are checked, see `checks.checked_pair`.
    Raises ValueError naming what was wrong.
    """
    reference, distorted = checked_pair(reference, distorted, data_range, validate)
    masks = _masks(reference.shape[-2], reference.shape[-1], edges).to(reference.device)
    with torch.autocast(reference.device.type, enabled=False):
        x, y = (_spectrum(image.double() / data_range, taper) for image in (reference, distorted))
        own, other, both = (
            torch.einsum("nchw,bhw->nb", product, masks)
            for product in (x.abs().square(), y.abs().square(), (x * y.conj()).real)
        )
    full, both_full = own > _NOTHING, (own > _NOTHING) & (other > _NOTHING)
    return Bands(
        torch.where(full, other / own, torch.nan),
        torch.where(both_full, both / (own * other).sqrt(), torch.nan).clamp(-1, 1),
    )


def mirrored(image: Tensor) -> Tensor:
    """An image (N, C, H, W) continued by its mirror image on the right and below, (N, C, 2 H, 2 W).

    Repeated periodically it has no jump at its borders, so that `band_agreement` without taper measures all pixels
    alike, those of the border included. Its frequencies are those of the cosine transform of the image.
    """
    check_layout("image", image)
    wide = torch.cat([image, image.flip(-1)], dim=-1)
    return torch.cat([wide, wide.flip(-2)], dim=-2)


def band_pass(image: Tensor, low: float, high: float) -> Tensor:
    """The part of an image (N, C, H, W) with spatial frequencies low <= f < high in cycles per pixel, around zero.

    Filtered as if the image went on periodically; the frequencies of `band_agreement` without taper.
    """
    check_layout("image", image)
    mask = _masks(image.shape[-2], image.shape[-1], (low, high))[0].to(image.device)
    passed: Tensor = torch.fft.ifft2(torch.fft.fft2(image.double()) * mask).real
    return passed.to(image.dtype)


def _spectrum(image: Tensor, taper: bool) -> Tensor:
    """Fourier transform of the image minus its mean; its squares sum to the (weighted) mean square of the pixels."""
    height, width = image.shape[-2:]
    weights = image.new_ones(height, width)
    if taper:
        down, across = (
            torch.hann_window(side, periodic=True, dtype=image.dtype, device=image.device) for side in (height, width)
        )
        weights = down[:, None] * across
    mean = (weights * image).sum(dim=(-2, -1), keepdim=True) / weights.sum()
    scale = (height * width * weights.square().sum()).sqrt()
    result: Tensor = torch.fft.fft2(weights * (image - mean)) / scale
    return result


def _masks(height: int, width: int, edges: Sequence[float]) -> Tensor:
    """Masks (bands, H, W) of the frequencies in each band, 1 or 0."""
    ends = list(edges)
    bands = list(itertools.pairwise(ends))
    if not bands or ends[0] <= 0 or ends[-1] > 0.5 or any(low >= high for low, high in bands):
        raise ValueError(f"edges of bands must rise from above 0 to at most 0.5 cycles per pixel, got {ends}")
    down, across = (torch.fft.fftfreq(side, dtype=torch.float64) for side in (height, width))
    frequency = (down[:, None].square() + across.square()).sqrt()
    masks = torch.stack([(frequency >= low) & (frequency < high) for low, high in bands]).double()
    for (low, high), size in zip(bands, masks.sum(dim=(1, 2)).tolist(), strict=True):
        if not size:
            raise ValueError(
                f"an image of {height} x {width} has no frequency from {low:g} to {high:g} cycles per pixel; "
                "take wider bands"
            )
    return masks

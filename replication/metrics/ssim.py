"""Structural similarity (SSIM) and its multi-scale form (MS-SSIM)."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from replication.metrics.checks import Padding, Validate, check_choice, checked_pair
from replication.metrics.chunks import strips
from replication.metrics.filters import WindowKind, window
from replication.metrics.registry import metric
from replication.metrics.similarity import Constants, mean_similarity, similarity_maps

OddSides = Literal["zeros", "repeat"]

MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)

_LARGE = 2**22  # pixels: larger images are scored channel by channel, and halved strip by strip


@metric("ssim", higher_is_better=True)
def ssim(
    reference: Tensor,
    distorted: Tensor,
    *,
    data_range: float = 1.0,
    window_size: int = 11,
    sigma: float = 1.5,
    window_kind: WindowKind = "gaussian",
    k1: float = 0.01,
    k2: float = 0.03,
    padding: Padding = "valid",
    validate: Validate = None,
) -> Tensor:
    """SSIM of each image, shape (N,), in [-1, 1]; higher is better.

        SSIM = mean of l cs,  l = (2 mx my + C1) / (mx^2 + my^2 + C1),  cs = (2 vxy + C2) / (vx + vy + C2)

    with C1 = (k1 data_range)^2 and C2 = (k2 data_range)^2, means m and biased (co)variances v under a window around
    each pixel, averaged over all windows of a channel and then over channels (Wang, Bovik, Sheikh, Simoncelli 2004).

    reference, distorted: (N, C, H, W) floats in [0, data_range]; computed in float32 (float64 if given), whatever the
        autocast. An image's score does not depend on the rest of its batch. For SSIM on luminance pass
        `colour.rgb_to_y` or `colour.rgb_to_gray` of both.
    window_size, sigma, window_kind: 11 pixels, Gaussian of 1.5 pixels; or "uniform".
    padding: "valid" uses windows that lie inside the image, as the authors do; "reflect" mirrors the image at its
        border pixels and has one window for each pixel, so that a loss trains the border too.
    validate: whether values are checked, see `checks.checked_pair`.
    Raises ValueError naming the tensor and what was wanted.
    """
    reference, distorted = checked_pair(reference, distorted, data_range, validate)
    taps, constants = window(window_size, sigma, window_kind), Constants.of(data_range, k1, k2)
    _check_size(reference, window_size, padding)
    with torch.autocast(reference.device.type, enabled=False):
        return mean_similarity(reference, distorted, taps, constants, padding).mean(dim=1)


def ssim_map(
    reference: Tensor,
    distorted: Tensor,
    *,
    data_range: float = 1.0,
    window_size: int = 11,
    sigma: float = 1.5,
    window_kind: WindowKind = "gaussian",
    k1: float = 0.01,
    k2: float = 0.03,
    padding: Padding = "valid",
    validate: Validate = None,
) -> Tensor:
    """The map of l cs whose mean is `ssim`: (N, C, H - window_size + 1, W - window_size + 1), padded (N, C, H, W).

    For looking at and for weighting. Arguments and errors as for `ssim`.
    """
    reference, distorted = checked_pair(reference, distorted, data_range, validate)
    taps, constants = window(window_size, sigma, window_kind), Constants.of(data_range, k1, k2)
    _check_size(reference, window_size, padding)
    with torch.autocast(reference.device.type, enabled=False):
        luminance, structure = similarity_maps(reference, distorted, taps, constants, padding)
        return luminance * structure


@metric("ms-ssim", higher_is_better=True)
def ms_ssim(
    reference: Tensor,
    distorted: Tensor,
    *,
    data_range: float = 1.0,
    levels: int | None = None,
    weights: Sequence[float] | None = None,
    window_size: int = 11,
    sigma: float = 1.5,
    window_kind: WindowKind = "gaussian",
    k1: float = 0.01,
    k2: float = 0.03,
    odd_sides: OddSides = "zeros",
    padding: Padding = "valid",
    validate: Validate = None,
) -> Tensor:
    """MS-SSIM of each image, shape (N,), in [0, 1]; higher is better.

        MS-SSIM = mean(l cs at level M)^wM  prod_{j < M} mean(cs at level j)^wj

    per channel, then averaged over channels; level j + 1 is the 2 x 2 mean of level j (Wang, Simoncelli, Bovik 2003).

    A mean that is not positive has no such power: its logarithm is continued below 1e-6 by its tangent, so that the
    score falls to zero and the gradient stays finite.

    reference, distorted, data_range, window_size, sigma, window_kind, k1, k2, validate: as for `ssim`.
    levels, weights: see `level_weights`. The window must fit into the coarsest level, see `least_size`: 161 pixels
        for five levels and a window of 11, padded or not. For smaller images use fewer levels or a smaller window.
    odd_sides: how a level with an odd side is halved: "zeros" puts a row or column of zeros before the first, as
        pytorch-msssim does; "repeat" doubles the last, as the authors' MATLAB code does. Scores differ by up to .002.
    padding: as for `ssim`. With "reflect" each level is extended by half a window, after it was halved: a pixel of the
        border then has the same share in every level. Extending the image once, by what the coarsest level needs, would
        fill small images mostly with mirrored pixels, and averaging these with the image's would give them weight.
    Raises ValueError naming the tensor and what was wanted.
    """
    reference, distorted = checked_pair(reference, distorted, data_range, validate)
    exponents = level_weights(levels, weights)
    taps, constants = window(window_size, sigma, window_kind), Constants.of(data_range, k1, k2)
    check_choice("odd_sides", odd_sides, ("zeros", "repeat"))
    _check_size(reference, window_size, padding, len(exponents))

    def score(x: Tensor, y: Tensor) -> Tensor:
        log_score = torch.zeros((), dtype=x.dtype, device=x.device)
        for exponent in exponents[:-1]:
            structure = mean_similarity(x, y, taps, constants, padding, luminance=False)
            log_score = log_score + exponent * _log(structure)
            x, y = _halve(x, odd_sides), _halve(y, odd_sides)
        similarity = mean_similarity(x, y, taps, constants, padding)
        return (log_score + exponents[-1] * _log(similarity)).exp()

    differentiable = torch.is_grad_enabled() and (reference.requires_grad or distorted.requires_grad)
    with torch.autocast(reference.device.type, enabled=False):
        if differentiable or reference[0:1].numel() <= _LARGE:
            return score(reference, distorted).mean(dim=1)
        channels = zip(torch.split(reference, 1, dim=1), torch.split(distorted, 1, dim=1), strict=True)
        return torch.cat([score(x, y) for x, y in channels], dim=1).mean(dim=1)


def level_weights(levels: int | None = None, weights: Sequence[float] | None = None) -> tuple[float, ...]:
    """The exponent of each level, finest first.

    Given weights are taken as they are. Without them: the five of the paper as printed (they sum to 1.0001), or for
    fewer `levels` the first of them, divided by their sum.
    """
    if weights is not None:
        if levels is not None and levels != len(weights):
            raise ValueError(f"levels is {levels} but {len(weights)} weights were given")
        if len(weights) == 0 or any(not weight >= 0 for weight in weights):
            raise ValueError(f"weights must be one or more numbers, none negative, got {tuple(weights)}")
        return tuple(weights)
    if levels is None or levels == len(MS_SSIM_WEIGHTS):
        return MS_SSIM_WEIGHTS
    if not 1 <= levels < len(MS_SSIM_WEIGHTS):
        raise ValueError(f"levels must be 1 to {len(MS_SSIM_WEIGHTS)} unless weights are given, got {levels}")
    first = MS_SSIM_WEIGHTS[:levels]
    return tuple(weight / sum(first) for weight in first)


def least_size(window_size: int = 11, levels: int = 5) -> int:
    """Least height and width for which the window fits into the coarsest level, padded or not."""
    return int((window_size - 1) * 2 ** (levels - 1) + 1)


def _log(x: Tensor, epsilon: float = 1e-6) -> Tensor:
    """Logarithm, continued below `epsilon` by its tangent.

    Each value takes one of the two branches alone: a sum of both would add 1 / epsilon to the slope and subtract it
    again, which leaves float32 no digits for 1 / x.
    """
    tangent = math.log(epsilon) - 1 + x / epsilon
    return torch.where(x < epsilon, tangent, x.clamp(min=epsilon).log())


def _halve(image: Tensor, odd_sides: OddSides) -> Tensor:
    """Mean of 2 x 2 pixels, of large images strip by strip: (..., H, W) to half of both, rounded up."""
    height, width = image.shape[-2:]
    odd_rows, odd_columns = height % 2, width % 2
    above, left = (odd_rows, odd_columns) if odd_sides == "zeros" else (0, 0)
    rows = (height + odd_rows) // 2
    if height * width <= _LARGE:
        return _halved(image, (left, odd_columns - left, above, odd_rows - above), odd_sides)
    halved = image.new_empty(*image.shape[:-2], rows, (width + odd_columns) // 2)
    for strip in strips(rows, 2 * width):
        first, last = 2 * strip.start - above, min(2 * strip.stop - above, height)
        pads = left, odd_columns - left, max(0, -first), odd_rows - above if last == height else 0
        halved[..., strip, :] = _halved(image[..., max(0, first) : last, :], pads, odd_sides)
    return halved


def _halved(image: Tensor, pads: tuple[int, int, int, int], odd_sides: OddSides) -> Tensor:
    """Mean of 2 x 2 pixels. Sums of strided views are several times faster than average pooling on a CPU."""
    if any(pads):
        image = F.pad(image, pads, mode="constant" if odd_sides == "zeros" else "replicate")
    pairs = image[..., 0::2, :] + image[..., 1::2, :]
    return (pairs[..., 0::2] + pairs[..., 1::2]) / 4


def _check_size(image: Tensor, window_size: int, padding: Padding, levels: int = 1) -> None:
    check_choice("padding", padding, ("valid", "reflect"))
    height, width = image.shape[-2:]
    least = least_size(window_size, levels)
    if min(height, width) < least:
        raise ValueError(
            f"reference and distorted are {height} x {width}, too small for {levels} level(s) with a window of "
            f"{window_size}: the least size is {least} x {least}; use fewer levels or a smaller window"
        )

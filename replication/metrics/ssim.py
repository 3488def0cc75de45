"""Structural similarity (SSIM) and its multi-scale form (MS-SSIM)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from replication.metrics.checks import Padding, Validate, check_choice, checked_pair
from replication.metrics.filters import WindowKind, separable_filter, window

MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


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
    """SSIM of each image, shape (N,), at most 1; higher is better.

        SSIM = mean of l cs,  l = (2 mx my + C1) / (mx^2 + my^2 + C1),  cs = (2 sxy + C2) / (sx^2 + sy^2 + C2)

    with C1 = (k1 data_range)^2, C2 = (k2 data_range)^2.
    """
    reference, distorted = checked_pair(reference, distorted, data_range, validate)
    taps = window(window_size, sigma, window_kind)
    check_choice("padding", padding, ("valid", "reflect"))
    with torch.autocast(reference.device.type, enabled=False):
        if padding == "reflect":
            reference, distorted = (F.pad(x, [window_size // 2] * 4, mode="reflect") for x in (reference, distorted))
        _check_size(reference, window_size, 1)
        luminance, structure = _terms(reference, distorted, taps, (k1 * data_range) ** 2, (k2 * data_range) ** 2)
        return (luminance * structure).mean(dim=(1, 2, 3))


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
    validate: Validate = None,
) -> Tensor:
    """MS-SSIM of each image, shape (N,), in [0, 1]; higher is better."""
    reference, distorted = checked_pair(reference, distorted, data_range, validate)
    exponents = level_weights(levels, weights)
    taps = window(window_size, sigma, window_kind)
    _check_size(reference, window_size, len(exponents))
    c1, c2 = (k1 * data_range) ** 2, (k2 * data_range) ** 2
    with torch.autocast(reference.device.type, enabled=False):
        log_score = torch.zeros(reference.shape[:2], dtype=reference.dtype, device=reference.device)
        for level, exponent in enumerate(exponents):
            luminance, structure = _terms(reference, distorted, taps, c1, c2)
            coarsest = level == len(exponents) - 1
            mean = (luminance * structure if coarsest else structure).mean(dim=(2, 3))
            log_score = log_score + exponent * _log(mean)
            if not coarsest:
                reference, distorted = _halve(reference), _halve(distorted)
        return log_score.exp().mean(dim=1)


def level_weights(levels: int | None = None, weights: Sequence[float] | None = None) -> tuple[float, ...]:
    """The exponent of each level, finest first.

    Given weights are taken as they are. Without them: the five of the paper as printed (they sum to 1.0001), or for
    fewer `levels` the first of them, divided by their sum.
    """
    if weights is not None:
        if levels is not None and levels != len(weights):
            raise ValueError(f"levels is {levels} but {len(weights)} weights were given")
        if len(weights) == 0 or any(weight < 0 for weight in weights):
            raise ValueError(f"weights must be one or more numbers that are not negative, got {tuple(weights)}")
        return tuple(weights)
    if levels is None or levels == len(MS_SSIM_WEIGHTS):
        return MS_SSIM_WEIGHTS
    if not 1 <= levels < len(MS_SSIM_WEIGHTS):
        raise ValueError(f"levels must be 1 to {len(MS_SSIM_WEIGHTS)} unless weights are given, got {levels}")
    first = MS_SSIM_WEIGHTS[:levels]
    return tuple(weight / sum(first) for weight in first)


def least_size(window_size: int = 11, levels: int = 5) -> int:
    """Least height and width for which the window fits into the coarsest level."""
    return (window_size - 1) * 2 ** (levels - 1) + 1


def _terms(x: Tensor, y: Tensor, taps: Tensor, c1: float, c2: float) -> tuple[Tensor, Tensor]:
    """Luminance and contrast-structure maps."""
    mx, my, xx, yy, xy = separable_filter(torch.cat([x, y, x * x, y * y, x * y], dim=1), taps).chunk(5, dim=1)
    luminance = (2 * mx * my + c1) / (mx * mx + my * my + c1)
    structure = (2 * (xy - mx * my) + c2) / (xx - mx * mx + yy - my * my + c2)
    return luminance, structure


def _log(x: Tensor, epsilon: float = 1e-6) -> Tensor:
    """Logarithm, continued below `epsilon` by its tangent.

    The mean contrast-structure of a level can be zero or negative, where a power is undefined or has an infinite slope.
    With the tangent the score falls smoothly to zero there, and its gradient is finite and still points upwards.
    """
    bounded = x.clamp(min=epsilon)
    return bounded.log() + (x - bounded) / epsilon


def _halve(x: Tensor) -> Tensor:
    """Mean of 2 x 2 pixels; an odd side is padded with zeros."""
    return F.avg_pool2d(x, 2, padding=(x.shape[2] % 2, x.shape[3] % 2))


def _check_size(x: Tensor, window_size: int, levels: int) -> None:
    least = least_size(window_size, levels)
    if min(x.shape[-2:]) < least:
        height, width = x.shape[-2:]
        raise ValueError(
            f"images of {height} x {width} are too small for {levels} level(s) with a window of {window_size}: "
            f"the least size is {least} x {least}; use fewer levels or a smaller window"
        )

"""Gratings as pictures: sinusoids along the distance from the centre or along a direction.

Frequencies are in cycles per degree of visual angle and become cycles per pixel by the pixels per degree at which the
picture is meant to be seen. Grey values are in [0, 1] and linear in the sinusoid; no display's gamma enters.
"""

import math

import torch
from torch import Tensor


def radial_grating(
    frequency: float,
    *,
    size: int = 224,
    pixels_per_degree: float = 32.0,
    contrast: float = 0.5,
    phase: float = 0.0,
    mean: float = 0.5,
) -> Tensor:
    """Rings: mean (1 + contrast cos(2 pi f r + phase)), r the distance from the centre in degrees; (3, size, size).

    All orientations are present equally, so that the response of a filter depends on the frequency only.
    contrast: Michelson's. phase: in radians. Raises ValueError for a frequency above half a cycle per pixel or grey
    values outside [0, 1].
    """
    check_grating(frequency, size, pixels_per_degree, contrast, mean)
    y, x = _degrees(size, pixels_per_degree)
    return _grey(mean * (1 + contrast * torch.cos(2 * math.pi * frequency * torch.hypot(x, y) + phase)))


def oriented_grating(
    frequency: float,
    orientation: float,
    *,
    size: int = 224,
    pixels_per_degree: float = 32.0,
    contrast: float = 0.5,
    phase: float = 0.0,
    mean: float = 0.5,
) -> Tensor:
    """Bars: mean (1 + contrast cos(2 pi f (x cos t + y sin t) + phase)); (3, size, size).

    orientation: t in radians, the direction in which the grey value varies; x points right and y down, both from the
    centre. 0 gives vertical bars, pi/2 horizontal ones, and t + pi the same as t. The rest as for `radial_grating`.
    """
    check_grating(frequency, size, pixels_per_degree, contrast, mean)
    return _grey(
        mean * (1 + contrast * torch.cos(phase_along(frequency, orientation, size, pixels_per_degree) + phase))
    )


def phase_along(frequency: float, orientation: float, size: int, pixels_per_degree: float) -> Tensor:
    """2 pi f (x cos t + y sin t) in radians, (size, size), float64."""
    y, x = _degrees(size, pixels_per_degree)
    return 2 * math.pi * frequency * (x * math.cos(orientation) + y * math.sin(orientation))


def _degrees(size: int, pixels_per_degree: float) -> tuple[Tensor, Tensor]:
    """Rows (size, 1) and columns (1, size) from the centre, in degrees, float64."""
    positions = (torch.arange(size, dtype=torch.float64) - (size - 1) / 2) / pixels_per_degree
    return positions[:, None], positions[None]


def _grey(values: Tensor) -> Tensor:
    return values.float().expand(3, -1, -1)


def check_grating(frequency: float, size: int, pixels_per_degree: float, contrast: float, mean: float) -> None:
    """Raise ValueError for a grating that cannot be drawn, saying why."""
    if size < 1 or not (math.isfinite(pixels_per_degree) and pixels_per_degree > 0):
        raise ValueError(f"size and pixels per degree must be positive, got {size} and {pixels_per_degree}")
    if not 0 < frequency <= pixels_per_degree / 2:
        raise ValueError(
            f"a grating of {frequency:g} cycles per degree cannot be drawn at {pixels_per_degree:g} pixels per degree: "
            f"frequencies lie above 0 and up to {pixels_per_degree / 2:g}"
        )
    if not (0 < contrast <= 1 and mean > 0 and mean * (1 + contrast) <= 1):
        raise ValueError(
            f"contrast {contrast:g} around the grey value {mean:g} leaves [0, 1]; contrast must be in (0, 1] "
            "and mean (1 + contrast) at most 1"
        )

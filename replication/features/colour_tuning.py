"""Responses of channels to colour: gratings along the axes of CIELAB, achromatic and isoluminant."""

import math
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from replication.absent import Absent, AbsentError
from replication.features.backbones import Backbone, imagenet_normalised
from replication.features.efficacy import Array
from replication.features.gratings import check_grating, phase_along

COLOUR_AXES = {"achromatic": 0, "red-green": 1, "yellow-blue": 2}
"""Axes of CIELAB along which a colour grating varies: L*, a*, b*."""


def colour_grating(
    axis: str,
    frequency: float,
    orientation: float,
    *,
    size: int = 224,
    pixels_per_degree: float = 32.0,
    amplitude: float = 30.0,
    phase: float = 0.0,
    lightness: float = 60.0,
) -> Tensor:
    """Bars along one axis of CIELAB around the grey of that lightness, as sRGB values in [0, 1]; (3, size, size).

    axis: "achromatic" (L*), or "red-green" (a*) or "yellow-blue" (b*), which are isoluminant: L* is constant.
    amplitude: of the sinusoid, in units of CIELAB: along every axis the same colour difference from grey.
    Raises ValueError for an unknown axis, or colours outside sRGB; AbsentError where scikit-image is not installed.
    """
    if axis not in COLOUR_AXES:
        raise ValueError(f"axis must be one of {', '.join(COLOUR_AXES)}, got {axis!r}")
    check_grating(frequency, size, pixels_per_degree, 1.0, 0.5)
    ends = np.full((2, 1, 3), (lightness, 0.0, 0.0))
    ends[:, 0, COLOUR_AXES[axis]] += (-amplitude, amplitude)
    if not (ends[..., 0].min() >= 0 and ends[..., 0].max() <= 100 and _within_srgb(ends)):
        raise ValueError(
            f"a {axis} grating of amplitude {amplitude:g} around L* {lightness:g} leaves sRGB; lower the amplitude"
        )
    wave = torch.cos(phase_along(frequency, orientation, size, pixels_per_degree) + phase).numpy()
    lab = np.full((size, size, 3), (lightness, 0.0, 0.0))
    lab[..., COLOUR_AXES[axis]] += amplitude * wave
    return torch.from_numpy(_skimage_color().lab2rgb(lab)).permute(2, 0, 1).float().clamp(0, 1)


def _within_srgb(lab: Array) -> bool:
    """True if the colours are the same after conversion to sRGB, which clips, and back."""
    color = _skimage_color()
    return bool(np.abs(color.rgb2lab(color.lab2rgb(lab)) - lab).max() < 0.1)


def _skimage_color() -> ModuleType:
    try:
        from skimage import color
    except ModuleNotFoundError as error:
        how = "`pip install scikit-image` installs it"
        raise AbsentError(Absent("package", "scikit-image", "not installed", how)) from error
    module: ModuleType = color
    return module


def colour_answers(
    backbone: Backbone,
    taps: Sequence[str] | None = None,
    *,
    normalise: Callable[[Tensor], Tensor] = imagenet_normalised,
    cycles_per_pixel: Sequence[float] = (1 / 32, 1 / 16, 1 / 8, 1 / 4),
    orientations: int = 4,
    phases: int = 4,
    size: int = 224,
    amplitude: float = 30.0,
    lightness: float = 60.0,
) -> dict[str, dict[str, Array]]:
    """Responses of each channel to achromatic gratings and to isoluminant ones of the same colour difference.

    The response of channel m to a grating I is the distance of its map from that of uniform grey G of the same
    lightness, as in equation 1:

        d_m(I) = sqrt(mean over phases and space of (map_m(I) - map_m(G))^2)

    Returns for each tap, by axis of `COLOUR_AXES`, the largest response over frequencies and orientations, (M,), and
    by "share" the fraction of colour  c / (c + a),  c the larger of the two isoluminant responses and a the achromatic
    one: 0 for a channel that responds to luminance only, 1 to colour only, NaN to neither.
    amplitude, lightness: of the gratings, in units of CIELAB. One pass holds the phases of a grating.
    """
    wanted = tuple(backbone.taps if taps is None else taps)
    angles, shifts = (np.arange(orientations) * math.pi / orientations, np.arange(phases) * 2 * math.pi / phases)
    drawn: dict[str, Any] = {"size": size, "pixels_per_degree": 1.0, "lightness": lightness}
    answers = {tap: {axis: np.zeros(backbone.channels[tap]) for axis in COLOUR_AXES} for tap in wanted}
    with torch.inference_mode():
        grey = colour_grating("achromatic", 0.25, 0.0, amplitude=0.0, **drawn)[None].to(backbone.device)
        rest = backbone(normalise(grey), wanted)
        for axis in COLOUR_AXES:
            for f in cycles_per_pixel:
                for angle in angles:
                    pictures = [colour_grating(axis, f, angle, amplitude=amplitude, phase=p, **drawn) for p in shifts]
                    maps = backbone(normalise(torch.stack(pictures).to(backbone.device)), wanted)
                    for tap, x in maps.items():
                        distance = (x - rest[tap]).square_().mean(dim=(2, 3)).double().mean(dim=0).sqrt()
                        answers[tap][axis] = np.maximum(answers[tap][axis], distance.cpu().numpy())
    for each in answers.values():
        colour = np.maximum(each["red-green"], each["yellow-blue"])
        both = colour + each["achromatic"]
        each["share"] = np.divide(colour, both, out=np.full_like(both, np.nan), where=both > 0)
    return answers

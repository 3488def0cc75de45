"""Differences of colour and of lightness, in CIELAB."""

from typing import NamedTuple

import torch
from torch import Tensor

from replication.metrics.checks import Validate, checked_pair

# sRGB's primaries and white (ITU-R BT.709, D65) in XYZ, six decimals; the white point of CIE's 2 degree observer.
_XYZ = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
_WHITE = (0.95047, 1.0, 1.08883)
_CUBE_ROOT_FROM, _SLOPE, _OFFSET = 0.008856, 7.787, 16 / 116  # below, a straight line


class ColourDifference(NamedTuple):
    """Differences (N,) in units of CIELAB, in which a difference of about 2 is just visible.

    lightness: mean of |dL*|. chroma: mean of sqrt(da*^2 + db*^2), the error of colour. reference_chroma,
    distorted_chroma: mean of C* = sqrt(a*^2 + b*^2), how colourful each image is.
    """

    lightness: Tensor
    chroma: Tensor
    reference_chroma: Tensor
    distorted_chroma: Tensor


def colour_difference(
    reference: Tensor, distorted: Tensor, *, data_range: float = 1.0, validate: Validate = None
) -> ColourDifference:
    """The difference of two batches of sRGB images (N, 3, H, W) in [0, data_range], see `ColourDifference`.

    Computed in float32 (float64 if given). Raises ValueError naming the tensor and what was wanted.
    """
    reference, distorted = checked_pair(reference, distorted, data_range, validate)
    x, y = rgb_to_lab(reference / data_range), rgb_to_lab(distorted / data_range)
    by_lightness = (x[:, 0] - y[:, 0]).abs()
    by_chroma = _length(x[:, 1:] - y[:, 1:])
    means = (values.mean(dim=(-2, -1)) for values in (by_lightness, by_chroma, _length(x[:, 1:]), _length(y[:, 1:])))
    return ColourDifference(*means)


def chroma_error(reference: Tensor, distorted: Tensor, *, data_range: float = 1.0, validate: Validate = None) -> Tensor:
    """Mean over pixels of sqrt(da*^2 + db*^2) of each image, (N,), lower is better; see `colour_difference`."""
    return colour_difference(reference, distorted, data_range=data_range, validate=validate).chroma


def chroma_ratio(reference: Tensor, distorted: Tensor, *, data_range: float = 1.0, validate: Validate = None) -> Tensor:
    """Vibrancy of each image, (N,): mean C* of `distorted` / mean C* of `reference`; below 1, colours have faded.

    It is infinite or NaN for a reference without any colour; over a set of images the ratio of the means is the safer
    number. See `colour_difference`.
    """
    found = colour_difference(reference, distorted, data_range=data_range, validate=validate)
    return found.distorted_chroma / found.reference_chroma


def rgb_to_lab(image: Tensor) -> Tensor:
    """CIELAB of sRGB in [0, 1], both (..., 3, H, W): L* in [0, 100], a* (green to red) and b* (blue to yellow).

        linear = ((c + 0.055) / 1.055)^2.4, or c / 12.92 up to 0.04045        (IEC 61966-2-1)
        L* = 116 f(Y) - 16,  a* = 500 (f(X) - f(Y)),  b* = 200 (f(Y) - f(Z)),  X, Y, Z divided by the white's
        f(t) = t^(1/3), or 7.787 t + 16/116 up to 0.008856

    for D65 and the 2 degree observer. Raises ValueError unless `image` is floating-point with three channels.
    """
    if image.ndim < 3 or image.shape[-3] != 3 or not image.is_floating_point():
        raise ValueError(
            f"image must be floating-point RGB of shape (..., 3, H, W), got {image.dtype} {tuple(image.shape)}"
        )
    linear = torch.where(image > 0.04045, ((image.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4, image / 12.92)
    red, green, blue = linear.unbind(dim=-3)
    x, y, z = (
        _compressed((r * red + g * green + b * blue) / white) for (r, g, b), white in zip(_XYZ, _WHITE, strict=True)
    )
    return torch.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), dim=-3)


def _compressed(t: Tensor) -> Tensor:
    return torch.where(t > _CUBE_ROOT_FROM, t.clamp(min=_CUBE_ROOT_FROM) ** (1 / 3), _SLOPE * t + _OFFSET)


def _length(ab: Tensor) -> Tensor:
    return torch.hypot(ab[:, 0], ab[:, 1])

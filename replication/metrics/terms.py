"""The terms of SSIM one by one: luminance, contrast and structure under every window, and luminance's slope."""

from typing import NamedTuple

from torch import Tensor

from replication.metrics.checks import Validate, checked_pair
from replication.metrics.filters import WindowKind, separable_filter, window
from replication.metrics.similarity import Constants


class Terms(NamedTuple):
    """Maps (N, C, H - size + 1, W - size + 1). The product of the first three is `ssim_map`.

    slope: derivative of luminance by the local mean of the distorted image. Positive: brighter would be better.
    """

    luminance: Tensor
    contrast: Tensor
    structure: Tensor
    slope: Tensor


def ssim_terms(
    reference: Tensor,
    distorted: Tensor,
    *,
    data_range: float = 1.0,
    window_size: int = 11,
    sigma: float = 1.5,
    window_kind: WindowKind = "gaussian",
    k1: float = 0.01,
    k2: float = 0.03,
    validate: Validate = None,
) -> Terms:
    """The three terms of SSIM and the slope of the first (Wang, Bovik, Sheikh, Simoncelli 2004).

        l = (2 mx my + C1) / (mx^2 + my^2 + C1),  dl/dmy = 2 (mx - my) (mx (mx + my) + C1) / (mx^2 + my^2 + C1)^2
        c = (2 sx sy + C2) / (vx + vy + C2),      s = (vxy + C2/2) / (sx sy + C2/2)

    Arguments and errors as for `ssim`, padding "valid". When a whole image becomes brighter, variances stay: the
    derivative of the product l c s by brightness is then c s times that of l, the derivative of l + c s is that of l.
    """
    x, y = checked_pair(reference, distorted, data_range, validate)
    taps, (c1, c2) = window(window_size, sigma, window_kind), Constants.of(data_range, k1, k2)
    offset_x, offset_y = (image.mean(dim=(-2, -1), keepdim=True) for image in (x, y))
    x, y = x - offset_x, y - offset_y  # variances are differences of squares, and small ones keep their precision
    mx, my = separable_filter(x, taps), separable_filter(y, taps)
    vx = (separable_filter(x * x, taps) - mx * mx).clamp(min=0)
    vy = (separable_filter(y * y, taps) - my * my).clamp(min=0)
    vxy = separable_filter(x * y, taps) - mx * my
    mx, my, deviations = mx + offset_x, my + offset_y, vx.sqrt() * vy.sqrt()
    squares = mx * mx + my * my + c1
    return Terms(
        (2 * mx * my + c1) / squares,
        (2 * deviations + c2) / (vx + vy + c2),
        (vxy + c2 / 2) / (deviations + c2 / 2),
        2 * (mx - my) * (mx * (mx + my) + c1) / squares.square(),
    )

"""Visible noise by a simple model of masking by texture: the noise visibility function."""

import torch
from torch import Tensor

from replication.metrics.checks import Validate, checked_pair
from replication.metrics.colour import luminance
from replication.metrics.filters import reflected, separable_filter, window

_WINDOW = 3  # pixels across: the authors' local window with L = 1
_STRENGTH = 75.0  # the authors' D, of which they say that it lies between 50 and 100


def visible_noise(reference: Tensor, distorted: Tensor, *, validate: Validate = None) -> Tensor:
    """Squared error of the luminance that texture does not mask, of each pixel: (N, C, H, W) to (N, H, W), at least 0.

        NVF (255 (y - x))^2,  NVF = 1 / (1 + theta v),  theta = 75 / (the largest v of the image)

    with v the variance of the reference's luminance in 3 x 3 pixels, mirrored at the border, in [0, 255], after
    Voloshynovskiy, Herrigel, Baumgaertner, Pun 1999 ("A stochastic approach to content adaptive digital image
    watermarking"): NVF is 1 where the image is flat and 1/76 where it varies most. The model knows neither contrast
    sensitivity nor adaptation to luminance.

    reference, distorted: (N, C, H, W) floats in [0, 1], one channel or RGB. validate: as for `checks.checked_pair`.
    """
    reference, distorted = checked_pair(reference, distorted, 1.0, validate)
    x, y = (255 * luminance(image).squeeze(1) for image in (reference, distorted))
    taps = window(_WINDOW, kind="uniform")
    centred = x - x.mean(dim=(1, 2), keepdim=True)
    extended = reflected(centred, _WINDOW)
    variance = (separable_filter(extended.square(), taps) - separable_filter(extended, taps).square()).clamp(min=0)
    largest = variance.amax(dim=(1, 2), keepdim=True).clamp(min=torch.finfo(variance.dtype).tiny)
    return (y - x).square() / (1 + _STRENGTH * variance / largest)

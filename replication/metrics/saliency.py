"""Saliency of an image, from the spectral residual of its luminance."""

import torch
import torch.nn.functional as F
from torch import Tensor

from replication.metrics.colour import rgb_to_gray
from replication.metrics.filters import separable_filter, window

_SIDE = 64  # pixels of the shorter side at which the image is seen
_BLUR, _SIGMA = 11, 2.5  # pixels of the Gaussian that smooths the map


def spectral_residual(image: Tensor) -> Tensor:
    """Saliency map of each image, (N, 3, H, W) in [0, 1] to (N, h, w) with the shorter side 64; at least 0.

        R = log|F| - (log|F| averaged over 3 x 3 frequencies),  saliency = Gaussian * |inverse(exp(R + i arg F))|^2

    with F the Fourier transform of the luminance reduced to a shorter side of 64 pixels (Hou, Zhang 2007, "Saliency
    detection: a spectral residual approach"): what remains of a spectrum when the part that all natural images share,
    its local average, is taken away. The spectrum is periodic, and so is its average; the Gaussian has 11 pixels and
    sigma 2.5, close to the 10 pixels of the authors' program, and the map is mirrored at its border. The map of a
    constant image is not informative. No gradient.
    """
    with torch.no_grad():
        grey = rgb_to_gray(image).to(torch.promote_types(image.dtype, torch.float32))
        shorter = min(grey.shape[-2:])
        size = [max(1, round(side * _SIDE / shorter)) for side in grey.shape[-2:]]
        spectrum = torch.fft.fft2(F.interpolate(grey, size, mode="bilinear", antialias=True, align_corners=False))
        amplitude = spectrum.abs().clamp(min=1e-8).log()
        residual = amplitude - F.avg_pool2d(F.pad(amplitude, (1, 1, 1, 1), mode="circular"), 3, stride=1)
        response = torch.fft.ifft2(torch.polar(residual.exp(), spectrum.angle())).abs().square()
        margin = _BLUR // 2
        padded = F.pad(response, (margin,) * 4, mode="reflect").squeeze(1)
        return separable_filter(padded, window(_BLUR, _SIGMA))

"""Squared error of reconstructions over the whole image, its interior and its border, beside SSIM."""

import torch
from torch import Tensor

from replication.metrics.ssim import ssim

BORDER = 5
"""Pixels at each side of an image about which a window of 11 does not fit: losses on such windows hardly see them."""


def interior_error(original: Tensor, output: Tensor, border: int = BORDER) -> Tensor:
    """Mean squared error of each image (N, C, H, W) without its outer `border` pixels, (N,)."""
    return _squared(original, output)[..., border:-border, border:-border].mean((1, 2, 3))


def border_error(original: Tensor, output: Tensor, border: int = BORDER) -> Tensor:
    """Mean squared error of each image (N, C, H, W) over its outer `border` pixels, (N,)."""
    squared = _squared(original, output)
    inside = squared[..., border:-border, border:-border]
    pixels = squared[0].numel() - inside[0].numel()
    return (squared.sum((1, 2, 3)) - inside.sum((1, 2, 3))) / pixels


def errors(original: Tensor, output: Tensor) -> dict[str, Tensor]:
    """ssim, mse, mse_interior and mse_border of each image, (N,) each; images in [0, 1]."""
    return {
        "ssim": ssim(original, output),
        "mse": _squared(original, output).mean((1, 2, 3)),
        "mse_interior": interior_error(original, output),
        "mse_border": border_error(original, output),
    }


def _squared(original: Tensor, output: Tensor) -> Tensor:
    return torch.square(original.double() - output.double())

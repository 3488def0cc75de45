"""Separable windows and the filtering that structural similarity is made of."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from replication.metrics.checks import check_choice

WindowKind = Literal["gaussian", "uniform"]


def window(size: int, sigma: float = 1.5, kind: WindowKind = "gaussian") -> Tensor:
    """One-dimensional window of `size` taps that sum to one, float64; `sigma`, in pixels, is for the Gaussian only.

    The two-dimensional window is its outer product with itself.
    """
    check_choice("window", kind, ("gaussian", "uniform"))
    if size < 1 or size % 2 == 0:
        raise ValueError(f"window_size must be odd and positive, got {size}")
    if kind == "uniform":
        return torch.full((size,), 1 / size, dtype=torch.float64)
    if not sigma > 0:
        raise ValueError(f"sigma must be positive, got {sigma}")
    offsets = torch.arange(size, dtype=torch.float64) - size // 2
    taps = torch.exp(-0.5 * (offsets / sigma) ** 2)
    return taps / taps.sum()


def separable_filter(image: Tensor, taps: Tensor) -> Tensor:
    """Weighted mean of (N, C, H, W) over every whole window: (N, C, H - size + 1, W - size + 1)."""
    n, c, h, w = image.shape
    taps = taps.to(image)
    planes = image.reshape(n * c, 1, h, w)
    planes = F.conv2d(planes, taps.view(1, 1, -1, 1))
    planes = F.conv2d(planes, taps.view(1, 1, 1, -1))
    return planes.view(n, c, *planes.shape[-2:])

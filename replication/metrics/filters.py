"""Separable windows, and filtering with them."""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from replication.metrics.checks import check_choice

WindowKind = Literal["gaussian", "uniform"]


def window(size: int, sigma: float = 1.5, kind: WindowKind = "gaussian") -> tuple[float, ...]:
    """One-dimensional window of `size` taps that sum to one; `sigma`, in pixels, is for the Gaussian only.

    The two-dimensional window is its outer product with itself. Plain numbers: nothing to move to a device.
    """
    check_choice("window_kind", kind, ("gaussian", "uniform"))
    if size < 1 or size % 2 == 0:
        raise ValueError(f"window_size must be odd and positive, got {size}")
    if not sigma > 0:
        raise ValueError(f"sigma must be positive, got {sigma}")
    if kind == "uniform":
        return (1 / size,) * size
    offsets = torch.arange(size, dtype=torch.float64) - size // 2
    taps = torch.exp(-0.5 * (offsets / sigma) ** 2)
    return tuple((taps / taps.sum()).tolist())


def separable_filter(image: Tensor, taps: Sequence[float]) -> Tensor:
    """Weighted mean over every whole window: (..., H, W) to (..., H - size + 1, W - size + 1).

    A sum of shifted copies, as the definition reads. On a tile that stays in the cache this is several times faster
    than a convolution, which is made for many channels, and no pixel depends on what else is in the batch. The smallest
    terms come first, which keeps rounding errors on flat images ten times smaller than from left to right.
    """
    (first, least), *others = sorted(enumerate(taps), key=lambda shift_and_tap: shift_and_tap[1])
    for dim in (-1, -2):
        length = image.shape[dim] - len(taps) + 1
        filtered = image.narrow(dim, first, length) * least
        for shift, tap in others:
            filtered.add_(image.narrow(dim, shift, length), alpha=tap)
        image = filtered
    return image


def separable_filter_adjoint(gradient: Tensor, taps: Sequence[float]) -> Tensor:
    """The gradient with respect to the input of `separable_filter`, given the one with respect to its output."""
    for dim in (-2, -1):
        length = gradient.shape[dim]
        shape = list(gradient.shape)
        shape[dim] = length + len(taps) - 1
        spread = gradient.new_zeros(shape)
        for shift, tap in enumerate(taps):
            spread.narrow(dim, shift, length).add_(gradient, alpha=tap)
        gradient = spread
    return gradient


def reflected(image: Tensor, window_size: int) -> Tensor:
    """The image extended so that every pixel is the centre of a window, mirrored at its border pixels."""
    return F.pad(image, [window_size // 2] * 4, mode="reflect")

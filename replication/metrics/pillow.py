"""Resizing 8-bit images as Pillow's antialiased bilinear filter does, to the bit, wherever the tensor is.

Metrics whose authors resized with Pillow need its rounding: it computes in whole numbers, rounds to 8 bits after each
of its two passes, and so differs from a bilinear resize in floating point by up to a level. The passes go along rows
first, then columns, as in all its versions before 13; since then it sometimes begins with columns, and with them first
every fourth pixel or so would be another by one level.
"""

import functools
import math

import torch
from torch import Tensor

_ONE = 2.0**22  # Pillow's weights are whole numbers of this unit


def resize_bilinear(image: Tensor, size: tuple[int, int]) -> Tensor:
    """`image` (..., H, W) in [0, 1], rounded to 8 bits and resized to `size` (height, width); 8-bit values over 255.

    The same as `PIL.Image.resize(..., BILINEAR)` of the 8-bit image, up to version 12. It rounds: no gradient.
    The weights of each pass are a matrix of whole numbers, applied in float64, where every sum is exact.
    Raises ValueError unless `size` is positive.
    """
    if min(size) < 1:
        raise ValueError(f"size must be positive, got {size}")
    levels = (image.detach() * 255).round().double()
    height, width = image.shape[-2:]
    if size[1] != width:
        levels = _rounded(levels @ _weights(width, size[1]).T.to(levels.device, non_blocking=True))
    if size[0] != height:
        levels = _rounded(_weights(height, size[0]).to(levels.device, non_blocking=True) @ levels)
    return (levels / 255).to(image.dtype)


def _rounded(sums: Tensor) -> Tensor:
    return ((sums + _ONE / 2) / _ONE).floor().clamp(0, 255)


@functools.lru_cache(maxsize=64)
def _weights(length: int, out_length: int) -> Tensor:
    """Weight of each input pixel in each output pixel, in units of 2^-22: (out_length, length), float64.

    A triangle around each output pixel's centre, of half width 1 input pixel, or the scale if that shrinks the side.
    """
    scale = length / out_length
    half_width = max(scale, 1.0)
    centre = (torch.arange(out_length, dtype=torch.float64)[:, None] + 0.5) * scale
    pixel = torch.arange(length, dtype=torch.float64)
    first = (centre - half_width + 0.5).clamp(min=0).floor()
    last = (centre + half_width + 0.5).clamp(max=length).floor()
    weights = (1 - (pixel + 0.5 - centre).abs() / half_width).clamp(min=0)
    weights = torch.where((pixel >= first) & (pixel < last), weights, 0.0)
    weights = weights / weights.sum(dim=1, keepdim=True)
    return (weights * _ONE + 0.5).floor()


def short_side(height: int, width: int, target: int) -> tuple[int, int]:
    """The size (height, width) whose shorter side is `target`, the longer rounded down, as torchvision resizes."""
    if height <= width:
        return target, math.floor(target * width / height)
    return math.floor(target * height / width), target

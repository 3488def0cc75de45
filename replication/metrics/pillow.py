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

_BITS = 22  # Pillow's weights are whole numbers of 2^-22
_CHUNK = 2**22  # pixels resized at a time, or one plane


def resize_bilinear(image: Tensor, size: tuple[int, int]) -> Tensor:
    """`image` (..., H, W) in [0, 1], rounded to 8 bits and resized to `size` (height, width); 8-bit values over 255.

    The same as `PIL.Image.resize(..., BILINEAR)` of the 8-bit image, up to version 12. It rounds: no gradient.
    Values outside [0, 1] are clamped; a channel with a NaN becomes NaN.
    Raises ValueError unless `size` is positive.
    """
    if min(size) < 1:
        raise ValueError(f"size must be positive, got {size}")
    height, width = image.shape[-2:]
    planes = image.detach().reshape(-1, height, width)
    resized = planes.new_empty(len(planes), *size)
    step = max(1, _CHUNK // max(1, height * width))
    for chunk, out in zip(torch.split(planes, step), torch.split(resized, step), strict=True):
        levels = (chunk * 255).round_().clamp_(0, 255).to(torch.uint8)
        for dim, length in ((2, size[1]), (1, size[0])):
            levels = _pass(levels, dim, length)
        out.copy_(levels).div_(255).add_(chunk.sum(dim=(1, 2), keepdim=True) * 0)  # 8 bits know no NaN
    return resized.view(*image.shape[:-2], *size)


def _pass(levels: Tensor, dim: int, length: int) -> Tensor:
    """Resize along one dimension of 8-bit (N, H, W). The sums, of about 255 * 2^22, are exact in 32 bits."""
    if levels.shape[dim] == length:
        return levels
    first, weights = _weights(levels.shape[dim], length)
    first = first.to(levels.device, non_blocking=True)
    weights = weights.to(levels.device, non_blocking=True)
    shape = [-1 if each == dim else 1 for each in range(3)]
    sums = torch.full((), 2 ** (_BITS - 1), dtype=torch.int32, device=levels.device)  # a half, to round
    for number, weight in enumerate(weights):
        pixels = levels.index_select(dim, (first + number).clamp_(max=levels.shape[dim] - 1))
        sums = pixels.to(torch.int32).mul_(weight.view(shape)).add_(sums)
    return (sums >> _BITS).clamp_(0, 255).to(torch.uint8)


@functools.lru_cache(maxsize=64)
def _weights(length: int, out_length: int) -> tuple[Tensor, Tensor]:
    """First input pixel of each output pixel, (out_length,), and the weights of it and of those that follow.

    The weights are in units of 2^-22, 32-bit, (pixels, out_length); 0 beyond the last pixel of the input. They are a
    triangle around each output pixel's centre, of half width 1 input pixel, or the scale if that shrinks the side.
    """
    scale = length / out_length
    half_width = max(scale, 1.0)
    centre = (torch.arange(out_length, dtype=torch.float64) + 0.5) * scale
    first = (centre - half_width + 0.5).clamp(min=0).floor()
    last = (centre + half_width + 0.5).clamp(max=length).floor()
    pixel = first + torch.arange(int((last - first).max()), dtype=torch.float64)[:, None]
    weights = (1 - (pixel + 0.5 - centre).abs() / half_width).clamp(min=0)
    weights = torch.where(pixel < last, weights, 0.0)
    weights = weights / weights.sum(dim=0, keepdim=True)
    return first.long(), (weights * 2**_BITS + 0.5).floor().to(torch.int32)


def short_side(height: int, width: int, target: int) -> tuple[int, int]:
    """The size (height, width) whose shorter side is `target`, the longer rounded down, as torchvision resizes."""
    if height <= width:
        return target, math.floor(target * width / height)
    return math.floor(target * height / width), target

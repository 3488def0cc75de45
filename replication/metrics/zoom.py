"""Bilinear resizing of maps from corner to corner, wherever the tensor is."""

import functools

import torch
from torch import Tensor


def zoom(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """(..., h, w) to (..., H, W), bilinear, the corner pixels' centres staying in the corners.

    Equal to `scipy.ndimage.zoom(map, (H / h, W / w), order=1)` of each map, to the last row and column: where the
    rounded position of these, ((h - 1) / (H - 1)) (H - 1) in float64, lies beyond h - 1, SciPy takes it to be outside
    and gives zeros (from 9 to 250 rows it does not, from 8 to 102 it does). Differentiable.
    Raises ValueError unless `size` is positive.
    """
    if min(size) < 1:
        raise ValueError(f"size must be positive, got {size}")
    rows, columns = (
        _weights(before, after).to(maps.dtype).to(maps.device, non_blocking=True)
        for before, after in zip(maps.shape[-2:], size, strict=True)
    )
    with torch.autocast(maps.device.type, enabled=False):
        return rows @ maps @ columns.T


@functools.lru_cache(maxsize=256)
def _weights(before: int, after: int) -> Tensor:
    """Weight of each of `before` pixels in each of `after`, (after, before), float64."""
    step = (before - 1) / (after - 1) if after > 1 else 1.0
    position = step * torch.arange(after, dtype=torch.float64)
    weights = (1 - (position[:, None] - torch.arange(before)).abs()).clamp(min=0)
    return torch.where(position[:, None] <= before - 1, weights, 0.0)

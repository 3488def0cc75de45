"""Projections of feature maps to a few channels, as the sliced maximal information coefficient uses them."""

import functools
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from replication.metrics.checks import check_choice

Law = Literal["released", "paper"]

RELEASED_SEED = -3566


def random_projections(
    channels: Sequence[int], count: int = 32, *, law: Law = "released", seed: int = RELEASED_SEED
) -> tuple[Tensor, ...]:
    """One matrix (count, channels), float32, on the CPU, for each map of so many channels.

    law: "released" are the authors' weights: Xavier-uniform, the random numbers used in the order of their code, which
        seeds between making the first layer and drawing its weights, and lets every further layer draw torch's own
        initial weights first, to be replaced. "paper" are directions uniform on the sphere: Gaussian rows, of length 1.
        The same ones serve reference and distorted image in both, as in the paper's figure 4; its equation 4 has two
        independent sets, the option `independent` of the metrics.
    seed: any integer that `torch.manual_seed` takes. Torch's own random numbers are left as they were.
    Raises ValueError for no channels, no projections or an unknown law.
    """
    check_choice("law", law, ("released", "paper"))
    if count < 1 or len(channels) == 0 or min(channels) < 1:
        raise ValueError(f"projections and channels must be positive, got {count} of {tuple(channels)} channels")
    return _drawn(tuple(channels), count, law, seed)


def even_channels(channels: int, count: int | None) -> Tensor | None:
    """The matrix (count, channels) that picks so many channels, evenly spaced; None, which is all of them, for None.

    Raises ValueError unless count is between 1 and `channels`.
    """
    if count is None:
        return None
    if not 1 <= count <= channels:
        raise ValueError(f"channels must be between 1 and {channels}, those of the map, got {count}")
    return _picking(channels, count)


def project(maps: Tensor, projection: Tensor | None) -> Tensor:
    """(N, C, H, W) to (N, K, H, W) with a matrix (K, C), in the maps' precision whatever the autocast.

    None leaves the channels as they are. There is no gradient.
    """
    maps = maps.detach()
    if projection is None:
        return maps
    if projection.ndim != 2 or projection.shape[1] != maps.shape[1]:
        raise ValueError(
            f"projections must be a matrix of shape (K, {maps.shape[1]}), got shape {tuple(projection.shape)}"
        )
    matrix = projection.to(maps.dtype).to(maps.device, non_blocking=True)
    with torch.autocast(maps.device.type, enabled=False):
        return (matrix @ maps.flatten(2)).view(len(maps), len(projection), *maps.shape[2:])


# Cached, so that metrics of the same settings hold the same tensors, by which `pair_cache` finds shared results.
@functools.lru_cache(maxsize=64)
def _drawn(channels: tuple[int, ...], count: int, law: Law, seed: int) -> tuple[Tensor, ...]:
    if law == "paper":
        generator = torch.Generator().manual_seed(seed)
        rows = [torch.randn(count, number, generator=generator) for number in channels]
        return tuple(row / torch.linalg.vector_norm(row, dim=1, keepdim=True) for row in rows)
    drawn = []
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        for place, number in enumerate(channels):
            layer = nn.Conv2d(number, count, 1, bias=False)
            if place == 0:
                torch.default_generator.manual_seed(seed)
            nn.init.xavier_uniform_(layer.weight)
            drawn.append(layer.weight.detach()[:, :, 0, 0].clone())
    return tuple(drawn)


@functools.lru_cache(maxsize=64)
def _picking(channels: int, count: int) -> Tensor:
    return torch.eye(channels)[(2 * torch.arange(count) + 1) * channels // (2 * count)]

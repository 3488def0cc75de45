"""Weights that stand in for attention, so that what its level does and what its place does can be told apart.

Every control is made from an image's own attention A at a tap, (N, h, w), and has the same mean over the patches of
the image, so that scores under it differ from scores under A in nothing but where the weights lie:

    level       the mean of A in every patch
    shuffled    A with its patches in an order drawn from a seed, the same for all images of one size
    turned      A turned by 180 degrees: as smooth as A, with the same values
    inverted    1 - A
    variance    variance of the reference's luminance in the patch
    saliency    `saliency.spectral_residual` of the reference, averaged over the patch
    other       A of another pair of images, reduced or enlarged to this grid by averaging

The last four are multiplied by one number for each image and tap, which gives them the mean of A; where a map is zero
throughout, it is "level". Two more change the level too: "none" is 1 in every patch, "zero" leaves only the stages that
attention is not at.
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from replication.metrics.colour import rgb_to_gray
from replication.metrics.saliency import spectral_residual

Weighting = Literal["local", "level", "none", "zero", "shuffled", "turned", "inverted", "variance", "saliency", "other"]

GUIDED = ("variance", "saliency", "other")
"""Weightings by something other than the pair's own attention."""


class Attended(NamedTuple):
    """The maps of attention's taps (N, C, H, W), and what a control of attention weights by.

    guides: as `guides` gives them for this image. other: the maps of another reference and of its distorted image,
    whose attention "other" weights by.
    """

    maps: tuple[Tensor, ...]
    guides: tuple[Tensor, ...] | None = None
    other: tuple[tuple[Tensor, ...], tuple[Tensor, ...]] | None = None


_Pool = Callable[[Tensor], Tensor]


def _variance(image: Tensor, pool: _Pool) -> Tensor:
    grey = rgb_to_gray(image).squeeze(1)
    grey = grey - grey.mean(dim=(1, 2), keepdim=True)
    return (pool(grey.square()) - pool(grey).square()).clamp(min=0)


def _saliency(image: Tensor, pool: _Pool) -> Tensor:
    return pool(spectral_residual(image))


_GUIDES: dict[str, Callable[[Tensor, _Pool], Tensor]] = {"variance": _variance, "saliency": _saliency}


def guides(
    weighting: Weighting, image: Tensor, maps: Sequence[Tensor], patch: int, stride: int
) -> tuple[Tensor, ...] | None:
    """The map on the patches of each tap that "variance" and "saliency" weight by, (N, h, w); None for the others.

    image: (N, 3, H, W) in [0, 1], of which `maps` (N, C, H', W') are the features: it is averaged over the areas of
    their pixels, then over patches.
    """
    if weighting not in _GUIDES:
        return None
    return tuple(_GUIDES[weighting](image, _pooled((m.shape[-2], m.shape[-1]), patch, stride)) for m in maps)


def _pooled(size: tuple[int, int], patch: int, stride: int) -> _Pool:
    return lambda maps: F.avg_pool2d(F.adaptive_avg_pool2d(maps.unsqueeze(1), size), patch, stride).squeeze(1)


def placed(weighting: Weighting, own: Sequence[Tensor], guide: Sequence[Tensor] | None, seed: int = 0) -> list[Tensor]:
    """The weights of the patches at each tap, (N, h, w), from the images' own attention there, (N, h, w).

    guide: of each tap, what "variance", "saliency" and "other" weight by, (N or 1, rows, columns); averaged to the
    attention's grid where its own is another. seed: of the order of "shuffled".
    """
    if weighting == "local":
        return list(own)
    if weighting in ("none", "zero"):
        return [torch.full_like(a, float(weighting == "none")) for a in own]
    if weighting == "level":
        return [a.mean(dim=(1, 2), keepdim=True).expand_as(a) for a in own]
    if weighting == "turned":
        return [a.flip(1, 2) for a in own]
    if weighting == "inverted":
        return [_levelled(1 - a, a) for a in own]
    if weighting == "shuffled":
        orders = [torch.randperm(a[0].numel(), generator=_drawn(seed, tap)) for tap, a in enumerate(own)]
        return [a.flatten(1)[:, order.to(a.device)].view_as(a) for a, order in zip(own, orders, strict=True)]
    if guide is None:
        raise ValueError(
            f"weighting {weighting!r} weights by the attention of another image: compare references made by "
            "attended_scores.with_attention_of"
        )
    return [_levelled(g, a) for g, a in zip(guide, own, strict=True)]


def _drawn(seed: int, tap: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed * 1000 + tap)


def _levelled(guide: Tensor, own: Tensor) -> Tensor:
    """The guide on the grid of `own`, times what gives it the mean of `own`."""
    if guide.shape[1:] != own.shape[1:]:
        guide = F.adaptive_avg_pool2d(guide.unsqueeze(1), (own.shape[1], own.shape[2])).squeeze(1)
    guide = guide.expand_as(own)
    level, mean = (each.mean(dim=(1, 2), keepdim=True) for each in (own, guide))
    return torch.where(mean > 0, guide * (level / mean.clamp(min=torch.finfo(own.dtype).tiny)), level)

"""Reconstruction of an image from the activations of a set of channels, after Mahendran and Vedaldi (CVPR 2015).

    minimise over x in [0, 1]:  |map_S(x) - map_S(image)|^2 / |map_S(image)|^2  +  weight * TV(x)

S are the channels of one tap, TV(x) the mean over pixels and colours of the squared differences to the right and lower
neighbours. The search starts from uniform grey with weak grey noise, so that colour and detail in the result can come
from the channels only.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from replication.features.backbones import Backbone, imagenet_normalised


class InversionError(ValueError):
    """An inversion of a zero map, or one that diverged; the message names the cause and the remedy."""


@dataclass(frozen=True)
class Inversion:
    """The result of `invert`.

    image: (3, H, W) in [0, 1], the one of least loss. losses: of every step. converged: whether it stopped early.
    error: the first term of the loss at that image; 1 for an image on which the channels are zero.
    """

    image: Tensor
    losses: tuple[float, ...]
    error: float
    converged: bool


def invert(
    backbone: Backbone,
    tap: str,
    picture: Tensor,
    channels: Sequence[int] | None = None,
    *,
    steps: int = 200,
    rate: float = 0.03,
    total_variation: float = 20.0,
    tolerance: float = 1e-3,
    patience: int = 25,
    seed: int = 0,
    normalise: Callable[[Tensor], Tensor] = imagenet_normalised,
    progress: Callable[[int, int], None] | None = None,
) -> Inversion:
    """Reconstruct a picture from these channels of a tap, by Adam with the values clamped to [0, 1].

    picture: (3, H, W) in [0, 1]. channels: their indices; all where None.
    rate: Adam's, falling to a tenth along half a cosine. total_variation: weight of TV.
    tolerance, patience: the search stops early when `patience` steps have lowered the loss by less than this fraction.
    seed: of the initial noise. progress: called with (steps done, all).
    Raises InversionError where all channels are zero on the picture, or the loss is no longer finite; ValueError for
    unusable arguments.
    """
    chosen = _channels(backbone, tap, channels)
    if picture.ndim != 3 or picture.shape[0] != 3 or not picture.is_floating_point():
        raise ValueError(f"picture must be floating-point (3, H, W), got {picture.dtype} of {tuple(picture.shape)}")
    if not (picture.isfinite().all() and picture.min() >= 0 and picture.max() <= 1):
        raise ValueError("picture must be finite and in [0, 1]")
    if steps < 1 or patience < 1 or rate <= 0 or total_variation < 0:
        raise ValueError("steps and patience must be at least 1, rate positive and total_variation not negative")
    with torch.no_grad():
        target = backbone(normalise(picture[None].to(backbone.device)), [tap])[tap][:, chosen]
    energy = target.square().sum()
    if energy == 0:
        raise InversionError(
            f"the {len(chosen)} channels of {tap} are silent on this picture; there is nothing to invert"
        )
    x = _start(picture, seed).to(backbone.device).requires_grad_()
    adam = torch.optim.Adam([x], lr=rate)
    least, best, error, losses = math.inf, x.detach().clone(), math.inf, list[float]()
    for step in range(steps):
        adam.param_groups[0]["lr"] = rate * (0.55 + 0.45 * math.cos(math.pi * step / steps))
        adam.zero_grad()
        misfit = (backbone(normalise(x), [tap])[tap][:, chosen] - target).square().sum() / energy
        loss = misfit + total_variation * variation(x)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            raise InversionError(f"the loss became {losses[-1]} at step {step + 1}; lower the rate ({rate:g})")
        if losses[-1] < least:
            least, best, error = losses[-1], x.detach().clone(), misfit.item()
        if progress is not None:
            progress(step + 1, steps)
        if step >= patience and min(losses[:-patience]) - least < tolerance * least:
            return Inversion(best[0].cpu(), tuple(losses), error, converged=True)
        loss.backward()
        adam.step()
        with torch.no_grad():
            x.clamp_(0, 1)
    return Inversion(best[0].cpu(), tuple(losses), error, converged=False)


def variation(image: Tensor) -> Tensor:
    """TV, see above: the sum of squared differences between neighbouring pixels over the number of values."""
    across, down = image.diff(dim=-1).square().sum(), image.diff(dim=-2).square().sum()
    return (across + down) / image.numel()


def _channels(backbone: Backbone, tap: str, channels: Sequence[int] | None) -> list[int]:
    if tap not in backbone.channels:
        raise ValueError(f"{backbone.name} has no tap {tap}; it has {', '.join(backbone.taps)}")
    count = backbone.channels[tap]
    chosen = list(range(count)) if channels is None else [int(channel) for channel in channels]
    outside = [channel for channel in chosen if not 0 <= channel < count]
    if outside or not chosen:
        raise ValueError(f"channels of {tap} must be some of 0 to {count - 1}, got {outside or 'none'}")
    return chosen


def _start(picture: Tensor, seed: int) -> Tensor:
    noise = torch.randn(1, 1, *picture.shape[1:], generator=torch.Generator().manual_seed(seed))
    return (0.5 + 0.01 * noise).expand(1, 3, -1, -1).clamp(0, 1).clone()

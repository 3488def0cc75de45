"""MSDS, DeepSSIM at several scales, fused by a few global weights (Kang et al. 2026).

Only the abstract of the paper is public: the pyramid, the number of levels and the fusion are parameters.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from replication.features import Backbone, backbone, imagenet_normalised
from replication.metrics.checks import Validate, check_choice, check_values
from replication.metrics.deep import check_rgb, checked_rgb_pair
from replication.metrics.deepssim import BLOCK, Prepared, channels_last, check_block, gram_blocks, similarity
from replication.metrics.filters import separable_filter
from replication.metrics.map_tiles import CutMaps, is_cut
from replication.metrics.memory import check_memory
from replication.metrics.options import Device
from replication.metrics.registry import Metric, Source, registered

Pyramid = Literal["mean", "gaussian"]
Fusion = Literal["arithmetic", "geometric"]
PYRAMIDS: tuple[Pyramid, ...] = ("mean", "gaussian")
FUSIONS: tuple[Fusion, ...] = ("arithmetic", "geometric")

TAPS: Mapping[str, str] = {
    "vgg16": "relu5_1",
    "squeezenet1_0": "fire9",
    "squeezenet1_1": "fire8",
    "googlenet": "inception4a",
    "googlenet_bvlc": "inception_4a",
    "shufflenet_v2_x1_0": "stage3",
}
"""Default tap of each network: the first with 512 channels at a sixteenth of the image's sides, as VGG16's relu5_1 is;
ShuffleNet's has 232 channels."""

LEAST = 1e-6
"""Least value of a level in the geometric mean: DeepSSIM can be negative."""

_BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
_MOST = 5
_LEAST_REDUCED = {"mean": 2, "gaussian": 3}  # sides that can be halved; three can be mirrored by two


def msds(
    reference: Tensor,
    distorted: Tensor,
    *,
    backbone: Backbone,
    tap: str | None = None,
    levels: int = 3,
    level_weights: Sequence[float] | None = None,
    pyramid: Pyramid = "mean",
    fusion: Fusion = "arithmetic",
    block: int = BLOCK,
    validate: Validate = None,
) -> Tensor:
    """MSDS of each image, shape (N,), at most 1; higher is better.

        MSDS = sum_k w_k S_k   or   prod_k max(S_k, 1e-6)^w_k,   S_k = DeepSSIM of the images at level k

    Arguments and errors as for `level_scores` and `fuse`.
    """
    scores = level_scores(
        reference,
        distorted,
        backbone=backbone,
        tap=tap,
        levels=levels,
        pyramid=pyramid,
        block=block,
        validate=validate,
    )
    return fuse(scores, level_weights, fusion)


def level_scores(
    reference: Tensor,
    distorted: Tensor,
    *,
    backbone: Backbone,
    tap: str | None = None,
    levels: int = 3,
    pyramid: Pyramid = "mean",
    block: int = BLOCK,
    validate: Validate = None,
) -> Tensor:
    """DeepSSIM at each level of an image pyramid, shape (N, levels); column 0 is that of the images themselves.

    reference, distorted: (N, 3, H, W) floats in [0, 1], RGB; sizes may differ, as for `deepssim`.
    backbone: any of `features.names()`, on the images' device. tap: whose Gram matrix; `TAPS` has the default.
    levels: 1 to 5, as far as the image allows. pyramid: how a level is made from the one before it.
        "mean": of 2 x 2 pixels; an odd last row or column is left out.
        "gaussian": [1 4 6 4 1] / 16 both ways (Burt & Adelson 1983), mirrored at the border, then every second pixel.
    block: side of the Gram matrix's blocks; channels beyond a multiple of it are left out.
    Raises ValueError naming what was wanted; for an image too small, with the number of levels that it has.
    """
    reference, distorted = checked_rgb_pair(reference, distorted, validate, same_size=False)
    tap, wanted = _tap(backbone, tap), range(_count(levels))
    return _compare(
        *(_Levels(x, backbone, [tap], pyramid).prepared(wanted, tap, block) for x in (reference, distorted))
    )


def fuse(level_scores: Tensor, level_weights: Sequence[float] | None = None, fusion: Fusion = "arithmetic") -> Tensor:
    """One score for each row of (N, levels): the weighted arithmetic or geometric mean, (N,).

    level_weights: one for each level, none negative; divided by their sum. None: equal.
    """
    check_choice("fusion", fusion, FUSIONS)
    levels = level_scores.shape[1]
    weights = torch.tensor(_weights(levels, level_weights), dtype=level_scores.dtype).to(level_scores.device)
    if fusion == "arithmetic":
        return (level_scores * weights).sum(dim=1)
    return (level_scores.clamp(min=LEAST).log() * weights).sum(dim=1).exp()


def most_levels(backbone: Backbone, tap: str, height: int, width: int, pyramid: Pyramid = "mean") -> int:
    """Number of levels, at most 5, of an image of this size at which the network can be read at the tap."""
    side, levels = min(height, width), 0
    while levels < _MOST and side >= backbone.least_side[tap]:
        levels += 1
        if side < _LEAST_REDUCED[pyramid]:
            break
        side = side // 2 if pyramid == "mean" else (side + 1) // 2
    return levels


class _Levels:
    """A batch's pyramid of feature maps. A level is computed when it is first needed, then stored."""

    def __init__(self, image: Tensor, backbone: Backbone, taps: Sequence[str], pyramid: Pyramid) -> None:
        check_choice("pyramid", pyramid, PYRAMIDS)
        self._images = [image.to(next(backbone.parameters()).dtype)]
        self._backbone, self._taps, self._pyramid = backbone, taps, pyramid
        self._maps: dict[int, Mapping[str, Tensor]] = {}

    def prepared(self, levels: Sequence[int], tap: str, block: int) -> list[Prepared]:
        """Blocks of the Gram matrices of these levels at this tap."""
        height, width = self._images[0].shape[-2:]
        count = min(most_levels(self._backbone, each, height, width, self._pyramid) for each in self._taps)
        if max(levels) >= count:
            raise ValueError(
                f"an image of {height} x {width} is too small for level {max(levels)} of a pyramid at "
                f"{', '.join(self._taps)} of {self._backbone.name}: it has {count} levels, the image being level 0"
            )
        return [gram_blocks(self._at(level)[tap], block) for level in levels]

    def _at(self, level: int) -> Mapping[str, Tensor]:
        while len(self._images) <= level:
            self._images.append(_reduced(self._images[-1], self._pyramid))
        if level not in self._maps:
            image, backbone, taps = self._images[level], self._backbone, self._taps
            if is_cut(backbone, image, taps):
                self._maps[level] = CutMaps(backbone, image, taps, imagenet_normalised)
            else:
                check_memory(backbone, image, taps)
                self._maps[level] = backbone(channels_last(imagenet_normalised(image)), taps)
        return self._maps[level]


def _compare(reference: Sequence[Prepared], distorted: Sequence[Prepared]) -> Tensor:
    """Scores (N, levels)."""
    return torch.stack([similarity(x, y) for x, y in zip(reference, distorted, strict=True)], dim=1)


def _reduced(image: Tensor, pyramid: Pyramid) -> Tensor:
    if pyramid == "mean":
        return _halved(image)
    return separable_filter(F.pad(image, (2, 2, 2, 2), mode="reflect"), _BINOMIAL)[..., ::2, ::2]


def _halved(image: Tensor) -> Tensor:
    """`F.avg_pool2d(image, 2)` to the last bit, in a quarter of the time: it adds in this order."""
    height, width = (side // 2 * 2 for side in image.shape[-2:])
    total = image[..., 0:height:2, 0:width:2] + image[..., 0:height:2, 1:width:2]
    total = total + image[..., 1:height:2, 0:width:2]
    return (total + image[..., 1:height:2, 1:width:2]) * 0.25


def _tap(backbone: Backbone, tap: str | None) -> str:
    if tap is None and backbone.name not in TAPS:
        raise ValueError(f"there is no usual tap for {backbone.name}; name one of {', '.join(backbone.taps)}")
    chosen = TAPS[backbone.name] if tap is None else tap
    if chosen not in backbone.taps:
        raise ValueError(f"{backbone.name} has no tap {chosen}; it has {', '.join(backbone.taps)}")
    return chosen


def _count(levels: int) -> int:
    if not 1 <= levels <= _MOST:
        raise ValueError(f"levels must be from 1 to {_MOST}, got {levels}")
    return levels


def _weights(levels: int, given: Sequence[float] | None) -> list[float]:
    if given is None:
        return [1 / levels] * levels
    if len(given) != levels or not all(0 <= weight < float("inf") for weight in given) or not sum(given) > 0:
        raise ValueError(
            f"level_weights must be {levels} numbers, one for each level, none negative and not all zero, "
            f"got {list(given)}"
        )
    return [weight / sum(given) for weight in given]


@registered("msds")
def _build(
    *,
    levels: int = 3,
    level_weights: Sequence[float] | None = None,
    pyramid: Pyramid = "mean",
    fusion: Fusion = "arithmetic",
    level: int | None = None,
    network: str = "vgg16",
    tap: str | None = None,
    shared_taps: Sequence[str] | None = None,
    block: int = BLOCK,
    weights: str | Path = "imagenet",
    seed: int = 0,
    device: Device = None,
    download: bool = False,
) -> Metric:
    """level: the score of this level alone, 0 the image itself, in place of the fusion of all.
    network, weights: the backbone and where its weights are from. shared_taps: taps that other metrics created beside
    this one read; those with the same list, network and pyramid share one pyramid, each level one pass.
    """
    net = backbone(network, weights=weights, seed=seed, device=device, download=download)
    if torch.device(device or "cpu").type == "cpu":
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    own = _tap(net, tap)
    check_block(block, net.channels[own])
    shared = [own] if shared_taps is None else [_tap(net, each) for each in shared_taps]
    if own not in shared:
        raise ValueError(f"shared_taps must have the metric's own tap, {own}, got {', '.join(shared)}")
    check_choice("fusion", fusion, FUSIONS)
    check_choice("pyramid", pyramid, PYRAMIDS)
    settled_weights = _weights(_count(levels), level_weights)
    if level is not None and not 0 <= level < _MOST:
        raise ValueError(f"level must be from 0 to {_MOST - 1}, got {level}")
    wanted = range(levels) if level is None else [level]

    def compute(image: Tensor, taps: Sequence[str] = shared) -> _Levels:
        check_rgb("image", image)
        check_values("image", image, 1.0, None)
        if device is None:
            net.to(image.device)
        else:
            image = image.to(device)
        return _Levels(image, net, taps, pyramid)

    def finish(of: _Levels) -> list[Prepared]:
        return of.prepared(wanted, own, block)

    def compare(reference: list[Prepared], distorted: list[Prepared]) -> Tensor:
        scores = _compare(reference, distorted)
        return fuse(scores, settled_weights, fusion) if level is None else scores[:, 0]

    protocol: dict[str, Any] = {
        "backbone": net.name,
        "weights": net.weights,
        "pooling": net.pooling,
        "normalisation": "ImageNet",
        "resize": "none",
        "tap": own,
        "blocks": f"{block} x {block} of the Gram matrix",
        "pyramid": pyramid,
        "levels": levels if level is None else f"{level} alone",
    }
    if level is None:
        protocol |= {"fusion": fusion, "level weights": tuple(settled_weights)}
    key = ("pyramid", net.name, net.weights, str(device), tuple(shared), pyramid)
    return Metric(
        "msds",
        True,
        protocol,
        prepare=lambda image: finish(compute(image, [own])),
        compare=compare,
        source=Source(key, compute),
        finish=finish,
    )

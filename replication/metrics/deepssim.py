"""DeepSSIM, structural similarity of deep features, and its form for training (Zhang, Chen, Zhao, Wang 2025)."""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from replication.features import Backbone, backbone
from replication.metrics.checks import Validate
from replication.metrics.deep import (
    MAX_POOLED_TAPS,
    Resizing,
    assemble,
    check_comparable,
    checked_rgb_pair,
    features,
)
from replication.metrics.options import Device
from replication.metrics.registry import Metric, registered

_TAP = "relu5_1"
BLOCK = 4
_C = 1e-6


def channels_last(image: Tensor) -> Tensor:
    """The same image; on a CPU with the channels last, so that convolutions take half to three quarters of the time."""
    return image.contiguous(memory_format=torch.channels_last) if image.device.type == "cpu" else image


_AS_IT_IS = Resizing("none", channels_last)


class Prepared(NamedTuple):
    """Blocks of the Gram matrix minus their means, (N, blocks, values), and their variances, (N, blocks)."""

    deviations: Tensor
    variances: Tensor


def deepssim(reference: Tensor, distorted: Tensor, *, backbone: Backbone, validate: Validate = None) -> Tensor:
    """DeepSSIM of each image, shape (N,), in [-1, 1]; higher is better.

        DeepSSIM = mean over blocks of  (2 vxy + 1e-6) / (vx + vy + 1e-6)

    with biased (co)variances v over the 4 x 4 blocks of the Gram matrices F F^T (512 x 512, not normalised) of the maps
    F (512, h w) of VGG16's relu5_1, which is fed the images normalised with ImageNet's mean and deviation.

    reference, distorted: (N, 3, H, W) floats in [0, 1], RGB, not resized; their sizes may differ from each other.
        Computed in the precision of the backbone's weights, float32, whatever the autocast; differentiable.
    backbone: `features.backbone("vgg16")`, on the images' device.
    validate: whether values are checked, see `checks.checked_pair`.
    Raises ValueError naming the tensor and what was wanted; the least side is 16 pixels.
    """
    reference, distorted = checked_rgb_pair(reference, distorted, validate, same_size=False)
    _check_vgg16(backbone)
    maps = (features(backbone, image, [_TAP], resizing=_AS_IT_IS).maps[_TAP] for image in (reference, distorted))
    return similarity(*map(gram_blocks, maps))


def deepssim_lite(reference: Tensor, distorted: Tensor, *, backbone: Backbone, validate: Validate = None) -> Tensor:
    """DeepSSIM Lite of each image, shape (N,), in [-1, 1]; higher is better.

        S = (2 vxy + 1e-6) / (vx + vy + 1e-6)

    over the whole Gram matrix, which is divided by the number 512 h w of the map's values. Arguments and errors as for
    `deepssim`.
    """
    reference, distorted = checked_rgb_pair(reference, distorted, validate, same_size=False)
    _check_vgg16(backbone)
    maps = (features(backbone, image, [_TAP], resizing=_AS_IT_IS).maps[_TAP] for image in (reference, distorted))
    x, y = map(_whole, maps)
    vx, vy = x.square().mean(dim=(1, 2)), y.square().mean(dim=(1, 2))
    return 1 - ((x - y).square().mean(dim=(1, 2))) / (vx + vy + _C)


class DeepSSIMLiteLoss(nn.Module):
    """1 - DeepSSIM Lite of (output, target), batch mean. The backbone, frozen, moves with the module.

    backbone: `features.backbone("vgg16")`. Values are not checked by default, as in `metrics.losses`.
    """

    def __init__(self, backbone: Backbone, *, validate: bool = False) -> None:
        super().__init__()
        self.backbone, self.validate = backbone, validate

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return 1 - deepssim_lite(target, output, backbone=self.backbone, validate=self.validate).mean()


def _check_vgg16(backbone: Backbone) -> None:
    if backbone.name != "vgg16" or backbone.pooling != "max":
        raise ValueError(f"DeepSSIM is defined on vgg16 with max-pooling, got {backbone.name} with {backbone.pooling}")


def _gram(maps: Tensor) -> Tensor:
    """F F^T, (N, C, C)."""
    with torch.autocast(maps.device.type, enabled=False):
        rows = maps.flatten(2)
        return torch.bmm(rows, rows.transpose(1, 2))


def _whole(maps: Tensor) -> Tensor:
    """The Gram matrix divided by the number of the map's values, minus its mean."""
    gram = _gram(maps) / maps.shape[1:].numel()
    return gram - gram.mean(dim=(1, 2), keepdim=True)


def gram_blocks(maps: Tensor, block: int = BLOCK) -> Prepared:
    """The Gram matrices F F^T of maps F (N, C, h, w), cut into blocks of block x block.

    C need not be a multiple of `block`: the last C mod block channels are then in no block. ValueError where C < block.
    """
    check_block(block, maps.shape[1])
    count = maps.shape[1] // block
    gram = _gram(maps[:, : count * block])
    shape = (len(gram), count, block, count, block)
    blocks = gram.view(shape).transpose(2, 3).reshape(len(gram), count**2, block**2)
    deviations = blocks - blocks.mean(dim=2, keepdim=True)
    return Prepared(deviations, deviations.square().mean(dim=2))


def check_block(block: int, channels: int) -> None:
    """Raise ValueError unless maps of so many channels have a block of that side."""
    if not 1 <= block <= channels:
        raise ValueError(f"blocks must have a side from 1 to the number of channels, {channels}, got {block}")


def similarity(reference: Prepared, distorted: Prepared) -> Tensor:
    """Mean over blocks of (2 vxy + 1e-6) / (vx + vy + 1e-6), shape (N,)."""
    check_comparable(reference, distorted, None)
    covariances = (reference.deviations * distorted.deviations).mean(dim=2)
    return ((2 * covariances + _C) / (reference.variances + distorted.variances + _C)).mean(dim=1)


@registered("deepssim")
def _build(
    *,
    weights: str | Path = "imagenet",
    seed: int = 0,
    device: Device = None,
    download: bool = False,
) -> Metric:
    return assemble(
        "deepssim",
        higher_is_better=True,
        backbone=backbone("vgg16", weights=weights, seed=seed, device=device, download=download),
        device=device,
        taps=[_TAP],
        resizing=_AS_IT_IS,
        shared_taps=MAX_POOLED_TAPS,
        protocol={"tap": _TAP, "blocks": f"{BLOCK} x {BLOCK} of the Gram matrix"},
        finish=lambda of: gram_blocks(of.maps[_TAP]),
        compare=similarity,
    )

"""Learned perceptual image patch similarity, LPIPS 0.1 (Zhang, Isola, Efros, Shechtman, Wang 2018)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from replication.features import Backbone, backbone
from replication.features import weights as files
from replication.metrics.checks import Validate
from replication.metrics.deep import (
    MAX_POOLED_TAPS,
    VGG_STAGES,
    Features,
    assemble,
    check_comparable,
    checked_rgb_pair,
    features,
)
from replication.metrics.map_tiles import CutMaps
from replication.metrics.options import Device
from replication.metrics.registry import Metric, registered

Network = Literal["alex", "vgg", "squeeze"]

BACKBONES = {"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet1_1"}
TAPS = {
    "alexnet": ("relu1", "relu2", "relu3", "relu4", "relu5"),
    "vgg16": VGG_STAGES,
    "squeezenet1_1": ("relu1", "fire3", "fire5", "fire6", "fire7", "fire8", "fire9"),
}
_HEADS = {"alexnet": "alex", "vgg16": "vgg", "squeezenet1_1": "squeeze"}


class Prepared(NamedTuple):
    """Unit vectors of each tap times the root of its head, and the size of the images."""

    maps: tuple[Tensor, ...]
    size: tuple[int, int]


def lpips(reference: Tensor, distorted: Tensor, *, backbone: Backbone, validate: Validate = None) -> Tensor:
    """LPIPS of each image, shape (N,), at least 0; lower is better.

        LPIPS = sum over taps of mean over pixels of  sum_c w_c (x_c / (|x| + 1e-10) - y_c / (|y| + 1e-10))^2

    with the trained head w >= 0 of each tap, x and y the maps of the images normalised with ImageNet's mean and
    deviation (what the authors write as a shift and scale of [-1, 1] is that).

    reference, distorted: (N, 3, H, W) floats in [0, 1], RGB, not resized; computed in the precision of the backbone's
        weights, float32, whatever the autocast; differentiable.
    backbone: `features.backbone` of "alexnet", "vgg16" (both with max-pooling) or "squeezenet1_1", on the images'
        device; its heads come with torchmetrics.
    validate: whether values are checked, see `checks.checked_pair`.
    Raises ValueError naming the tensor and what was wanted, also for images too small for the network.
    """
    reference, distorted = checked_rgb_pair(reference, distorted, validate)
    taps = _taps(backbone)
    return _compare(*(_finish(features(backbone, image, taps), backbone.name) for image in (reference, distorted)))


def _taps(backbone: Backbone) -> tuple[str, ...]:
    if backbone.name not in TAPS or backbone.pooling != "max":
        raise ValueError(
            f"LPIPS has trained heads for {', '.join(TAPS)} with max-pooling, "
            f"not for {backbone.name} with {backbone.pooling}-pooling"
        )
    return TAPS[backbone.name]


def _finish(of: Features, network: str) -> Prepared:
    return Prepared(tuple(_unit_maps(of.maps, network)), of.size)


def _unit_maps(maps: Mapping[str, Tensor], network: str) -> list[Tensor]:
    """Unit vectors of each tap times the root of its head."""
    found = []
    for tap, head in zip(TAPS[network], heads(network), strict=True):
        x = maps[tap]
        root = head.to(x.dtype).sqrt().to(x.device, non_blocking=True)[:, None, None]
        found.append(x * (1 / (torch.linalg.vector_norm(x, dim=1, keepdim=True) + 1e-10)) * root)
    return found


def _compare(reference: Prepared, distorted: Prepared) -> Tensor:
    check_comparable(reference.maps, distorted.maps, (reference.size, distorted.size))
    distances = [
        (x - y).square().sum(dim=1).mean(dim=(1, 2)) for x, y in zip(reference.maps, distorted.maps, strict=True)
    ]
    return torch.stack(distances).sum(dim=0)


def _compare_cut(reference: CutMaps, distorted: CutMaps, network: str) -> Tensor:
    """The same from parts of the maps: sums over pixels, divided by their number in the end."""
    taps = TAPS[network]
    sums, pixels = torch.zeros(len(taps), 1), torch.zeros(len(taps), 1)
    for pair in zip(reference.parts(taps), distorted.parts(taps), strict=True):
        x, y = (_unit_maps(maps, network) for maps in pair)
        added = [(a - b).square().sum(dim=(1, 2, 3)) for a, b in zip(x, y, strict=True)]
        sums = sums.to(added[0]) + torch.stack(added)
        pixels = pixels.to(sums) + pixels.new_tensor([[a.shape[-2] * a.shape[-1]] for a in x]).to(sums)
    return (sums / pixels).sum(dim=0)


def heads(network: str) -> tuple[Tensor, ...]:
    """The trained weights of each tap, (C,)."""
    state = files.load(f"lpips-{_HEADS[network]}-heads")
    return tuple(state[f"lin{number}.model.1.weight"].flatten().double() for number in range(len(TAPS[network])))


def _register(network: Network) -> None:
    @registered(f"lpips-{network}")
    def build(
        *,
        weights: str | Path = "imagenet",
        seed: int = 0,
        device: Device = None,
        download: bool = False,
    ) -> Metric:
        net = backbone(BACKBONES[network], weights=weights, seed=seed, device=device, download=download)
        heads(net.name)  # absent heads are an error of creation, not of the first image
        return assemble(
            f"lpips-{network}",
            higher_is_better=False,
            backbone=net,
            device=device,
            taps=_taps(net),
            shared_taps=MAX_POOLED_TAPS if network == "vgg" else None,
            protocol={"heads": "LPIPS 0.1"},
            finish=lambda of: _finish(of, net.name),
            compare=_compare,
            compare_cut=lambda reference, distorted: _compare_cut(reference, distorted, net.name),
        )


for _network in ("alex", "vgg", "squeeze"):
    _register(_network)

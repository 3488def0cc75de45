"""The distance of unit-length AlexNet features without trained weights, which LPIPS improves on (Zhang et al. 2018).

Its authors call it "AlexNet (unsupervised weights)"; Tariq et al. (2020) the vanilla five-layer AlexNet.
"""

from pathlib import Path

import torch
from torch import Tensor

from replication.features import Backbone, backbone
from replication.metrics.checks import Validate
from replication.metrics.deep import Features, assemble, check_comparable, checked_rgb_pair, features
from replication.metrics.lpips import TAPS, Prepared
from replication.metrics.options import Device
from replication.metrics.registry import Metric, registered

_TAPS = TAPS["alexnet"]


def lpips_alex_uncalibrated(
    reference: Tensor, distorted: Tensor, *, backbone: Backbone, validate: Validate = None
) -> Tensor:
    """Distance of each image, shape (N,), at least 0; lower is better. LPIPS with every head weight equal to 1:

        sum over the five taps of  mean over pixels of  sum_c (x_c / (|x| + 1e-10) - y_c / (|y| + 1e-10))^2

    reference, distorted: (N, 3, H, W) floats in [0, 1], RGB, not resized; differentiable.
    backbone: `features.backbone("alexnet")`, on the images' device.
    validate: whether values are checked, see `checks.checked_pair`.
    Raises ValueError naming the tensor and what was wanted, also for another network and for images too small for it.
    """
    if backbone.name != "alexnet":
        raise ValueError(f"the uncalibrated distance is that of alexnet's five layers, not of {backbone.name}")
    reference, distorted = checked_rgb_pair(reference, distorted, validate)
    return _compare(*(_finish(features(backbone, image, _TAPS)) for image in (reference, distorted)))


def _finish(of: Features) -> Prepared:
    maps = (of.maps[tap] for tap in _TAPS)
    return Prepared(tuple(x * (1 / (torch.linalg.vector_norm(x, dim=1, keepdim=True) + 1e-10)) for x in maps), of.size)


def _compare(reference: Prepared, distorted: Prepared) -> Tensor:
    check_comparable(reference.maps, distorted.maps, (reference.size, distorted.size))
    pairs = zip(reference.maps, distorted.maps, strict=True)
    return torch.stack([(x - y).square().sum(dim=1).mean(dim=(1, 2)) for x, y in pairs]).sum(dim=0)


@registered("lpips-alex-uncalibrated")
def build(*, weights: str | Path = "imagenet", seed: int = 0, device: Device = None, download: bool = False) -> Metric:
    """The metric, with the network's weights as for `features.backbone`."""
    net = backbone("alexnet", weights=weights, seed=seed, device=device, download=download)
    return assemble(
        "lpips-alex-uncalibrated",
        higher_is_better=False,
        backbone=net,
        device=device,
        taps=_TAPS,
        shared_taps=None,
        protocol={"heads": "none: all weights 1"},
        finish=_finish,
        compare=_compare,
    )

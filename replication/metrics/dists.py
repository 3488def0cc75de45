"""Deep image structure and texture similarity, DISTS (Ding, Ma, Wang, Simoncelli 2020)."""

from typing import NamedTuple

import torch
from torch import Tensor

from replication.features import Backbone, backbone
from replication.features import weights as files
from replication.metrics.checks import Validate
from replication.metrics.deep import (
    AS_IT_IS,
    VGG_STAGES,
    Features,
    Resizing,
    assemble,
    check_comparable,
    checked_rgb_pair,
    features,
    registered,
)
from replication.metrics.pillow import resize_bilinear, short_side
from replication.metrics.registry import Metric

C = 1e-6
_CHANNELS = (3, 64, 128, 256, 512, 512)


class Prepared(NamedTuple):
    """Of the image and each tap: deviations from the mean (N, C, h, w), means and variances (N, C)."""

    deviations: tuple[Tensor, ...]
    means: tuple[Tensor, ...]
    variances: tuple[Tensor, ...]
    size: tuple[int, int]


def dists(reference: Tensor, distorted: Tensor, *, backbone: Backbone, validate: Validate = None) -> Tensor:
    """DISTS of each image, shape (N,), at least 0; lower is better.

        DISTS = sum over stages and channels of  alpha (1 - S1) + beta (1 - S2)
        S1 = (2 mx my + 1e-6) / (mx^2 + my^2 + 1e-6),  S2 = (2 vxy + 1e-6) / (vx + vy + 1e-6)

    with means m and biased (co)variances v of each channel over the whole map of the image itself and of five stages of
    VGG16 with L2 pooling, which is fed the image normalised with ImageNet's mean and deviation. The trained alpha and
    beta, which come with torchmetrics, sum to one together, so that this is the authors' 1 - sum(alpha S1 + beta S2).

    reference, distorted: (N, 3, H, W) floats in [0, 1], RGB; computed in the precision of the backbone's weights,
        float32, whatever the autocast; differentiable. They are taken as they are: the resizing of the authors' script
        is an option of `create("dists")`, on unless it is turned off.
    backbone: `features.backbone("vgg16", pooling="l2")`, on the images' device.
    validate: whether values are checked, see `checks.checked_pair`.
    Raises ValueError naming the tensor and what was wanted.
    """
    reference, distorted = checked_rgb_pair(reference, distorted, validate)
    check_l2_vgg16(backbone, "DISTS")
    return _compare(*(_finish(features(backbone, image, VGG_STAGES)) for image in (reference, distorted)))


def check_l2_vgg16(backbone: Backbone, metric: str) -> None:
    """Raise unless the backbone is the whole VGG16 with L2 pooling."""
    if backbone.name != "vgg16" or backbone.pooling != "l2":
        raise ValueError(f"{metric} is defined on vgg16 with l2-pooling, got {backbone.name} with {backbone.pooling}")


def _shrink(image: Tensor) -> Tensor:
    height, width = image.shape[-2:]
    return image if min(height, width) <= 256 else resize_bilinear(image, short_side(height, width, 256))


RESIZING = Resizing("short side to 256 if larger (Pillow bilinear, 8 bits)", _shrink)


def _finish(of: Features) -> Prepared:
    stages = (of.image, *(of.maps[tap] for tap in VGG_STAGES))
    means = tuple(x.mean(dim=(2, 3)) for x in stages)
    deviations = tuple(x - mean[:, :, None, None] for x, mean in zip(stages, means, strict=True))
    return Prepared(deviations, means, tuple(x.square().mean(dim=(2, 3)) for x in deviations), of.size)


def _compare(reference: Prepared, distorted: Prepared) -> Tensor:
    check_comparable(reference.means, distorted.means, (reference.size, distorted.size))
    parts = []
    for stage, (alpha, beta) in enumerate(coefficients()):
        mx, my = reference.means[stage], distorted.means[stage]
        vx, vy = reference.variances[stage], distorted.variances[stage]
        apart = (reference.deviations[stage] - distorted.deviations[stage]).square().mean(dim=(2, 3))
        texture = (mx - my).square() / (mx.square() + my.square() + C)  # 1 - S1
        structure = apart / (vx + vy + C)  # 1 - S2: apart is vx + vy - 2 vxy
        alpha, beta = (weight.to(mx.dtype).to(mx.device, non_blocking=True) for weight in (alpha, beta))
        parts.append((alpha * texture + beta * structure).sum(dim=1))
    return torch.stack(parts).sum(dim=0)


def coefficients() -> tuple[tuple[Tensor, Tensor], ...]:
    """alpha and beta of each stage's channels, (C,), in float64; all together sum to one."""
    state = files.load("dists-coefficients")
    alpha, beta = (state[name].flatten().double() for name in ("alpha", "beta"))
    total = alpha.sum() + beta.sum()
    stages = (torch.split(weight / total, list(_CHANNELS)) for weight in (alpha, beta))
    return tuple(zip(*stages, strict=True))


@registered("dists")
def _build(
    *,
    weights: str = "imagenet",
    seed: int = 0,
    resize: bool = True,
    device: str | torch.device | None = None,
    download: bool = False,
) -> Metric:
    net = backbone("vgg16", weights=weights, pooling="l2", seed=seed, device=device, download=download)
    coefficients()  # absent ones are an error of creation, not of the first image
    return assemble(
        "dists",
        higher_is_better=False,
        backbone=net,
        device=device,
        taps=VGG_STAGES,
        protocol={"coefficients": "trained alpha and beta"},
        resizing=RESIZING if resize else AS_IT_IS,
        finish=_finish,
        compare=_compare,
    )

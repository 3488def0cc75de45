"""Deep image structure and texture similarity, DISTS (Ding, Ma, Wang, Simoncelli 2020)."""

from pathlib import Path
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
)
from replication.metrics.options import Device
from replication.metrics.pillow import resize_bilinear, short_side
from replication.metrics.registry import Metric, registered

_C = 1e-6
_CHANNELS = (3, 64, 128, 256, 512, 512)


class Moments(NamedTuple):
    """Mean and variance (...) of the values of each channel or patch, and deviations from that mean (..., *dims)."""

    deviations: Tensor
    means: Tensor
    variances: Tensor

    @classmethod
    def of(cls, values: Tensor, dims: int = 2) -> "Moments":
        """Moments over the last `dims` dimensions."""
        last = tuple(range(-dims, 0))
        means = values.mean(dim=last)
        deviations = values - means[(..., *[None] * dims)]
        return cls(deviations, means, deviations.square().mean(dim=last))

    def dissimilarity(self, other: "Moments") -> tuple[Tensor, Tensor]:
        """1 - S1, of texture, and 1 - S2, of structure, see `dists`; both (...)."""
        last = tuple(range(self.means.ndim - self.deviations.ndim, 0))
        error = (self.deviations - other.deviations).square().mean(dim=last)
        return dissimilarity((self.means, other.means), (self.variances, other.variances), error)


def dissimilarity(
    means: tuple[Tensor, Tensor], variances: tuple[Tensor, Tensor], of_difference: Tensor
) -> tuple[Tensor, Tensor]:
    """1 - S1 and 1 - S2 from the moments of both images, and from the variance of their difference, vx + vy - 2 vxy."""
    (x, y), (vx, vy) = means, variances
    return (x - y).square() / (x.square() + y.square() + _C), of_difference / (vx + vy + _C)


class Prepared(NamedTuple):
    """Moments of the image and of each tap's map, by channel; and the size of the images."""

    stages: tuple[Moments, ...]
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
    return Prepared(tuple(Moments.of(x) for x in (of.image, *(of.maps[tap] for tap in VGG_STAGES))), of.size)


def _compare(reference: Prepared, distorted: Prepared) -> Tensor:
    check_comparable(reference.stages[0], distorted.stages[0], (reference.size, distorted.size))
    stages = zip(reference.stages, distorted.stages, coefficients(), strict=True)
    return torch.stack([stage_distance(x, y, weights) for x, y, weights in stages]).sum(dim=0)


def stage_distance(reference: Moments, distorted: Moments, weights: tuple[Tensor, Tensor]) -> Tensor:
    """Sum over channels of alpha (1 - S1) + beta (1 - S2), (N,), of moments by channel (N, C) and (alpha, beta)."""
    return weighted(*reference.dissimilarity(distorted), weights)


def weighted(texture: Tensor, structure: Tensor, weights: tuple[Tensor, Tensor]) -> Tensor:
    """Sum over channels of alpha times texture and beta times structure: (N, C) twice and (alpha, beta) to (N,)."""
    alpha, beta = (weight.to(texture.dtype).to(texture.device, non_blocking=True) for weight in weights)
    return (alpha * texture + beta * structure).sum(dim=1)


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
    weights: str | Path = "imagenet",
    seed: int = 0,
    resize: bool = True,
    device: Device = None,
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

"""DeepWSD: Wasserstein distances between windows of deep features (Liao, Chen, Zhu, Wang, Zhou, Kwong 2022)."""

from pathlib import Path
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from replication.features import Backbone, backbone
from replication.metrics.checks import Validate, check_choice
from replication.metrics.deep import (
    VGG_STAGES,
    Features,
    Resizing,
    assemble,
    check_comparable,
    checked_rgb_pair,
    features,
)
from replication.metrics.dists import check_l2_vgg16
from replication.metrics.options import Device
from replication.metrics.pair_cache import cached
from replication.metrics.pillow import resize_bilinear
from replication.metrics.registry import Metric, registered

Variant = Literal["released", "paper"]


class Prepared(NamedTuple):
    """The image and the map of each tap, and by how much the image was reduced."""

    stages: tuple[Tensor, ...]
    factor: int
    size: tuple[int, int]


def deepwsd(
    reference: Tensor,
    distorted: Tensor,
    *,
    backbone: Backbone,
    variant: Variant = "released",
    reduce: bool = True,
    validate: Validate = None,
) -> Tensor:
    """DeepWSD of each image, shape (N,), at least 0; lower is better.

        DeepWSD = log(1 + D), squared if the images were reduced;
        D = mean over stages of  sum over windows of  W + |x - y|^2 / (sqrt(exp(-1 / (W + 10))) (W + 10)^2)

    Stages are the image itself, in [0, 1], and five of VGG16 with L2 pooling, which is fed it without normalisation.
    x and y are the values of a window; W is the squared Wasserstein-2 distance between distributions on the positions
    0, 1, ... in the window, with weights x^2 / (sum of the whole map + 1e-6), which do not sum to one (`wasserstein`).

    Images are first reduced by f = round(longest side / 256) with box means (`reduce`). Windows have 4 x 4 pixels, or
    16 x 16 for f of 5 and more. Each map is brought to round(side / window) windows by zeros on the left and at the
    bottom, or, where that is fewer pixels than it has, by cutting these off there; halves round to even.

    variant: "released" takes windows as the authors' code does, from a flat reshape of each map to window^2 rows, so
        that a window holds pixels far apart; "paper" takes whole squares of pixels.
    reference, distorted: (N, 3, H, W) floats in [0, 1], RGB; computed in the precision of the backbone's weights,
        float32, whatever the autocast; differentiable. The resizing of the authors' script is an option of
        `create("deepwsd")`, on unless it is turned off.
    backbone: `features.backbone("vgg16", pooling="l2")`, on the images' device.
    validate: whether values are checked, see `checks.checked_pair`.
    Raises ValueError naming the tensor and what was wanted; the least side is 33 pixels, unless images are reduced.
    """
    reference, distorted = checked_rgb_pair(reference, distorted, validate)
    check_l2_vgg16(backbone, "DeepWSD")
    check_choice("variant", variant, ("released", "paper"))
    resizing = sizing(False, reduce)

    def prepare(image: Tensor) -> Prepared:
        of = features(backbone, image, VGG_STAGES, normalise=False, resizing=resizing)
        return reduced_stages(of, reduction(of.size, False, reduce))

    return _compare(prepare(reference), prepare(distorted), variant)


def wasserstein(u: Tensor, v: Tensor) -> Tensor:
    """Squared Wasserstein-2 distances of distributions on 0, 1, ..., n - 1, along dimension 1.

        integral from 0 to max(u_n, v_n) of (a(q) - b(q))^2 dq

    with a and b the quantile functions of the weights whose cumulated sums are u and v, (N, n, M); a distribution whose
    weight is used up stays at n - 1. That is what POT's `wasserstein_1d` computes for weights that do not sum to one.

    a(q) is the number of u_i < q among the first n - 1. Multiplying out the square and integrating each product of two
    steps leaves, as u and v do not decrease, sums without cancellation, which need no sorting:

        sum_i |u_i - v_i| + 2 sum_{i < j} (max(u_i - v_j, 0) + max(v_i - u_j, 0)),  i and j in 1 .. n - 1
    """
    u, v = u[:, :-1], v[:, :-1]
    distances = (u - v).abs().sum(dim=1)
    for lag in range(1, u.shape[1]):
        ahead = (u[:, :-lag] - v[:, lag:]).relu() + (v[:, :-lag] - u[:, lag:]).relu()
        distances = distances + 2 * ahead.sum(dim=1)
    return distances


def reduction(size: tuple[int, int], resize: bool, reduce: bool) -> int:
    """Factor by which images of that size are reduced."""
    longest = 256 if resize and _is_resized(size) else max(size)
    return max(1, round(longest / 256)) if reduce else 1


def _is_resized(size: tuple[int, int]) -> bool:
    return 512 < max(size) < 1000


def sizing(resize: bool, reduce: bool) -> Resizing:
    """The authors' script resizes images of middling size; their network reduces whatever it is given."""

    def apply(image: Tensor) -> Tensor:
        if resize and _is_resized((image.shape[-2], image.shape[-1])):
            image = resize_bilinear(image, (256, 256))
        factor = reduction((image.shape[-2], image.shape[-1]), False, reduce)
        return F.avg_pool2d(image, factor) if factor > 1 else image

    steps = ["256 x 256 if the longest side is 513 to 999 (Pillow bilinear, 8 bits)"] * resize
    steps += ["box means by round(longest side / 256)"] * reduce
    return Resizing(", then ".join(steps) or "none", apply)


def reduced_stages(of: Features, factor: int) -> Prepared:
    """The image and the map of each stage; ValueError where one is too small for a window."""
    stages = {"the image": of.image, **{tap: of.maps[tap] for tap in VGG_STAGES}}
    for name, x in stages.items():
        _check_windows(x, window_side(factor), name, of.size)
    return Prepared(tuple(stages.values()), factor, of.size)


def window_side(factor: int) -> int:
    """Pixels of a window, for images reduced by that factor."""
    return 16 if factor >= 5 else 4


def stage_distance(reference: Tensor, distorted: Tensor, window: int, variant: Variant) -> Tensor:
    """The sum over windows at one stage, (N,), of maps (N, C, H, W), the reference's of as many images or of one.

    Metrics that ask for it between the same tensors get it computed once.
    """

    def compute() -> Tensor:
        x, y = (_windows(whole_windows(stage, window), window, variant) for stage in (reference, distorted))
        u, v = (_cumulated(stage, window, variant) for stage in (reference, distorted))
        return window_distances(x, y, u, v).sum(dim=1)

    return cached(("DeepWSD", window, variant), distorted, reference, compute)


def _cumulated(stage: Tensor, window: int, variant: Variant) -> Tensor:
    """Cumulated weights of the pixels of each window."""

    def compute() -> Tensor:
        return _windows(pixel_weights(whole_windows(stage, window)), window, variant).cumsum(dim=1)

    return cached(("DeepWSD weights", window, variant), stage, stage, compute)


def pixel_weights(x: Tensor) -> Tensor:
    """The weight of each pixel of maps (N, C, H, W)."""
    return x * (x / (x.sum(dim=(1, 2, 3), keepdim=True) + 1e-6))


def window_distances(x: Tensor, y: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Distances (N, windows) from the values x and y and cumulated weights u and v of windows, (N, pixels, windows)."""
    moved = wasserstein(u, v)
    return moved + (x - y).square().sum(dim=1) / ((-1 / (moved + 10)).exp().sqrt() * (moved + 10).square())


def _check_windows(x: Tensor, window: int, name: str, size: tuple[int, int]) -> None:
    height, width = x.shape[-2:]
    if not (round(height / window) and round(width / window)):
        raise ValueError(
            f"images of {size[0]} x {size[1]} are too small for DeepWSD: {name} has {height} x {width} pixels, "
            f"not enough for a window of {window} x {window}"
        )


def whole_windows(x: Tensor, window: int) -> Tensor:
    """Zeros added, or pixels cut off, on the left and at the bottom, up to a whole number of windows."""
    height, width = x.shape[-2:]
    return F.pad(x, (round(width / window) * window - width, 0, 0, round(height / window) * window - height))


def _windows(x: Tensor, window: int, variant: Variant) -> Tensor:
    """(N, C, H, W) as (N, window^2, number of windows in all channels)."""
    images, channels, height, width = x.shape
    count = channels * height * width // window**2
    if variant == "released":
        return x.reshape(images, window**2, count)
    squares = x.reshape(images, channels, height // window, window, width // window, window)
    return squares.permute(0, 3, 5, 1, 2, 4).reshape(images, window**2, count)


def _compare(reference: Prepared, distorted: Prepared, variant: Variant) -> Tensor:
    check_comparable(reference.stages, distorted.stages, (reference.size, distorted.size))
    window = window_side(distorted.factor)
    pairs = zip(reference.stages, distorted.stages, strict=True)
    distances = [stage_distance(x, y, window, variant) for x, y in pairs]
    score = torch.stack(distances).mean(dim=0).log1p()
    return score.square() if distorted.factor > 1 else score


@registered("deepwsd")
def _build(
    *,
    weights: str | Path = "imagenet",
    seed: int = 0,
    variant: Variant = "released",
    resize: bool = True,
    reduce: bool = True,
    device: Device = None,
    download: bool = False,
) -> Metric:
    check_choice("variant", variant, ("released", "paper"))
    return assemble(
        "deepwsd",
        higher_is_better=False,
        backbone=backbone("vgg16", weights=weights, pooling="l2", seed=seed, device=device, download=download),
        device=device,
        taps=VGG_STAGES,
        protocol={"variant": variant},
        normalise=False,
        resizing=sizing(resize, reduce),
        finish=lambda of: reduced_stages(of, reduction(of.size, resize, reduce)),
        compare=lambda reference, distorted: _compare(reference, distorted, variant),
    )

"""DeepWSD: Wasserstein distances between windows of deep features (Liao, Chen, Zhu, Wang, Zhou, Kwong 2022)."""

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
    registered,
)
from replication.metrics.dists import check_l2_vgg16
from replication.metrics.pillow import resize_bilinear
from replication.metrics.registry import Metric

Variant = Literal["released", "paper"]


class Prepared(NamedTuple):
    """Of the image and each tap: windows, their values (N, window^2, windows), and the cumulated weights of these."""

    values: tuple[Tensor, ...]
    cumulated: tuple[Tensor, ...]
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
    sizing = _sizing(False, reduce)

    def prepare(image: Tensor) -> Prepared:
        of = features(backbone, image, VGG_STAGES, normalise=False, resizing=sizing)
        return _finish(of, variant, _factor(of.size, False, reduce))

    return _compare(prepare(reference), prepare(distorted))


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


def _factor(size: tuple[int, int], resize: bool, reduce: bool) -> int:
    """By how much images of that size are reduced."""
    longest = 256 if resize and _is_resized(size) else max(size)
    return max(1, round(longest / 256)) if reduce else 1


def _is_resized(size: tuple[int, int]) -> bool:
    return 512 < max(size) < 1000


def _sizing(resize: bool, reduce: bool) -> Resizing:
    """The authors' script resizes images of middling size; their network reduces whatever it is given."""

    def apply(image: Tensor) -> Tensor:
        if resize and _is_resized((image.shape[-2], image.shape[-1])):
            image = resize_bilinear(image, (256, 256))
        factor = _factor((image.shape[-2], image.shape[-1]), False, reduce)
        return F.avg_pool2d(image, factor) if factor > 1 else image

    steps = ["256 x 256 if the longest side is 513 to 999 (Pillow bilinear, 8 bits)"] * resize
    steps += ["box means by round(longest side / 256)"] * reduce
    return Resizing(", then ".join(steps) or "none", apply)


def _finish(of: Features, variant: Variant, factor: int) -> Prepared:
    window = 16 if factor >= 5 else 4
    values, cumulated = [], []
    for name, x in {"the image": of.image, **{tap: of.maps[tap] for tap in VGG_STAGES}}.items():
        x = _whole_windows(x, window, name, of.size)
        weights = x * (x / (x.sum(dim=(1, 2, 3), keepdim=True) + 1e-6))
        values.append(_windows(x, window, variant))
        cumulated.append(_windows(weights, window, variant).cumsum(dim=1))
    return Prepared(tuple(values), tuple(cumulated), factor, of.size)


def _whole_windows(x: Tensor, window: int, name: str, size: tuple[int, int]) -> Tensor:
    """Zeros added, or pixels cut off, on the left and at the bottom, up to a whole number of windows."""
    height, width = x.shape[-2:]
    rows, columns = round(height / window) * window, round(width / window) * window
    if not (rows and columns):
        raise ValueError(
            f"images of {size[0]} x {size[1]} are too small for DeepWSD: {name} has {height} x {width} pixels, "
            f"not enough for a window of {window} x {window}"
        )
    return F.pad(x, (columns - width, 0, 0, rows - height))


def _windows(x: Tensor, window: int, variant: Variant) -> Tensor:
    """(N, C, H, W) as (N, window^2, number of windows in all channels)."""
    images, channels, height, width = x.shape
    count = channels * height * width // window**2
    if variant == "released":
        return x.reshape(images, window**2, count)
    squares = x.reshape(images, channels, height // window, window, width // window, window)
    return squares.permute(0, 3, 5, 1, 2, 4).reshape(images, window**2, count)


def _compare(reference: Prepared, distorted: Prepared) -> Tensor:
    check_comparable(reference.values, distorted.values, (reference.size, distorted.size))
    distances = []
    for x, y, u, v in zip(reference.values, distorted.values, reference.cumulated, distorted.cumulated, strict=True):
        moved = wasserstein(u, v)
        weight = 1 / ((-1 / (moved + 10)).exp().sqrt() * (moved + 10).square())
        distances.append((moved + (x - y).square().sum(dim=1) * weight).sum(dim=1))
    score = torch.stack(distances).mean(dim=0).log1p()
    return score.square() if distorted.factor > 1 else score


@registered("deepwsd")
def _build(
    *,
    weights: str = "imagenet",
    seed: int = 0,
    variant: Variant = "released",
    resize: bool = True,
    reduce: bool = True,
    device: str | torch.device | None = None,
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
        resizing=_sizing(resize, reduce),
        finish=lambda of: _finish(of, variant, _factor(of.size, resize, reduce)),
        compare=_compare,
    )

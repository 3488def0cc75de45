"""Attention from statistical dependence: high where the features of two images predict each other poorly."""

from collections.abc import Sequence

import torch
from torch import Tensor

from replication.features import Backbone
from replication.metrics.checks import Validate
from replication.metrics.deep import AS_IT_IS, Resizing, checked_rgb_pair, features
from replication.metrics.distortion import patches
from replication.metrics.mic import mic
from replication.metrics.pair_cache import cached
from replication.metrics.pillow import resize_bilinear, short_side
from replication.metrics.projections import project, random_projections
from replication.metrics.zoom import zoom

# Numbers of patches held at a time; overlapping patches hold a pixel many times.
_CHUNK = 2**25

RELEASED_TAPS = ("relu3_3", "relu4_3")  # of VGG16


def _shrink(image: Tensor) -> Tensor:
    shortest = min(image.shape[-2:])
    if shortest <= 128:
        return image
    return resize_bilinear(image, short_side(image.shape[-2], image.shape[-1], max(shortest // 48 * 32, 128)))


Projection = Tensor | tuple[Tensor, Tensor] | None
"""Of a tap's map: a matrix (K, C) for both images, one for each, or none."""

RESIZING = Resizing("short side m to max(32 floor(m / 48), 128) if m > 128 (Pillow bilinear, 8 bits)", _shrink)


def attention_map(
    reference: Tensor,
    distorted: Tensor,
    *,
    backbone: Backbone,
    tap: str,
    projections: Tensor | None = None,
    sliced: bool = True,
    patch: int = 7,
    stride: int = 1,
    alpha: float = 0.5,
    c: float = 10.0,
    resize: bool = False,
    normalise: bool = False,
    validate: Validate = None,
) -> Tensor:
    """Attention map: 1 - SMIC between patches of the two images' features, (N, h, w), in [0, 1].

    Patches and their order are those of `mic_patches`; the map is neither normalised nor enlarged to the image (`zoom`
    does that). For the authors' pictures: VGG16 with L2 pooling, resize, stride 1; they stretch it from 0 to 1.

    reference, distorted: (N, 3, H, W) floats in [0, 1], RGB.
    backbone, tap: a network of `features.backbone`, on the images' device, and the name of one of its maps.
    projections: (K, C) for the C channels of that tap. None takes 32 of `random_projections`: for relu3_3 and relu4_3
        of VGG16 the authors', which are drawn together, for another tap the first that their law and seed give.
    sliced: False leaves the projections away; the mean is then over the MIC of each channel.
    resize: first by `RESIZING`, the rule of the authors' script for all but DeepWSD.
    normalise: feed the network what it was trained on, with ImageNet's mean and deviation; the authors do not.
    alpha, c: as for `mic.mic`. validate: as for `checks.checked_pair`.
    There is no gradient. Raises ValueError naming what was wanted, also for a map smaller than a patch.
    """
    reference, distorted = checked_rgb_pair(reference, distorted, validate)
    resizing = RESIZING if resize else AS_IT_IS
    with torch.no_grad():
        x, y = (
            features(backbone, image, [tap], normalise=normalise, resizing=resizing).maps[tap]
            for image in (distorted, reference)
        )
        if not sliced:
            return attention(x, y, None, patch, stride, alpha, c)
        if projections is None:
            together = RELEASED_TAPS if backbone.name == "vgg16" and tap in RELEASED_TAPS else (tap,)
            drawn = random_projections([backbone.channels[name] for name in together])
            projections = drawn[together.index(tap)]
        return attention(x, y, projections, patch, stride, alpha, c)


def attention(
    distorted: Tensor,
    reference: Tensor,
    projection: Projection,
    patch: int,
    stride: int,
    alpha: float = 0.5,
    c: float = 10.0,
) -> Tensor:
    """`mic_patches` of the projected maps (N, C, H, W) of distorted images and of as many references, or of one.

    projection: of both images, or of the distorted image and of the reference.
    Metrics that ask for the same attention between the same tensors get it computed once.
    """
    pair = projection if isinstance(projection, tuple) else (projection, projection)
    x, y = (
        _projected(maps.detach() if maps.requires_grad else maps, each)
        for maps, each in zip((distorted, reference), pair, strict=True)
    )

    def compute() -> Tensor:
        return mic_patches(x, y.expand(len(x), -1, -1, -1), patch, stride, alpha=alpha, c=c, validate=False)

    return cached(("attention", patch, stride, alpha, c), x, y, compute)


def zoomed_mean(maps: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
    """Mean of attention maps (N, h, w) of several taps on the grid of the first, zoomed to `size`: (N, *size)."""
    first, *others = maps
    total = first
    for other in others:
        total = total + zoom(other, (first.shape[-2], first.shape[-1]))
    return zoom(total / len(maps), size)


def _projected(maps: Tensor, projection: Tensor | None) -> Tensor:
    if projection is None:
        return maps
    return cached(("projection", projection), maps, maps, lambda: project(maps, projection))


def mic_patches(
    features_x: Tensor,
    features_y: Tensor,
    patch: int = 7,
    stride: int = 7,
    *,
    alpha: float = 0.5,
    c: float = 10.0,
    validate: Validate = None,
) -> Tensor:
    """1 - the mean over channels of MIC between the patches of two feature maps: (N, K, H, W) twice to (N, h, w).

    Patch (i, j) is the square of `patch` pixels whose corner is at (i stride, j stride); only whole patches count, so
    that h = (H - patch) // stride + 1. Each channel of it is a sample of patch^2 values. In [0, 1], high where the
    images differ; not normalised.

    features_x: of the distorted image; features_y: of the reference, of the same shape and on the same device. As MIC
        does not change when its arguments change places, neither does this.
    alpha, c, validate: as for `mic.mic`. There is no gradient, and an image's attention does not depend on its batch.
    Raises ValueError naming the argument and what was wanted.
    """
    _check(features_x, features_y, patch, stride, validate)
    patches_x, patches_y = (
        patches(maps.detach(), patch, stride).permute(0, 2, 3, 1, 4, 5) for maps in (features_x, features_y)
    )
    number, height, width, channels = patches_x.shape[:4]
    rows = max(1, _CHUNK // max(1, number * width * channels * patch**2))
    attention = []
    for start in range(0, height, rows):
        x, y = (each[:, start : start + rows].flatten(-2) for each in (patches_x, patches_y))
        # Channels last, so that they are added in the same order whatever the batch.
        attention.append(1 - mic(x, y, alpha, c, validate=False).mean(-1))
    return torch.cat(attention, dim=1)


def _check(features_x: Tensor, features_y: Tensor, patch: int, stride: int, validate: Validate) -> None:
    named = {"features_x": features_x, "features_y": features_y}
    for name, maps in named.items():
        if not isinstance(maps, Tensor) or maps.ndim != 4 or not maps.is_floating_point():
            found = f"{maps.dtype} of shape {tuple(maps.shape)}" if isinstance(maps, Tensor) else type(maps).__name__
            raise ValueError(f"{name} must be a floating-point tensor of shape (N, K, H, W), got {found}")
    if features_x.shape != features_y.shape:
        raise ValueError(
            "features_x and features_y must have the same shape, "
            f"got {tuple(features_x.shape)} and {tuple(features_y.shape)}"
        )
    if features_x.device != features_y.device:
        raise ValueError(
            f"features_x and features_y must be on one device, got {features_x.device} and {features_y.device}"
        )
    if features_x.shape[1] == 0:
        raise ValueError(f"features_x must have at least one channel, got shape {tuple(features_x.shape)}")
    if patch < 2 or stride < 1:
        raise ValueError(f"patch must be at least 2 and stride at least 1, got {patch} and {stride}")
    if min(features_x.shape[2:]) < patch:
        raise ValueError(
            f"features_x must be at least one patch of {patch} x {patch} large, got shape {tuple(features_x.shape)}; "
            "use a larger image or a smaller patch"
        )
    if validate is None:
        validate = features_x.device.type == "cpu"
    for name, maps in named.items():
        if validate and not maps.isfinite().all():
            raise ValueError(f"{name} contains NaN or infinity; every value must be a finite number")

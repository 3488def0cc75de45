"""Attention from statistical dependence: where the features of two images tell little of each other."""

import torch
from torch import Tensor

from replication.metrics.checks import Validate
from replication.metrics.mic import mic

# Numbers of patches held at a time; overlapping patches hold a pixel many times.
_CHUNK = 2**25


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
    patches_x, patches_y = (_patches(features, patch, stride) for features in (features_x, features_y))
    number, height, width, channels = patches_x.shape[:4]
    rows = max(1, _CHUNK // max(1, number * width * channels * patch**2))
    attention = []
    for start in range(0, height, rows):
        x, y = (patches[:, start : start + rows].flatten(-2) for patches in (patches_x, patches_y))
        # Channels last, so that they are added in the same order whatever the batch.
        attention.append(1 - mic(x, y, alpha, c, validate=False).mean(-1))
    return torch.cat(attention, dim=1)


def _patches(features: Tensor, patch: int, stride: int) -> Tensor:
    """A view of the whole patches: (N, K, H, W) to (N, h, w, K, patch, patch)."""
    return features.detach().unfold(2, patch, stride).unfold(3, patch, stride).permute(0, 2, 3, 1, 4, 5)


def _check(features_x: Tensor, features_y: Tensor, patch: int, stride: int, validate: Validate) -> None:
    named = {"features_x": features_x, "features_y": features_y}
    for name, features in named.items():
        if not isinstance(features, Tensor) or features.ndim != 4 or not features.is_floating_point():
            found = (
                f"{features.dtype} of shape {tuple(features.shape)}"
                if isinstance(features, Tensor)
                else type(features).__name__
            )
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
    for name, features in named.items():
        if validate and not features.isfinite().all():
            raise ValueError(f"{name} contains NaN or infinity; every value must be a finite number")

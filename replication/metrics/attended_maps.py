"""Maps of distortion as a metric measures it, of attention, and of their product, for pictures."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from replication.features import Backbone
from replication.metrics.attention import RESIZING, attention, zoomed_mean
from replication.metrics.checks import Validate, check_choice
from replication.metrics.deep import AS_IT_IS, Features, checked_rgb_pair, features
from replication.metrics.distortion import dissimilarity_map, patch_errors, squared_error_map
from replication.metrics.projections import random_projections


class Maps(NamedTuple):
    """Maps (N, h, w) of distortion, of attention in [0, 1], and of their product."""

    distortion: Tensor
    attention: Tensor
    rectified: Tensor


def pixel_maps(
    metric: Literal["psnr", "ssim"],
    reference: Tensor,
    distorted: Tensor,
    *,
    backbone: Backbone,
    taps: Sequence[str],
    patch: int = 7,
    stride: int = 1,
    resize: bool = True,
    validate: Validate = None,
) -> Maps:
    """Maps of "psnr+smic" or "ssim+smic" at every whole window of 7 x 7 pixels of the resized image.

    distortion: `distortion.squared_error_map`, or `distortion.dissimilarity_map`.
    attention: the mean over taps of the maps of `attention_map`, zoomed to the first tap's grid, then to the size of
        the distortion. Stride 1 is for pictures; the metrics themselves have 7.
    resize: reduce the images first by `attention.RESIZING`, as the metrics do.
    Other arguments and errors as for `attention_map`.
    """
    check_choice("metric", metric, ("psnr", "ssim"))
    x, y = _passes(reference, distorted, backbone, taps, resize, validate)
    distortion = (squared_error_map if metric == "psnr" else dissimilarity_map)(x.image, y.image)
    by_tap = _attention(x.maps, y.maps, patch, stride)
    weight = zoomed_mean(list(by_tap.values()), (distortion.shape[-2], distortion.shape[-1]))
    return Maps(distortion, weight, distortion * weight)


def feature_maps(
    reference: Tensor,
    distorted: Tensor,
    *,
    backbone: Backbone,
    taps: Sequence[str],
    patch: int = 7,
    stride: int = 1,
    resize: bool = True,
    validate: Validate = None,
) -> dict[str, Maps]:
    """Maps of "lpips-...+smic" at each of attention's taps, one value for every patch; arguments as for `pixel_maps`.

    distortion: the squared difference of the features, summed over channels and patch.
    """
    x, y = _passes(reference, distorted, backbone, taps, resize, validate)
    found = {}
    for tap, weight in _attention(x.maps, y.maps, patch, stride).items():
        distortion = patch_errors(x.maps[tap], y.maps[tap], patch, stride) * patch**2
        found[tap] = Maps(distortion, weight, distortion * weight)
    return found


def _passes(
    reference: Tensor,
    distorted: Tensor,
    backbone: Backbone,
    taps: Sequence[str],
    resize: bool,
    validate: Validate,
) -> tuple[Features, Features]:
    """Resized images and their feature maps, of the reference and of the distorted image."""
    reference, distorted = checked_rgb_pair(reference, distorted, validate)
    resizing = RESIZING if resize else AS_IT_IS
    with torch.no_grad():
        x, y = (features(backbone, image, taps, normalise=False, resizing=resizing) for image in (reference, distorted))
    return x, y


def _attention(
    reference: Mapping[str, Tensor], distorted: Mapping[str, Tensor], patch: int, stride: int
) -> dict[str, Tensor]:
    """Attention (N, h, w) at each tap, with the authors' projections."""
    drawn = random_projections([maps.shape[1] for maps in reference.values()])
    return {
        tap: attention(distorted[tap], reference[tap], projection, patch, stride)
        for tap, projection in zip(reference, drawn, strict=True)
    }

"""Maps of distortion as a metric measures it, of attention, and of their product, for pictures."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from replication.features import Backbone
from replication.metrics.attended_scores import (
    moments_distance,
    patch_moments,
    patch_windows,
    windows_of_patches,
)
from replication.metrics.attention import RESIZING, attention, mic_patches, zoomed_mean
from replication.metrics.checks import Validate, check_choice
from replication.metrics.deep import AS_IT_IS, Features, checked_rgb_pair, features
from replication.metrics.deepwsd import pixel_weights, reduction, sizing, whole_windows, window_distances, window_side
from replication.metrics.distortion import dissimilarity_map, patch_errors, squared_error_map
from replication.metrics.projections import project, random_projections


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
    metric: Literal["lpips", "dists", "deepwsd"] = "lpips",
    backbone: Backbone,
    taps: Sequence[str],
    patch: int = 7,
    stride: int = 1,
    resize: bool = True,
    validate: Validate = None,
) -> dict[str, Maps]:
    """Maps of "lpips-...+smic", "dists+smic" or "deepwsd+smic" at each of attention's taps, one value for every patch.

    distortion: for LPIPS the squared difference of the features, summed over channels and patch; for DISTS
        `moments_distance`; for DeepWSD the sum of the distances of the patch's windows, of images resized by its rule.
    Other arguments and errors as for `pixel_maps`; DeepWSD's own patches have 4 pixels.
    """
    check_choice("metric", metric, tuple(_DISTANCES))
    x, y = _passes(reference, distorted, backbone, taps, resize, validate, own=metric == "deepwsd")
    first, second = dict(x.maps), dict(y.maps)
    if metric == "deepwsd":
        side = window_side(reduction(x.size, resize, True))
        first, second = ({tap: whole_windows(each[tap], side) for tap in taps} for each in (first, second))
    found = {}
    for tap, weight in _attention(first, second, patch, stride).items():
        distortion = _DISTANCES[metric](first[tap], second[tap], patch, stride)
        found[tap] = Maps(distortion, weight, distortion * weight)
    return found


def _squared(x: Tensor, y: Tensor, patch: int, stride: int) -> Tensor:
    return patch_errors(x, y, patch, stride) * patch**2


def _structural(x: Tensor, y: Tensor, patch: int, stride: int) -> Tensor:
    rows = []
    for part in _rows_of_patches(x, patch, stride):  # overlapping patches of all rows would hold a pixel 49 times
        rows.append(moments_distance(*(patch_moments(each[..., part, :], patch, stride) for each in (x, y))))
    return torch.cat(rows, dim=1)


def _moved(x: Tensor, y: Tensor, patch: int, stride: int) -> Tensor:
    of_pixels = [x, y, pixel_weights(x), pixel_weights(y)]
    width = (x.shape[-1] - patch) // stride + 1
    rows = []
    for part in _rows_of_patches(x, patch, stride):
        a, b, u, v = (patch_windows(each[..., part, :], patch, stride, "released") for each in of_pixels)
        distances = window_distances(a, b, u.cumsum(dim=1), v.cumsum(dim=1))
        rows.append(windows_of_patches(distances, width)[:, None])
    return torch.cat(rows, dim=1)


def _rows_of_patches(x: Tensor, patch: int, stride: int) -> list[slice]:
    return [slice(top, top + patch) for top in range(0, x.shape[-2] - patch + 1, stride)]


_DISTANCES = {"lpips": _squared, "dists": _structural, "deepwsd": _moved}


class Slices(NamedTuple):
    """Slices of the feature maps of two images, (N, K, h, w), and the MIC of their patches, slice by slice."""

    reference: Tensor
    distorted: Tensor
    mic: Tensor


def slices(
    reference: Tensor,
    distorted: Tensor,
    *,
    backbone: Backbone,
    taps: Sequence[str],
    patch: int = 7,
    stride: int = 1,
    resize: bool = True,
    validate: Validate = None,
) -> dict[str, Slices]:
    """What attention is the mean of, at each tap: 1 - the mean of `mic` over the slices is `Maps.attention` there.

    Arguments and errors as for `pixel_maps`.
    """
    x, y = _passes(reference, distorted, backbone, taps, resize, validate)
    drawn = random_projections([x.maps[tap].shape[1] for tap in taps])
    found = {}
    for tap, projection in zip(taps, drawn, strict=True):
        first, second = (project(each.maps[tap], projection) for each in (x, y))
        each = [
            1 - mic_patches(second[:, k : k + 1], first[:, k : k + 1], patch, stride) for k in range(len(projection))
        ]
        found[tap] = Slices(first, second, torch.stack(each, dim=1))
    return found


def _passes(
    reference: Tensor,
    distorted: Tensor,
    backbone: Backbone,
    taps: Sequence[str],
    resize: bool,
    validate: Validate,
    own: bool = False,
) -> tuple[Features, Features]:
    """Resized images and their feature maps, of the reference and of the distorted image; own: by DeepWSD's rule."""
    reference, distorted = checked_rgb_pair(reference, distorted, validate)
    resizing = sizing(resize, True) if own else RESIZING if resize else AS_IT_IS
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

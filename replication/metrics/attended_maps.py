"""Maps of where a metric sees distortion, where attention goes, and their product, for pictures."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from replication.features import Backbone
from replication.metrics.attention import RESIZING, attention_map
from replication.metrics.checks import Validate, check_choice
from replication.metrics.deep import AS_IT_IS, checked_rgb_pair, features
from replication.metrics.filters import separable_filter, window
from replication.metrics.projections import random_projections
from replication.metrics.ssim import ssim_map
from replication.metrics.zoom import zoom

_WINDOW = 7


class Maps(NamedTuple):
    """Each (N, h, w): distortion as the metric sees it, attention in [0, 1], and their product."""

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
    """Of "psnr+smic" or "ssim+smic", at every pixel of the resized image that a whole window of 7 has its place at.

    distortion: the squared error, averaged over channels and 7 x 7 pixels, or 1 - SSIM of a Gaussian window of 7,
        averaged over channels.
    attention: the mean over taps of `attention_map`, zoomed to the first tap's grid, then to the size of
        the distortion. Stride 1 is for pictures; the metrics' own attention has 7.
    Other arguments and errors as for `attention_map`.
    """
    check_choice("metric", metric, ("psnr", "ssim"))
    reference, distorted = checked_rgb_pair(reference, distorted, validate)
    resizing = RESIZING if resize else AS_IT_IS
    x, y = (resizing.apply(image) for image in (reference, distorted))
    if metric == "psnr":
        of = separable_filter((x - y).square().mean(dim=1), window(_WINDOW, kind="uniform"))
    else:
        of = 1 - ssim_map(x, y, window_size=_WINDOW, validate=False).mean(dim=1)
    drawn = random_projections([backbone.channels[tap] for tap in taps])
    at = [
        attention_map(x, y, backbone=backbone, tap=tap, projections=each, patch=patch, stride=stride, validate=False)
        for tap, each in zip(taps, drawn, strict=True)
    ]
    mean = torch.stack([zoom(each, _grid(at[0])) for each in at]).mean(dim=0)
    attention = zoom(mean, _grid(of))
    return Maps(of, attention, of * attention)


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
    """Of "lpips-...+smic" at each of attention's taps, at every patch; arguments as for `pixel_maps`.

    distortion: the squared difference of the features, summed over channels and patch.
    """
    reference, distorted = checked_rgb_pair(reference, distorted, validate)
    resizing = RESIZING if resize else AS_IT_IS
    x, y = (resizing.apply(image) for image in (reference, distorted))
    drawn = random_projections([backbone.channels[tap] for tap in taps])
    found = {}
    with torch.no_grad():
        of_x, of_y = (features(backbone, image, taps, normalise=False).maps for image in (x, y))
        for tap, each in zip(taps, drawn, strict=True):
            apart = (of_x[tap] - of_y[tap]).square().sum(dim=1, keepdim=True)
            of = F.avg_pool2d(apart, patch, stride).squeeze(1) * patch**2
            attention = attention_map(
                x, y, backbone=backbone, tap=tap, projections=each, patch=patch, stride=stride, validate=False
            )
            found[tap] = Maps(of, attention, of * attention)
    return found


def _grid(maps: Tensor) -> tuple[int, int]:
    return maps.shape[-2], maps.shape[-1]

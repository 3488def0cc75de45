"""Scores of metrics whose distortion is weighted by attention: one function for each metric of `smic`.

Each takes the name of the metric, its network and the attention, and returns a `Plan`; formulas are in `smic`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from replication.features import Backbone
from replication.metrics.attended_bands import in_bands, moments_of_parts
from replication.metrics.attention import RESIZING, Projection, attention, zoomed_mean
from replication.metrics.attention_controls import Attended, Weighting, guides, placed
from replication.metrics.checks import check_choice
from replication.metrics.deep import VGG_STAGES, Features, Resizing, check_comparable
from replication.metrics.deepwsd import (
    Variant,
    pixel_weights,
    reduced_stages,
    reduction,
    sizing,
    stage_distance,
    whole_windows,
    window_distances,
    window_side,
)
from replication.metrics.distortion import WINDOW, dissimilarity_map, patch_errors, patches, squared_error_map
from replication.metrics.dists import Moments, check_l2_vgg16, coefficients, dissimilarity, weighted
from replication.metrics.lpips import BACKBONES, TAPS, heads
from replication.metrics.map_tiles import CutMaps


class PatchAttention(NamedTuple):
    """The taps at which patches are weighted, the patches, and how their weights are computed; fields as in `smic`."""

    taps: tuple[str, ...]
    projections: tuple[Projection, ...]
    patch: int
    stride: int
    alpha: float
    c: float
    weighting: Weighting
    shuffle_seed: int

    def attended(self, of: Features, name: str) -> Attended:
        """The maps of attention's taps. Raises ValueError where one is smaller than a patch."""
        for tap in self.taps:
            height, width = of.maps[tap].shape[-2:]
            if min(height, width) < self.patch:
                raise ValueError(
                    f"images of {of.size[0]} x {of.size[1]} are too small for {name}: {tap} has {height} x {width} "
                    f"pixels, not enough for a patch of {self.patch} x {self.patch}"
                )
        maps = tuple(of.maps[tap] for tap in self.taps)
        return Attended(maps, guides(self.weighting, of.image, maps, self.patch, self.stride))

    def between(self, reference: Attended, distorted: Attended) -> list[Tensor]:
        """The weights of the patches at each tap, (N, h, w)."""
        if self.weighting in ("none", "zero"):  # they need no attention
            grids = [patches(y, self.patch, self.stride)[:, 0, ..., 0, 0] for y in distorted.maps]
            return placed(self.weighting, grids, None)
        guide = reference.guides if reference.other is None else self._attention(*reference.other)
        return placed(self.weighting, self._attention(reference.maps, distorted.maps), guide, self.shuffle_seed)

    def _attention(self, reference: Sequence[Tensor], distorted: Sequence[Tensor]) -> list[Tensor]:
        return [
            attention(y, x, projection, self.patch, self.stride, self.alpha, self.c)
            for x, y, projection in zip(reference, distorted, self.projections, strict=True)
        ]


class Plan(NamedTuple):
    """The two halves of a metric, the taps of its pass, and its part of the protocol; `compare_cut`: see `assemble`."""

    finish: Callable[[Features], Any]
    compare: Callable[[Any, Any], Tensor]
    taps: tuple[str, ...]
    protocol: Mapping[str, Any]
    resizing: Resizing = RESIZING
    compare_cut: Callable[[CutMaps, CutMaps], Tensor] | None = None


class _Pixels(NamedTuple):
    """The image, the maps of attention's taps, and the size of the image before it was resized."""

    image: Tensor
    attended: Attended
    size: tuple[int, int]


def _pixels(name: str, where: PatchAttention) -> Callable[[Features], _Pixels]:
    return lambda of: _Pixels(of.image, where.attended(of, name), of.size)


def _pixel_taps(net: Backbone, where: PatchAttention) -> tuple[str, ...]:
    """The taps of the pass: all stages of VGG16, so that all metrics share it, else attention's."""
    return VGG_STAGES if net.name == "vgg16" and set(where.taps) <= set(VGG_STAGES) else where.taps


def psnr_scores(name: str, net: Backbone, where: PatchAttention) -> Plan:
    """10 log10(1 / (mean of the weighted squared error + 1e-10))."""

    def compare(reference: _Pixels, distorted: _Pixels) -> Tensor:
        check_comparable(reference.attended.maps, distorted.attended.maps, (reference.size, distorted.size))
        return score(reference.image, distorted.image, where.between(reference.attended, distorted.attended))

    def compare_cut(reference: CutMaps, distorted: CutMaps) -> Tensor:
        return score(reference.image, distorted.image, in_bands(where, reference, distorted)[0])

    def score(x: Tensor, y: Tensor, weights: Sequence[Tensor]) -> Tensor:
        error = squared_error_map(x, y)
        weight = zoomed_mean(weights, (error.shape[-2], error.shape[-1]))
        return -10 * torch.log10((error * weight).mean(dim=(1, 2)) + 1e-10)

    protocol = {"map": f"squared error, mean of channels and {WINDOW} x {WINDOW} pixels"}
    return Plan(_pixels(name, where), compare, _pixel_taps(net, where), protocol, compare_cut=compare_cut)


def ssim_scores(name: str, net: Backbone, where: PatchAttention) -> Plan:
    """Mean of the weighted 1 - SSIM."""

    def compare(reference: _Pixels, distorted: _Pixels) -> Tensor:
        check_comparable(reference.attended.maps, distorted.attended.maps, (reference.size, distorted.size))
        return score(reference.image, distorted.image, where.between(reference.attended, distorted.attended))

    def compare_cut(reference: CutMaps, distorted: CutMaps) -> Tensor:
        return score(reference.image, distorted.image, in_bands(where, reference, distorted)[0])

    def score(x: Tensor, y: Tensor, weights: Sequence[Tensor]) -> Tensor:
        dissimilarity = dissimilarity_map(x, y)
        weight = zoomed_mean(weights, (dissimilarity.shape[-2], dissimilarity.shape[-1]))
        return (dissimilarity * weight).mean(dim=(1, 2))

    protocol = {"map": f"1 - SSIM, Gaussian window of {WINDOW}, sigma 1.5, mean of channels"}
    return Plan(_pixels(name, where), compare, _pixel_taps(net, where), protocol, compare_cut=compare_cut)


class _Maps(NamedTuple):
    """The maps of attention's taps and of the other stages, and the size of the images."""

    attended: Attended
    others: tuple[Tensor, ...]
    size: tuple[int, int]


def lpips_scores(name: str, net: Backbone, where: PatchAttention) -> Plan:
    """Sum over taps of LPIPS's distances, weighted at attention's taps."""
    network = BACKBONES[name.removeprefix("lpips-").split("+")[0]]
    if net.name != network or net.pooling != "max":
        raise ValueError(
            f"{name} is defined on {network} with max-pooling, got {net.name} with {net.pooling}; "
            "its heads were trained for that"
        )
    taps = TAPS[network]
    rest = _stages(name, taps, where)
    trained = dict(zip(taps, heads(network), strict=True))

    def finish(of: Features) -> _Maps:
        return _Maps(where.attended(of, name), tuple(of.maps[tap] for tap in rest), of.size)

    def compare(reference: _Maps, distorted: _Maps) -> Tensor:
        check_comparable(reference.attended.maps, distorted.attended.maps, (reference.size, distorted.size))
        pairs = zip(reference.others, distorted.others, strict=True)
        weights = where.between(reference.attended, distorted.attended)
        attended = zip(reference.attended.maps, distorted.attended.maps, strict=True)
        return score([(x - y).square().mean(dim=(2, 3)) for x, y in pairs], weights, [distance(*x) for x in attended])

    def compare_cut(reference: CutMaps, distorted: CutMaps) -> Tensor:
        _, _, differences = moments_of_parts(reference, distorted, rest)
        return score([each.square for each in differences], *in_bands(where, reference, distorted, distance))

    def distance(x: Tensor, y: Tensor) -> Tensor:
        return patch_errors(x, y, where.patch, where.stride)

    def score(errors: Sequence[Tensor], weights: Sequence[Tensor], in_patches: Sequence[Tensor]) -> Tensor:
        parts = []
        for tap, error in zip(rest, errors, strict=True):
            parts.append((error * trained[tap].to(error.dtype).to(error.device, non_blocking=True)).sum(dim=1))
        for weight, error in zip(weights, in_patches, strict=True):
            parts.append((weight * error).mean(dim=(1, 2)) * where.patch**2)
        return torch.stack(parts).sum(dim=0)

    return Plan(finish, compare, taps, {"heads": "LPIPS 0.1, not at attention's taps"}, compare_cut=compare_cut)


def _stages(name: str, taps: Sequence[str], where: PatchAttention) -> tuple[str, ...]:
    """The taps of a metric that attention is not at. Raises ValueError where attention is at another tap."""
    if foreign := [tap for tap in where.taps if tap not in taps]:
        raise ValueError(f"attention of {name} must be at two or more of {', '.join(taps)}, got {', '.join(foreign)}")
    return tuple(tap for tap in taps if tap not in where.taps)


class _Structure(NamedTuple):
    """Moments of the stages without attention, and of the patches at attention's taps; and the maps at these taps."""

    stages: tuple[Moments, ...]
    patches: tuple[Moments, ...]
    attended: Attended
    size: tuple[int, int]


def dists_scores(name: str, net: Backbone, where: PatchAttention) -> Plan:
    """DISTS, with weighted patches at attention's taps."""
    check_l2_vgg16(net, name)
    rest = _stages(name, VGG_STAGES, where)
    trained = dict(zip(("image", *VGG_STAGES), coefficients(), strict=True))
    left_out = float(sum((alpha.sum() + beta.sum()).item() for alpha, beta in (trained[tap] for tap in where.taps)))

    def finish(of: Features) -> _Structure:
        attended = where.attended(of, name)
        stages = tuple(Moments.of(x.flatten(2), 1) for x in (of.image, *(of.maps[tap] for tap in rest)))
        return _Structure(stages, tuple(of_patches(x) for x in attended.maps), attended, of.size)

    def compare(reference: _Structure, distorted: _Structure) -> Tensor:
        check_comparable(reference.attended.maps, distorted.attended.maps, (reference.size, distorted.size))
        stages = zip(reference.stages, distorted.stages, strict=True)
        weights = where.between(reference.attended, distorted.attended)
        in_patches = zip(reference.patches, distorted.patches, strict=True)
        return score([x.dissimilarity(y) for x, y in stages], weights, [moments_distance(x, y) for x, y in in_patches])

    def compare_cut(reference: CutMaps, distorted: CutMaps) -> Tensor:
        image, other = (Moments.of(each.image) for each in (reference, distorted))
        stages = [image.dissimilarity(other)]
        for x, y, difference in zip(*moments_of_parts(reference, distorted, rest), strict=True):
            stages.append(dissimilarity((x.mean, y.mean), (x.variance, y.variance), difference.variance))
        bands = in_bands(where, reference, distorted, lambda x, y: moments_distance(of_patches(x), of_patches(y)))
        return score(stages, *bands)

    def of_patches(x: Tensor) -> Moments:
        return patch_moments(x, where.patch, where.stride)

    def score(
        stages: Sequence[tuple[Tensor, Tensor]], weights: Sequence[Tensor], in_patches: Sequence[Tensor]
    ) -> Tensor:
        parts = [weighted(*stage, trained[tap]) for tap, stage in zip(("image", *rest), stages, strict=True)]
        parts += [(weight * each).mean(dim=(1, 2)) for weight, each in zip(weights, in_patches, strict=True)]
        return torch.stack(parts).sum(dim=0) + left_out

    return Plan(finish, compare, VGG_STAGES, {"coefficients": "trained alpha and beta"}, compare_cut=compare_cut)


def patch_moments(x: Tensor, patch: int, stride: int) -> Moments:
    """Moments of each channel of the patches of a map (N, C, H, W), each (N, C, h, w)."""
    return Moments.of(patches(x, patch, stride).flatten(-2), 1)


def moments_distance(x: Moments, y: Moments) -> Tensor:
    """DISTS's distance of patches, 2 - mean of S1 - mean of S2 over channels, (N, h, w)."""
    texture, structure = x.dissimilarity(y)
    return texture.mean(dim=1) + structure.mean(dim=1)


class _Windows(NamedTuple):
    """The maps of the stages without attention, and of attention's taps.

    patches: the values and the cumulated weights of the pixels of each patch at these taps, (N, pixels, windows).
    """

    stages: tuple[Tensor, ...]
    attended: Attended
    patches: tuple[tuple[Tensor, Tensor], ...]
    factor: int
    size: tuple[int, int]


def patch_windows(x: Tensor, patch: int, stride: int, variant: Variant) -> Tensor:
    """The windows of all patches of a map (N, C, H, W), as columns: (N, patch^2, patches C), patch by patch.

    variant: "released" cuts a patch up by a flat reshape, "paper" into its channels.
    """
    cut = patches(x, patch, stride).permute(0, 2, 3, 1, 4, 5).flatten(1, 2)
    if variant == "released":
        rows = cut.reshape(*cut.shape[:2], patch**2, x.shape[1])
    else:
        rows = cut.flatten(3).transpose(2, 3)
    return rows.transpose(1, 2).flatten(2)


def windows_of_patches(distances: Tensor, number: int) -> Tensor:
    """Sums over the windows of each patch, (N, windows) to (N, number of patches)."""
    return distances.view(len(distances), number, distances.shape[1] // number).sum(dim=2)


def deepwsd_scores(
    name: str, net: Backbone, where: PatchAttention, *, variant: Variant, resize: bool, reduce: bool
) -> Plan:
    """DeepWSD, with weighted patches at attention's taps."""
    check_l2_vgg16(net, name)
    check_choice("variant", variant, ("released", "paper"))
    _stages(name, VGG_STAGES, where)  # raises where attention is elsewhere

    def in_patches(x: Tensor) -> Tensor:
        return patch_windows(x, where.patch, where.stride, variant)

    def finish(of: Features) -> _Windows:
        whole = reduced_stages(of, reduction(of.size, resize, reduce))
        stages = dict(zip(("the image", *VGG_STAGES), whole.stages, strict=True))
        padded = {tap: whole_windows(stages.pop(tap), window_side(whole.factor)) for tap in where.taps}
        attended = where.attended(Features(of.image, padded, of.size), name)
        cut = tuple((in_patches(x), in_patches(pixel_weights(x)).cumsum(dim=1)) for x in attended.maps)
        return _Windows(tuple(stages.values()), attended, cut, whole.factor, of.size)

    def compare(reference: _Windows, distorted: _Windows) -> Tensor:
        check_comparable(reference.attended.maps, distorted.attended.maps, (reference.size, distorted.size))
        side = window_side(distorted.factor)
        pairs = zip(reference.stages, distorted.stages, strict=True)
        parts = [stage_distance(x, y, side, variant).log1p() for x, y in pairs]
        weights = where.between(reference.attended, distorted.attended)
        for weight, (x, u), (y, v) in zip(weights, reference.patches, distorted.patches, strict=True):
            weight = weight.flatten(1)
            parts.append((weight * windows_of_patches(window_distances(x, y, u, v), weight.shape[1])).sum(dim=1))
        score = torch.stack(parts).sum(dim=0).div(len(VGG_STAGES) + 1).log1p()
        return score.square() if distorted.factor > 1 else score

    resizing = sizing(resize, reduce)
    return Plan(finish, compare, VGG_STAGES, {"variant": variant}, resizing)


_Prepared = TypeVar("_Prepared", _Pixels, _Maps, _Structure, _Windows)


def with_attention_of(prepared: _Prepared, reference: Attended, distorted: Attended) -> _Prepared:
    """A prepared reference that the weighting "other" weights by the attention between two other images.

    reference, distorted: what one metric has prepared of them, `.attended`, for one image each, or for as many as
    `prepared` is compared with.
    """
    return prepared._replace(attended=prepared.attended._replace(other=(reference.maps, distorted.maps)))

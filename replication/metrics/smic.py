"""Metrics weighted by the sliced maximal information coefficient, SMIC (Xiao, Wang, He, Chen, Shen 2024).

"psnr+smic", "ssim+smic", "lpips-vgg+smic" (also -alex and -squeeze), "dists+smic" and "deepwsd+smic", as the authors'
released code computes them, and "+mic" of each, for `registry.create`.

Attention A of a patch is 1 - mean over K projections of MIC(patch of the reference, patch of the distorted image), of
maps at two or more taps of a network that is fed the image in [0, 1] without normalisation (`attention.mic_patches`).

    psnr      10 log10(1 / (mean(E A) + 1e-10)),  E the squared error, averaged over channels and 7 x 7 pixels;
              A of the further taps zoomed to the grid of the first, averaged over taps, zoomed to the size of E
    ssim      mean((1 - S) A),  S the map of SSIM with a Gaussian window of 7 pixels, averaged over channels; lower is
              better
    lpips     sum over taps of  mean over pixels of sum_c w_c (x_c - y_c)^2,  w the trained heads, or for attention's
              taps  mean over patches of A |x - y|^2  without heads; maps are not brought to unit length
    dists     1 - sum(alpha S1 + beta S2) of the stages that attention is not at, alpha and beta being of sum one over
              all stages (identical images score .432), + sum over attention's of
              mean over patches of A (2 - mean_c S1 - mean_c S2)
    deepwsd   log(1 + D / 6), squared if images were reduced;  D = sum of log(1 + D_s) over the stages that attention
              is not at, D_s the stage's distance in DeepWSD, + sum over attention's of sum over patches of A d,
              d the sum of DeepWSD's window distances in the patch

"+mic" takes features directly, as in the paper's Table II. How a patch of many channels becomes a one-dimensional
sample the paper does not say; here each channel is one, as each projection is in SMIC, and MIC is averaged over all
channels, or over `channels` evenly spaced ones. All else is as in "+smic".

The option `weighting` tells where a gain comes from: "local" is the authors'; "level" puts the mean of A over the
patches of an image in the place of every A, so that attention knows how much but not where; "none" puts 1, so that only
the distances, as they are taken here, and the resizing remain.

Attention counts as constant: a score has a gradient through the distances only, and where images are resized none.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from replication.features import Backbone, Pooling, backbone
from replication.metrics.attention import RELEASED_TAPS, RESIZING, attention
from replication.metrics.checks import check_choice
from replication.metrics.deep import AS_IT_IS, VGG_STAGES, Features, Resizing, assemble, check_comparable
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
from replication.metrics.dists import C, check_l2_vgg16, coefficients
from replication.metrics.filters import separable_filter, window
from replication.metrics.lpips import BACKBONES, TAPS, heads
from replication.metrics.projections import RELEASED_SEED, Law, even_channels, random_projections
from replication.metrics.registry import Metric, register
from replication.metrics.ssim import ssim_map
from replication.metrics.zoom import zoom

Weighting = Literal["local", "level", "none"]

_WINDOW = 7  # of the maps of PSNR and SSIM


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of `create` for the metrics of this module; patch, stride, backbone and taps have each metric's defaults.

    backbone, taps: the network and the taps of attention, finest first. "psnr" and "ssim" take any network and taps,
        the others their own network, and two of its stages.
    pooling: None is "l2" for VGG, except with LPIPS, else "max".
    weights, seed, download: as for `features.backbone`.
    normalise: feed the network ImageNet's normalisation; the authors do not.
    resize: images first to the size of the authors' script; `attention.RESIZING`, for DeepWSD its own rule.
    patch, stride: pixels of the map.
    alpha, c: as for `mic.mic`.
    projections, law, projection_seed: as count, law and seed for `random_projections`; for "+smic".
    channels: how many of the features' own, None is all; for "+mic".
    weighting: "local", "level" or "none", what stands in the place of attention.
    variant, reduce: as for `deepwsd`; for DeepWSD.
    device: where to compute; None is where the image is.
    """

    backbone: str
    taps: Sequence[str] | None
    patch: int
    stride: int
    weights: str = "imagenet"
    seed: int = 0
    pooling: Pooling | None = None
    normalise: bool = False
    resize: bool = True
    alpha: float = 0.5
    c: float = 10.0
    projections: int = 32
    law: Law = "released"
    projection_seed: int = RELEASED_SEED
    channels: int | None = None
    weighting: Weighting = "local"
    variant: Variant = "released"
    reduce: bool = True
    device: str | torch.device | None = None
    download: bool = False


Kind = Literal["smic", "mic"]
_OF_KIND: dict[Kind, tuple[str, ...]] = {"smic": ("projections", "law", "projection_seed"), "mic": ("channels",)}
_OF_DEEPWSD = ("variant", "reduce")


class _Attention(NamedTuple):
    """At which taps, and how each of their patches is weighted."""

    taps: tuple[str, ...]
    projections: tuple[Tensor | None, ...]
    patch: int
    stride: int
    alpha: float
    c: float
    weighting: Weighting

    def maps(self, of: Features, name: str) -> tuple[Tensor, ...]:
        """Those of attention's taps, if they hold a patch."""
        for tap in self.taps:
            height, width = of.maps[tap].shape[-2:]
            if min(height, width) < self.patch:
                raise ValueError(
                    f"images of {of.size[0]} x {of.size[1]} are too small for {name}: {tap} has {height} x {width} "
                    f"pixels, not enough for a patch of {self.patch} x {self.patch}"
                )
        return tuple(of.maps[tap] for tap in self.taps)

    def between(self, reference: Sequence[Tensor], distorted: Sequence[Tensor]) -> list[Tensor]:
        """(N, h, w) at each tap."""
        if self.weighting == "none":
            return [torch.ones_like(_patches(y, self)[:, 0, ..., 0, 0]) for y in distorted]
        maps = [
            attention(y, x, projection, self.patch, self.stride, self.alpha, self.c)
            for x, y, projection in zip(reference, distorted, self.projections, strict=True)
        ]
        return maps if self.weighting == "local" else [a.mean(dim=(1, 2), keepdim=True).expand_as(a) for a in maps]

    def over(self, reference: Sequence[Tensor], distorted: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """One map (N, *size) from those of all taps."""
        first, *others = self.between(reference, distorted)
        grid = (first.shape[-2], first.shape[-1])
        total = first
        for other in others:
            total = total + zoom(other, grid)
        return zoom(total / len(self.taps), size)


class _Plan(NamedTuple):
    """What makes one metric of its options: its two halves, and what is special about its pass and protocol."""

    finish: Callable[[Features], Any]
    compare: Callable[[Any, Any], Tensor]
    taps: tuple[str, ...]
    protocol: Mapping[str, Any]
    resizing: Resizing = RESIZING


class _Pixels(NamedTuple):
    """The image, and the maps of attention's taps."""

    image: Tensor
    maps: tuple[Tensor, ...]
    size: tuple[int, int]


def _pixels(name: str, where: _Attention) -> Callable[[Features], _Pixels]:
    return lambda of: _Pixels(of.image, where.maps(of, name), of.size)


def _pixel_taps(net: Backbone, where: _Attention) -> tuple[str, ...]:
    """Of VGG16 all stages, which is one pass for all metrics."""
    return VGG_STAGES if net.name == "vgg16" and set(where.taps) <= set(VGG_STAGES) else where.taps


def _psnr(name: str, net: Backbone, where: _Attention, options: Options) -> _Plan:
    def compare(reference: _Pixels, distorted: _Pixels) -> Tensor:
        check_comparable(reference.maps, distorted.maps, (reference.size, distorted.size))
        error = (reference.image - distorted.image).square().mean(dim=1)
        error = separable_filter(error, window(_WINDOW, kind="uniform"))
        weight = where.over(reference.maps, distorted.maps, (error.shape[-2], error.shape[-1]))
        return -10 * torch.log10((error * weight).mean(dim=(1, 2)) + 1e-10)

    protocol = {"map": f"squared error, mean of channels and {_WINDOW} x {_WINDOW} pixels"}
    return _Plan(_pixels(name, where), compare, _pixel_taps(net, where), protocol)


def _ssim(name: str, net: Backbone, where: _Attention, options: Options) -> _Plan:
    def compare(reference: _Pixels, distorted: _Pixels) -> Tensor:
        check_comparable(reference.maps, distorted.maps, (reference.size, distorted.size))
        image = reference.image.expand(len(distorted.image), -1, -1, -1)
        similarity = ssim_map(image, distorted.image, window_size=_WINDOW, validate=False).mean(dim=1)
        weight = where.over(reference.maps, distorted.maps, (similarity.shape[-2], similarity.shape[-1]))
        return ((1 - similarity) * weight).mean(dim=(1, 2))

    protocol = {"map": f"1 - SSIM, Gaussian window of {_WINDOW}, sigma 1.5, mean of channels"}
    return _Plan(_pixels(name, where), compare, _pixel_taps(net, where), protocol)


class _Maps(NamedTuple):
    """Those of attention's taps, and of the other stages."""

    attended: tuple[Tensor, ...]
    others: tuple[Tensor, ...]
    size: tuple[int, int]


def _lpips(name: str, net: Backbone, where: _Attention, options: Options) -> _Plan:
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
        return _Maps(where.maps(of, name), tuple(of.maps[tap] for tap in rest), of.size)

    def compare(reference: _Maps, distorted: _Maps) -> Tensor:
        check_comparable(reference.attended, distorted.attended, (reference.size, distorted.size))
        parts = []
        for tap, x, y in zip(rest, reference.others, distorted.others, strict=True):
            head = trained[tap].to(x.dtype).to(x.device, non_blocking=True)
            parts.append(((x - y).square().mean(dim=(2, 3)) * head).sum(dim=1))
        weights = where.between(reference.attended, distorted.attended)
        for x, y, weight in zip(reference.attended, distorted.attended, weights, strict=True):
            apart = F.avg_pool2d((x - y).square().sum(dim=1, keepdim=True), where.patch, where.stride).squeeze(1)
            parts.append((weight * apart).mean(dim=(1, 2)) * where.patch**2)
        return torch.stack(parts).sum(dim=0)

    return _Plan(finish, compare, taps, {"heads": "LPIPS 0.1, not at attention's taps"})


def _stages(name: str, taps: Sequence[str], where: _Attention) -> tuple[str, ...]:
    """The taps of a metric that attention is not at; raise if attention is elsewhere than at its taps."""
    if foreign := [tap for tap in where.taps if tap not in taps]:
        raise ValueError(f"attention of {name} must be at two or more of {', '.join(taps)}, got {', '.join(foreign)}")
    return tuple(tap for tap in taps if tap not in where.taps)


class _Moments(NamedTuple):
    """Deviations from the mean (..., n), mean and variance (...), of the pixels of a channel or of a patch of it."""

    deviations: Tensor
    means: Tensor
    variances: Tensor

    @classmethod
    def of(cls, pixels: Tensor) -> "_Moments":
        means = pixels.mean(dim=-1)
        deviations = pixels - means[..., None]
        return cls(deviations, means, deviations.square().mean(dim=-1))

    def unlike(self, other: "_Moments") -> tuple[Tensor, Tensor]:
        """1 - S1 and 1 - S2, (...)."""
        texture = (self.means - other.means).square() / (self.means.square() + other.means.square() + C)
        # The numerator is the sum of the variances less twice the covariance.
        apart = (self.deviations - other.deviations).square().mean(dim=-1)
        return texture, apart / (self.variances + other.variances + C)


class _Structure(NamedTuple):
    """Moments of the stages that attention is not at and of patches at its taps, and the maps there."""

    stages: tuple[_Moments, ...]
    patches: tuple[_Moments, ...]
    attended: tuple[Tensor, ...]
    size: tuple[int, int]


def _dists(name: str, net: Backbone, where: _Attention, options: Options) -> _Plan:
    check_l2_vgg16(net, name)
    rest = _stages(name, VGG_STAGES, where)
    trained = dict(zip(("image", *VGG_STAGES), coefficients(), strict=True))
    left_out = float(sum((alpha.sum() + beta.sum()).item() for alpha, beta in (trained[tap] for tap in where.taps)))

    def finish(of: Features) -> _Structure:
        attended = where.maps(of, name)
        stages = tuple(_Moments.of(x.flatten(2)) for x in (of.image, *(of.maps[tap] for tap in rest)))
        return _Structure(
            stages, tuple(_Moments.of(_patches(x, where).flatten(-2)) for x in attended), attended, of.size
        )

    def compare(reference: _Structure, distorted: _Structure) -> Tensor:
        check_comparable(reference.attended, distorted.attended, (reference.size, distorted.size))
        parts = []
        for tap, x, y in zip(("image", *rest), reference.stages, distorted.stages, strict=True):
            alpha, beta = (weight.to(y.means.dtype).to(y.means.device, non_blocking=True) for weight in trained[tap])
            texture, structure = x.unlike(y)
            parts.append((alpha * texture + beta * structure).sum(dim=1))
        weights = where.between(reference.attended, distorted.attended)
        for weight, first, second in zip(weights, reference.patches, distorted.patches, strict=True):
            texture, structure = first.unlike(second)
            parts.append((weight * (texture.mean(dim=1) + structure.mean(dim=1))).mean(dim=(1, 2)))
        return torch.stack(parts).sum(dim=0) + left_out

    return _Plan(finish, compare, VGG_STAGES, {"coefficients": "trained alpha and beta"})


def _patches(x: Tensor, where: _Attention) -> Tensor:
    """A view of the whole patches, (N, C, H, W) to (N, C, h, w, patch, patch)."""
    return x.unfold(2, where.patch, where.stride).unfold(3, where.patch, where.stride)


class _Windows(NamedTuple):
    """Other stages; maps at attention's taps, and values and cumulated weights, (N, pixels, windows), of patches."""

    stages: tuple[Tensor, ...]
    attended: tuple[Tensor, ...]
    patches: tuple[tuple[Tensor, Tensor], ...]
    factor: int
    size: tuple[int, int]


def _deepwsd(name: str, net: Backbone, where: _Attention, options: Options) -> _Plan:
    check_l2_vgg16(net, name)
    check_choice("variant", options.variant, ("released", "paper"))
    variant = options.variant
    _stages(name, VGG_STAGES, where)  # raises where attention is elsewhere

    def in_patches(x: Tensor) -> Tensor:
        """(N, patch^2, patches C): a patch is cut up by a flat reshape, or into its channels."""
        patches = _patches(x, where).permute(0, 2, 3, 1, 4, 5).flatten(1, 2)
        if variant == "released":
            rows = patches.reshape(*patches.shape[:2], where.patch**2, x.shape[1])
        else:
            rows = patches.flatten(3).transpose(2, 3)
        return rows.transpose(1, 2).flatten(2)

    def finish(of: Features) -> _Windows:
        whole = reduced_stages(of, reduction(of.size, options.resize, options.reduce))
        stages = dict(zip(("the image", *VGG_STAGES), whole.stages, strict=True))
        padded = {tap: whole_windows(stages.pop(tap), window_side(whole.factor)) for tap in where.taps}
        attended = where.maps(Features(of.image, padded, of.size), name)
        patches = tuple((in_patches(x), in_patches(pixel_weights(x)).cumsum(dim=1)) for x in attended)
        return _Windows(tuple(stages.values()), attended, patches, whole.factor, of.size)

    def compare(reference: _Windows, distorted: _Windows) -> Tensor:
        check_comparable(reference.attended, distorted.attended, (reference.size, distorted.size))
        side = window_side(distorted.factor)
        pairs = zip(reference.stages, distorted.stages, strict=True)
        parts = [stage_distance(x, y, side, variant).log1p() for x, y in pairs]
        weights = where.between(reference.attended, distorted.attended)
        for weight, (x, u), (y, v) in zip(weights, reference.patches, distorted.patches, strict=True):
            weight = weight.flatten(1)
            of_patches = window_distances(x, y, u, v).view(*weight.shape, x.shape[2] // weight.shape[1]).sum(dim=2)
            parts.append((weight * of_patches).sum(dim=1))
        score = torch.stack(parts).sum(dim=0).div(len(VGG_STAGES) + 1).log1p()
        return score.square() if distorted.factor > 1 else score

    resizing = sizing(options.resize, options.reduce)
    return _Plan(finish, compare, VGG_STAGES, {"variant": variant}, resizing)


_Planner = Callable[[str, Backbone, _Attention, Options], _Plan]


def _register(metric: str, plan: _Planner, *, higher_is_better: bool = False, **defaults: Any) -> None:
    """Under both names, "+smic" and "+mic"."""
    for kind in _OF_KIND:
        _register_kind(f"{metric}+{kind}", kind, plan, higher_is_better, defaults)


def _register_kind(name: str, kind: Kind, plan: _Planner, higher_is_better: bool, defaults: Mapping[str, Any]) -> None:
    foreign = {option for other, options in _OF_KIND.items() if other != kind for option in options}
    foreign |= set() if plan is _deepwsd else set(_OF_DEEPWSD)
    known = [field.name for field in fields(Options) if field.name not in foreign]

    def build(**given: Any) -> Metric:
        for option in given:
            if option not in known:
                raise ValueError(f"metric {name!r} has no option {option!r}; known: {', '.join(known)}")
        chosen = {**defaults, **given}
        if chosen["backbone"] != defaults["backbone"]:
            chosen["taps"] = given.get("taps")  # the default ones are of another network
        return _build(name, kind, plan, higher_is_better, Options(**chosen))

    register(name, build)


def _build(name: str, kind: Kind, plan: _Planner, higher_is_better: bool, options: Options) -> Metric:
    pooling = options.pooling or ("l2" if options.backbone.startswith("vgg") and plan is not _lpips else "max")
    net = backbone(
        options.backbone,
        weights=options.weights,
        pooling=pooling,
        seed=options.seed,
        device=options.device,
        download=options.download,
    )
    for weight in net.parameters():
        if weight.ndim == 4 and net.device.type == "cpu":  # a tenth faster there
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    taps = _checked_taps(name, net, options.taps)
    check_choice("weighting", options.weighting, ("local", "level", "none"))
    if options.patch < 2 or options.stride < 1:
        raise ValueError(f"patch must be at least 2 and stride at least 1, got {options.patch} and {options.stride}")
    channels = [net.channels[tap] for tap in taps]
    projections: tuple[Tensor | None, ...]
    attended: dict[str, Any]
    if kind == "smic":
        count, law, seed = options.projections, options.law, options.projection_seed
        projections = random_projections(channels, count, law=law, seed=seed)
        attended = {"projections": count, "law": law, "projection seed": seed}
    else:
        projections = tuple(even_channels(number, options.channels) for number in channels)
        kept = "all" if options.channels is None else f"{options.channels} evenly spaced"
        attended = {"channels": f"{kept}, MIC of each, then the mean"}
    where = _Attention(taps, projections, options.patch, options.stride, options.alpha, options.c, options.weighting)
    planned = plan(name, net, where, options)
    whole = {"taps": ", ".join(taps), "patch": options.patch, "stride": options.stride}
    return assemble(
        name,
        higher_is_better=higher_is_better,
        backbone=net,
        device=options.device,
        taps=planned.taps,
        protocol={
            **whole,
            **attended,
            "alpha": options.alpha,
            "c": options.c,
            "weighting": options.weighting,
            **planned.protocol,
        },
        finish=planned.finish,
        compare=planned.compare,
        normalise=options.normalise,
        resizing=planned.resizing if options.resize or plan is _deepwsd else AS_IT_IS,
    )


def _checked_taps(name: str, net: Backbone, taps: Sequence[str] | None) -> tuple[str, ...]:
    if taps is None or isinstance(taps, str) or len(set(taps)) < 2 or len(set(taps)) < len(taps):
        raise ValueError(
            f"{name} needs two or more taps of {net.name}, finest first, got {taps!r}; it has {', '.join(net.taps)}"
        )
    if unknown := [tap for tap in taps if tap not in net.taps]:
        raise ValueError(f"{net.name} has no tap {', '.join(unknown)}; it has {', '.join(net.taps)}")
    return tuple(taps)


_register("psnr", _psnr, higher_is_better=True, backbone="vgg16", taps=RELEASED_TAPS, patch=7, stride=7)
_register("ssim", _ssim, backbone="vgg16", taps=RELEASED_TAPS, patch=7, stride=7)
_register("lpips-vgg", _lpips, backbone="vgg16", taps=RELEASED_TAPS, patch=7, stride=7)
# The authors have VGG16 only. Here too it is the middle of the network, down to a sixteenth of the image's size.
_register("lpips-alex", _lpips, backbone="alexnet", taps=("relu3", "relu4"), patch=7, stride=7)
_register("lpips-squeeze", _lpips, backbone="squeezenet1_1", taps=("fire5", "fire8"), patch=7, stride=7)
_register("dists", _dists, backbone="vgg16", taps=RELEASED_TAPS, patch=7, stride=6)
_register("deepwsd", _deepwsd, backbone="vgg16", taps=RELEASED_TAPS, patch=4, stride=4)

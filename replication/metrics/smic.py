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

"+mic" takes features directly, as in the paper's Table II. The paper leaves open how a patch of many channels becomes
a one-dimensional sample; in this package each channel is a sample, as each projection is in SMIC, and MIC is averaged
over all channels, or over `channels` evenly spaced ones. All else is as in "+smic".

The option `weighting` shows where a gain comes from: "local" is the authors'; "none" puts 1 in the place of every A, so
that only the distances as given above and the resizing remain; "level" puts the mean of A over the patches of an image,
which is how much attention without where; six more keep that level and put the weights elsewhere
(`attention_controls`).

Attention counts as constant: a score has a gradient through the distances only, and where images are resized none.
"""

import dataclasses
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from replication.features import Backbone, Pooling, backbone
from replication.metrics.attended_scores import (
    PatchAttention,
    Plan,
    deepwsd_scores,
    dists_scores,
    lpips_scores,
    psnr_scores,
    ssim_scores,
)
from replication.metrics.attention import RELEASED_TAPS, Projection
from replication.metrics.attention_controls import GUIDED, Weighting
from replication.metrics.deep import AS_IT_IS, assemble
from replication.metrics.deepwsd import Variant
from replication.metrics.mic import check_settings
from replication.metrics.options import Device, Option
from replication.metrics.projections import RELEASED_SEED, Law, even_channels, random_projections
from replication.metrics.registry import Metric, register


@dataclass(frozen=True, kw_only=True)
class SMICOptions:
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
    independent: the reference has projections of its own, as in the paper's equation 4, drawn with the next seed; the
        authors' code and figure 4 have the same for both images. For "+smic".
    channels: how many of the features' own, None is all; for "+mic".
    weighting: the values used as attention: "local" or a control of `attention_controls`.
    shuffle_seed: of the order of the patches with weighting "shuffled".
    variant, reduce: as for `deepwsd`; for DeepWSD.
    device: where to compute; None is where the image is.
    """

    backbone: str
    taps: Sequence[str] | None
    patch: int
    stride: int
    weights: str | Path = "imagenet"
    seed: int = 0
    pooling: Pooling | None = None
    normalise: bool = False
    resize: bool = True
    alpha: float = 0.5
    c: float = 10.0
    projections: int = 32
    law: Law = "released"
    projection_seed: int = RELEASED_SEED
    independent: bool = False
    channels: int | None = None
    weighting: Weighting = "local"
    shuffle_seed: int = 0
    variant: Variant = "released"
    reduce: bool = True
    device: Device = None
    download: bool = False


Kind = Literal["smic", "mic"]
_OF_KIND: dict[Kind, tuple[str, ...]] = {
    "smic": ("projections", "law", "projection_seed", "independent"),
    "mic": ("channels",),
}
_OF_DEEPWSD = ("variant", "resize", "reduce")


_Planner = Callable[..., Plan]


def _register(metric: str, plan: _Planner, *, higher_is_better: bool = False, **defaults: Any) -> None:
    """Register a metric under both names, "+smic" and "+mic"."""
    for kind in _OF_KIND:
        _register_kind(metric, kind, plan, higher_is_better, defaults)


def _register_kind(
    metric: str, kind: Kind, plan: _Planner, higher_is_better: bool, defaults: Mapping[str, Any]
) -> None:
    foreign = {option for other, options in _OF_KIND.items() if other != kind for option in options}
    foreign |= set() if plan is deepwsd_scores else {"variant", "reduce"}
    hints = typing.get_type_hints(SMICOptions)
    known = {
        field.name: Option(hints[field.name], None)  # all have a default, of the metric or of the class
        for field in dataclasses.fields(SMICOptions)
        if field.name not in foreign
    }

    def build(**given: Any) -> Metric:
        chosen = {**defaults, **given}
        if chosen["backbone"] != defaults["backbone"]:
            chosen["taps"] = given.get("taps")  # the default ones are of another network
        return _build(f"{metric}+{kind}", kind, plan, higher_is_better, SMICOptions(**chosen))

    register(f"{metric}+{kind}", build, options=known)


def _build(name: str, kind: Kind, plan: _Planner, higher_is_better: bool, options: SMICOptions) -> Metric:
    if options.patch < 2 or options.stride < 1:
        raise ValueError(f"patch must be at least 2 and stride at least 1, got {options.patch} and {options.stride}")
    check_settings(options.alpha, options.c)
    pooling = options.pooling or ("l2" if options.backbone.startswith("vgg") and plan is not lpips_scores else "max")
    net = backbone(
        options.backbone,
        weights=options.weights,
        pooling=pooling,
        seed=options.seed,
        device=options.device,
        download=options.download,
    )
    for weight in net.parameters():
        if weight.ndim == 4 and net.device.type == "cpu":  # a tenth faster on a CPU
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    taps = _checked_taps(name, net, options.taps)
    channels = [net.channels[tap] for tap in taps]
    projections: tuple[Projection, ...]
    attended: dict[str, Any]
    if kind == "smic":
        count, law, seed = options.projections, options.law, options.projection_seed
        drawn = random_projections(channels, count, law=law, seed=seed)
        projections = drawn
        attended = {"projections": count, "law": law, "projection seed": seed}
        if options.independent:
            of_reference = random_projections(channels, count, law=law, seed=seed + 1)
            projections = tuple(zip(drawn, of_reference, strict=True))
            attended["projections of the reference"] = "independent"
    else:
        projections = tuple(even_channels(number, options.channels) for number in channels)
        chosen = "all" if options.channels is None else f"{options.channels} evenly spaced"
        attended = {"channels": f"{chosen}, MIC of each, then the mean"}
    patch, stride, alpha, c = options.patch, options.stride, options.alpha, options.c
    where = PatchAttention(taps, projections, patch, stride, alpha, c, options.weighting, options.shuffle_seed)
    own = {option: getattr(options, option) for option in _OF_DEEPWSD} if plan is deepwsd_scores else {}
    planned = plan(name, net, where, **own)
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
            **({"shuffle seed": options.shuffle_seed} if options.weighting == "shuffled" else {}),
            **planned.protocol,
        },
        finish=planned.finish,
        compare=planned.compare,
        compare_cut=planned.compare_cut if stride <= patch and options.weighting not in GUIDED else None,
        normalise=options.normalise,
        resizing=planned.resizing if options.resize or plan is deepwsd_scores else AS_IT_IS,
    )


def _checked_taps(name: str, net: Backbone, taps: Sequence[str] | None) -> tuple[str, ...]:
    if taps is None or isinstance(taps, str) or len(set(taps)) < 2 or len(set(taps)) < len(taps):
        raise ValueError(
            f"{name} needs two or more taps of {net.name}, finest first, got {taps!r}; it has {', '.join(net.taps)}"
        )
    if unknown := [tap for tap in taps if tap not in net.taps]:
        raise ValueError(f"{net.name} has no tap {', '.join(unknown)}; it has {', '.join(net.taps)}")
    return tuple(taps)


_register("psnr", psnr_scores, higher_is_better=True, backbone="vgg16", taps=RELEASED_TAPS, patch=7, stride=7)
_register("ssim", ssim_scores, backbone="vgg16", taps=RELEASED_TAPS, patch=7, stride=7)
_register("lpips-vgg", lpips_scores, backbone="vgg16", taps=RELEASED_TAPS, patch=7, stride=7)
# The authors have VGG16 only. These taps too are in the middle of the network, down to a sixteenth of the image's size.
_register("lpips-alex", lpips_scores, backbone="alexnet", taps=("relu3", "relu4"), patch=7, stride=7)
_register("lpips-squeeze", lpips_scores, backbone="squeezenet1_1", taps=("fire5", "fire8"), patch=7, stride=7)
_register("dists", dists_scores, backbone="vgg16", taps=RELEASED_TAPS, patch=7, stride=6)
_register("deepwsd", deepwsd_scores, backbone="vgg16", taps=RELEASED_TAPS, patch=4, stride=4)

"""Metrics by name: `create("ssim", colour="gray")`, and `@metric` to add one.

For example

    @metric("mean-error", higher_is_better=False)
    def mean_error(reference: Tensor, distorted: Tensor, *, power: float = 1.0) -> Tensor:
        return (reference - distorted).abs().pow(power).mean(dim=(1, 2, 3))

    create("mean-error", power=2.0)(reference, distorted)
"""

import inspect
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from replication.metrics import colour
from replication.metrics.checks import check_choice, check_layout, check_values
from replication.metrics.psnr import psnr
from replication.metrics.resize import reduce_2004
from replication.metrics.ssim import ms_ssim, ssim

_COLOURS: dict[str, Callable[[Tensor], Tensor]] = {
    "rgb": lambda image: image,
    "gray": colour.rgb_to_gray,
    "y": colour.rgb_to_y,
}
_REDUCTIONS: dict[str, Callable[[Tensor], Tensor]] = {"none": lambda image: image, "2004": reduce_2004}

_factories: dict[str, Callable[..., "Metric"]] = {}
_recreated: dict[tuple[str, str], "Metric"] = {}


@dataclass(frozen=True)
class Source:
    """A first step of preparation that several metrics share, such as the features of one backbone.

    Sources of the same key compute the same: whoever prepares an image for several metrics computes it once.
    """

    key: Hashable
    compute: Callable[[Tensor], Any]


@dataclass(frozen=True)
class Metric:
    """A metric with its protocol settled: call it on two batches, or on each half separately.

    `prepare` does what concerns one image alone, so that a reference is prepared once for all its distorted copies;
    `compare` gives the scores (N,) of two prepared batches, the reference's being of the same N, or of 1.

    source, finish: for metrics that share a first step; prepare(image) is then finish(source.compute(image)).
    recipe: name and options that `create` made it from. A metric that has one is pickled as that, not with its weights,
        and two copies unpickled in one process are one.
    """

    name: str
    higher_is_better: bool
    protocol: Mapping[str, Any]
    prepare: Callable[[Tensor], Any]
    compare: Callable[[Any, Any], Tensor]
    source: Source | None = None
    finish: Callable[[Any], Any] | None = None
    recipe: tuple[str, Mapping[str, Any]] | None = None

    def __post_init__(self) -> None:
        if (self.source is None) != (self.finish is None):
            raise ValueError(f"metric {self.name!r} has a source or a finish alone; one needs the other")

    def __call__(self, reference: Tensor, distorted: Tensor) -> Tensor:
        """Scores (N,) of (N, C, H, W) images in [0, 1]."""
        return self.compare(self.prepare(reference), self.prepare(distorted))

    def __reduce_ex__(self, protocol: Any) -> Any:
        if self.recipe is None:
            return super().__reduce_ex__(protocol)
        return _recreate, self.recipe


def metric(
    name: str, *, higher_is_better: bool, **defaults: Any
) -> Callable[[Callable[..., Tensor]], Callable[..., Tensor]]:
    """Register a function of (reference, distorted, *, options), both (N, C, H, W) in [0, 1], that returns scores (N,).

    Its keyword options become those of `create`, beside those that every such metric has:
        colour: "rgb" (channels as they are), "gray" (MATLAB's rgb2gray) or "y" (of YCbCr, MATLAB's rgb2ycbcr).
            Grey images are taken as they are.
        eight_bit: round images to 8 bits before and after the change of colour, as MATLAB code reading files does; the
            score then has no gradient.
        reduction: "none", or "2004" for the size-dependent reduction of the SSIM authors' script, `resize.reduce_2004`.
        device: where to compute; None is where the image is.
    defaults: of these options, where the original implementation converts first: colour="gray", eight_bit=True.
    """

    def decorate(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def build(**options: Any) -> Metric:
            return _from_function(name, function, higher_is_better, defaults, options)

        register(name, build)
        return function

    return decorate


def register(name: str, factory: Callable[..., Metric]) -> None:
    """Make `create(name, **options)` call `factory(**options)`: for metrics with a `prepare` of their own."""
    if name in _factories:
        raise ValueError(f"a metric named {name!r} is registered already")
    _factories[name] = factory


def create(name: str, **options: Any) -> Metric:
    """The metric of that name. Raises ValueError for an unknown name or option; the message lists the known ones."""
    if name not in _factories:
        raise ValueError(f"unknown metric {name!r}; known: {', '.join(names())}")
    return replace(_factories[name](**options), recipe=(name, options))


def takes_device(name: str) -> bool:
    """Whether the metric of that name has an option `device`; one without computes where its images are."""
    parameters = inspect.signature(_factories[name]).parameters if name in _factories else {}
    return "device" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def names() -> list[str]:
    """Names of all registered metrics."""
    return sorted(_factories)


def _recreate(name: str, options: Mapping[str, Any]) -> Metric:
    """What a pickled metric becomes: the same one each time, so that a network is built once for all its tasks."""
    key = name, repr(sorted(options.items()))
    if key not in _recreated:
        _recreated[key] = create(name, **options)
    return _recreated[key]


def _from_function(
    name: str,
    function: Callable[..., Tensor],
    higher_is_better: bool,
    defaults: Mapping[str, Any],
    options: Mapping[str, Any],
) -> Metric:
    parameters = inspect.signature(function).parameters.values()
    own = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in _SETTLED}
    known = {"colour": "rgb", "eight_bit": False, "reduction": "none", "device": None, **own, **defaults}
    for option in options:
        if option not in known:
            raise ValueError(f"metric {name!r} has no option {option!r}; known: {', '.join(known)}")
    chosen = {**known, **options}
    chosen["reduction"] = str(chosen["reduction"])  # 2004 is a number to a command line
    device = chosen.pop("device")
    colours, eight_bit, reduction = chosen["colour"], chosen["eight_bit"], chosen["reduction"]
    check_choice("colour", colours, tuple(_COLOURS))
    check_choice("reduction", reduction, tuple(_REDUCTIONS))
    keywords = {option: chosen[option] for option in own}
    if "validate" in {p.name for p in parameters}:
        keywords["validate"] = False  # `prepare` has done it, once for each image

    def converted(image: Tensor) -> Tensor:
        precision = image.dtype
        if eight_bit:
            image = colour.to_uint8(image)
        if image.shape[1] != 1:
            image = _COLOURS[colours](image)
        return image.to(precision) / 255 if eight_bit else image

    def prepare(image: Tensor) -> Tensor:
        check_layout("image", image)
        check_values("image", image, 1.0, None)
        image = image.to(device, torch.promote_types(image.dtype, torch.float32))
        if eight_bit or colours != "rgb":  # strip by strip: it takes several copies, some of them in float64
            rows = max(1, _STRIP // (len(image) * image.shape[-1] or 1))
            image = torch.cat([converted(strip) for strip in torch.split(image, rows, dim=-2)], dim=-2)
        return _REDUCTIONS[reduction](image)

    def compare(reference: Tensor, distorted: Tensor) -> Tensor:
        if len(reference) == 1:
            reference = reference.expand(len(distorted), -1, -1, -1)
        return function(reference, distorted, **keywords)

    return Metric(name, higher_is_better, chosen, prepare, compare)


_STRIP = 2**21  # pixels whose colours are converted at a time

# Options of the functions that are no part of a protocol: images are in [0, 1] here, and checked in `prepare`.
_SETTLED = ("data_range", "validate")

metric("psnr", higher_is_better=True)(psnr)
metric("ssim", higher_is_better=True)(ssim)
metric("ms-ssim", higher_is_better=True)(ms_ssim)

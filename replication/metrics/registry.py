"""Metrics by name: `create("ssim", colour="gray")`, and `@metric` to add one.

For example

    @metric("mean-error", higher_is_better=False)
    def mean_error(reference: Tensor, distorted: Tensor, *, power: float = 1.0) -> Tensor:
        return (reference - distorted).abs().pow(power).mean(dim=(1, 2, 3))

    create("mean-error", power=2.0)(reference, distorted)

In a file of this package, `replication/metrics/NAME.py`, that is all: the package imports each of its modules. In any
other module, it takes effect when that module is imported.
"""

import importlib
import pkgutil
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, TypeVar

import torch
from torch import Tensor

from replication.metrics import colour
from replication.metrics.checks import check_layout, check_values
from replication.metrics.chunks import by_strips
from replication.metrics.names import nearest, shortened
from replication.metrics.options import Device, Option, Options, check_options, options_of, takes_any
from replication.metrics.resize import reduce_2004

_COLOURS: dict[str, Callable[[Tensor], Tensor]] = {
    "rgb": lambda image: image,
    "gray": colour.rgb_to_gray,
    "y": colour.rgb_to_y,
}
_REDUCTIONS: dict[str, Callable[[Tensor], Tensor]] = {"none": lambda image: image, "2004": reduce_2004}

# Options that every metric made of a function has, beside its own.
_COMMON: Options = {
    "colour": Option(Literal["rgb", "gray", "y"], "rgb"),
    "eight_bit": Option(bool, False),
    "reduction": Option(Literal["none", "2004"], "none"),
    "device": Option(Device, None),
}

# Options of the functions that are no part of a protocol: images are in [0, 1], and `prepare` has checked them.
_SETTLED = ("data_range", "validate")

_TRIAL_SIDES = (1024, 2**15)  # of the empty batches that try a function's options

Function = TypeVar("Function", bound=Callable[..., Tensor])
Factory = TypeVar("Factory", bound=Callable[..., "Metric"])


class _Entry(NamedTuple):
    """A registered metric: its factory, the options of that (None: any), and the module that it is defined in."""

    factory: Callable[..., "Metric"]
    options: Options | None
    module: str


_factories: dict[str, _Entry] = {}
_recreated: dict[tuple[str, str], "Metric"] = {}


@dataclass(frozen=True)
class Source:
    """A first step of preparation that several metrics share, such as the features of one backbone.

    Sources with equal keys compute the same: an image that is prepared for several metrics passes each source once.
    """

    key: Hashable
    compute: Callable[[Tensor], Any]


@dataclass(frozen=True, repr=False)
class Metric:
    """A metric with its protocol settled: call it on two batches, or on each half separately.

    `prepare` does what concerns one image alone, so that a reference is prepared once for all its distorted copies;
    `compare` gives the scores (N,) of two prepared batches; the reference's holds N images, or one.

    source, finish: for metrics that share a first step; prepare(image) is then finish(source.compute(image)).
    recipe: name and options that `create` made it from. A metric that has one is pickled as that, not with its weights,
        and copies unpickled in one process are one object.
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

    def __repr__(self) -> str:
        """The name and the protocol: "ssim (colour: gray, window_size: 11)"."""
        return f"{self.name} ({', '.join(f'{option}: {value}' for option, value in self.protocol.items())})"

    def __reduce_ex__(self, protocol: Any) -> Any:
        if self.recipe is None:
            return super().__reduce_ex__(protocol)
        return _recreate, self.recipe


def metric(name: str, *, higher_is_better: bool, **defaults: Any) -> Callable[[Function], Function]:
    """Register a function of (reference, distorted, *, options), both (N, C, H, W) in [0, 1], that returns scores (N,).

    Its keyword options become options of `create`, beside those that every such metric has:
        colour: "rgb" (channels as they are), "gray" (MATLAB's rgb2gray) or "y" (of YCbCr, MATLAB's rgb2ycbcr).
            Grey images are taken as they are.
        eight_bit: round images to 8 bits before and after the change of colour, as MATLAB code reading files does; the
            score then has no gradient.
        reduction: "none", or "2004" for the size-dependent reduction of the SSIM authors' script, `resize.reduce_2004`.
        device: where to compute; None is where the image is.
    defaults: of these options, where the original implementation converts first: colour="gray", eight_bit=True.

    `create` compares the options with their annotations, then calls the function once on a batch without images: a
    ValueError about an option is raised by `create`, before there is an image.
    """

    def decorate(function: Function) -> Function:
        def build(**options: Any) -> Metric:
            return _from_function(name, function, higher_is_better, defaults, options)

        _add(name, _Entry(build, {**_COMMON, **_own_options(function)}, function.__module__))
        return function

    return decorate


def register(name: str, factory: Callable[..., Metric], *, options: Options | None = None) -> None:
    """Make `create(name, **options)` call `factory(**options)`: for metrics with a `prepare` of their own.

    options: what the factory takes; None are its keyword-only parameters, and anything if it has others, or **options.
    """
    if options is None and not takes_any(factory):
        options = options_of(factory)
    _add(name, _Entry(factory, options, factory.__module__))


def registered(name: str) -> Callable[[Factory], Factory]:
    """Decorator form of `register`."""

    def decorate(factory: Factory) -> Factory:
        register(name, factory)
        return factory

    return decorate


def create(name: str, **options: Any) -> Metric:
    """Return the metric of that name.

    Raises ValueError for an unknown name or option, naming the known ones and those most like it, and for a value that
    an option cannot have: of another type, or out of its range.
    """
    factory, known, _ = _entry(name)
    if known is not None:
        if known.get("reduction") == _COMMON["reduction"] and "reduction" in options:
            options["reduction"] = str(options["reduction"])  # 2004 is a number to a command line
        check_options(name, options, known)
    return replace(factory(**options), recipe=(name, options))


def names() -> list[str]:
    """Names of all registered metrics."""
    return sorted(_factories)


def takes(name: str, option: str) -> bool:
    """True if the metric of that name has that option; one whose options are not declared takes any."""
    return name in _factories and ((known := _factories[name].options) is None or option in known)


def takes_device(name: str) -> bool:
    """True if the metric of that name has an option `device`; one without computes where its images are."""
    return takes(name, "device")


def module_of(name: str) -> str:
    """The module in which the metric of that name is registered, such as "replication.metrics.gmsd".

    Raises ValueError for an unknown name.
    """
    return _entry(name).module


def discover(package: str, folders: Iterable[str]) -> None:
    """Import every module of a package, so that the metrics they define are registered."""
    for module in pkgutil.iter_modules(folders):
        importlib.import_module(f"{package}.{module.name}")


def _entry(name: str) -> _Entry:
    if name not in _factories:
        raise ValueError(f"unknown metric {shortened(name)!r}; known: {', '.join(names())}{nearest(name, names())}")
    return _factories[name]


def _add(name: str, entry: _Entry) -> None:
    if name in _factories:
        raise ValueError(f"a metric named {name!r} is registered already, in {_factories[name].module}")
    _factories[name] = entry


def _recreate(name: str, options: Mapping[str, Any]) -> Metric:
    """The metric that a pickled one stands for: the same object each time, so that a network is built once."""
    key = name, repr(sorted(options.items()))
    if key not in _recreated:
        _recreated[key] = create(name, **options)
    return _recreated[key]


def _own_options(function: Callable[..., Any]) -> dict[str, Option]:
    return {name: option for name, option in options_of(function).items() if name not in _SETTLED}


def _from_function(
    name: str,
    function: Callable[..., Tensor],
    higher_is_better: bool,
    preset: Mapping[str, Any],
    options: Mapping[str, Any],
) -> Metric:
    own = _own_options(function)
    chosen = {option: default for option, (_, default) in {**_COMMON, **own}.items()} | {**preset, **options}
    device = chosen.pop("device")
    colours, eight_bit, reduction = chosen["colour"], chosen["eight_bit"], chosen["reduction"]
    keywords = {option: chosen[option] for option in own}
    if "validate" in options_of(function):
        keywords["validate"] = False  # `prepare` has done it, once for each image
    _try(function, 3 if colours == "rgb" else 1, keywords)

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
        if eight_bit or colours != "rgb":
            image = by_strips(converted, image)  # it takes several copies, some of them in float64
        return _REDUCTIONS[reduction](image)

    def compare(reference: Tensor, distorted: Tensor) -> Tensor:
        if len(reference) == 1:
            reference = reference.expand(len(distorted), -1, -1, -1)
        return function(reference, distorted, **keywords)

    return Metric(name, higher_is_better, chosen, prepare, compare)


def _try(function: Callable[..., Tensor], channels: int, keywords: Mapping[str, Any]) -> None:
    """Raise the ValueError that the function raises on a batch without images, whatever their size.

    Images of 1024 x 1024 are large enough for most options; where they are refused, larger ones decide.
    """
    for side in _TRIAL_SIDES:
        empty = torch.zeros(0, channels, side, side)
        try:
            with torch.no_grad():
                function(empty, empty, **keywords)
        except ValueError:
            if side == _TRIAL_SIDES[-1]:
                raise
        except Exception:  # a function need not take empty batches; its options are then seen with the first image
            return
        else:
            return

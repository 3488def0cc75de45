"""Every metric's scores and every loss's gradients, on the CPU and on the device."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import replication.metrics
from benchmarks.device.part import Cells, Part, Settings
from benchmarks.device.timing import exact_float32
from replication import metrics
from replication.absent import AbsentError
from replication.datasets.distort import DISTORTIONS
from replication.datasets.photos import PHOTOS
from replication.features import backbone
from replication.metrics.registry import takes
from replication.training import losses

PHOTO_NAMES = ("coffee", "china", "motorcycle")
KINDS = ("noise", "blur", "jpeg", "contrast")
LEVEL = 2
EVERY = 5  # of the pairs, for +mic and +smic, which take longest: each photo with another distortion
SIDE = 176  # MS-SSIM of five levels needs 161

# What a metric or a loss needs besides weights or a backbone.
OPTIONS: dict[str, dict[str, Any]] = {
    "feature-distance": {"backbone": "vgg16", "tap": "relu3_3"},
    "FeatureDistanceLoss": {"tap": "relu3_3"},
    "PerceptualContextualLoss": {"alpha": 0.5},
}

TOLERANCE, KINKED, NETWORK_GRADIENT = 1e-4, 1e-3, 5e-2


class Measured(Part):
    title = "Scores and gradients, CPU and device"
    about = (
        f"{len(PHOTO_NAMES)} photos of {SIDE} x {SIDE} pixels, {len(KINDS)} distortions each, and every {EVERY}th of "
        "these pairs for +mic and +smic (on the CPU, a trial: one photo, two distortions). Scores: the largest "
        "difference, relative to the score, or to a hundredth of the largest score where it is smaller than that. "
        "Gradients: the norm of the difference relative to the norm.\n\n"
        f"Float32 on both sides, TF32 off. Tolerance {TOLERANCE:g}: sums of 10^5 terms in another order, and "
        "variances as differences of means, leave four to five digits. Where ranks or thresholds of rounded values "
        f"count (+mic, +smic, FSIM, MAD): {KINKED:g}, as in the tests. Gradients through a network: "
        f"{NETWORK_GRADIENT:g}, since at ReLUs and maxima rounding decides which of two slopes is taken. 'TF32 as "
        "torch sets it' is the difference with torch's default, TF32 in convolutions, unless the code turns it off."
    )
    headings = ("kind", "name", "weights", "difference", "tolerance", "agrees", "TF32 as torch sets it")
    share = 0.3

    def __init__(self, settings: Settings, seconds: float) -> None:
        self.device = settings.device
        self.reference, self.distorted = pairs(1 if settings.small else None, 2 if settings.small else None)
        self.losses = loss_builders()
        ordered = sorted(metrics.names(), key=lambda name: ("+" in name, name))  # the slow ones last
        attended = [name for name in ordered if "+" in name]
        self.items = [("score", name) for name in ordered if name not in attended]
        self.items += [("gradient", name) for name in self.losses]
        self.items += [("score", name) for name in attended]

    def measure(self, item: Cells) -> list[Cells]:
        kind, name = item
        if kind == "score":
            return [self._scores(name)]
        return [self._gradients(name)]

    def _scores(self, name: str) -> Cells:
        weights = ""

        def on(device: str) -> Tensor:
            nonlocal weights
            metric, weights = created(name, device)
            every = EVERY if "+" in name else 1
            with torch.no_grad():
                return metric(self.reference[::every].to(device), self.distorted[::every].to(device)).double().cpu()

        kinked = "+" in name or name in ("fsim", "mad")
        found = self._compared(on, difference, KINKED if kinked else TOLERANCE)
        return weights, *found

    def _gradients(self, name: str) -> Cells:
        build = self.losses[name]
        weights = ""

        def on(device: str) -> Tensor:
            nonlocal weights
            loss, weights = build(device)
            output = self.distorted.to(device).requires_grad_()
            (gradient,) = torch.autograd.grad(loss(output, self.reference.to(device)), output)
            return gradient.double().cpu()

        def relative(expected: Tensor, found: Tensor) -> float:
            return float((found - expected).norm() / expected.norm())

        limit = NETWORK_GRADIENT if build("cpu")[1] else TOLERANCE
        found = self._compared(on, relative, limit)
        return weights, *found

    def _compared(self, on: Callable[[str], Tensor], measure: Callable[[Tensor, Tensor], float], limit: float) -> Cells:
        exact_float32()
        expected = on("cpu")
        value = measure(expected, on(self.device))
        default = ""
        if self.device != "cpu":
            exact_float32(allow_tf32=True)
            default = f"{measure(expected, on(self.device)):.1e}"
        return f"{value:.1e}", f"{limit:g}", "yes" if value <= limit else "NO", default

    @staticmethod
    def summary(rows: Sequence[Cells]) -> str:
        off = [f"{row[1]} ({row[0]}, {row[3]})" for row in rows if row[5] != "yes"]
        agreeing = f"{len(rows) - len(off)} of {len(rows)} agree"
        return f"{agreeing}; off: {', '.join(off)}" if off else agreeing


def pairs(photos: int | None = None, kinds: int | None = None) -> tuple[Tensor, Tensor]:
    """The first so many photos and their distortions (all, if not given), (N, 3, SIDE, SIDE) each, in [0, 1]."""
    references, distorted = [], []
    for name in PHOTO_NAMES[:photos]:
        whole = PHOTOS["photos-train"][1][name].read()
        top, left = ((side - SIDE) // 2 for side in whole.shape[:2])
        photo = whole[top : top + SIDE, left : left + SIDE]
        for kind in KINDS[:kinds]:
            function, strengths, _ = DISTORTIONS[kind]
            references.append(photo)
            distorted.append(function(photo, strengths[LEVEL - 1], np.random.default_rng(len(references))))
    first, second = (torch.from_numpy(np.stack(images)) for images in (references, distorted))
    return first.permute(0, 3, 1, 2).float() / 255, second.permute(0, 3, 1, 2).float() / 255


def created(name: str, device: str) -> tuple[metrics.Metric, str]:
    """The metric on a device and its weights in words: trained ones where they are available, else random ones."""
    options = {**OPTIONS.get(name, {}), **({"device": device} if takes(name, "device") else {})}
    try:
        metric = metrics.create(name, **options)
    except AbsentError:
        if not takes(name, "weights"):
            raise
        metric = metrics.create(name, **options, weights="random")
    return metric, str(metric.protocol.get("weights") or "")


Build = Callable[[str], tuple[nn.Module, str]]


def loss_builders() -> dict[str, Build]:
    """What builds each loss on a device, by its name in training or that of its class, with its weights in words."""

    def training(name: str) -> Build:
        return lambda device: (losses.create(name).to(device), "")

    found = {name: training(name) for name in losses.LOSSES}
    known = {type(losses.create(name)) for name in losses.LOSSES}
    return found | {loss.__name__: of_class(loss) for loss in loss_classes() if loss not in known}


def of_class(loss: type[nn.Module]) -> Build:
    """What builds a loss of that class; its network, where it takes one, is VGG16 with random weights."""
    needs_network = "backbone" in inspect.signature(loss).parameters

    def build(device: str) -> tuple[nn.Module, str]:
        if not needs_network:
            return loss(**OPTIONS.get(loss.__name__, {})).to(device), ""
        network = backbone("vgg16", weights="random", device=device)
        return loss(backbone=network, **OPTIONS.get(loss.__name__, {})).to(device), network.weights

    return build


def loss_classes() -> Iterator[type[nn.Module]]:
    """Every module of replication.metrics that is called a loss."""
    for found in pkgutil.iter_modules(replication.metrics.__path__):
        name = f"{replication.metrics.__name__}.{found.name}"
        for value in vars(importlib.import_module(name)).values():
            is_module = inspect.isclass(value) and issubclass(value, nn.Module) and value.__module__ == name
            if is_module and value.__name__.endswith("Loss"):
                yield value


def difference(expected: Tensor, found: Tensor) -> float:
    """The largest |a - b| / max(|a|, the largest |a| / 100); infinite where one side alone is not a finite number."""
    if not torch.equal(expected.isfinite(), found.isfinite()):
        return float("inf")
    scale = expected.abs().clamp(min=float(expected.abs().max()) / 100)
    return float(((found - expected).abs() / scale).nan_to_num(0).max())

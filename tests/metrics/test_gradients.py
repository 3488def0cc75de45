"""Gradients in float32 are those in float64: of every metric that is registered, and of every loss of the package.

A metric that is added is tested without an edit here. One that is no loss says so by having no gradient: its function
is decorated with `torch.no_grad()` below `metric`, or it rounds its images, and then `score.requires_grad` is False.

Networks of ReLUs and max-pooling have kinks, where rounding decides which of two slopes is taken; here their layers are
made smooth, so that what is compared is the arithmetic of the metric.
"""

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from skimage import data
from torch import Tensor, nn
from torch.nn.modules import module as torch_modules

from benchmarks.device.agreement import loss_classes
from replication import metrics
from replication.features import backbone

RELATIVE = 1e-4  # of the gradient's norm, and at each pixel of its largest value

# Metrics with kinks of their own, where rounding decides which of two slopes is taken; infinity: finite is all.
TOLERANCES: Mapping[str, float] = {
    "deepwsd": 2e-3,  # sorts feature values, equal ones too
    "deepwsd-2024": 2e-3,
    "fsim": math.inf,  # its threshold of noise is the median of a map: one pixel, and another if rounded otherwise
    "nlpd": 1e-2,  # magnitudes of pyramid levels, which are zero on flat parts
    "vif": 2e-3,  # variances and gains, clamped at zero
    "PerceptualContextualLoss": 0.1,  # each feature vector's nearest one, of several that are as near
}

WITH_GRADIENT = {"psnr", "ssim", "ms-ssim", "lwssim", "gmsd", "nlpd", "vif", "vif-pixel", "fsim", "dists", "lpips-vgg"}

# What a metric or a loss needs beyond `weights="random"`, and variants that are worth a test of their own.
OPTIONS: Mapping[str, list[dict[str, Any]]] = {
    "feature-distance": [{"backbone": "vgg16", "tap": "relu3_3"}],
    "lwssim": [{}, {"window_kind": "gaussian"}, {"padding": "reflect"}, {"alpha": 2, "beta": 2, "gamma": 2}],
    "ms-ssim": [{"levels": levels} for levels in (1, 2, 3, 4, 5)] + [{"levels": 4, "padding": "reflect"}],
    "ssim": [{}, {"padding": "reflect"}, {"window_kind": "uniform"}],
    "FeatureDistanceLoss": [{"tap": "relu3_3"}],
    "PerceptualContextualLoss": [{"alpha": 0.5}],
    "MSSSIMLoss": [{"levels": levels, "padding": p} for levels in (1, 2, 3, 4, 5) for p in ("valid", "reflect")],
    "MSSSIML1Loss": [{"levels": levels} for levels in (1, 3, 5)],
}


LOSSES = {loss.__name__: loss for loss in loss_classes()}


PAIRS = ("noise", "blur", "dimming", "flat part, noise", "flat part, dimming", "dark part, noise")


def pair_of(case: str, side: int) -> tuple[Tensor, Tensor]:
    """A photo and a distorted one, (1, 3, side, side): noise, blur or dimming; flat, dark and black parts."""

    def photo(image: Any, top: int, left: int) -> Tensor:
        whole = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
        return whole[..., top : top + side, left : left + side].contiguous()

    def noisy(image: Tensor, sigma: float) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        return (image + sigma * torch.randn(image.shape, generator=generator)).clamp(0, 1)

    face, cup = photo(data.astronaut(), 0, 90), photo(data.coffee(), 100, 150)
    flat, dark = face.clone(), cup.clone()
    flat[..., side // 4 : 3 * side // 4, side // 6 : 3 * side // 4] = 0.5
    dark[..., : side // 2, :] *= 0.02
    dark[..., : side // 4, :] = 0
    return {
        "noise": (face, noisy(face, 0.1)),
        "blur": (cup, F.avg_pool2d(F.pad(cup, [3] * 4, mode="reflect"), 7, 1)),
        "dimming": (cup, 0.6 * cup),
        "flat part, noise": (flat, noisy(flat, 0.02)),
        "flat part, dimming": (flat, 0.9 * flat),
        "dark part, noise": (dark, noisy(dark, 0.03)),
    }[case]


@contextmanager
def smooth_layers(called: list[nn.Module]) -> Iterator[None]:
    """Within it ReLUs and max-pools have no kinks; `called` receives every module that is called."""

    def before(layer: nn.Module, _: Any) -> None:
        called.append(layer)
        if isinstance(layer, nn.ReLU):
            layer.inplace = False  # what goes in is needed afterwards

    def after(layer: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> Any:
        if isinstance(layer, nn.ReLU):
            return F.silu(inputs[0])
        if isinstance(layer, nn.MaxPool2d):
            return F.avg_pool2d(inputs[0], layer.kernel_size, layer.stride, layer.padding, layer.ceil_mode)
        return output

    handles = [
        torch_modules.register_module_forward_pre_hook(before),
        torch_modules.register_module_forward_hook(after),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def gradients(score: Callable[[Tensor, Tensor], Tensor], pair: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor] | None:
    """By the second image, computed in float32 and in float64; None if the score has no gradient."""
    found, called = [], []
    for precision in (torch.float32, torch.float64):
        for layer in called:
            layer.to(precision)
        reference, distorted = (image.to(precision) for image in pair)
        distorted.requires_grad_()
        with smooth_layers(called):
            value = score(reference, distorted).sum()
            if not value.requires_grad:
                return None
            found.append(torch.autograd.grad(value, distorted)[0].double())
    return found[0], found[1]


def assert_gradients_agree(
    name: str, score: Callable[[Tensor, Tensor], Tensor], pair: tuple[Tensor, Tensor], limit: float
) -> bool:
    """Compare them where there are any; returns whether there are."""
    found = gradients(score, pair)
    if found is None:
        return False
    single, double = found
    assert single.isfinite().all()
    difference = single - double
    norm, worst = (difference.norm() / double.norm()).item(), (difference.abs().max() / double.abs().max()).item()
    assert max(norm, worst) <= limit, f"{name}: {norm:.1e} of the norm, {worst:.1e} at the worst pixel"
    return True


def created(name: str, options: Mapping[str, Any]) -> metrics.Metric:
    """The metric, without rounding to 8 bits, which leaves no gradient, and without trained weights."""
    for choice in ({"eight_bit": False}, {"weights": "random"}):
        try:
            return metrics.create(name, **options, **choice)
        except (TypeError, ValueError):
            continue
    return metrics.create(name, **options)


@pytest.mark.parametrize("name", [name for name in metrics.names() if "+" not in name])
@pytest.mark.parametrize("case", PAIRS)
def test_of_every_metric(name: str, case: str) -> None:
    for options in OPTIONS.get(name, [{}]):
        metric = created(name, options)
        # MS-SSIM of five levels needs 161, windows of 8 x 8 on a map of an eighth of the size 128; networks take longer
        side = 176 if "eight_bit" in metric.protocol else 128 if "window" in metric.protocol else 64
        limit = TOLERANCES.get(name, RELATIVE)
        has_gradient = assert_gradients_agree(f"{name} {options}", metric, pair_of(case, side), limit)
        assert has_gradient or name not in WITH_GRADIENT


@pytest.mark.parametrize("name", [name for name in metrics.names() if "+" in name])
def test_of_every_metric_with_attention(name: str) -> None:
    """Finite: attention counts as constant, but what it is jumps with rounding."""
    assert_gradients_agree(name, created(name, {}), pair_of("flat part, dimming", 128), math.inf)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("case", PAIRS)
def test_of_every_loss(name: str, case: str) -> None:
    network = "backbone" in inspect.signature(LOSSES[name]).parameters
    for options in OPTIONS.get(name, [{}]):
        needed = {"backbone": backbone("vgg16", weights="random")} if network else {}
        loss = LOSSES[name](**options, **needed)
        limit = TOLERANCES.get(name, RELATIVE)
        pair = pair_of(case, 64 if network else 176)
        assert assert_gradients_agree(f"{name} {options}", lambda x, y, loss=loss: loss(y, x), pair, limit)

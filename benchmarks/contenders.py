"""The libraries compared, each with the same meaning: Gaussian window of 11, sigma 1.5, RGB channels averaged.

A library is imported when its score is asked for, so that one which is not installed is missed by itself alone.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import Tensor

from replication import metrics
from replication.torchvision_compat import make_importable

make_importable()  # piq and torchmetrics import torchvision

Score = Callable[[Tensor, Tensor], Tensor]
Loader = Callable[[], Score]

OURS = "replication"
SIZES = {"8x3x256x256": (8, 3, 256, 256), "1x3x1080x1920": (1, 3, 1080, 1920)}
TASKS = ("forward", "forward+backward")


def _of(module: str, name: str, **options: Any) -> Loader:
    """The loader of a library's function of two images, which is symmetric."""

    def load() -> Score:
        function = getattr(import_module(module), name)
        return lambda x, y: function(x, y, data_range=1.0, **options)

    return load


def _scikit_image() -> Score:
    similarity = import_module("skimage.metrics").structural_similarity
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}

    def score(reference: Tensor, distorted: Tensor) -> Tensor:
        scores = [
            similarity(x, y, channel_axis=0, data_range=1.0, **options)
            for x, y in zip(reference.numpy(), distorted.numpy(), strict=True)
        ]
        return torch.tensor(np.mean(scores))

    return score


_TORCHMETRICS = "torchmetrics.functional.image"

METRICS: dict[str, dict[str, Loader]] = {
    "SSIM": {
        OURS: lambda: lambda x, y: metrics.ssim(x, y).mean(),
        "piq": _of("piq", "ssim", downsample=False),
        "pytorch-msssim": _of("pytorch_msssim", "ssim"),
        "torchmetrics": _of(_TORCHMETRICS, "structural_similarity_index_measure"),
        "scikit-image": _scikit_image,
    },
    "MS-SSIM": {
        OURS: lambda: lambda x, y: metrics.ms_ssim(x, y).mean(),
        "piq": _of("piq", "multi_scale_ssim"),
        "pytorch-msssim": _of("pytorch_msssim", "ms_ssim"),
        "torchmetrics": _of(_TORCHMETRICS, "multiscale_structural_similarity_index_measure"),
    },
}


def contenders(metric: str, task: str, device: str) -> dict[str, Score]:
    """Who takes part, ours first. scikit-image has no gradient and runs on the CPU only."""
    return {
        name: load()
        for name, load in METRICS[metric].items()
        if name != "scikit-image" or (task == "forward" and device == "cpu")
    }


def pair(shape: tuple[int, ...], device: str) -> tuple[Tensor, Tensor]:
    """A random image and a noisy copy, the same at every call."""
    generator = torch.Generator().manual_seed(0)
    reference = torch.rand(shape, generator=generator)
    noise = 0.1 * torch.randn(shape, generator=generator)
    return reference.to(device), (reference + noise).clamp(0, 1).to(device)


def run(score: Score, reference: Tensor, distorted: Tensor, task: str) -> float:
    """One pass; returns the score."""
    if task == "forward":
        with torch.no_grad():
            return float(score(reference, distorted))
    distorted = distorted.detach().requires_grad_()
    value = score(reference, distorted)
    torch.autograd.grad(value, distorted)
    return float(value.detach())

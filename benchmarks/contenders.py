"""The libraries compared, each with the same meaning: Gaussian window of 11, sigma 1.5, RGB channels averaged."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from replication.torchvision_compat import make_importable

make_importable()

import piq  # noqa: E402
import pytorch_msssim  # noqa: E402
import skimage.metrics  # noqa: E402
import torchmetrics.functional.image  # noqa: E402

from replication import metrics  # noqa: E402

Score = Callable[[Tensor, Tensor], Tensor]

OURS = "replication"
SIZES = {"8x3x256x256": (8, 3, 256, 256), "1x3x1080x1920": (1, 3, 1080, 1920)}
TASKS = ("forward", "forward+backward")

_torchmetrics: Any = torchmetrics.functional.image
_skimage: Any = skimage.metrics


def _scikit_image(reference: Tensor, distorted: Tensor) -> Tensor:
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    scores = [
        _skimage.structural_similarity(x, y, channel_axis=0, data_range=1.0, **options)
        for x, y in zip(reference.numpy(), distorted.numpy(), strict=True)
    ]
    return torch.tensor(np.mean(scores))


METRICS: dict[str, dict[str, Score]] = {
    "SSIM": {
        OURS: lambda x, y: metrics.ssim(x, y).mean(),
        "piq": lambda x, y: piq.ssim(x, y, data_range=1.0, downsample=False),
        "pytorch-msssim": lambda x, y: pytorch_msssim.ssim(x, y, data_range=1.0),
        "torchmetrics": lambda x, y: _torchmetrics.structural_similarity_index_measure(y, x, data_range=1.0),
        "scikit-image": _scikit_image,
    },
    "MS-SSIM": {
        OURS: lambda x, y: metrics.ms_ssim(x, y).mean(),
        "piq": lambda x, y: piq.multi_scale_ssim(x, y, data_range=1.0),
        "pytorch-msssim": lambda x, y: pytorch_msssim.ms_ssim(x, y, data_range=1.0),
        "torchmetrics": lambda x, y: _torchmetrics.multiscale_structural_similarity_index_measure(y, x, data_range=1.0),
    },
}


def contenders(metric: str, task: str, device: str) -> dict[str, Score]:
    """Who takes part, ours first. scikit-image has no gradient and runs on the CPU only."""
    return {
        name: score
        for name, score in METRICS[metric].items()
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

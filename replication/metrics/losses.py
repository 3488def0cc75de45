"""Metrics as training losses: thin modules over the same functions. LWSSIM's loss is in `lwssim`.

Each takes (output, target) like torch's own losses, and returns the mean over the batch as a scalar. For the mean
squared and mean absolute error use `torch.nn.MSELoss` and `torch.nn.L1Loss`.

Two defaults differ from those of the functions. Values are not checked (`validate=False`): a network's output may leave
[0, data_range], and the check would take time at every step. And images are padded (`padding="reflect"`), since with
windows that lie inside the image ("valid") the pixels of the border are in so few of them that they are hardly trained.
"""

import functools
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from replication.metrics.checks import Padding
from replication.metrics.filters import window
from replication.metrics.psnr import psnr
from replication.metrics.ssim import least_size, level_weights, ms_ssim, ssim


class PSNRLoss(nn.Module):
    """-PSNR in decibels, batch mean. Options: those of `psnr`; epsilon 1e-10 (at most 100 dB) keeps it finite."""

    def __init__(self, *, epsilon: float = 1e-10, validate: bool = False, **options: Any) -> None:
        super().__init__()
        self.options = {"epsilon": epsilon, "validate": validate, **options}

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return -psnr(target, output, **self.options).mean()


class SSIMLoss(nn.Module):
    """1 - SSIM, batch mean. Options: those of `ssim`; padding as described above."""

    def __init__(self, *, padding: Padding = "reflect", validate: bool = False, **options: Any) -> None:
        super().__init__()
        self.options = {"padding": padding, "validate": validate, **options}

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return 1 - ssim(target, output, **self.options).mean()


class MSSSIMLoss(nn.Module):
    """1 - MS-SSIM, batch mean. Options: those of `ms_ssim`, such as levels=3 for small patches; padding as above."""

    def __init__(self, *, padding: Padding = "reflect", validate: bool = False, **options: Any) -> None:
        super().__init__()
        self.options = {"padding": padding, "validate": validate, **options}

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return 1 - ms_ssim(target, output, **self.options).mean()


class MSSSIML1Loss(nn.Module):
    """alpha (1 - MS-SSIM) + (1 - alpha) L1, batch mean (Zhao, Gallo, Frosio, Kautz 2017, equation 8; alpha 0.84).

    L1 is the mean over windows of the weighted absolute error, as a share of the data range, under a Gaussian window as
    large as that of MS-SSIM's coarsest level appears in the image: 11 pixels, deviation 1.5, each times 2^(levels - 1).
    Options: those of `ms_ssim`; padding as above. The paper computes MS-SSIM with windows of several sizes on the image
    itself, which at 3 levels takes several times as long; this loss uses that of `ms_ssim`.
    """

    def __init__(
        self, *, alpha: float = 0.84, padding: Padding = "reflect", validate: bool = False, **options: Any
    ) -> None:
        super().__init__()
        if not 0 <= alpha <= 1:
            raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
        levels = len(level_weights(options.get("levels"), options.get("weights")))
        self.alpha, self.padding = alpha, padding
        self.window_size = least_size(options.get("window_size", 11), levels)
        self.sigma = options.get("sigma", 1.5) * 2 ** (levels - 1)
        self.data_range = options.get("data_range", 1.0)
        self.similarity = MSSSIMLoss(padding=padding, validate=validate, **options)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        dissimilarity = self.similarity(output, target)  # checks shapes and sizes
        rows, columns = (
            window_shares(side, self.window_size, self.sigma, self.padding).to(output.device, non_blocking=True)
            for side in output.shape[-2:]
        )
        weighted = (output - target).abs() * (rows[:, None] * columns).to(target.dtype)
        absolute = weighted.sum(dim=(-2, -1)).mean() / self.data_range
        mixed: Tensor = self.alpha * dissimilarity + (1 - self.alpha) * absolute
        return mixed


@functools.lru_cache(maxsize=64)
def window_shares(side: int, size: int, sigma: float, padding: Padding) -> Tensor:
    """The share of each of `side` pixels in a mean over Gaussian windows of `size` pixels; shares sum to one."""
    pixels = torch.arange(side)
    if padding == "reflect":
        pixels = F.pad(pixels[None].double(), [size // 2] * 2, mode="reflect")[0].long()
    windows = pixels.unfold(0, size, 1)
    taps = torch.tensor(window(size, sigma), dtype=torch.float64)
    shares = torch.zeros(side, dtype=torch.float64)
    return shares.index_add_(0, windows.flatten(), taps.repeat(len(windows))) / len(windows)

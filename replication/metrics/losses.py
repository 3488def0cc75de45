"""The metrics as training losses: thin modules over the same functions.

Each takes (output, target) like torch's own losses, and returns the mean over the batch as a scalar. For the mean
squared and mean absolute error use `torch.nn.MSELoss` and `torch.nn.L1Loss`. Values are not checked by default
(`validate=False`): a network's output may leave [0, data_range], and the check would take time at every step.
"""

from typing import Any

from torch import Tensor, nn

from replication.metrics.psnr import psnr
from replication.metrics.ssim import ms_ssim, ssim


class PSNRLoss(nn.Module):
    """-PSNR in decibels, batch mean. Options: those of `psnr`; epsilon 1e-10 (at most 100 dB) keeps it finite."""

    def __init__(self, *, epsilon: float = 1e-10, validate: bool = False, **options: Any) -> None:
        super().__init__()
        self.options = {"epsilon": epsilon, "validate": validate, **options}

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return -psnr(target, output, **self.options).mean()


class SSIMLoss(nn.Module):
    """1 - SSIM, batch mean. Options: those of `ssim`."""

    def __init__(self, *, validate: bool = False, **options: Any) -> None:
        super().__init__()
        self.options = {"validate": validate, **options}

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return 1 - ssim(target, output, **self.options).mean()


class MSSSIMLoss(nn.Module):
    """1 - MS-SSIM, batch mean. Options: those of `ms_ssim`, such as levels=3 for small patches."""

    def __init__(self, *, validate: bool = False, **options: Any) -> None:
        super().__init__()
        self.options = {"validate": validate, **options}

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return 1 - ms_ssim(target, output, **self.options).mean()

"""Image-quality metrics: tensors in, scores out. Pure functions, losses over them, and metrics by name."""

from replication.metrics.losses import MSSSIMLoss, PSNRLoss, SSIMLoss
from replication.metrics.psnr import psnr
from replication.metrics.registry import Metric, Source, create, metric, names, register
from replication.metrics.ssim import ms_ssim, ssim, ssim_map

__all__ = [
    "MSSSIMLoss",
    "Metric",
    "PSNRLoss",
    "SSIMLoss",
    "Source",
    "create",
    "metric",
    "ms_ssim",
    "names",
    "psnr",
    "register",
    "ssim",
    "ssim_map",
]

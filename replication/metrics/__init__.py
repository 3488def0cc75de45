"""Image-quality metrics: tensors in, scores out."""

from replication.metrics.losses import MSSSIMLoss, PSNRLoss, SSIMLoss
from replication.metrics.psnr import psnr
from replication.metrics.ssim import ms_ssim, ssim, ssim_map

__all__ = ["MSSSIMLoss", "PSNRLoss", "SSIMLoss", "ms_ssim", "psnr", "ssim", "ssim_map"]

"""Image-quality metrics: tensors in, scores out."""

from replication.metrics.losses import MSSSIMLoss, PSNRLoss, SSIMLoss
from replication.metrics.psnr import psnr
from replication.metrics.ssim import ms_ssim, ssim

__all__ = ["MSSSIMLoss", "PSNRLoss", "SSIMLoss", "ms_ssim", "psnr", "ssim"]

"""Averages over square blocks, as MATLAB code that reduces images computes them."""

import math

import torch.nn.functional as F
from torch import Tensor


def block_means(image: Tensor, factor: int) -> Tensor:
    """Every factor-th pixel of conv2(image, ones(factor) / factor^2, 'same'): (N, C, H, W) to the ceil of a factor-th.

    The block of a pixel extends ceil(factor / 2) - 1 to the left and above; beyond the border are zeros.
    """
    if factor == 1:
        return image
    before = math.ceil(factor / 2) - 1
    height, width = (math.ceil(side / factor) * factor - side - before for side in image.shape[-2:])
    return F.avg_pool2d(F.pad(image, (before, width, before, height)), factor)

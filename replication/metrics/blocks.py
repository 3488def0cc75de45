"""Averages over square blocks, as MATLAB code that reduces images computes them."""

import math

import torch.nn.functional as F
from torch import Tensor

from replication.metrics.chunks import strips


def block_means(image: Tensor, factor: int) -> Tensor:
    """Every factor-th pixel of conv2(image, ones(factor) / factor^2, 'same'): (N, C, H, W) to the ceil of a factor-th.

    The block of a pixel extends ceil(factor / 2) - 1 to the left and above; beyond the border are zeros.
    """
    if factor == 1:
        return image
    height, width = image.shape[-2:]
    rows, columns = (math.ceil(side / factor) for side in (height, width))
    before = math.ceil(factor / 2) - 1
    right = columns * factor - width - before
    means = image.new_empty(*image.shape[:-2], rows, columns)
    for strip in strips(rows, factor * width):  # which bounds the memory of the padded copy
        top, bottom = strip.start * factor - before, strip.stop * factor - before
        pads = (before, right, max(0, -top), max(0, bottom - height))
        means[..., strip, :] = F.avg_pool2d(F.pad(image[..., max(0, top) : bottom, :], pads), factor)
    return means

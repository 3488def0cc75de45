"""Peak signal-to-noise ratio."""

import torch
from torch import Tensor

from replication.metrics.checks import Validate, checked_pair
from replication.metrics.chunks import strips
from replication.metrics.registry import metric


@metric("psnr", higher_is_better=True)
def psnr(
    reference: Tensor, distorted: Tensor, *, data_range: float = 1.0, epsilon: float = 0.0, validate: Validate = None
) -> Tensor:
    """PSNR in decibels of each image, shape (N,); higher is better.

        PSNR = 10 log10(1 / (MSE / data_range^2 + epsilon))

    with the mean squared error MSE over all channels and pixels of the image.

    reference, distorted: (N, C, H, W) floats in [0, data_range].
    epsilon: caps the score at -10 log10(epsilon) dB. With 0, the definition, identical images score infinity; their
        gradient is zero.
    validate: whether values are checked, see `checks.checked_pair`.
    Computed in strips of rows, so that memory beside the images is bounded.
    Raises ValueError naming the tensor and what was wanted.
    """
    reference, distorted = checked_pair(reference, distorted, data_range, validate)
    if epsilon < 0:
        raise ValueError(f"epsilon must not be negative, got {epsilon}")
    channels, height, width = reference.shape[1:]
    with torch.autocast(reference.device.type, enabled=False):
        total = reference.new_zeros(len(reference))
        for rows in strips(height, channels * width):
            error = (reference[:, :, rows] - distorted[:, :, rows]) / data_range
            total = total + error.square().sum(dim=(1, 2, 3))
        error = total / (channels * height * width) + epsilon
        # Below the smallest normal number 1 / error overflows, and with it the gradient.
        identical = error < torch.finfo(error.dtype).tiny
        decibels = -10 * torch.log10(torch.where(identical, 1.0, error))
        return torch.where(identical, torch.inf, decibels)

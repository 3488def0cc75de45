"""Maps of distortion, and sums of it over patches, that metrics with attention weight and pictures show."""

import torch.nn.functional as F
from torch import Tensor

from replication.metrics.filters import separable_filter, window
from replication.metrics.ssim import ssim_map

WINDOW = 7  # pixels of the windows of both maps


def squared_error_map(reference: Tensor, distorted: Tensor) -> Tensor:
    """Squared error, averaged over channels and 7 x 7 pixels: (N, C, H, W) to (N, H - 6, W - 6).

    There may be one reference for all distorted images.
    """
    return separable_filter((reference - distorted).square().mean(dim=1), window(WINDOW, kind="uniform"))


def dissimilarity_map(reference: Tensor, distorted: Tensor) -> Tensor:
    """1 - SSIM, averaged over channels: (N, C, H, W) to (N, H - 6, W - 6).

    The window is Gaussian, of 7 pixels and sigma 1.5. There may be one reference for all distorted images.
    """
    reference = reference.expand(len(distorted), -1, -1, -1)
    return 1 - ssim_map(reference, distorted, window_size=WINDOW, validate=False).mean(dim=1)


def patch_errors(reference: Tensor, distorted: Tensor, patch: int, stride: int) -> Tensor:
    """Squared difference, summed over channels and averaged over the pixels of each patch: (N, C, H, W) to (N, h, w).

    Patches are those of `patches`; there may be one reference for all distorted images.
    """
    error = (reference - distorted).square().sum(dim=1, keepdim=True)
    return F.avg_pool2d(error, patch, stride).squeeze(1)


def patches(maps: Tensor, patch: int, stride: int) -> Tensor:
    """A view of the whole patches of `patch` pixels, one every `stride`: (N, C, H, W) to (N, C, h, w, patch, patch)."""
    return maps.unfold(2, patch, stride).unfold(3, patch, stride)

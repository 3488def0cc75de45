"""Large batches, a few images at a time."""

from collections.abc import Callable

import torch
from torch import Tensor

# Values of one batch worked on at a time: on a CPU few enough for its caches, on an accelerator a bound on memory.
_CPU = 2**18
_ACCELERATOR = 2**25


def in_chunks(score: Callable[[Tensor, Tensor], Tensor], reference: Tensor, distorted: Tensor) -> Tensor:
    """score(reference, distorted), shape (N,), for as many images at a time as suit the device; none has no scores."""
    if len(reference) == 0:
        return reference.new_zeros(0)
    limit = _CPU if reference.device.type == "cpu" else _ACCELERATOR
    images = max(1, limit // reference[0].numel())
    if images >= len(reference):
        return score(reference, distorted)
    pairs = zip(torch.split(reference, images), torch.split(distorted, images), strict=True)
    return torch.cat([score(x, y) for x, y in pairs])

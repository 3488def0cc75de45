"""Large batches and large images, a part at a time."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

# Values of one batch worked on at a time: on a CPU few enough for its caches, on an accelerator a bound on memory.
_CPU = 2**18
_ACCELERATOR = 2**25

_STRIP = 2**21  # pixels of a strip: a bound on memory, large enough for images of usual size to be one strip


def in_chunks(score: Callable[[Tensor, Tensor], Tensor], reference: Tensor, distorted: Tensor) -> Tensor:
    """Return score(reference, distorted), shape (N,), computed for as many images at a time as suit the device.

    Without images there are no scores: shape (0,).
    """
    if len(reference) == 0:
        return reference.new_zeros(0)
    limit = _CPU if reference.device.type == "cpu" else _ACCELERATOR
    images = max(1, limit // reference[0].numel())
    if images >= len(reference):
        return score(reference, distorted)
    pairs = zip(torch.split(reference, images), torch.split(distorted, images), strict=True)
    return torch.cat([score(x, y) for x, y in pairs])


def strips(rows: int, pixels_in_row: int) -> Iterator[slice]:
    """Slices that cover `rows` rows in order, each of about two megapixels, and of two rows at least but the last."""
    height = max(2, _STRIP // max(1, pixels_in_row))
    for top in range(0, rows, height):
        yield slice(top, min(top + height, rows))


def by_strips(convert: Callable[[Tensor], Tensor], image: Tensor) -> Tensor:
    """Return convert(image) of an image (N, C, H, W), computed for a strip of rows at a time.

    convert: treats every pixel alike; it may change the number of channels.
    """
    parts = list(strips(image.shape[-2], len(image) * image.shape[-1]))
    first = convert(image[..., parts[0], :])
    if len(parts) == 1:
        return first
    # Not torch.cat, which would hold the result twice.
    whole = first.new_empty((*first.shape[:-2], *image.shape[-2:]))
    whole[..., parts[0], :] = first
    for rows in parts[1:]:
        whole[..., rows, :] = convert(image[..., rows, :])
    return whole


def planes_at_a_time(image: Tensor) -> int:
    """Number of channels of a batch (N, C, H, W) to work on at a time where each takes many times its own memory."""
    return max(1, _STRIP // max(1, len(image) * image.shape[-2] * image.shape[-1]))

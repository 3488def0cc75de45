"""Pairs of images for super-resolution: a photo's luminance, and the same reduced and enlarged by bicubic resizing."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from replication.datasets.errors import DataError
from replication.datasets.sets import images as image_set
from replication.metrics.colour import rgb_to_y
from replication.metrics.resize import crop_to_multiple, degrade

Pairs = dict[str, tuple[NDArray[np.uint8], NDArray[np.uint8]]]
"""Image name -> (bicubic enlargement, original), 8-bit luminance of one size."""


def luminance(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Y of an RGB image (H, W, 3) as MATLAB's rgb2ycbcr rounds it to 8 bits (16 to 235), shape (H, W).

    A grey file (H, W) is taken as it is (0 to 255), as the original scripts do: bridge in Set14, where it is worth
    0.1 dB.
    """
    if image.ndim == 2:
        return image.copy()
    y: NDArray[np.uint8] = rgb_to_y(torch.from_numpy(image.copy()).permute(2, 0, 1))[0].numpy()
    return y


def luminance_pairs(images: Mapping[str, NDArray[np.uint8]], scale: int) -> Pairs:
    """Pairs of each image: the bicubic enlargement of its reduction, and its Y cropped to multiples of `scale`."""
    pairs: Pairs = {}
    for name, image in images.items():
        original = crop_to_multiple(torch.from_numpy(luminance(image)).unsqueeze(0).unsqueeze(0), scale)
        pairs[name] = (degrade(original, scale)[1][0, 0].numpy(), original[0, 0].numpy())
    return pairs


def read_pairs(
    sets: Sequence[str],
    scale: int,
    *,
    limit: int | None = None,
    only: str | None = None,
    on_error: Literal["stop", "skip"] = "stop",
) -> tuple[Pairs, list[str]]:
    """Luminance pairs of the named image sets, named "set/image", and the images that could not be read.

    limit: take that many images of each set, evenly spread; only: take the image of this name. on_error: "stop" at the
    first unreadable image, or "skip" it and name it in the returned list.
    """
    pairs: Pairs = {}
    problems: list[str] = []
    for name in sets:
        images = image_set(name)
        if only is not None:
            content = {only: images.read(only, mode="stored")}
        else:
            content, unreadable = images.read_all(on_error, mode="stored")
            problems += map(str, unreadable)
        names = list(content)
        if limit is not None and limit < len(names):
            names = [names[i * len(names) // limit] for i in range(limit)]
        pairs |= {
            f"{name}/{image}": pair for image, pair in luminance_pairs({n: content[n] for n in names}, scale).items()
        }
    return pairs, problems


def at_least(pairs: Pairs, side: int) -> Pairs:
    """The pairs from which patches of `side` pixels can be cut; DataError if there are none."""
    large = {name: pair for name, pair in pairs.items() if min(pair[1].shape) >= side}
    if not large:
        raise DataError(f"none of {len(pairs)} images is as large as {side} x {side}; choose a smaller patch")
    return large


def describe(pairs: Pairs) -> str:
    """Numbers of images and pixels and the start of their digest, for a report."""
    pixels = sum(original.size for _, original in pairs.values())
    return f"{len(pairs)} images, {pixels / 1e6:.1f} million pixels, SHA-256 {digest(pairs)[:12]}"


def digest(pairs: Pairs) -> str:
    """SHA-256 of the pixels, their shapes and their images' names."""
    content = hashlib.sha256()
    for name, (enlarged, original) in pairs.items():
        content.update(f"{name} {original.shape}".encode() + enlarged.tobytes() + original.tobytes())
    return content.hexdigest()

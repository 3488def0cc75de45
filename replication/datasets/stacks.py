"""Images of one size in one array, as the autoencoders are trained on."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from replication.datasets.errors import DataError
from replication.datasets.images import Pixels


@dataclass(frozen=True)
class Stack:
    """`pixels` uint8 (N, C, size, size) with a name for each, what they are, and what was passed over.

    title: for reports, with what was done to the images. skipped: reason -> number of files not taken.
    """

    title: str
    names: tuple[str, ...]
    pixels: NDArray[np.uint8]
    skipped: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.names)

    def select(self, indices: Sequence[int] | NDArray[np.intp]) -> "Stack":
        """The images at these positions."""
        chosen = np.asarray(indices, dtype=np.intp)
        return Stack(self.title, tuple(self.names[i] for i in chosen), self.pixels[chosen], self.skipped)

    @property
    def digest(self) -> str:
        """SHA-256 of names, shape and pixels."""
        head = "\n".join(self.names) + repr(self.pixels.shape)
        return hashlib.sha256(head.encode() + np.ascontiguousarray(self.pixels).tobytes()).hexdigest()


def split(stack: Stack, counts: Mapping[str, int], *, seed: int | None = None) -> dict[str, Stack]:
    """Disjoint parts of the given sizes, in the stack's order, or with a seed in a random one.

    Without a seed neighbours stay together, which is right where one thing was photographed several times running.
    """
    wanted = sum(counts.values())
    if wanted > len(stack) or min(counts.values()) < 1:
        parts = " + ".join(f"{count} for {name}" for name, count in counts.items())
        raise DataError(
            f"{stack.title}: {len(stack)} images are too few for the split ({parts} = {wanted}), of which every part "
            "needs one at least; ask for fewer, or add images"
        )
    order = np.arange(len(stack)) if seed is None else np.random.default_rng(seed).permutation(len(stack))
    result: dict[str, Stack] = {}
    start = 0
    for name, count in counts.items():
        result[name] = stack.select(order[start : start + count])
        start += count
    return result


def fitted(image: Pixels, size: int, crop: int | None = None) -> Pixels:
    """The central `crop` x `crop` square (the largest one, if not given), resized to size x size, (H, W) or (H, W, 3).

    Resized by Pillow's bilinear filter, which is antialiased: reducing, it averages over a triangle as wide as two
    target pixels. An odd margin leaves the larger half below and on the right.
    """
    height, width = image.shape[:2]
    side = min(height, width) if crop is None else crop
    if side > min(height, width) or side < 1:
        raise ValueError(f"a crop of {side} does not fit into {width} x {height} pixels")
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(image[top : top + side, left : left + side])
    if side == size:
        return square
    return np.asarray(Image.fromarray(square).resize((size, size), Image.Resampling.BILINEAR))


def stacked(title: str, images: Mapping[str, Pixels], skipped: Mapping[str, int] | None = None) -> Stack:
    """A stack of (H, W) or (H, W, 3) images of one size."""
    pixels = np.stack([image[None] if image.ndim == 2 else image.transpose(2, 0, 1) for image in images.values()])
    return Stack(title, tuple(images), np.ascontiguousarray(pixels), dict(skipped or {}))

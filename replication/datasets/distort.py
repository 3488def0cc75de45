"""The stand-in set with opinions: installed photos, distorted by this module; the opinions are the distortions' order.

Everything is made on reading, from a seed of its own for every image, so that it is the same in any order and process.
"""

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from replication.datasets import photos
from replication.datasets.images import Pixels, hash_pixels

NAME = "photos-distorted"
REFERENCES = "photos-a"
LICENCE = photos.LICENCE
SOURCE = f"{photos.SOURCE}, distorted by replication.datasets.distort"
LEVELS = 4

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Distorted:
    """A piece of a photo, distorted: `kind` of DISTORTIONS, level 1 (weakest) to LEVELS; `name` seeds the noise."""

    piece: photos.Piece
    name: str
    kind: str
    level: int

    def read(self, mode: str = "RGB") -> Pixels:
        """uint8 (H, W, 3) in mode "RGB" or "stored"; the images are colour images, so "L" is a ValueError."""
        if mode not in ("RGB", "stored"):
            raise ValueError(f"{self.name} is a colour image; mode must be 'RGB' or 'stored', got {mode!r}")
        seed = int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:8], "big")
        function, strengths, _ = DISTORTIONS[self.kind]
        return function(self.piece.read("RGB"), strengths[self.level - 1], np.random.default_rng(seed))

    def read_hashed(self, mode: str = "RGB") -> tuple[Pixels, str]:
        """The same pixels, and the digest."""
        pixels = self.read(mode)
        return pixels, hash_pixels(pixels if mode == "RGB" else self.read())

    def digest(self) -> str:
        """SHA-256 of the RGB pixels and their shape."""
        return hash_pixels(self.read())


def listing() -> Iterator[tuple[str, str, str, int]]:
    """(reference, distorted, distortion in words, level) of every image, by reference, distortion and level."""
    for reference in photos.PHOTOS[REFERENCES][1]:
        for kind, (_, _, words) in DISTORTIONS.items():
            for level in range(1, LEVELS + 1):
                yield reference, f"{reference}-{kind}-{level}", words, level


def images() -> Iterator[tuple[str, photos.Piece | Distorted]]:
    """(name, image): the references, then the distorted images."""
    pieces = photos.PHOTOS[REFERENCES][1]
    yield from pieces.items()
    for reference, piece in pieces.items():
        for kind in DISTORTIONS:
            for level in range(1, LEVELS + 1):
                name = f"{reference}-{kind}-{level}"
                yield name, Distorted(piece, name, kind, level)


def additive_noise(pixels: Pixels, deviation: float, random: np.random.Generator) -> Pixels:
    """x + deviation * n, n standard normal and independent for every sample."""
    return _quantise(pixels + deviation * random.standard_normal(pixels.shape))


def gaussian_blur(pixels: Pixels, deviation: float, random: np.random.Generator) -> Pixels:
    """Each channel convolved with a Gaussian, `deviation` in pixels; edges repeated."""
    from scipy.ndimage import gaussian_filter

    return _quantise(gaussian_filter(pixels.astype(np.float64), (deviation, deviation, 0), mode="nearest"))


def jpeg(pixels: Pixels, quality: float, random: np.random.Generator) -> Pixels:
    """Through Pillow's JPEG encoder at `quality`, chroma halved, as is its default."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=int(quality))
    return np.array(Image.open(file))


def contrast(pixels: Pixels, factor: float, random: np.random.Generator) -> Pixels:
    """m + factor * (x - m), m the mean of each channel: lower contrast, same brightness."""
    mean = pixels.mean(axis=(0, 1), keepdims=True)
    return _quantise(mean + factor * (pixels - mean))


def impulse_noise(pixels: Pixels, share: float, random: np.random.Generator) -> Pixels:
    """A share of the samples replaced by 0 or 255, with equal chance."""
    hit, salt = random.random(pixels.shape) < share, random.random(pixels.shape) < 0.5
    return np.where(hit, np.where(salt, 255, 0), pixels).astype(np.uint8)


DISTORTIONS: dict[str, tuple[Callable[[Pixels, float, np.random.Generator], Pixels], tuple[float, ...], str]] = {
    "noise": (additive_noise, (5, 10, 20, 40), "additive Gaussian noise"),
    "blur": (gaussian_blur, (0.6, 1.0, 1.7, 3.0), "Gaussian blur"),
    "jpeg": (jpeg, (60, 30, 15, 5), "JPEG compression"),
    "contrast": (contrast, (0.8, 0.6, 0.4, 0.2), "contrast decrements"),
    "impulse": (impulse_noise, (0.01, 0.03, 0.08, 0.2), "impulse noise"),
}


def _quantise(values: Floats) -> Pixels:
    pixels: Pixels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return pixels

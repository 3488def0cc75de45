"""Stand-in image sets that need no download: pieces of the photos that come with scikit-image and scikit-learn.

Every piece is a rectangle of one photo, reduced by averaging square blocks of pixels. Photos for training, validation
and testing are different ones, and no two pieces overlap. Numbers computed on them replicate nothing.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from replication.absent import Absent
from replication.datasets.errors import AbsentDataError
from replication.datasets.images import Pixels, hash_pixels, read_image

LICENCE = "CC0, public domain, or as distributed with scikit-image; china and flower CC BY 2.0 (scikit-learn)"
SOURCE = "photos that come with scikit-image and scikit-learn"
_FOLDERS = {"skimage": ("scikit-image", "data"), "sklearn": ("scikit-learn", "datasets/images")}


@dataclass(frozen=True)
class Piece:
    """A rectangle (left, top, right, bottom) of a photo, reduced `reduce` times in both directions."""

    photo: str  # package/file
    box: tuple[int, int, int, int]
    reduce: int

    def read(self, mode: str = "RGB") -> Pixels:
        """uint8 pixels in a mode of `read_image`.

        Means of reduce x reduce blocks, halves rounded up, in integers and so the same anywhere.
        """
        left, top, right, bottom = self.box
        pixels = read_image(photo_path(self.photo), mode)[top:bottom, left:right].astype(np.uint32)
        height, width = (bottom - top) // self.reduce, (right - left) // self.reduce
        shape = (height, self.reduce, width, self.reduce, *pixels.shape[2:])
        blocks = pixels.reshape(shape).sum(axis=(1, 3), dtype=np.uint32)
        area = self.reduce**2
        reduced: Pixels = ((blocks + area // 2) // area).astype(np.uint8)
        return reduced

    def read_hashed(self, mode: str = "RGB") -> tuple[Pixels, str]:
        """The same pixels, and the digest."""
        pixels = self.read(mode)
        return pixels, hash_pixels(pixels if mode == "RGB" else self.read())

    def digest(self) -> str:
        """SHA-256 of the RGB pixels and their shape."""
        return hash_pixels(self.read())


def photo_path(photo: str) -> Path:
    """The file of "skimage/<file>" or "sklearn/<file>" in the installed package, which is located but not imported."""
    package, file = photo.split("/")
    distribution, folder = _FOLDERS[package]
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        how = f"The stand-in photos come with it: pip install {distribution}"
        raise AbsentDataError(Absent("package", distribution, "not installed", how))
    return Path(spec.origin).parent / folder / file


PHOTOS: dict[str, tuple[str, dict[str, Piece]]] = {
    "photos-train": (
        "Photos (training)",
        {
            "brick": Piece("skimage/brick.png", (0, 0, 512, 512), 2),
            "china": Piece("sklearn/china.jpg", (0, 0, 640, 426), 2),
            "coffee": Piece("skimage/coffee.png", (0, 0, 600, 400), 2),
            "ihc": Piece("skimage/ihc.png", (0, 0, 512, 512), 2),
            "motorcycle": Piece("skimage/motorcycle_left.png", (0, 0, 740, 500), 2),
        },
    ),
    "photos-validation": (
        "Photos (validation)",
        {
            "coins": Piece("skimage/coins.png", (0, 0, 384, 302), 2),
            "flower": Piece("sklearn/flower.jpg", (0, 0, 640, 426), 2),
            "gravel": Piece("skimage/gravel.png", (0, 0, 512, 512), 2),
        },
    ),
    "photos-a": (
        "Photos A",
        {
            "astronaut-face": Piece("skimage/astronaut.png", (96, 0, 352, 256), 2),
            "camera-head": Piece("skimage/camera.png", (160, 32, 416, 288), 2),
            "chelsea-left": Piece("skimage/chelsea.png", (0, 0, 224, 288), 2),
            "grass-top": Piece("skimage/grass.png", (0, 0, 256, 256), 2),
            "retina": Piece("skimage/retina.jpg", (96, 400, 608, 912), 4),
            "rocket-right": Piece("skimage/rocket.jpg", (416, 128, 640, 416), 2),
        },
    ),
    "photos-b": (
        "Photos B",
        {
            "astronaut-badge": Piece("skimage/astronaut.png", (0, 256, 256, 512), 2),
            "camera-tripod": Piece("skimage/camera.png", (224, 288, 448, 512), 2),
            "chelsea-right": Piece("skimage/chelsea.png", (224, 0, 448, 288), 2),
            "hubble": Piece("skimage/hubble_deep_field.jpg", (320, 300, 608, 588), 2),
            "moon": Piece("skimage/moon.png", (128, 256, 384, 512), 2),
            "rocket-middle": Piece("skimage/rocket.jpg", (224, 64, 416, 352), 2),
        },
    ),
    "photos-c": (
        "Photos C",
        {
            "astronaut-helmet": Piece("skimage/astronaut.png", (256, 256, 512, 512), 2),
            "camera-coat": Piece("skimage/camera.png", (0, 288, 224, 512), 2),
            "grass-bottom": Piece("skimage/grass.png", (256, 256, 512, 512), 2),
            "page": Piece("skimage/page.png", (8, 0, 168, 160), 1),
            "rocket-left": Piece("skimage/rocket.jpg", (0, 128, 192, 416), 2),
        },
    ),
}

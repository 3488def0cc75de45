"""Small images for the tests of this folder."""

import io

import numpy as np
from PIL import Image


def picture(seed: int, mode: str = "RGB", size: tuple[int, int] = (9, 7)) -> Image.Image:
    """Noise, RGB or L, (width, height) `size`."""
    shape = (size[1], size[0], 3) if mode == "RGB" else (size[1], size[0])
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))


def encoded(image: Image.Image, form: str = "PNG") -> bytes:
    """The image as the bytes of a file."""
    file = io.BytesIO()
    image.save(file, form)
    return file.getvalue()

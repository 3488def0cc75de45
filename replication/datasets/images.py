"""Reading one image file: 8-bit pixels exactly as stored, or an error that says what to do."""

import io
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile, UnidentifiedImageError

from replication.datasets.errors import ImageError

Pixels: TypeAlias = npt.NDArray[np.uint8]  # (H, W, 3) or (H, W)

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "PPM")  # Pillow's names; PPM stands for the PBM, PGM, PPM family
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"})

_PNG_START, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
_SIXTEEN_BITS = re.compile(r"(I|L|LA|RGB|RGBA|RGBX|CMYK);16")  # raw modes; BGR;16 is 5+6+5 bits a pixel and fits in 8
_decoding = threading.Lock()


def read_image(path: str | os.PathLike[str], mode: str = "RGB") -> Pixels:
    """Pixels of an image file, exactly as stored: no colour management, no rotation by EXIF, no rounding.

    mode "RGB" gives uint8 (H, W, 3); grey is repeated three times, a palette is looked up. mode "L" gives uint8 (H, W)
    and takes grey images, or colour images whose three channels are equal. mode "stored" gives (H, W) for a grey file
    and (H, W, 3) for a colour file, whatever its colours: protocols that convert colour files only need to know.
    Bilevel images become 0 and 255. An alpha channel is dropped where it is opaque throughout.

    Whatever cannot be converted without losing or inventing something is an ImageError: a missing, unreadable or
    truncated file, transparency, more than 8 bits a sample, CMYK, Lab and other colour spaces, several frames, and
    colour where mode "L" was asked for.
    """
    if mode not in ("RGB", "L", "stored"):
        raise ValueError(f"mode must be 'RGB', 'L' or 'stored', got {mode!r}")
    path = Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ImageError(path, "no such file") from None
    except OSError as error:
        raise ImageError(path, f"cannot be read ({error.strerror or error})") from error
    image = _decode(path, data)
    if mode == "L":
        return _grey(path, image)
    return np.array(image if mode == "stored" else image.convert("RGB"))


def _decode(path: Path, data: bytes) -> Image.Image:
    """The decoded image in mode L or RGB."""
    if not data:
        raise ImageError(path, "the file is empty; get it again")
    if data.startswith(_PNG_START) and _PNG_END not in data:
        raise ImageError(path, "the file is truncated (the PNG has no end); get it again")
    try:
        with _no_filler():
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            _refuse_deep(path, image)
            image.load()
            return _plain(path, image)
    except UnidentifiedImageError:
        raise ImageError(path, "not a readable PNG, JPEG, BMP, TIFF or PNM image; get it again or convert it") from None
    except Image.DecompressionBombError as error:
        raise ImageError(path, "the image is too large to be a photo of a test set; crop or reduce it") from error
    except ImageError:
        raise
    except (OSError, SyntaxError, ValueError, EOFError) as error:  # what Pillow's decoders raise on damaged data
        raise ImageError(path, f"the file is truncated or damaged ({error}); get it again") from error


def _refuse_deep(path: Path, image: ImageFile.ImageFile) -> None:
    """Pillow reduces 16-bit colour to 8 bits in silence, so the depth is looked up before decoding."""
    for tile in image.tile:
        arguments = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
        raw = isinstance(arguments[0], str) and _SIXTEEN_BITS.match(arguments[0])
        if raw or (tile[0].startswith("ppm") and isinstance(arguments[-1], int) and arguments[-1] > 255):
            raise ImageError(path, "has 16 bits a sample; convert it to 8 bits, stating how, before using it")


def _plain(path: Path, image: ImageFile.ImageFile) -> Image.Image:
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:  # MPO: a camera's JPEG with previews behind it
        raise ImageError(path, "holds several frames; save the one that is meant as a file of its own")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        opaque = image.convert("RGBA")
        if opaque.getchannel("A").getextrema() != (255, 255):
            raise ImageError(path, "has transparent pixels (alpha); flatten it on a background of your choice first")
        return opaque.convert("L" if image.mode in ("LA", "La", "L", "1") else "RGB")
    if image.mode in ("L", "RGB"):
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode == "P":
        return image.convert("RGB")
    if image.mode.startswith("I"):
        raise ImageError(path, "has 16 bits a sample or more; convert it to 8 bits, stating how, before using it")
    raise ImageError(path, f"is in mode {image.mode}, neither grey nor RGB; convert it to 8-bit RGB, stating how")


def _grey(path: Path, image: Image.Image) -> Pixels:
    pixels = np.array(image)
    if pixels.ndim == 2:
        return pixels
    if (pixels == pixels[..., :1]).all():
        return np.ascontiguousarray(pixels[..., 0])
    raise ImageError(path, "is a colour image where a grey one is wanted; read it as RGB and take the luminance")


@contextmanager
def _no_filler() -> Iterator[None]:
    """Decode strictly, even where somebody told Pillow to fill what is missing from truncated files with grey."""
    with _decoding:
        before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before

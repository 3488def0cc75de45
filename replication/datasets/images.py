"""Reading one image file: 8-bit pixels exactly as stored, or an error that says what to do."""

import hashlib
import io
import math
import os
import re
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile, UnidentifiedImageError

from replication.datasets.errors import DataError, ImageError
from replication.files import read_regular

Pixels: TypeAlias = npt.NDArray[np.uint8]  # (H, W, 3) or (H, W)

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "PPM")  # Pillow's names; PPM stands for the PBM, PGM, PPM family
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"})

LIMIT_VARIABLE = "REPLICATION_MAX_MEGAPIXELS"
_LIMIT = 150.0  # megapixels: larger than any camera's photo, and 450 MB once decoded
_FILE_BYTES = 16  # of a file for each pixel within the limit, at most: 8-bit images have 4, and room for metadata

_PNG_START = b"\x89PNG\r\n\x1a\n"
_SIXTEEN_BITS = re.compile(r"(I|L|LA|RGB|RGBA|RGBX|CMYK);16")  # raw modes; BGR;16 is 5+6+5 bits a pixel and fits in 8
_ORIENTATION = 274  # number of the tag in EXIF and TIFF
_decoding = threading.Lock()


def read_image(path: str | os.PathLike[str], mode: str = "RGB") -> Pixels:
    """Pixels of an image file, exactly as stored: no colour management, no rounding, no rotation.

    Orientation tags (EXIF, TIFF, XMP) are ignored in every format: row 0 of the result is the first stored row. Metrics
    compare stored pixels; apply the tag and save the file again where the displayed orientation is meant.

    mode "RGB" gives uint8 (H, W, 3); grey is repeated three times, a palette is looked up. mode "L" gives uint8 (H, W)
    and takes grey images, or colour images whose three channels are equal. mode "stored" gives (H, W) for a grey file
    and (H, W, 3) for a colour file, whatever its colours: protocols that convert colour files only need to know.
    Bilevel images become 0 and 255. An alpha channel is dropped where it is opaque throughout.

    Whatever cannot be converted without losing or inventing something is an ImageError: a missing, unreadable, damaged
    or truncated file, anything that is not a regular file (such as a FIFO or a device, which is not opened),
    transparency, more than 8 bits a sample, CMYK, Lab and other colour spaces, several frames, and colour where mode
    "L" was asked for. So is an image of more than 150 megapixels, or of the number in $REPLICATION_MAX_MEGAPIXELS,
    which is refused by its header, before decoding.

    Damage is found where the format allows it. PNG has a checksum for each of its parts, and all are verified. JPEG,
    BMP, PNM and TIFF have none for their pixels: a file with altered bytes may decode to other pixels. The files of
    sets in the catalogue are compared with known hashes; hash files of your own in these formats, or convert to PNG.
    """
    _check_mode(mode)
    return _pixels(Path(path), _content(Path(path)), mode)


def read_hashed(path: str | os.PathLike[str], mode: str = "RGB") -> tuple[Pixels, str]:
    """Pixels as `read_image` gives them, and the MD5 of the bytes they were decoded from, read once.

    An ImageError carries that hash too, in `digest`.
    """
    _check_mode(mode)
    data = _content(Path(path))
    digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
    try:
        return _pixels(Path(path), data, mode), digest
    except ImageError as error:
        raise ImageError(error.path, error.reason, digest) from error


def hash_pixels(pixels: Pixels) -> str:
    """SHA-256 of the pixels and their shape: the digest of an image that is computed and has no file."""
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()


def _check_mode(mode: str) -> None:
    if mode not in ("RGB", "L", "stored"):
        raise ValueError(f"mode must be 'RGB', 'L' or 'stored', got {mode!r}")


def _limit() -> float:
    """The largest number of pixels that is decoded."""
    given = os.environ.get(LIMIT_VARIABLE, "")
    try:
        megapixels = float(given) if given else _LIMIT
    except ValueError:
        megapixels = math.nan
    if not megapixels > 0:
        raise DataError(f"the environment variable {LIMIT_VARIABLE} must be a number of megapixels, got {given!r}")
    return megapixels * 1e6


def _content(path: Path) -> bytes:
    try:
        size, most = path.stat().st_size, _FILE_BYTES * _limit()
        if size > most:
            raise ImageError(
                path,
                f"is a file of {size / 1e9:.1f} GB, more than the {most / 1e9:.1f} GB that are read for an image; "
                f"set {LIMIT_VARIABLE} higher to read it",
            )
        return read_regular(path)
    except FileNotFoundError:
        raise ImageError(path, "no such file") from None
    except OSError as error:
        raise ImageError(path, f"cannot be read ({error.strerror or error})") from error
    except MemoryError as error:
        raise ImageError(path, "cannot be read (not enough memory)") from error


def _pixels(path: Path, data: bytes, mode: str) -> Pixels:
    if not data:
        raise ImageError(path, "the file is empty; get it again")
    if data.startswith(_PNG_START):
        _check_png(path, data)
    try:
        with _strictly():
            image = _decode(path, data)
            if mode == "L":
                return _grey(path, image)
            return np.array(image if mode == "stored" else image.convert("RGB"))
    except UnidentifiedImageError:
        raise ImageError(path, "not a readable PNG, JPEG, BMP, TIFF or PNM image; get it again or convert it") from None
    except DataError:
        raise
    except MemoryError as error:
        raise ImageError(path, "there is not enough memory to decode it") from error
    except Exception as error:  # damaged data leads Pillow's decoders to errors of any class
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(path, f"the file is truncated or damaged ({reason}); get it again") from error


def _check_png(path: Path, data: bytes) -> None:
    """Raise an ImageError unless every chunk is whole and has the checksum it carries; Pillow verifies only some."""
    start, view = len(_PNG_START), memoryview(data)
    while start + 12 <= len(data):
        kind, end = data[start + 4 : start + 8], start + 8 + int.from_bytes(data[start : start + 4], "big")
        if end + 4 > len(data):
            break
        if zlib.crc32(view[start + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            name = kind.decode("ascii", "backslashreplace")
            raise ImageError(path, f"the file is damaged (the checksum of its part {name} is wrong); get it again")
        if kind == b"IEND":
            return
        start = end + 4
    raise ImageError(path, "the file is truncated (the PNG has no end); get it again")


def _decode(path: Path, data: bytes) -> Image.Image:
    """The decoded image in mode L or RGB, as stored."""
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    if (count := image.width * image.height) > (most := _limit()):
        raise ImageError(
            path,
            f"has {count / 1e6:,.1f} megapixels ({image.width} x {image.height}), more than the limit of "
            f"{most / 1e6:,g}; set {LIMIT_VARIABLE} higher to read it, or crop or reduce it",
        )
    _refuse_deep(path, image)
    # Pillow applies the tag while it loads a TIFF, and in no other format.
    applied = image.getexif().get(_ORIENTATION) if image.format == "TIFF" else None
    image.load()
    plain = _plain(path, image)
    return plain.transpose(_UNDO[applied]) if applied in _UNDO else plain


# The inverse of what each orientation tag does to an image.
_UNDO = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


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
def _strictly() -> Iterator[None]:
    """Decode without Pillow's filler for truncated files, and without its limit of pixels, which is lower than ours.

    Both are global variables of Pillow, hence the lock.
    """
    with _decoding:
        before = ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS
        ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = False, None
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = before

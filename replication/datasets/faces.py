"""Aligned faces: CelebA in its official layout or any folder of such images, cropped to the face and made small."""

import os
from pathlib import Path

import numpy as np

from replication.absent import Absent
from replication.datasets import availability
from replication.datasets.catalogue import TRAINING
from replication.datasets.errors import AbsentDataError, DataError, ImageError
from replication.datasets.images import Pixels, read_image
from replication.datasets.manifests import list_images, locate, passed_over
from replication.datasets.photos import PHOTOS
from replication.datasets.sets import images as image_set
from replication.datasets.stacks import Stack, fitted, stacked

_WIDTH, _HEIGHT, _CROP = 178, 218, 148  # of the official images, and of the crop that is usual in the literature
_IDENTITIES = "identity_CelebA.txt"


def of_official_size(folder: str | os.PathLike[str] = "celeba") -> bool:
    """Whether the faces in `folder`, as for `faces`, have the 178 x 218 pixels of CelebA's aligned photos."""
    at, title = _located(folder)
    first = next(iter(list_images(at).values()), None)
    if first is None:
        raise _missing(title, f"the folder {at} holds no images")
    return read_image(first).shape[:2] == (_HEIGHT, _WIDTH)


def faces(
    folder: str | os.PathLike[str] = "celeba", *, crop: int | None = None, size: int = 64, limit: int | None = None
) -> Stack:
    """Faces (N, 3, size, size): the central square of `crop` pixels, resized by `stacks.fitted` (antialiased).

    folder: "celeba", found under the data root with the images in it or in its img_align_celeba/, or in Img/ of that
        name; or the path of a folder of aligned faces of one size.
    crop: 148 for the official 178 x 218 and 74 for images of half that size, if not given; for other sizes it must be.
    limit: the first so many images in the order of their names.

    Files that are no images and folders beside the images are counted in `skipped`.
    Raises AbsentDataError naming what is missing and how to get it; ImageError for a file that is damaged or of another
    size.
    """
    at, title = _located(folder)
    files = list(list_images(at).items())[:limit]
    if not files:
        raise _missing(title, f"the folder {at} holds no images")
    first = read_image(files[0][1])
    height, width = first.shape[:2]
    if crop is None:
        if (width, height) not in ((_WIDTH, _HEIGHT), (_WIDTH // 2, _HEIGHT // 2)):
            raise DataError(
                f"{title}: {files[0][1].name} has {width} x {height} pixels, neither {_WIDTH} x {_HEIGHT} nor "
                f"{_WIDTH // 2} x {_HEIGHT // 2}; give the central square to take (crop)"
            )
        crop = _CROP * width // _WIDTH
    if not 1 <= crop <= min(width, height):
        raise DataError(f"{title}: a crop of {crop} does not fit into images of {width} x {height} pixels")
    small = {}
    for name, path in files:
        image = read_image(path)
        if image.shape != first.shape:
            raise ImageError(
                path, f"has {image.shape[1]} x {image.shape[0]} pixels where the others have {width} x {height}"
            )
        small[name] = fitted(image, size, crop)
    others = len(passed_over(at))
    skipped = {"no images": others} if others else None
    return stacked(f"{title}: {crop} x {crop} of {width} x {height}, resized to {size} x {size}", small, skipped)


def identities(folder: str | os.PathLike[str] = "celeba") -> dict[str, str]:
    """Who is on each image, by the image's name without its ending, from CelebA's identity_CelebA.txt.

    The file is looked for beside the images, in the folder above, and in Anno/ there, as in the official layout; {} if
    it is absent. Raises DataError for a line that is not an image's name and a number.
    """
    at, title = _located(folder)
    places = [at / _IDENTITIES, *(above / part / _IDENTITIES for above in at.parents[:2] for part in ("", "Anno"))]
    file = next((place for place in places if place.is_file()), None)
    found = {}
    for number, line in enumerate([] if file is None else file.read_text(encoding="utf-8").splitlines(), start=1):
        fields = line.split()
        if len(fields) != 2 or not fields[1].isdigit():
            raise DataError(
                f"{title}: line {number} of {_IDENTITIES} is {line[:40]!r}, not an image's name and a number"
            )
        found[Path(fields[0]).stem] = fields[1]
    return found


def crops(
    sets: tuple[str, ...] | list[str], size: int, *, stride: int | None = None, grey: bool = False, stands_for: str
) -> Stack:
    """Squares cut from photos side by side, in place of a set that is not available, as the title states.

    sets: names of image sets or folders. stride: from one square to the next, in pixels; the size if not given, so that
    none overlap. grey: luminance by BT.601. Images smaller than a square are counted in `skipped`.
    """
    step = size if stride is None else stride
    found, small = {}, 0
    for name in sets:
        for image, pixels in image_set(name):
            height, width = pixels.shape[:2]
            small += min(height, width) < size
            for top in range(0, height - size + 1, step):
                for left in range(0, width - size + 1, step):
                    square = pixels[top : top + size, left : left + size]
                    found[f"{name}/{image}@{left},{top}"] = bt601(square) if grey else square
    if not found:
        raise DataError(
            f"no image of {', '.join(sets)} is as large as {size} x {size}; name other sets or a smaller size"
        )
    kind = "photos of scikit-image" if set(sets) <= set(PHOTOS) else ", ".join(sets)
    title = f"{size} x {size} crops of {kind}, in place of {stands_for}"
    return stacked(title, found, {f"smaller than {size} x {size}": small} if small else None)


def bt601(image: Pixels) -> Pixels:
    """8-bit luminance 0.299 R + 0.587 G + 0.114 B of (H, W, 3), halves rounded up; in integers, the same anywhere."""
    red, green, blue = (image[..., channel].astype(np.uint32) for channel in range(3))
    luminance: Pixels = ((299 * red + 587 * green + 114 * blue + 500) // 1000).astype(np.uint8)
    return luminance


def _located(folder: str | os.PathLike[str]) -> tuple[Path, str]:
    if os.fspath(folder) != "celeba":
        path = Path(folder).expanduser()
        if not path.is_dir():
            raise _missing(path.name, f"there is no folder {path}")
        return path, path.resolve().name
    for place in ("celeba/img_align_celeba", "celeba/Img/img_align_celeba", "celeba"):
        at = locate(place)
        if at is not None:
            return at, "CelebA"
    raise availability.missing(TRAINING["celeba"])


def _missing(title: str, where: str) -> AbsentDataError:
    entry = TRAINING["celeba"]
    if title == entry.title:
        return availability.missing(entry, where)
    how = "Give a folder of aligned faces"
    return AbsentDataError(Absent("data set", title, how_to_get=how), f"{title} is missing: {where}. {how}")

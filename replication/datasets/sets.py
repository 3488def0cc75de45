"""Sets of images by name: from the catalogue, from the installed photos, or any folder."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from replication.datasets import availability, catalogue, distort, manifests, photos
from replication.datasets.catalogue import FOLDERS
from replication.datasets.entries import ImageFolder
from replication.datasets.errors import DataError, ImageError
from replication.datasets.images import SUFFIXES, Pixels, read_hashed, read_image
from replication.files import read_regular
from replication.project import root


@dataclass(frozen=True)
class ImageFile:
    """An image of a set that is a file."""

    path: Path

    def read(self, mode: str = "RGB") -> Pixels:
        """Pixels in a mode of `read_image`; ImageError where the file is no image that can be used as it is."""
        return read_image(self.path, mode)

    def read_hashed(self, mode: str = "RGB") -> tuple[Pixels, str]:
        """The same pixels, and the MD5 of the very bytes that they were decoded from."""
        return read_hashed(self.path, mode)

    def digest(self) -> str:
        """MD5 of the file."""
        return hashlib.md5(read_regular(self.path), usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Problem:
    """An image that could not be read; printed without the folder, so that reports are the same on every machine."""

    set: str
    image: str
    reason: str

    def __str__(self) -> str:
        return f"{self.set}/{self.image}: {self.reason}"


@dataclass(frozen=True)
class ImageSet:
    """Images by name, in a fixed order, with where they come from.

    `len(set)` images; `set.names`; `set.read(name)` is uint8 (H, W, 3); iterating gives (name, pixels). passed_over:
    files and folders beside the images that are not read, because their names are no image's.
    """

    name: str
    title: str
    licence: str
    source: str
    items: Mapping[str, ImageFile | photos.Piece]
    passed_over: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """The images' names: file names without suffix, in lower case, sorted."""
        return list(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[tuple[str, Pixels]]:
        for name in self.items:
            yield name, self.read(name)

    def read(self, name: str, mode: str = "RGB") -> Pixels:
        """Image `name`, uint8 (H, W, 3), or as another mode of `read_image` gives it."""
        if name not in self.items:
            raise DataError(f"{self.title} has no image {name!r}; it has {manifests.enumerate_briefly(self.items)}")
        return self.items[name].read(mode)

    def read_all(
        self, on_error: Literal["stop", "skip"] = "stop", mode: str = "RGB"
    ) -> tuple[dict[str, Pixels], list[Problem]]:
        """Every image that can be read, and what was wrong with the others.

        on_error "stop" raises the first ImageError; "skip" goes on, and is for the caller to report.
        """
        if on_error not in ("stop", "skip"):
            raise ValueError(f"on_error must be 'stop' or 'skip', got {on_error!r}")
        images: dict[str, Pixels] = {}
        problems: list[Problem] = []
        for name in self.items:
            try:
                images[name] = self.read(name, mode)
            except ImageError as error:
                if on_error == "stop":
                    raise
                problems.append(Problem(self.name, error.path.name, error.reason))
        return images, problems

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the images' names and contents, independent of the set's place."""
        lines = "".join(f"{name} {item.digest()}\n" for name, item in self.items.items())
        return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()  # names need not be UTF-8


def images(name: str | os.PathLike[str]) -> ImageSet:
    """The image set `name` of the catalogue, or the images of a folder.

    A name with a path separator, or of a directory that exists, is a folder: relative to the working directory or else
    to the project, so that params.yaml means the same to the pipeline and to a notebook. A set of the catalogue that is
    missing or incomplete is an AbsentDataError that says how to get it, under which licence, and which sets are
    available; an unknown name or a folder without images is a DataError.
    """
    name = os.fspath(name)
    if name in photos.PHOTOS:
        title, pieces = photos.PHOTOS[name]
        return ImageSet(name, title, photos.LICENCE, photos.SOURCE, pieces)
    if name in FOLDERS:
        return _catalogued(FOLDERS[name])
    if "/" in name or os.sep in name or Path(name).is_dir():
        return _folder(name)
    raise DataError(
        f"unknown image set {name!r}; known: {', '.join([*FOLDERS, *photos.PHOTOS])}; "
        "a folder of images is given by its path, with a '/' in it"
    )


def present() -> list[str]:
    """Names of the image sets that are available, complete or not, the installed photos among them."""
    return availability.image_sets()


def module_of(name: str) -> Path:
    """The module that defines set `name`, relative to the project: replication/datasets/catalogue/set5.py.

    A stage that reads the set depends on it and on what it imports. For photos that come with installed packages that
    is the module which makes the images. A DataError for an unknown name.
    """
    made = {**dict.fromkeys(photos.PHOTOS, photos.__file__), distort.NAME: distort.__file__}
    file = made.get(name) or catalogue.module_of(name)
    if file is None:
        raise DataError(f"unknown set {name!r}; known: {', '.join([*catalogue.known(), *made])}")
    return Path(file).resolve().relative_to(Path(__file__).resolve().parents[2])


def _catalogued(entry: ImageFolder) -> ImageSet:
    at = availability.folder_of(entry)
    if at is None:
        raise availability.missing(entry)
    files = manifests.list_images(at)
    if not files:
        raise availability.missing(entry, f"the folder {at} holds no images")
    expected = manifests.read(entry.name)
    if len(files) < len(expected):
        absent = manifests.enumerate_briefly(name for name in expected if name not in files)
        raise availability.missing(
            entry, f"it was looked for in {at}", f"incomplete, {len(files)} of {len(expected)} images, missing {absent}"
        )
    items = {name: ImageFile(path) for name, path in files.items()}
    passed_over = tuple(manifests.passed_over(at))
    return ImageSet(entry.name, entry.title, entry.licence, entry.source, items, passed_over)


def _folder(name: str) -> ImageSet:
    given = Path(name).expanduser()
    at = given if given.is_absolute() or given.is_dir() else root() / given
    if not at.is_dir():
        raise DataError(f"no folder {given}; known image sets: {', '.join([*FOLDERS, *photos.PHOTOS])}")
    files = manifests.list_images(at)
    if not files:
        raise DataError(f"the folder {given} holds no images (files ending in {', '.join(sorted(SUFFIXES))})")
    title = at.resolve().name
    items = {image: ImageFile(path) for image, path in files.items()}
    source, passed_over = f"the folder {title}", tuple(manifests.passed_over(at))
    return ImageSet(title, title, "that of the images in the folder", source, items, passed_over)

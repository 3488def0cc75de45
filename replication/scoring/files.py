"""Image files and folders as sets of pairs to score: without opinions."""

import errno
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from replication.datasets import manifests
from replication.datasets.errors import DataError
from replication.datasets.images import SUFFIXES
from replication.datasets.iqa.listing import is_stray
from replication.datasets.sets import ImageFile
from replication.scoring.errors import ScoringError


@dataclass(frozen=True)
class Pairs:
    """Pairs of images to score: what `score` needs of a data set.

    remarks: sentences about what was passed over in the folders.
    """

    name: str
    table: pd.DataFrame
    images: Mapping[str, ImageFile]
    remarks: tuple[str, ...] = ()


def pairs(reference: Path, distorted: Path) -> Pairs:
    """Two files, or the images of two folders, matched by file name without suffix, whatever its case.

    Hidden files are ignored; files of other formats and folders inside the folders are passed over and named in the
    remarks. A DataError names what is missing, and lists the images of either folder that the other lacks.
    """
    for path in (reference, distorted):
        if not path.exists():
            raise DataError(f"{path}: no such file or folder")
    if reference.is_dir() != distorted.is_dir():
        file, folder = (distorted, reference) if reference.is_dir() else (reference, distorted)
        raise DataError(f"{folder} is a folder and {file} a file; give two files or two folders")
    if not reference.is_dir():
        return _pairs(distorted.stem, [(reference, distorted)])
    first, second = (_images(folder) for folder in (reference, distorted))
    unmatched = [
        f"{len(alone)} of {folder} ({manifests.enumerate_briefly(alone, 20)})"
        for folder, alone in ((reference, sorted({*first} - {*second})), (distorted, sorted({*second} - {*first})))
        if alone
    ]
    if unmatched:
        raise DataError(
            f"images are matched by file name without suffix, and these have no partner: {'; '.join(unmatched)}"
        )
    remarks = tuple(remark for folder in (reference, distorted) if (remark := _passed_over(folder)))
    return _pairs(distorted.resolve().name, [(first[name], second[name]) for name in first], remarks)


def check_writable(file: Path) -> None:
    """Raise a ScoringError if `file` cannot be written, before hours are spent on what should go there."""
    try:
        if file.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=file.parent):
            pass
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise ScoringError(f"cannot write {file}: {error.strerror}{where}") from None


def _images(folder: Path) -> dict[str, Path]:
    images = manifests.list_images(folder)
    if not images:
        raise DataError(f"the folder {folder} holds no images (files ending in {', '.join(sorted(SUFFIXES))})")
    return images


def _passed_over(folder: Path) -> str:
    """A sentence that counts and names what `list_images` leaves out of a folder; empty where that is nothing."""
    others: dict[str, list[str]] = {"file": [], "folder": []}
    for path in sorted(folder.iterdir()):
        if not is_stray(path.name) and not (manifests.is_image(path.name) and path.is_file()):
            others["folder" if path.is_dir() else "file"].append(path.name)
    counted = [
        f"{len(names)} {kind}{'s' * (len(names) > 1)} ({manifests.enumerate_briefly(names)})"
        for kind, names in others.items()
        if names
    ]
    return f"{folder}: passed over {' and '.join(counted)}" if counted else ""


def _pairs(name: str, files: list[tuple[Path, Path]], remarks: tuple[str, ...] = ()) -> Pairs:
    """Keys are file names after "reference/" or "distorted/": the two of a pair often share a name."""
    images: dict[str, ImageFile] = {}
    rows = []
    for reference, distorted in files:
        first, second = f"reference/{reference.name}", f"distorted/{distorted.name}"
        images |= {first: ImageFile(reference), second: ImageFile(distorted)}
        rows.append((first, second))
    table = pd.DataFrame(rows, columns=["reference", "distorted"]).assign(
        opinion=float("nan"), distortion="", level=pd.array([pd.NA] * len(rows), dtype="Int64")
    )
    return Pairs(name, table, images, remarks)

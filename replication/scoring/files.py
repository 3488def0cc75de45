"""Image files, folders and tables of file names as sets of pairs to score."""

import errno
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from replication.datasets import manifests
from replication.datasets.errors import DataError
from replication.datasets.images import SUFFIXES
from replication.datasets.iqa import own
from replication.datasets.iqa.listing import is_stray
from replication.datasets.sets import ImageFile
from replication.scoring.errors import ScoringError

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("reference", "distorted", "distortion", "level", "opinion")


@dataclass(frozen=True)
class PairSet:
    """Pairs of images to score, with what `score` needs of a data set.

    remarks: sentences about files that are in no pair, or columns that are not read. unmatched: how many images are in
    no pair.
    """

    name: str
    table: "pd.DataFrame"
    images: Mapping[str, ImageFile]
    remarks: tuple[str, ...] = ()
    unmatched: int = 0


def pairs(reference: Path, distorted: Path, match: Literal["name", "prefix"] = "name") -> PairSet:
    """Two files, or the images of two folders, matched by file name without suffix, whatever its case.

    The table names each image by its path as given: "originals/a.png".

    match: "name" takes the distorted image of the same name for each reference. "prefix" takes every distorted image
        whose name begins with the reference's, followed by neither a letter nor a digit: "i01_01_1" and "i01-blur" are
        versions of "i01"; where several references fit, the longest name wins.

    Hidden files are ignored. Files of other formats, folders inside the folders and images without a partner are passed
    over and named in the remarks. Raises DataError where a file or folder is missing, or no image has a partner.
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
    versions: dict[str, list[str]] = {name: [] for name in first}
    for name in second:
        owner = _owner(name, first) if match == "prefix" else name
        if owner in versions:
            versions[owner].append(name)
    matched = {name for names in versions.values() for name in names}
    alone = {reference: [name for name in first if not versions[name]], distorted: sorted({*second} - matched)}
    lacking = "; ".join(
        f"{len(names)} of {folder} ({manifests.enumerate_briefly(names, 20)})"
        for folder, names in alone.items()
        if names
    )
    how = "the beginning of the file name" if match == "prefix" else "file name without suffix"
    without = f"images are matched by {how}, and these have no partner: {lacking}"
    if not matched:
        raise DataError(f"{without}; --match prefix pairs i01_blur with i01, and a CSV file lists any pairs")
    remarks = [remark for folder in (reference, distorted) if (remark := _passed_over(folder))]
    found = [(first[owner], second[name]) for owner, names in versions.items() for name in names]
    return _pairs(
        distorted.resolve().name, found, [*remarks, *([without] if lacking else [])], sum(map(len, alone.values()))
    )


def listed(file: Path) -> PairSet:
    """The pairs of a CSV file with columns reference and distorted, paths relative to it, and optional others.

    Those are opinion, distortion and level; other columns are named in a remark, as a misspelt opinion is one. Whether
    the images exist is seen when they are read. A DataError names the line of what cannot be read.
    """
    import pandas as pd

    rows = own.read(file, opinions=False)
    unused = [name for name in own.table(file)[0] if name and name not in _COLUMNS]
    remarks = [f"{file.name}: columns that are not read: {', '.join(unused)}"] if unused else []
    table = pd.DataFrame({column: [getattr(row, column) for row in rows] for column in _COLUMNS})
    names = dict.fromkeys([*table["reference"], *table["distorted"]])
    images = {name: ImageFile(file.parent / name) for name in names}
    return PairSet(file.stem, table.astype({"level": "Int64", "opinion": "float64"}), images, tuple(remarks))


def check_writable(file: Path) -> None:
    """Raise a ScoringError if `file` cannot be written, before hours are spent on its content."""
    try:
        if file.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        if file.is_symlink() or (file.exists() and not file.is_file()):  # writing replaces what stands there
            raise OSError(errno.EINVAL, "it is a link or a device; give the name of a file")
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
        if not _is_of_system(path.name) and not (manifests.is_image(path.name) and path.is_file()):
            others["folder" if path.is_dir() else "file"].append(path.name)
    counted = [
        f"{len(names)} {kind}{'s' * (len(names) > 1)} ({manifests.enumerate_briefly(names)})"
        for kind, names in others.items()
        if names
    ]
    return f"{folder}: passed over {' and '.join(counted)}" if counted else ""


def _is_of_system(name: str) -> bool:
    """True if a file is one that nobody misses. A hidden image is none, but for ._baby.png, as macOS leaves them."""
    hidden_image = name.startswith(".") and not name.startswith("._") and Path(name).suffix.lower() in SUFFIXES
    return is_stray(name) and not hidden_image


def _owner(name: str, references: Mapping[str, Path]) -> str | None:
    """The longest reference's name that `name` begins with, as a word."""
    ends = [end for end in range(len(name), 0, -1) if end == len(name) or not name[end].isalnum()]
    return next((name[:end] for end in ends if name[:end] in references), None)


def _pairs(name: str, files: list[tuple[Path, Path]], remarks: Sequence[str] = (), unmatched: int = 0) -> PairSet:
    """Keys are the paths of the files as they were given."""
    import pandas as pd

    images: dict[str, ImageFile] = {}
    rows = []
    for reference, distorted in files:
        first, second = reference.as_posix(), distorted.as_posix()
        images |= {first: ImageFile(reference), second: ImageFile(distorted)}
        rows.append((first, second))
    table = pd.DataFrame(rows, columns=["reference", "distorted"]).assign(
        opinion=float("nan"), distortion="", level=pd.array([pd.NA] * len(rows), dtype="Int64")
    )
    return PairSet(name, table, images, tuple(remarks), unmatched)

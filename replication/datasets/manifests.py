"""The known files of an image set, and how a folder compares with them."""

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from replication.datasets.catalogue import FOLDERS
from replication.datasets.errors import DataError
from replication.datasets.images import SUFFIXES
from replication.datasets.iqa.listing import is_stray
from replication.files import atomic_write_text
from replication.project import data_root

FOLDER = Path(__file__).parent / "manifests"


@dataclass(frozen=True)
class Fact:
    """One file of a set as it is known: its name as spelled by the set's authors, bytes, MD5."""

    file: str
    size: int
    md5: str


@dataclass(frozen=True)
class State:
    """Comparison of a folder with its manifest; the names are those of images ("baby", without suffix)."""

    word: str  # missing, empty, incomplete, different, complete; present where the set has no manifest
    present: int = 0
    expected: int = 0
    absent: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The state in words: complete (5 files); incomplete (4 of 5 files): missing woman."""
        if self.word in ("missing", "empty"):
            return self.word
        count = f"{self.present} of {self.expected} files" if self.word == "incomplete" else f"{self.present} files"
        details = [
            f"{what} {enumerate_briefly(names)}"
            for what, names in (("missing", self.absent), ("other content in", self.differing), ("also", self.extra))
            if names
        ]
        return f"{self.word} ({count})" + (": " + "; ".join(details) if details else "")


def enumerate_briefly(names: Iterable[str], most: int = 6) -> str:
    """The names, comma-separated; from a long list the first few "and 12 more"."""
    names = list(names)
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"


def list_images(folder: Path) -> dict[str, Path]:
    """The images of a folder by name (file name without suffix, lower case), in the order of the names.

    Hidden files, folders and files that are no images by their suffix (Thumbs.db, readme.txt) are passed over.
    """
    images: dict[str, Path] = {}
    for path in sorted(path for path in folder.iterdir() if is_image(path.name) and path.is_file()):
        name = path.stem.lower()
        if name in images:
            raise DataError(f"{folder}: {images[name].name} and {path.name} are both image {name!r}; keep one of them")
        images[name] = path
    return dict(sorted(images.items()))


def is_image(file: str) -> bool:
    """True if a file name is that of an image: by its suffix, and not hidden (macOS leaves ._baby.png about)."""
    return not file.startswith(".") and Path(file).suffix.lower() in SUFFIXES


def passed_over(folder: Path) -> list[str]:
    """Names in a folder that are no images of it: files with another suffix, and folders. Not files of the system."""
    names = sorted(path.name + ("/" if path.is_dir() else "") for path in folder.iterdir())
    return [name for name in names if not is_stray(name) and (name.endswith("/") or not is_image(name))]


def holds_images(folder: Path) -> bool:
    """True if a folder holds any image."""
    return any(is_image(path.name) for path in folder.iterdir())


def locate(folder: str, root: Path | None = None) -> Path | None:
    """The folder "bsds500/test" under the data root, in any case of its parts; None where there is none."""
    found = data_root() if root is None else root
    for part in Path(folder).parts:
        if not found.is_dir():
            return None
        if not (found / part).is_dir():
            same = sorted(path for path in found.iterdir() if path.name.lower() == part.lower() and path.is_dir())
            if not same:
                return None
            found = same[0]
        else:
            found = found / part
    return found


@cache
def read(name: str) -> Mapping[str, Fact]:
    """The manifest of a set: image name -> fact. Empty for a set that has none."""
    if not (FOLDER / f"{name}.csv").is_file():
        return {}
    with open(FOLDER / f"{name}.csv", encoding="utf-8", newline="") as file:
        facts = [Fact(row["file"], int(row["size"]), row["md5"]) for row in csv.DictReader(file)]
    return {Path(fact.file).stem.lower(): fact for fact in facts}


def write(name: str) -> Path:
    """Make the manifest of set `name` from its folder under the data root, once, when the set is added."""
    folder = locate(FOLDERS[name].folder)
    if folder is None:
        raise DataError(f"{name}: no folder {FOLDERS[name].folder} under the data root {data_root()}")
    rows = [(path.name, path.stat().st_size, md5(path)) for path in list_images(folder).values()]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("file", "size", "md5"), *rows])
    atomic_write_text(FOLDER / f"{name}.csv", text.getvalue())
    return FOLDER / f"{name}.csv"


def compare(name: str, folder: Path | None) -> State:
    """The state of `folder` as set `name`, contents compared.

    Fewer images than the manifest has are an incomplete set. As many or more with other names or contents are another
    copy of it: legitimate, but its numbers can differ from the committed ones. Without a manifest any images will do.
    """
    expected = read(name)
    if folder is None:
        return State("missing", expected=len(expected))
    images = list_images(folder)
    if not images:
        return State("empty", expected=len(expected))
    if not expected:
        return State("present", len(images))
    absent = tuple(key for key in expected if key not in images)
    extra = tuple(key for key in images if key not in expected)
    differing = tuple(key for key, fact in expected.items() if key in images and not _same(images[key], fact))
    word = "different" if absent or extra or differing else "complete"
    if len(images) < len(expected):
        word = "incomplete"
    return State(word, len(images), len(expected), absent, differing, extra)


def md5(path: Path) -> str:
    """MD5 of a file's content in hexadecimal: what DVC uses, so that the manifests and data.dvc can be compared."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _same(path: Path, fact: Fact) -> bool:
    return path.stat().st_size == fact.size and md5(path) == fact.md5

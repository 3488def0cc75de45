"""Rows as all readers of layouts return them, and their helpers: files in any case, numbers, MATLAB cells."""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replication.datasets.errors import DataError

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)


@dataclass(frozen=True)
class Row:
    """A distorted image, its reference and the opinion.

    reference, distorted: names in lower case, unique in the set. reference_files, distorted_files: where the image may
    be in the set's folder, likeliest first. copy: whether it is an undistorted copy of the reference. kind: in sets of
    images made again, how the image relates to the original one, such as "exact"; empty in others.
    """

    reference: str
    distorted: str
    opinion: float
    distortion: str
    level: int | None
    reference_files: tuple[str, ...]
    distorted_files: tuple[str, ...]
    copy: bool = False
    kind: str = ""


def is_stray(place: str) -> bool:
    """True if a file (relative path, with slashes) is one that systems create: hidden, Thumbs.db, __MACOSX/..."""
    parts = place.lower().split("/")
    return any(part.startswith(".") for part in parts) or bool({"__macosx", "thumbs.db", "desktop.ini"} & set(parts))


class Tree:
    """The files below a folder, found whatever the case of their names, and with "Part 1" the same as "Part_1"."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, list[Path]] = {}
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder).as_posix()
            if path.is_file() and not is_stray(inside):
                self._files.setdefault(normal(inside), []).append(path)

    def find(self, *places: str) -> Path | None:
        """The first of the places (relative, with slashes) where there is a file; DataError where two files match."""
        for place in places:
            found = self._files.get(normal(place), [])
            if len(found) > 1:
                raise DataError(f"{self.folder} holds {' and '.join(path.name for path in found)}; keep one of them")
            if found:
                return found[0]
        return None

    def need(self, *places: str) -> Path:
        """Return what `find` finds; raise a DataError if there is none."""
        found = self.find(*places)
        if found is None:
            raise DataError(f"{self.folder} has no {places[0]}, which holds the set's opinions")
        return found

    def names(self, folder: str) -> Iterator[str]:
        """File names directly in a folder, normalised, sorted."""
        start = f"{normal(folder)}/"
        yield from sorted(
            place.removeprefix(start)
            for place in self._files
            if place.startswith(start) and "/" not in place.removeprefix(start)
        )


def locate(folder: Path, marker: str) -> Path | None:
    """The folder that directly holds `marker`: `folder`, or one up to two levels below it; None where there is none.

    Archives unpack into a folder of their own, and some into two.
    """
    for depth in range(3):
        candidates = [folder] if depth == 0 else sorted(path for path in folder.glob("/".join("*" * depth)))
        for candidate in candidates:
            hidden = depth > 0 and candidate.name.startswith(".")
            if candidate.is_dir() and not hidden and _below(candidate, marker.split("/")):
                return candidate
    return None


def text(path: Path) -> str:
    """The content of a text file, whatever its encoding: names and numbers are ASCII in all sets."""
    return path.read_bytes().decode("utf-8-sig", errors="replace")


def number(
    value: object, where: str, what: str = "opinion", advice: str = "; the file is damaged, get it again"
) -> float:
    """Return a finite number written as in CSV files (3, -3.5, 1e-3); otherwise raise a DataError that names the place.

    Python's other forms (1_000, inf, digits of other scripts) are refused, and so is a decimal comma.
    """
    given = str(value).strip()
    result = float(given) if _NUMBER.fullmatch(given) else math.nan
    if not math.isfinite(result):
        hint = "; write it with a decimal point" if _DECIMAL_COMMA.fullmatch(given) else ""
        raise DataError(f"{where}: {given[:40]!r} is no {what}{hint or advice}")
    return result


def scores_and_names(path: Path) -> list[tuple[float, str]]:
    """The lines "5.51429 I01_01_1.bmp" of a mos_with_names.txt, names in lower case."""
    found = []
    for line_number, line in enumerate(text(path).splitlines(), 1):
        words = line.split()
        if not words:
            continue
        where = f"{path.name} line {line_number}"
        if len(words) != 2 or not re.fullmatch(r"[\w-]+\.\w{3}", words[1]):
            raise DataError(
                f"{where}: expected an opinion and a file name, got {line!r}; the file is damaged or cut off"
            )
        found.append((number(words[0], where), words[1].lower()))
    return found


def matlab(path: Path, *variables: str) -> list[Any]:
    """Variables of a MATLAB file; a DataError where it is damaged or has other variables."""
    from scipy.io import loadmat

    try:
        content = loadmat(path, variable_names=variables)
    except Exception as error:  # scipy raises whatever the damage leads to: ValueError, TypeError, zlib.error, ...
        raise DataError(f"{path} is damaged ({' '.join(str(error).split())}); get it again") from error
    if absent := [name for name in variables if name not in content]:
        raise DataError(f"{path} has no variable {absent[0]}; get the set again, as its authors distribute it")
    return [content[name] for name in variables]


def cells(value: Any) -> list[str]:
    """The texts of a MATLAB cell array, however deeply nested, in lower case."""
    if isinstance(value, str):
        return [value.strip().lower()]
    return [inner for item in value.ravel(order="F") for inner in cells(item)] if hasattr(value, "ravel") else []


def parts(name: str, pattern: str, where: str) -> tuple[str, ...]:
    """The groups of a file name, or a DataError if it is not one of the set's."""
    match = re.fullmatch(pattern, name)
    if match is None:
        raise DataError(f"{where}: {name!r} is no image of this set")
    return match.groups()


def same_length(where: str, **columns: Iterable[object]) -> None:
    """Raise a DataError unless the columns have one length."""
    lengths = {name: len(list(column)) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{count} {name}" for name, count in lengths.items())
        raise DataError(f"{where}: {found}; there must be equally many, get the files again")


def normal(place: str) -> str:
    """A path with slashes as it is compared: in lower case, blanks and hyphens as underscores."""
    return place.lower().replace(" ", "_").replace("-", "_")


def _below(folder: Path, inner: list[str]) -> bool:
    found = [folder]
    for part in inner:
        found = [path for at in found if at.is_dir() for path in at.iterdir() if normal(path.name) == normal(part)]
    return bool(found)

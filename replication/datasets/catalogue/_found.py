"""The entries of all modules in this folder, found by importing each of them."""

import importlib
import pkgutil
from pathlib import Path
from typing import TypeVar

from replication.datasets.entries import Entry, ImageFolder, Judged, Rated, Tables, TrainingImages
from replication.datasets.errors import DataError

_Kind = TypeVar("_Kind", bound=Entry)


def discover(folder: Path = Path(__file__).parent) -> dict[str, tuple[Entry, Path]]:
    """Every entry and the file that defines it, by the set's name, in the order of the modules' names.

    Modules whose names start with an underscore hold no sets.
    """
    found: dict[str, tuple[Entry, Path]] = {}
    for name in sorted(info.name for info in pkgutil.iter_modules([str(folder)]) if not info.name.startswith("_")):
        module = importlib.import_module(f"{__package__}.{name}")
        file = Path(str(module.__file__))
        entries = getattr(module, "SETS", None)
        if not entries:
            raise ValueError(f"{file} defines no data set; it needs a list SETS of entries")
        for entry in entries:
            if entry.name in found:
                raise ValueError(f"{file} and {found[entry.name][1]} both define the data set {entry.name!r}")
            found[entry.name] = entry, file
    return found


_FOUND = discover()


def _of(kind: type[_Kind]) -> dict[str, _Kind]:
    return {name: entry for name, (entry, _) in _FOUND.items() if isinstance(entry, kind)}


FOLDERS = _of(ImageFolder)
RATED = _of(Rated)
JUDGED = _of(Judged)
TABLES = _of(Tables)
TRAINING = _of(TrainingImages)


def known() -> dict[str, Entry]:
    """Every set of the catalogue by name: image sets, then sets with opinions, comparisons, tables, training images."""
    return {**FOLDERS, **RATED, **JUDGED, **TABLES, **TRAINING}


def select(name: str) -> list[Entry]:
    """The sets that a name on the command line means: one set, or all parts of one ("bsds500", "bapps")."""
    entries = known()
    if name in entries:
        return [entries[name]]
    chosen = [entry for entry in entries.values() if entry.name.startswith(f"{name}-")]
    if not chosen:
        raise DataError(f"unknown set {name!r}; known: {', '.join(entries)}, and bsds500 or bapps for their parts")
    return chosen


def module_of(name: str) -> Path | None:
    """The file that defines set `name`; None for a name that is not in the catalogue."""
    return _FOUND[name][1] if name in _FOUND else None

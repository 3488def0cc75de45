"""BAPPS: patches that observers compared. `datasets.load_judgements("bapps-2afc")` gives table and images."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from replication.datasets import availability, manifests
from replication.datasets.catalogue import JUDGED
from replication.datasets.entries import Judged
from replication.datasets.errors import AlteredDataError, DataError
from replication.datasets.iqa.listing import locate
from replication.datasets.sets import ImageFile

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Judgements:
    """Comparisons of patches and how observers decided.

    table, by subset and name. "bapps-2afc": columns subset, name, reference, p0, p1, fraction: the share of observers
    who found p1 nearer to the reference than p0. "bapps-jnd": subset, name, p0, p1, fraction: the share who took p0 and
    p1 for the same image. The columns reference, p0 and p1 hold keys of `images`.
    """

    name: str
    title: str
    licence: str
    source: str
    table: "pd.DataFrame"
    images: Mapping[str, ImageFile] = field(repr=False)
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.table)


def load_judgements(name: str, *, folder: str | os.PathLike[str] | None = None) -> Judgements:
    """The validation part of BAPPS, "bapps-2afc" or "bapps-jnd", from bapps/ under the data root.

    folder: another folder that holds 2afc/val/ or jnd/val/. Raises AbsentDataError where the set or a subset is
    missing, DataError where files are missing, a value is no fraction, or there are fewer comparisons than published.
    """
    if name not in JUDGED:
        raise DataError(f"unknown judgements {name!r}; known: {', '.join(JUDGED)}")
    return read_at(JUDGED[name], _folder(JUDGED[name], folder))


def read_at(entry: Judged, at: Path) -> Judgements:
    """The set from the folder that holds its subsets."""
    name = entry.name
    images: dict[str, ImageFile] = {}
    rows: list[dict[str, object]] = []
    for subset, count in entry.counts:
        found = _subset(entry, at, subset, images)
        if len(found) != count:
            problem = f"{name}: {subset} has {len(found)} of {count} comparisons; get the set again"
            raise AlteredDataError(problem, availability.how_to_get(entry))
        rows += found
    import pandas as pd

    total = sum(count for _, count in entry.counts)
    remarks = (f"{total:,} comparisons in {len(entry.counts)} subsets",)
    return Judgements(name, entry.title, entry.licence, entry.source, pd.DataFrame(rows), images, remarks)


def _folder(entry: Judged, given: str | os.PathLike[str] | None) -> Path:
    if given is None:
        at, where = availability.folder_of(entry), ""
    else:
        above = locate(Path(given).expanduser(), entry.marker) if Path(given).expanduser().is_dir() else None
        at = manifests.locate(entry.marker, above) if above else None
        where = f"there is no {entry.marker} in {given}"
    if at is None:
        raise availability.missing(entry, where)
    return at


def _subset(entry: Judged, at: Path, subset: str, images: dict[str, ImageFile]) -> list[dict[str, object]]:
    """The rows of one subset; its images are put into `images`."""
    folders = ("ref", "p0", "p1") if entry.name == "bapps-2afc" else ("p0", "p1")
    decided = "judge" if entry.name == "bapps-2afc" else "same"
    below = {part: manifests.locate(f"{subset}/{part}", at) for part in (*folders, decided)}
    if absent := [part for part, path in below.items() if path is None]:
        reason = f"incomplete, without {subset}/{absent[0]}"
        raise availability.missing(entry, f"it was looked for in {at}", reason)
    files = {part: manifests.list_images(path) for part, path in below.items() if path and part != decided}
    fractions = {
        path.stem.lower(): path
        for path in sorted((below[decided] or at).iterdir())
        if path.suffix.lower() == ".npy" and not path.name.startswith(".")
    }
    names = sorted(set(fractions).union(*files.values()))
    rows = []
    for name in names:
        lacking = [part for part in folders if name not in files[part]] + ([decided] if name not in fractions else [])
        if lacking:
            raise DataError(f"{entry.name}: {subset}/{lacking[0]} has no file {name}; get the set again")
        row: dict[str, object] = {"subset": subset, "name": name}
        for part in folders:
            key = f"{subset}/{part}/{name}"
            images[key] = ImageFile(files[part][name])
            row["reference" if part == "ref" else part] = key
        rows.append(row | {"fraction": _fraction(fractions[name])})
    return rows


def _fraction(path: Path) -> float:
    import numpy as np

    try:
        values = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"{path} is damaged ({error}); get it again") from error
    if values.size != 1 or not 0 <= float(values.ravel()[0]) <= 1:
        raise DataError(f"{path} holds no fraction between 0 and 1; get it again")
    return float(values.ravel()[0])

"""The sets that are available on this machine, and the error for one that is not."""

from pathlib import Path

from replication.absent import Absent
from replication.datasets import distort, manifests, photos
from replication.datasets.catalogue import FOLDERS, RATED
from replication.datasets.entries import Entry, ImageFolder, Rated
from replication.datasets.errors import AbsentDataError
from replication.datasets.iqa.listing import locate
from replication.project import data_root


def folder_of(entry: Entry) -> Path | None:
    """The folder of a set under the data root, in any case of its name; None where there is none.

    The folder of a set with opinions is the one that holds its marker, up to two levels below.
    """
    at = manifests.locate(entry.folder)
    return locate(at, entry.marker) if at and isinstance(entry, Rated) else at


def image_sets() -> list[str]:
    """Names of the image sets that are available, complete or not, the installed photos among them."""
    found = {name: folder_of(entry) for name, entry in FOLDERS.items()}
    return [*(name for name, at in found.items() if at and manifests.holds_images(at)), *photos.PHOTOS]


def rated_sets() -> list[str]:
    """Names of the sets with opinions that are available, complete or not, the distorted photos among them."""
    return [*(name for name, entry in RATED.items() if folder_of(entry) is not None), distort.NAME]


def missing(entry: Entry, where: str = "", reason: str = "missing") -> AbsentDataError:
    """The error for a set that is missing or incomplete.

    where: a clause on the place where it was looked for; under the data root if not given. reason: a few words that
    are the same on every machine: "missing", "incomplete, without live.csv".
    """
    if not where and not data_root().is_dir():
        where = f"the data root {data_root()} does not exist (make it, or set REPLICATION_DATA to where the data is)"
    where = where or f"there is no {entry.folder} under the data root {data_root()}"
    how = how_to_get(entry)
    absent = Absent(
        "data set",
        entry.title,
        "not available" if reason == "missing" else reason,
        f"{where[0].upper()}{where[1:]}. {how}",
    )
    return AbsentDataError(absent, f"{entry.name} is {reason}: {where}. {how}")


def how_to_get(entry: Entry) -> str:
    """Sentences on how to put a set in place, its licence, and which sets of its kind are available."""
    if entry.build:
        way = (
            f"run `{entry.build}` in the folder {entry.folder} of the data root, then "
            f'load("{entry.name}", folder="OUT"), or move OUT to <data root>/{entry.folder}'
        )
    else:
        fetch = f"`python -m replication data fetch {entry.name}`, or " if entry.download else ""
        command = f"`python -m replication data add {entry.name} PATH`"
        way = f"{fetch}{command} with what you downloaded from: {entry.source}"
    available = ""
    if isinstance(entry, ImageFolder):
        available = f" Sets that are available: {', '.join(image_sets())}."
    elif isinstance(entry, Rated):
        available = f" Sets that are available: {', '.join(rated_sets())}."
    return f"To get it: {way}. Licence: {entry.licence}.{available}"

"""Sets and tables that are an official folder as a whole: reading any of them, and saying what state it is in."""

from pathlib import Path

from replication.datasets import judged, manifests, rated
from replication.datasets.catalogue import Judged, Pictures, Rated, Whole
from replication.datasets.errors import DataError
from replication.project import data_root


def read_whole(entry: Whole, folder: Path | None = None) -> str:
    """Read a set from its folder, under the data root unless told, and say what is there: "complete (3000 images)".

    A DataError where it is missing, incomplete or not as published.
    """
    if isinstance(entry, Rated):
        found = rated.load(entry.name, folder=folder)
        if len(found) == entry.images:
            return f"complete ({len(found)} images)"
        return f"a part: {found.title}"
    if isinstance(entry, Judged):
        judgements = judged.read_at(entry, folder) if folder else judged.load_judgements(entry.name)
        return f"complete ({len(judgements)} comparisons)"
    at = folder or manifests.locate(entry.folder)
    if at is None:
        raise DataError(f"{entry.name} is missing: there is no {entry.folder} under the data root {data_root()}")
    if isinstance(entry, Pictures):
        count = sum(path.suffix.lower() in entry.suffix for path in at.rglob("*"))
        if not count:
            raise DataError(f"{entry.name} is missing: {at} holds no {' or '.join(entry.suffix)} files")
        return f"complete ({count} files)" if count >= entry.images else f"a part: {count} of {entry.images} files"
    if absent := [file for file in entry.files if not (at / file).is_file()]:
        raise DataError(f"{entry.name} is incomplete: {at} lacks {manifests.enumerate_briefly(absent)}")
    return f"complete ({len(entry.files)} files)"


def is_there(entry: Whole) -> bool:
    """Whether there is anything of a set under the data root."""
    if isinstance(entry, Rated):
        return rated.find(entry) is not None
    return manifests.locate(entry.folder) is not None

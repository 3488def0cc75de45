"""Sets that are the folder their authors distribute: reading any of them once, and the state it is in."""

from pathlib import Path

from replication.datasets import availability, judged, manifests, rated
from replication.datasets.entries import Judged, OfficialFolder, Rated, Tables, TrainingImages


def read_official(entry: OfficialFolder, folder: Path | None = None) -> str:
    """The state of a set, after reading it once from `folder`, or from the data root: "complete (3000 images)".

    Raises AbsentDataError where it is missing or incomplete, DataError where it is not as published.
    """
    if isinstance(entry, Rated):
        found = rated.load(entry.name, folder=folder)
        if len(found) == entry.images:
            return f"complete ({len(found)} images)"
        return f"a part: {found.title}"
    if isinstance(entry, Judged):
        judgements = judged.read_at(entry, folder) if folder else judged.load_judgements(entry.name)
        return f"complete ({len(judgements)} comparisons)"
    at = folder or availability.folder_of(entry)
    if at is None:
        raise availability.missing(entry)
    if isinstance(entry, TrainingImages):
        count = sum(path.suffix.lower() in entry.suffix for path in at.rglob("*"))
        if not count:
            raise availability.missing(entry, f"the folder {at} holds no {' or '.join(entry.suffix)} files")
        return f"complete ({count} files)" if count >= entry.images else f"a part: {count} of {entry.images} files"
    if not isinstance(entry, Tables):
        raise TypeError(f"no way to read a {type(entry).__name__} such as {entry.name}")
    if absent := [file for file in entry.files if not (at / file).is_file()]:
        names = manifests.enumerate_briefly(absent)
        raise availability.missing(entry, f"it was looked for in {at}", f"incomplete, without {names}")
    return f"complete ({len(entry.files)} files)"

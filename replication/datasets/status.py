"""What is there and what is not: the rows of `python -m replication data status`."""

from dataclasses import dataclass

from replication.datasets import distort, manifests, photos, pin, rated
from replication.datasets.catalogue import FOLDERS, Folder, Rated, Whole, wholes
from replication.datasets.errors import DataError
from replication.datasets.whole import is_there, read_whole


@dataclass(frozen=True)
class Row:
    """One set or one file of weights, in words."""

    name: str
    state: str
    pin: str
    licence: str
    source: str


def sets() -> list[Row]:
    """The state of every set: against its manifest or what was published, and against data.dvc."""
    pinned, whole = pin.read(), pin.whole()
    rows = [_folder_row(entry, name in pinned) for name, entry in FOLDERS.items()]
    rows += [_whole_row(entry, name in whole) for name, entry in wholes().items()]
    for name, (_, pieces) in photos.PHOTOS.items():
        rows.append(
            Row(
                name,
                _installed(pieces),
                "",
                photos.LICENCE,
                "comes with scikit-image and scikit-learn; replicates nothing",
            )
        )
    pieces = photos.PHOTOS[distort.REFERENCES][1]
    rows.append(Row(distort.NAME, _installed(pieces), "", distort.LICENCE, f"{distort.SOURCE}; replicates nothing"))
    return rows


def _folder_row(entry: Folder, pinned: bool) -> Row:
    at = manifests.locate(entry.folder)
    try:
        state = manifests.compare(entry.name, at)
        against_pin = ""
        if pinned and state.word not in ("missing", "empty"):
            difference = pin.difference(entry.name)
            against_pin = f"differs from pin: {difference}" if difference else "as pinned"
        elif pinned:
            against_pin = "pinned"
        words = str(state)
    except (DataError, OSError) as error:
        words, against_pin = str(error), ""
    fetch = f"`data fetch {entry.name}`; " if entry.download else ""
    return Row(entry.name, words, against_pin, entry.licence, fetch + entry.source)


def _whole_row(entry: Whole, pinned: bool) -> Row:
    words, against_pin = "missing", "pinned" if pinned else ""
    try:
        if is_there(entry):
            words = read_whole(entry)
            if pinned:
                difference = pin.difference(entry.name)
                against_pin = f"differs from pin: {difference}" if difference else "as pinned"
    except (DataError, OSError) as error:
        words = str(error)
        if isinstance(entry, Rated):
            words = words.replace(rated.how_to_get(entry), "").strip()  # stands in the last column
    return Row(entry.name, words, against_pin, entry.licence, entry.source)


def _installed(pieces: dict[str, photos.Piece]) -> str:
    try:
        absent = sorted({piece.photo for piece in pieces.values() if not photos.photo_path(piece.photo).is_file()})
    except DataError as error:
        return f"missing: {error}"
    return f"missing {', '.join(absent)}" if absent else f"complete ({len(pieces)} images)"

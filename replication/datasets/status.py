"""The rows of `python -m replication data status`: which sets and weights are available, and in what state."""

from collections.abc import Mapping
from dataclasses import dataclass

from replication.datasets import availability, distort, manifests, photos, pin
from replication.datasets.catalogue import known
from replication.datasets.entries import Entry, OfficialFolder
from replication.datasets.errors import AbsentDataError, AlteredDataError, DataError
from replication.datasets.official import read_official
from replication.project import data_root


@dataclass(frozen=True)
class Row:
    """One set or one file of weights, in words."""

    name: str
    state: str
    pin: str
    licence: str
    source: str


def sets() -> list[Row]:
    """The state of every set: against its manifest or what was published, and against its pin.

    Outside a project pins are unknown, and the column states that; where REPLICATION_DATA is not set either, there is
    no data root, and every set is missing.
    """
    try:
        pins: Mapping[str, pin.Pin] | None = pin.read()
    except FileNotFoundError:
        pins = None
    try:
        data_root()
        rows = [_row(entry, pins) for entry in known().values()]
    except FileNotFoundError:
        rows = [Row(entry.name, "missing", "unknown", entry.licence, _source(entry)) for entry in known().values()]
    for name, (_, pieces) in photos.PHOTOS.items():
        rows.append(Row(name, _installed(pieces), "", photos.LICENCE, f"{photos.SOURCE}; replicates nothing"))
    pieces = photos.PHOTOS[distort.REFERENCES][1]
    rows.append(Row(distort.NAME, _installed(pieces), "", distort.LICENCE, f"{distort.SOURCE}; replicates nothing"))
    return rows


def _row(entry: Entry, pins: Mapping[str, pin.Pin] | None) -> Row:
    against_pin = "unknown" if pins is None else "pinned" if entry.name in pins else ""
    try:
        state, exists = _state(entry)
        if pins is not None and entry.name in pins and exists:
            difference = pin.difference(entry.name)
            against_pin = f"differs from pin: {difference}" if difference else "as pinned"
    except AbsentDataError as error:
        state = error.absent.reason
    except AlteredDataError as error:
        state = error.problem
    except (DataError, OSError) as error:
        state = str(error)
    return Row(entry.name, state, against_pin, entry.licence, _source(entry))


def _source(entry: Entry) -> str:
    return (f"`data fetch {entry.name}`; " if entry.download else "") + entry.source


def _state(entry: Entry) -> tuple[str, bool]:
    """The state of a set in words, and whether any of its files exist."""
    at = availability.folder_of(entry)
    if isinstance(entry, OfficialFolder):
        return (read_official(entry), True) if at else ("missing", False)
    state = manifests.compare(entry.name, at)
    others = manifests.passed_over(at) if at else []
    beside = f"; passed over: {manifests.enumerate_briefly(others)}" if others else ""
    return f"{state}{beside}", state.word not in ("missing", "empty")


def _installed(pieces: dict[str, photos.Piece]) -> str:
    try:
        absent = sorted({piece.photo for piece in pieces.values() if not photos.photo_path(piece.photo).is_file()})
    except AbsentDataError as error:
        return f"missing: {error.absent}"
    return f"missing {', '.join(absent)}" if absent else f"complete ({len(pieces)} images)"

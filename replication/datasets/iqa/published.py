"""The list of a set with opinions against what was published: nothing altered, nothing missing, nothing twice."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

from replication.datasets import manifests
from replication.datasets.availability import how_to_get
from replication.datasets.catalogue import RATED
from replication.datasets.entries import Rated
from replication.datasets.errors import AlteredDataError
from replication.datasets.iqa import fingerprints
from replication.datasets.iqa.listing import Row, Tree


def names_sha256(rows: Sequence[Row]) -> str:
    """SHA-256 of the sorted names of distorted images, one a line: `Rated.names_sha256`."""
    names = "".join(f"{name}\n" for name in sorted(row.distorted for row in rows))
    return hashlib.sha256(names.encode()).hexdigest()


def recognise(entry: Rated, rows: Sequence[Row]) -> Rated:
    """The known part of `entry` that has this list of images; else `entry` itself."""
    parts = (part for part in RATED.values() if part.part_of == entry.name)
    listed = names_sha256(rows)
    return next((part for part in parts if part.names_sha256 == listed), entry)


def check(entry: Rated, rows: Sequence[Row], tree: Tree) -> tuple[str, list[str]]:
    """Title and remarks of the set that has these rows (without reference copies) in its list.

    Raises AlteredDataError where rows are listed twice, are not as published, or are missing from the list, unless the
    set may be a smaller one, declared by a list of just the images that are in the folder.
    """
    twice = [name for name, count in Counter(row.distorted for row in rows).items() if count > 1]
    if twice:
        raise _altered(entry, f"{manifests.enumerate_briefly(twice)} listed twice")
    short = _compare(entry, rows)
    whole = RATED[entry.part_of] if entry.part_of else entry
    if entry.part_of and names_sha256(rows) != entry.names_sha256:
        raise _altered(entry, f"the list of images is another one ({_count(whole, rows)})")
    if entry.part_of:
        return entry.title, [*entry.remarks, _count(whole, rows)]
    if entry.may_be_partial and len(rows) < entry.images:
        _refuse_cut_off(entry, rows, tree)
        return f"{entry.title} ({len(rows)} images)", [*entry.remarks, _count(entry, rows)]
    if short or len(rows) != entry.images:
        raise _altered(
            entry,
            f"its list is cut off or another one: {len(rows)} of {entry.images} images are listed{short}",
        )
    return entry.title, list(entry.remarks)


def _compare(entry: Rated, rows: Sequence[Row]) -> str:
    """Refuse altered rows; how many images references lack, in words, empty where none lacks any."""
    published = RATED[entry.part_of] if entry.part_of else entry
    if published.precision is None:
        altered = [row.distorted for row in rows if not entry.opinion.low <= row.opinion <= entry.opinion.high]
        short = ""
    else:
        comparison = fingerprints.compare(published, rows)
        altered = list(comparison.altered)
        lacking = [f"{reference} has {has} of {of}" for reference, (has, of) in comparison.short.items()]
        short = f": {manifests.enumerate_briefly(lacking)}" if lacking else ""
    if altered:
        raise _altered(
            entry,
            f"{len(altered)} rows are not as published (score, reference or image): "
            f"{manifests.enumerate_briefly(altered)}. For opinions of your own use a CSV",
        )
    return short


def _refuse_cut_off(entry: Rated, rows: Sequence[Row], tree: Tree) -> None:
    """Refuse a list that lacks images which are in the folders of those listed, or that lists none."""
    places = {PurePosixPath(place) for row in rows for place in row.distorted_files}
    listed = {place.name for place in places}
    kinds = {(str(place.parent), place.suffix) for place in places}
    others = [
        name for at, suffix in sorted(kinds) for name in tree.names(at) if name.endswith(suffix) and name not in listed
    ]
    if others or not rows:
        raise _altered(
            entry,
            f"{entry.marker} lists {len(rows)} images, and the folder holds {len(others)} others"
            f"{': ' if others else ''}{manifests.enumerate_briefly(others)}. The list is cut off; get it again",
        )


def _count(whole: Rated, rows: Sequence[Row]) -> str:
    distortions = list(dict.fromkeys(row.distortion for row in sorted(rows, key=lambda row: row.distorted)))
    return (
        f"{len(rows):,} of {whole.images:,} distorted images of {whole.title}, "
        f"{len({row.reference for row in rows})} of {whole.references} references, "
        f"{len(distortions)} distortions: {', '.join(distortions)}"
    )


def _altered(entry: Rated, problem: str) -> AlteredDataError:
    return AlteredDataError(f"{entry.name}: {problem}", how_to_get(entry))

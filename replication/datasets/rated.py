"""Image quality sets with human opinions. `datasets.load("tid2013")` gives one: table, images, kind of the opinions."""

import hashlib
import math
import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from replication.datasets import availability, distort, manifests
from replication.datasets.catalogue import RATED
from replication.datasets.entries import Opinion, Rated
from replication.datasets.errors import DataError
from replication.datasets.images import Pixels
from replication.datasets.iqa import own, published
from replication.datasets.iqa.listing import Row, Tree, locate
from replication.datasets.sets import ImageFile
from replication.project import root

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Opinion", "RatedSet", "Readable", "load", "rated_present"]

SIMILAR = "similar"
"""The kind of images whose published opinion is of another image, so that they have none."""

COLUMNS = ("reference", "distorted", "opinion", "distortion", "level")


class Readable(Protocol):
    """An image that is read when it is needed; it can be pickled and read in another process."""

    def read(self, mode: str = "RGB") -> Pixels:
        """uint8 pixels, (H, W, 3) for "RGB"."""
        ...

    def read_hashed(self, mode: str = "RGB") -> tuple[Pixels, str]:
        """The same pixels, and the digest of the content that they were decoded from."""
        ...

    def digest(self) -> str:
        """A hash of the content."""
        ...


@dataclass(frozen=True, eq=False)
class RatedSet:
    """Distorted images with opinions, in the order in which the set's own files have them.

    table: columns reference, distorted (keys of `images`), opinion (float, NaN for images of the kind "similar"),
    distortion (text), level (Int64, <NA> where the set has no levels), kind (text: in parts of a set that were made
    again, how an image relates to the original one, such as "exact"; empty in other sets). remarks: what a reader of
    any number must know. Names are the files' names in lower case, with the folder where the name alone is not unique
    (LIVE: "jp2k/img5.bmp").
    """

    name: str
    title: str
    licence: str
    source: str
    opinion: Opinion
    table: "pd.DataFrame"
    images: Mapping[str, Readable] = field(repr=False)
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the opinions' kind, the table and the images' contents, independent of the set's place."""
        columns = [*COLUMNS, "kind"] if self.table["kind"].any() else list(COLUMNS)
        lines = [repr(self.opinion)]
        lines += ["\t".join(map(str, row)) for row in self.table[columns].itertuples(index=False)]
        lines += [f"{name} {image.digest()}" for name, image in self.images.items()]
        return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()


def load(
    name: str | os.PathLike[str],
    *,
    folder: str | os.PathLike[str] | None = None,
    on_missing: Literal["stop", "skip"] = "stop",
    reference_copies: bool = False,
    kinds: Collection[str] | None = None,
    distortions: Collection[str] | None = None,
    images: int | None = None,
    kind: str | None = None,
    higher_is_better: bool | None = None,
    low: float | None = None,
    high: float | None = None,
) -> RatedSet:
    """A set of the catalogue by name, the stand-in "photos-distorted", or a CSV file of pairs and opinions by its path.

    name: "live", "tid2013", ...: read from the official folder under the data root, or from `folder`, unmodified; file
    names are matched without regard to case, and other files in it are ignored. The list of images and the opinions
    must be the published ones. tid2013 may be a part of the set, named so in the title and the remarks.
    on_missing: "stop" raises an AbsentDataError that names images that are missing; "skip" leaves their rows out and
    counts them in the remarks.
    reference_copies: include LIVE's 203 undistorted copies of references (982 rows). Both conventions are in print.
    kinds: only images of these kinds (column kind), for parts of a set that were made again: ["real", "exact"].
    distortions: only images with these distortions (column distortion). The remarks give the number of rows left.
    images: at most that many of the distorted images left by `kinds` and `distortions`, equally many of every reference
    as far as that goes, chosen by a hash of their names: the same on every machine, and of no regular pattern, as every
    tenth row would be where each reference has the same distortions in the same order.
    kind, higher_is_better, low, high: what the opinions of a CSV are ("MOS", True), and the ends of the scale (without
    them, of the opinions). Its columns: reference, distorted (paths relative to the CSV), opinion, and if there are
    any, distortion and level.

    Raises AbsentDataError for a set that is missing or incomplete, DataError for an unknown or altered one; both say
    where to get it, its licence, and which sets are available.
    """
    if on_missing not in ("stop", "skip"):
        raise ValueError(f"on_missing must be 'stop' or 'skip', got {on_missing!r}")
    name = os.fspath(name)
    if images is not None and (isinstance(images, bool) or not isinstance(images, int) or images < 1):
        raise ValueError(f"images must be a whole number of at least 1, got {images!r}")
    wanted = _Wanted(kinds, distortions, images)
    if name.lower().endswith(".csv"):
        if folder is not None or reference_copies:
            raise ValueError("folder and reference_copies are for sets of the catalogue, not for a CSV")
        return _csv(name, on_missing, wanted, kind, higher_is_better, low, high)
    if any(value is not None for value in (kind, higher_is_better, low, high)):
        raise ValueError(f"kind, higher_is_better, low and high are for a CSV; what opinions {name!r} has is known")
    if reference_copies and name != "live":
        raise ValueError(f"reference_copies is for 'live', whose list has them; {name!r} has none")
    if name == distort.NAME:
        if folder is not None:
            raise ValueError(f"{name} is made from installed photos and has no folder")
        return _photos(wanted)
    if name not in RATED:
        raise DataError(
            f"unknown set {name!r}; known: {', '.join([*RATED, distort.NAME])}; "
            "a CSV is given by its path, ending in .csv"
        )
    return _catalogued(RATED[name], folder, on_missing, reference_copies, wanted)


def rated_present() -> list[str]:
    """Names of the sets with opinions that are available, complete or not, the stand-in among them."""
    return availability.rated_sets()


@dataclass(frozen=True)
class _Wanted:
    """Selection of a set's rows; None selects all."""

    kinds: Collection[str] | None
    distortions: Collection[str] | None
    images: int | None

    def select(self, name: str, rows: Sequence[Row]) -> tuple[list[Row], list[str]]:
        """The rows asked for, and a remark on the restriction. DataError for a kind or distortion that no row has."""
        chosen, asked_for = list(rows), []
        for column, asked in (("kind", self.kinds), ("distortion", self.distortions)):
            if asked is None:
                continue
            values = [asked] if isinstance(asked, str) else list(asked)
            known = list(dict.fromkeys(value for row in rows if (value := getattr(row, column))))
            if unknown := [value for value in values if value not in known]:
                has = ", ".join(known) if known else "none"
                raise DataError(f"{name} has no {column} {', '.join(map(repr, unknown))}; it has: {has}")
            chosen = [row for row in chosen if getattr(row, column) in values]
            asked_for.append(f"{column} {' or '.join(values)}")
        if not chosen:
            raise DataError(f"{name} has no image with {' and '.join(asked_for)}")
        only = f"only {' and '.join(asked_for)}: {len(chosen):,} of {len(rows):,} rows"
        remarks = [only] if asked_for else []
        if self.images is not None and self.images < len(chosen):
            remarks.append(
                f"{self.images:,} of {len(chosen):,} rows, equally of every reference, by a hash of their names"
            )
            chosen = _spread(chosen, self.images)
        return chosen, remarks


def _spread(rows: Sequence[Row], count: int) -> list[Row]:
    """That many rows in their order: the first of each reference by the hash of their names, then the second, ..."""
    by_hash = sorted(rows, key=lambda row: hashlib.sha256(row.distorted.encode(errors="surrogateescape")).digest())
    before: Counter[str] = Counter()
    rounds = []
    for place, row in enumerate(by_hash):
        rounds.append((before[row.reference], place))
        before[row.reference] += 1
    chosen = {by_hash[place].distorted for _, place in sorted(rounds)[:count]}
    return [row for row in rows if row.distorted in chosen]


def _catalogued(
    entry: Rated, folder: str | os.PathLike[str] | None, on_missing: str, reference_copies: bool, wanted: _Wanted
) -> RatedSet:
    tree = Tree(_folder(entry, folder))
    rows = entry.read(tree)
    set_ = entry
    if entry.may_be_partial and len(rows) < entry.images:
        set_ = published.recognise(entry, rows)
        rows = set_.read(tree)
    rated = [row for row in rows if not row.copy]
    title, remarks = published.check(set_, rated, tree)
    copies = len(rows) - len(rated)
    if copies:
        used = "included" if reference_copies else "excluded"
        remarks.append(
            f"{copies} undistorted copies of references {used}: {len(rows) if reference_copies else len(rated)} rows"
        )
    chosen, restricted = wanted.select(entry.name, rows if reference_copies else rated)
    chosen = [replace(row, opinion=math.nan) if row.kind == SIMILAR else row for row in chosen]
    found, images, left_out = _images(entry, chosen, tree, on_missing)
    remarks += restricted + left_out
    kinds = Counter(row.kind for row in found if row.kind)
    if kinds[SIMILAR]:
        without = f"{kinds[SIMILAR]:,} images of the kind {SIMILAR} have no opinion of their own"
        remarks = [f"{without} and are in no correlation", *remarks]
    if kinds and set_.part_of:
        counts = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())
        title = f"{RATED[set_.part_of].title} ({counts} images)"
    return RatedSet(entry.name, title, set_.licence, set_.source, set_.opinion, _table(found), images, tuple(remarks))


def _folder(entry: Rated, given: str | os.PathLike[str] | None) -> Path:
    if given is None:
        found = availability.folder_of(entry)
        at_name = manifests.locate(entry.folder)
        where = "" if at_name is None else f"the folder {at_name} holds no {entry.marker}"
    else:
        at = Path(given).expanduser()
        found = locate(at, entry.marker) if at.is_dir() else None
        where = f"the folder {at} holds no {entry.marker}" if at.is_dir() else f"there is no folder {at}"
    if found is None:
        raise availability.missing(entry, where)
    return found


def _images(
    entry: Rated, rows: Sequence[Row], tree: Tree, on_missing: str
) -> tuple[list[Row], dict[str, Readable], list[str]]:
    """The rows whose images exist, the images (references first), and a remark where some were left out."""
    references = {row.reference: tree.find(*row.reference_files) for row in rows}
    distorted = {row.distorted: tree.find(*row.distorted_files) for row in rows}
    missing = [name for name, path in (references | distorted).items() if path is None]
    complete = [row for row in rows if references[row.reference] and distorted[row.distorted]]
    left_out = []
    if missing:
        names = manifests.enumerate_briefly(missing)
        if on_missing == "stop" or not complete:
            raise availability.missing(
                entry,
                f'it was looked for in {tree.folder}; on_missing="skip" goes on without the missing images',
                f"incomplete, {len(missing)} of {len(references) + len(distorted)} images missing, {names}",
            )
        left_out = [f"{len(rows) - len(complete)} of {len(rows)} rows left out, because images are missing: {names}"]
    used = list(dict.fromkeys(row.reference for row in complete))
    paths = {name: references[name] for name in used} | {row.distorted: distorted[row.distorted] for row in complete}
    return complete, {name: ImageFile(path) for name, path in paths.items() if path}, left_out


def _table(rows: Iterable[Row]) -> "pd.DataFrame":
    import pandas as pd

    rows = list(rows)
    return pd.DataFrame(
        {
            "reference": [row.reference for row in rows],
            "distorted": [row.distorted for row in rows],
            "opinion": pd.Series([row.opinion for row in rows], dtype="float64"),
            "distortion": [row.distortion for row in rows],
            "level": pd.Series([row.level for row in rows], dtype="Int64"),
            "kind": [row.kind for row in rows],
        }
    )


def _photos(wanted: _Wanted) -> RatedSet:
    made = distort.listing()
    rows = [Row(reference, name, float(level), words, level, (), ()) for reference, name, words, level in made]
    rows, restricted = wanted.select(distort.NAME, rows)
    used = {name for row in rows for name in (row.reference, row.distorted)}
    return RatedSet(
        distort.NAME,
        "Distorted photos",
        distort.LICENCE,
        distort.SOURCE,
        Opinion("order", 1, distort.LEVELS, higher_is_better=False),
        _table(rows),
        {name: image for name, image in distort.images() if name in used},
        (
            "opinions are the order in which the distortions were made, no human scored them",
            "they compare levels of one distortion of one reference, nothing else",
            "the numbers replicate nothing",
            *restricted,
        ),
    )


def _csv(
    name: str,
    on_missing: str,
    wanted: _Wanted,
    kind: str | None,
    higher_is_better: bool | None,
    low: float | None,
    high: float | None,
) -> RatedSet:
    if kind is None or higher_is_better is None:
        example = f'load("{name}", kind="MOS", higher_is_better=True)'
        raise ValueError(f"{name}: the kind and the direction of its opinions must be given, as in {example}")
    given = Path(name).expanduser()
    path = given if given.is_absolute() or given.exists() else root() / given
    if not path.exists():
        raise DataError(f"no file {given}; known sets: {', '.join([*RATED, distort.NAME])}")
    rows, remarks = wanted.select(path.stem, own.read(path))
    files = {key: path.parent / key for row in rows for key in (row.reference, row.distorted)}
    missing = [key for key, at in files.items() if not os.path.isfile(at)]  # false also for names no system accepts
    absent = set(missing)
    complete = [row for row in rows if not absent & {row.reference, row.distorted}]
    if missing:
        names = manifests.enumerate_briefly(missing)
        if on_missing == "stop" or not complete:
            raise DataError(f"{path}: no files {names} (paths are relative to the CSV)")
        remarks.append(f"{len(rows) - len(complete)} of {len(rows)} rows left out, because images are missing: {names}")
    opinions = [row.opinion for row in complete]
    opinion = Opinion(
        kind, min(opinions) if low is None else low, max(opinions) if high is None else high, higher_is_better
    )
    used = [*(row.reference for row in complete), *(row.distorted for row in complete)]
    images = {key: ImageFile(files[key]) for key in dict.fromkeys(used)}
    licence, source = "that of the images in the folder", f"the file {path.name}"
    return RatedSet(path.stem, path.stem, licence, source, opinion, _table(complete), images, tuple(remarks))

"""Image quality sets with human opinions. `datasets.load("tid2013")` gives one: table, images, what the opinion is."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from replication.datasets import distort, manifests
from replication.datasets.catalogue import RATED, Opinion, Rated
from replication.datasets.errors import DataError
from replication.datasets.images import Pixels
from replication.datasets.iqa import csiq, fingerprints, kadid, live, own, pipal, qads, tid
from replication.datasets.iqa.listing import Row, Tree, locate
from replication.datasets.sets import ImageFile
from replication.project import data_root, root

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Opinion", "RatedSet", "Readable", "load", "rated_present"]

COLUMNS = ("reference", "distorted", "opinion", "distortion", "level")

_READERS: dict[str, Callable[[Tree], list[Row]]] = {
    "live": live.read,
    "live-md": live.read_multiply_distorted,
    "csiq": csiq.read,
    "tid2013": tid.read,
    "tid2008": tid.read,
    "kadid-10k": kadid.read,
    "pipal": pipal.read,
    "qads": qads.read,
    "tid2013-resynth": tid.read,
}

# SHA-256 of the sorted names, one a line, of the images that the resynthesised part of TID2013 consists of.
_RESYNTHESISED = "654de2d355f806be5f5608442dc24df6d6509368128371cb7498ba926624141c"


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

    table: columns reference, distorted (keys of `images`), opinion (float), distortion (text), level (Int64, <NA>
    where the set has no levels). remarks: what a reader of any number must know. Names are the files' names in lower
    case, with the folder where the name alone is not unique (LIVE: "jp2k/img5.bmp").
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
        """SHA-256 over the opinions' kind, the table and the images' contents, independent of where the set lies."""
        lines = [repr(self.opinion)]
        lines += ["\t".join(map(str, row)) for row in self.table[list(COLUMNS)].itertuples(index=False)]
        lines += [f"{name} {image.digest()}" for name, image in self.images.items()]
        return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()


def load(
    name: str | os.PathLike[str],
    *,
    folder: str | os.PathLike[str] | None = None,
    on_missing: Literal["stop", "skip"] = "stop",
    reference_copies: bool = False,
    kind: str | None = None,
    higher_is_better: bool | None = None,
    low: float | None = None,
    high: float | None = None,
) -> RatedSet:
    """A set of the catalogue by name, the stand-in "photos-distorted", or a CSV of one's own by its path.

    name: "live", "live-md", "csiq", "tid2013", "tid2008", "kadid-10k", "pipal", "qads", "tid2013-resynth", read from
    its official folder under the data root, or from `folder`, unmodified; file names are matched without regard to
    case, and what else lies there is ignored. The list of images and the opinions must be the published ones. tid2013
    may be a part of the set, which the title and the remarks then say.
    on_missing: "stop" raises a DataError that names images that are missing; "skip" leaves their rows out and says so
    in the remarks.
    reference_copies: keep LIVE's 203 undistorted copies of references (982 rows). Both conventions are in print.
    kind, higher_is_better, low, high: what the opinions of a CSV are ("MOS", True), and the ends of the scale (without
    them, of the opinions). Its columns: reference, distorted (paths relative to the CSV), opinion, and if there are
    any, distortion and level.

    A DataError says what is missing or not as published, where to get the set, its licence, and which sets are there.
    """
    if on_missing not in ("stop", "skip"):
        raise ValueError(f"on_missing must be 'stop' or 'skip', got {on_missing!r}")
    name = os.fspath(name)
    if name.lower().endswith(".csv"):
        if folder is not None or reference_copies:
            raise ValueError("folder and reference_copies are for sets of the catalogue, not for a CSV")
        return _csv(name, on_missing, kind, higher_is_better, low, high)
    if any(value is not None for value in (kind, higher_is_better, low, high)):
        raise ValueError(f"kind, higher_is_better, low and high are for a CSV; what opinions {name!r} has is known")
    if reference_copies and name != "live":
        raise ValueError(f"reference_copies is for 'live', whose list has them; {name!r} has none")
    if name == distort.NAME:
        if folder is not None:
            raise ValueError(f"{name} is made from installed photos and lies in no folder")
        return _photos()
    if name not in RATED:
        raise DataError(
            f"unknown set {name!r}; known: {', '.join([*RATED, distort.NAME])}; "
            "a CSV is given by its path, ending in .csv"
        )
    return _catalogued(RATED[name], folder, on_missing, reference_copies)


def rated_present() -> list[str]:
    """Names of the sets with opinions that are there, complete or not, the stand-in among them."""
    return [*(name for name, entry in RATED.items() if find(entry) is not None), distort.NAME]


def find(entry: Rated) -> Path | None:
    """The folder of a set under the data root that holds its marker; None where there is none."""
    at = manifests.locate(entry.folder)
    return locate(at, entry.marker) if at else None


def _catalogued(
    entry: Rated, folder: str | os.PathLike[str] | None, on_missing: str, reference_copies: bool
) -> RatedSet:
    tree = Tree(_folder(entry, folder))
    rows = _READERS[entry.name](tree)
    rated = [row for row in rows if not row.copy]
    _check_names(entry, rated)
    title, remarks = entry.title, list(entry.remarks)
    if entry.part and len(rated) < RATED["tid2013"].images:
        _check_scores(entry, rated, whole=False)
        title, about = _part(entry, rated, tree)
        remarks += about
    else:
        _check_scores(entry, rated, whole=True)
    copies = len(rows) - len(rated)
    if copies:
        used = "included" if reference_copies else "excluded"
        remarks.append(
            f"{copies} undistorted copies of references {used}: {len(rows) if reference_copies else len(rated)} rows"
        )
    chosen = rows if reference_copies else rated
    kept, images, left_out = _images(entry, chosen, tree, on_missing)
    remarks += left_out
    return RatedSet(entry.name, title, entry.licence, entry.source, entry.opinion, _table(kept), images, tuple(remarks))


def _folder(entry: Rated, given: str | os.PathLike[str] | None) -> Path:
    if given is not None:
        at = Path(given).expanduser()
        if not at.is_dir():
            raise DataError(f"{entry.name}: no folder {at}. {how_to_get(entry)}")
        found = locate(at, entry.marker)
        if found is None:
            raise DataError(f"{entry.name}: the folder {at} holds no {entry.marker}. {how_to_get(entry)}")
        return found
    found = find(entry)
    if found is not None:
        return found
    there = manifests.locate(entry.folder)
    if not data_root().is_dir():
        where = f"the data root {data_root()} does not exist (make it, or set REPLICATION_DATA to where the data is)"
    elif there is None:
        where = f"there is no {entry.folder} under the data root {data_root()}"
    else:
        where = f"the folder {there} holds no {entry.marker}"
    raise DataError(f"{entry.name} is missing: {where}. {how_to_get(entry)}")


def how_to_get(entry: Rated) -> str:
    """Where a set comes from, its licence, how to put it in place, and what there is instead."""
    if entry.name == "tid2013-resynth":
        way = (
            f"To get it: run `python build.py OUT` in the folder {entry.folder} of the data root, then "
            'load("tid2013", folder="OUT"), or build it as <data root>/tid2013'
        )
    else:
        command = f"`python -m replication data add {entry.name} PATH`"
        way = f"To get it: {command} with what you downloaded from: {entry.source}"
    return f"{way}. Licence: {entry.licence}. Sets that are there: {', '.join(rated_present())}."


def _check_names(entry: Rated, rows: Sequence[Row]) -> None:
    twice = [name for name, count in Counter(row.distorted for row in rows).items() if count > 1]
    if twice:
        raise DataError(f"{entry.name}: {manifests.enumerate_briefly(twice)} listed twice. {how_to_get(entry)}")


def _check_scores(entry: Rated, rows: Sequence[Row], *, whole: bool) -> None:
    """The rows against what was published: none altered and, where the set must be whole, none missing."""
    known = "tid2013" if entry.name == "tid2013-resynth" else entry.name
    if known not in fingerprints.PRECISION:
        outside = [row.distorted for row in rows if not entry.opinion.low <= row.opinion <= entry.opinion.high]
        short = len(rows) < entry.images
        detail = ""
    else:
        comparison = fingerprints.compare(known, rows)
        outside, short = list(comparison.altered), bool(comparison.short)
        detail = ": " + manifests.enumerate_briefly(
            f"{reference} has {has} of {of}" for reference, (has, of) in comparison.short.items()
        )
    if outside:
        raise DataError(
            f"{entry.name}: {len(outside)} rows are not as published (score, reference or image): "
            f"{manifests.enumerate_briefly(outside)}. For opinions of your own use a CSV. {how_to_get(entry)}"
        )
    if whole and (short or len(rows) != entry.images):
        raise DataError(
            f"{entry.name}: its list is cut off or another one: {len(rows)} of {entry.images} images are "
            f"listed{detail}. {how_to_get(entry)}"
        )


def _part(entry: Rated, rows: Sequence[Row], tree: Tree) -> tuple[str, list[str]]:
    """Title and remarks of a part of TID2013, declared by a shorter list; DataError where the list was only cut off."""
    listed = {row.distorted for row in rows}
    unlisted = [name for name in tree.names("distorted_images") if name.endswith(".bmp") and name not in listed]
    if unlisted or not rows:
        raise DataError(
            f"{entry.name}: mos_with_names.txt lists {len(rows)} images, and the folder holds {len(unlisted)} others: "
            f"{manifests.enumerate_briefly(unlisted)}. The list is cut off; get it again. {how_to_get(entry)}"
        )
    kinds = [kind for kind in tid.DISTORTIONS if any(row.distortion == kind for row in rows)]
    count = (
        f"{len(rows)} of {RATED['tid2013'].images:,} distorted images of TID2013, "
        f"{len({row.reference for row in rows})} of {RATED['tid2013'].references} references, "
        f"{len(kinds)} of {len(tid.DISTORTIONS)} distortion types: {', '.join(kinds)}"
    )
    names = "".join(f"{name}\n" for name in sorted(listed))
    if hashlib.sha256(names.encode()).hexdigest() == _RESYNTHESISED:
        return "TID2013 (resynthesised)", [
            "distorted images are not TID2013's own files: each was made again from the exact reference with the same "
            "kind of distortion, its strength set so that its MSE is the published one, and carries TID2013's mean "
            "opinion score",
            count,
        ]
    if entry.name == "tid2013-resynth":
        raise DataError(f"{entry.name}: the list of images is another one ({count}). {how_to_get(entry)}")
    return f"TID2013 ({len(rows)} images)", [count]


def _images(
    entry: Rated, rows: Sequence[Row], tree: Tree, on_missing: str
) -> tuple[list[Row], dict[str, Readable], list[str]]:
    """The rows whose images are there, the images (references first), and a remark where some were left out."""
    references = {row.reference: tree.find(*row.reference_files) for row in rows}
    distorted = {row.distorted: tree.find(*row.distorted_files) for row in rows}
    missing = [name for name, path in (references | distorted).items() if path is None]
    kept = [row for row in rows if references[row.reference] and distorted[row.distorted]]
    left_out = []
    if missing:
        names = manifests.enumerate_briefly(missing)
        if on_missing == "stop" or not kept:
            raise DataError(
                f"{entry.name} is incomplete: {tree.folder} lacks {len(missing)} of {len(references) + len(distorted)} "
                f'images, {names}. {how_to_get(entry)} on_missing="skip" goes on without them.'
            )
        left_out = [f"{len(rows) - len(kept)} of {len(rows)} rows left out, because images are missing: {names}"]
    used = list(dict.fromkeys(row.reference for row in kept))
    paths = {name: references[name] for name in used} | {row.distorted: distorted[row.distorted] for row in kept}
    return kept, {name: ImageFile(path) for name, path in paths.items() if path}, left_out


def _table(rows: Iterable[Row]) -> "pd.DataFrame":
    import pandas as pd

    rows = list(rows)
    table = pd.DataFrame(
        {
            "reference": [row.reference for row in rows],
            "distorted": [row.distorted for row in rows],
            "opinion": pd.Series([row.opinion for row in rows], dtype="float64"),
            "distortion": [row.distortion for row in rows],
            "level": pd.Series([row.level for row in rows], dtype="Int64"),
        }
    )
    return table[list(COLUMNS)]


def _photos() -> RatedSet:
    made = distort.listing()
    rows = [Row(reference, name, float(level), words, level, (), ()) for reference, name, words, level in made]
    return RatedSet(
        distort.NAME,
        "Distorted photos",
        distort.LICENCE,
        distort.SOURCE,
        Opinion("order", 1, distort.LEVELS, higher_is_better=False),
        _table(rows),
        dict(distort.images()),
        (
            "opinions are the order in which the distortions were made, no human scored them",
            "they compare levels of one distortion of one reference, nothing else",
            "the numbers replicate nothing",
        ),
    )


def _csv(
    name: str, on_missing: str, kind: str | None, higher_is_better: bool | None, low: float | None, high: float | None
) -> RatedSet:
    if kind is None or higher_is_better is None:
        raise ValueError(f'{name}: say what its opinions are, as in load("{name}", kind="MOS", higher_is_better=True)')
    given = Path(name).expanduser()
    path = given if given.is_absolute() or given.is_file() else root() / given
    if not path.is_file():
        raise DataError(f"no file {given}; known sets: {', '.join([*RATED, distort.NAME])}")
    rows = own.read(path)
    files = {key: path.parent / key for row in rows for key in (row.reference, row.distorted)}
    missing = [key for key, at in files.items() if not os.path.isfile(at)]  # false also for names no system accepts
    absent = set(missing)
    kept = [row for row in rows if not absent & {row.reference, row.distorted}]
    if missing and (on_missing == "stop" or not kept):
        raise DataError(f"{path}: no files {manifests.enumerate_briefly(missing)} (paths are relative to the CSV)")
    opinions = [row.opinion for row in kept]
    opinion = Opinion(
        kind, min(opinions) if low is None else low, max(opinions) if high is None else high, higher_is_better
    )
    used = [*(row.reference for row in kept), *(row.distorted for row in kept)]
    images = {key: ImageFile(files[key]) for key in dict.fromkeys(used)}
    remarks = (
        f"{len(rows) - len(kept)} of {len(rows)} rows left out, because images are missing: "
        f"{manifests.enumerate_briefly(missing)}",
    )
    return RatedSet(
        path.stem,
        path.stem,
        "that of the images in the folder",
        f"the file {path.name}",
        opinion,
        _table(kept),
        images,
        remarks if missing else (),
    )

"""The kinds of data sets, each with the facts that its entry in the catalogue gives."""

from collections.abc import Callable
from dataclasses import dataclass

from replication.datasets.iqa.listing import Row, Tree


@dataclass(frozen=True)
class Opinion:
    """The opinions of a set: their kind (MOS, DMOS, Elo, order), the ends of their scale, and which end is good.

    low and high are the ends of the scale that observers used or that the opinions were mapped to; single values can
    be a little outside (LIVE's realigned DMOS reach from -2.6 to 111.8).
    """

    kind: str
    low: float
    high: float
    higher_is_better: bool


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A data set: the facts that all kinds have.

    name: on the command line and in params.yaml. title: in tables and figures. folder: under the data root, with
    slashes. source: one sentence, the work it comes from and where to get it.
    download: for sets that may be downloaded freely, the URL of an archive that holds the set; or, if it ends in "/",
    of the host's folder that holds the files of the manifest.
    build: for sets that the user makes, the command that makes them, run in `folder`.
    remarks: what a reader of any number on the set must know.
    """

    name: str
    title: str
    folder: str
    source: str
    licence: str
    download: str | None = None
    build: str | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ImageFolder(Entry):
    """Images in one folder, each known by its file name without suffix.

    Which files belong to the set is in manifests/<name>.csv, which `manifests.write(name)` makes from the folder under
    the data root; without that file the set is all images in the folder.
    """


@dataclass(frozen=True, kw_only=True)
class OfficialFolder(Entry):
    """A set that is the folder its authors distribute, unmodified.

    marker: a file or folder in it by which the set is recognised inside a download.
    """

    marker: str


@dataclass(frozen=True, kw_only=True)
class Rated(OfficialFolder):
    """Distorted images with human opinions.

    read: reads the official layout: a folder's files -> its rows, in the order of the set's own list.
    images, references: how many there are. precision: how finely published opinions are known, as the number of
    decimals and by how many units of the last one sources differ; None where the set has no list in iqa/fingerprints/,
    so that only the number and the range of its opinions are checked.
    may_be_partial: whether a shorter list, with only its own images, is accepted as a smaller set, named so.
    part_of: for a part of another set, that set's name: opinions are those published of it, and its list of images is
    recognised by `names_sha256`, the SHA-256 of the sorted names of the distorted images, one a line.
    """

    opinion: Opinion
    read: Callable[[Tree], list[Row]]
    images: int
    references: int
    precision: tuple[int, int] | None = None
    may_be_partial: bool = False
    part_of: str | None = None
    names_sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class Judged(OfficialFolder):
    """Image pairs or triplets with the fraction of observers who decided one way; counts: how many, by subset."""

    counts: tuple[tuple[str, int], ...]


@dataclass(frozen=True, kw_only=True)
class Tables(OfficialFolder):
    """A folder of tables: numbers that other people published, image by image. Other files beside them do not count."""

    files: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TrainingImages(OfficialFolder):
    """Images that networks are trained on, without opinions.

    images: how many files the complete set has; a part of it can be used as well. suffix: of the files' names.
    """

    images: int
    suffix: tuple[str, ...]

"""The image sets, the sets with human opinions and the tables the project knows: one entry each.

To add a set of images: one entry in `FOLDERS`, and the list of its files in manifests/<name>.csv, which
`replication.datasets.manifests.write("<name>")` makes from the folder under the data root. To add a set with opinions:
one entry in `RATED`, and a reader of its layout in `replication.datasets.iqa`.
"""

from dataclasses import dataclass
from typing import TypeAlias

from replication.datasets.errors import DataError


@dataclass(frozen=True)
class Folder:
    """An image set in its ordinary layout: the images in `folder` under the data root, its files in the manifest.

    download: for sets that may be downloaded freely, the URL of an archive that holds the set; or, if it ends in "/",
    of the host's folder that holds files named as in the manifest. Either way every file is checked against that.
    """

    name: str  # on the command line and in params.yaml
    title: str  # in tables
    folder: str
    source: str  # one sentence: what it is and where to get it
    licence: str
    download: str | None = None


@dataclass(frozen=True)
class Opinion:
    """What the opinions of a set are: their kind (MOS, DMOS, Elo, order), the scale's ends, and which end is good.

    low and high are the ends of the scale that observers used or that the opinions were mapped to; single values can
    lie a little outside (LIVE's realigned DMOS reach from -2.6 to 111.8).
    """

    kind: str
    low: float
    high: float
    higher_is_better: bool


@dataclass(frozen=True)
class Rated:
    """Distorted images with human opinions, in their official folder, unmodified, at `folder` under the data root.

    marker: a file or folder by which the set is recognised inside a download. images, references: how many there are.
    """

    name: str
    title: str
    folder: str
    source: str
    licence: str
    opinion: Opinion
    images: int
    references: int
    marker: str
    remarks: tuple[str, ...] = ()  # what a reader of any number on the set must know
    part: bool = False  # whether fewer rows than published make a set of their own (declared in its title)
    download: None = None  # the hosts want a form filled in, or a click


@dataclass(frozen=True)
class Judged:
    """A set of image pairs or triplets with the fraction of observers that decided one way; counts by subset."""

    name: str
    title: str
    folder: str
    source: str
    licence: str
    counts: tuple[tuple[str, int], ...]
    marker: str
    download: None = None


@dataclass(frozen=True)
class Tables:
    """A folder of tables under the data root: numbers other people published, image by image."""

    name: str
    title: str
    folder: str
    files: tuple[str, ...]
    source: str
    licence: str
    download: None = None

    @property
    def marker(self) -> str:
        """A file by which the folder is recognised inside a download."""
        return self.files[0]


@dataclass(frozen=True)
class Pictures:
    """Images without opinions that networks are trained on, read from their official folder as it is.

    images: how many files the set has where it is whole; a part of it does as well. suffix: what their names end in.
    marker: a file or folder by which the set is recognised inside a download.
    """

    name: str
    title: str
    folder: str
    source: str
    licence: str
    images: int
    suffix: tuple[str, ...]
    marker: str
    download: None = None


_SRCNN = "http://mmlab.ie.cuhk.edu.hk/projects/SRCNN/"  # page: http://mmlab.ie.cuhk.edu.hk/projects/SRCNN.html
_UNSTATED = "none stated; used for research"
_BERKELEY = "http://www.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/BSR/BSR_bsds500.tgz"


def _bsds500(part: str, title: str) -> Folder:
    source = f"images/{part} of the Berkeley Segmentation Data Set 500 (Arbelaez et al. 2011), {_BERKELEY}"
    return Folder(
        f"bsds500-{part}", title, f"bsds500/{part}", source, "non-commercial research and education", _BERKELEY
    )


FOLDERS = {
    entry.name: entry
    for entry in (
        Folder(
            "set5",
            "Set5",
            "set5",
            f"Bevilacqua et al. 2012, as handed on with SRCNN's test code, {_SRCNN}SRCNN_v1.zip",
            _UNSTATED,
        ),
        Folder(
            "set14",
            "Set14",
            "set14",
            f"Zeyde et al. 2010, as handed on with SRCNN's test code, {_SRCNN}SRCNN_v1.zip",
            _UNSTATED,
        ),
        Folder(
            "t91",
            "T91",
            "t91",
            f"Yang et al. 2010, as handed on with SRCNN's training code, {_SRCNN}SRCNN_train.zip",
            _UNSTATED,
        ),
        _bsds500("train", "BSDS500 train"),
        _bsds500("val", "BSDS500 val"),
        _bsds500("test", "BSD200"),
        Folder(
            "kodak",
            "Kodak",
            "kodak",
            "Kodak Lossless True Color Image Suite, https://r0k.us/graphics/kodak/",
            "released by Kodak for unrestricted use",
            "https://r0k.us/graphics/kodak/kodak/",
        ),
    )
}

_RESEARCH = "for research, with citation"
_UTEXAS = "free to use with the University of Texas' copyright notice and citation"
_TID = "an image set by N. Ponomarenko et al., http://www.ponomarenko.info/"

RATED = {
    entry.name: entry
    for entry in (
        Rated(
            "live",
            "LIVE",
            "live",
            "LIVE Image Quality Assessment Database release 2 (Sheikh et al. 2006), on request from "
            "https://live.ece.utexas.edu/research/Quality/subjective.htm",
            _UTEXAS,
            Opinion("DMOS", 0, 100, higher_is_better=False),
            779,
            29,
            "refnames_all.mat",
        ),
        Rated(
            "live-md",
            "LIVE multiply distorted",
            "live-md",
            "LIVE Multiply Distorted Image Quality Database (Jayaraman et al. 2012), on request from "
            "https://live.ece.utexas.edu/research/Quality/live_multidistortedimage.html",
            _UTEXAS,
            Opinion("DMOS", 0, 100, higher_is_better=False),
            450,
            15,
            "part_1/imagelists.mat",
            ("45 blurred images are in both parts of the set, with an opinion from each study",),
        ),
        Rated(
            "csiq",
            "CSIQ",
            "csiq",
            "Categorical Subjective Image Quality database (Larson and Chandler 2010), "
            "https://s2.smu.edu/~eclarson/csiq.html: src_imgs.zip, dst_imgs.zip, csiq.DMOS.xlsx",
            _UNSTATED,
            Opinion("DMOS", 0, 1, higher_is_better=False),
            866,
            30,
            "csiq.dmos.xlsx",
        ),
        Rated(
            "tid2013",
            "TID2013",
            "tid2013",
            f"Tampere Image Database 2013, {_TID}tid2013.htm",
            _RESEARCH,
            Opinion("MOS", 0, 9, higher_is_better=True),
            3000,
            25,
            "mos_with_names.txt",
            part=True,
        ),
        Rated(
            "tid2008",
            "TID2008",
            "tid2008",
            f"Tampere Image Database 2008, {_TID}tid2008.htm",
            _RESEARCH,
            Opinion("MOS", 0, 9, higher_is_better=True),
            1700,
            25,
            "mos_with_names.txt",
        ),
        Rated(
            "kadid-10k",
            "KADID-10k",
            "kadid-10k",
            "Konstanz Artificially Distorted Image quality Database (Lin et al. 2019), "
            "https://database.mmsp-kn.de/kadid-10k-database.html",
            f"{_RESEARCH}; photos under the Pixabay licence",
            Opinion("DMOS", 1, 5, higher_is_better=True),
            10125,
            81,
            "dmos.csv",
            ("the authors call the opinions DMOS, yet 5 is the best",),
        ),
        Rated(
            "pipal",
            "PIPAL",
            "pipal",
            "Perceptual Image Processing Algorithms set, its training part (Gu et al. 2020), "
            "https://www.jasongt.com/projectpages/pipal.html",
            "non-commercial research",
            Opinion("Elo", 900, 1850, higher_is_better=True),
            23200,
            200,
            "train_label",
            (
                "the training part: 200 of 250 references; opinions of the others are not published",
                "names of distortions are inferred from the number of variants; the set only numbers them",
            ),
        ),
        Rated(
            "qads",
            "QADS",
            "qads",
            "Quality Assessment Database for Super-resolved images (Zhou et al. 2019), "
            "http://www.vista.ac.cn/super-resolution/",
            _RESEARCH,
            Opinion("MOS", 0, 1, higher_is_better=True),
            980,
            20,
            "mos_with_names.txt",
            ("opinions were not compared with published ones: only their number and range were",),
        ),
        Rated(
            "tid2013-resynth",
            "TID2013 (resynthesised)",
            "tid2013-resynth",
            "made from the Kodak photos by build.py, which lies in that folder: `python build.py OUT`",
            "Kodak photos: unrestricted use; opinions: TID2013, for research, with citation",
            Opinion("MOS", 0, 9, higher_is_better=True),
            675,
            23,
            "mos_with_names.txt",
            part=True,
        ),
    )
}

_BAPPS = (
    "Berkeley-Adobe Perceptual Patch Similarity (Zhang et al. 2018), https://github.com/richzhang/PerceptualSimilarity"
)
_BAPPS_LICENCE = "BSD-2-Clause (release); photos for research"

JUDGED = {
    entry.name: entry
    for entry in (
        Judged(
            "bapps-2afc",
            "BAPPS 2AFC (validation)",
            "bapps/2afc/val",
            f"{_BAPPS}: twoafc_val.tar.gz",
            _BAPPS_LICENCE,
            (
                ("traditional", 4720),
                ("cnn", 4720),
                ("superres", 10856),
                ("deblur", 9440),
                ("color", 4720),
                ("frameinterp", 1888),
            ),
            "2afc/val",
        ),
        Judged(
            "bapps-jnd",
            "BAPPS JND (validation)",
            "bapps/jnd/val",
            f"{_BAPPS}: jnd.tar.gz",
            _BAPPS_LICENCE,
            (("traditional", 4800), ("cnn", 4800)),
            "jnd/val",
        ),
    )
}

TABLES = {
    entry.name: entry
    for entry in (
        Tables(
            "labels",
            "published opinions",
            "labels",
            tuple(f"{name}.csv" for name in ("LIVE", "LIVE_MD", "CSIQ", "TID2008", "TID2013", "KADID-10k", "PIPAL")),
            "file names, distortions, references and opinions of seven sets, a public list of published labels",
            "MIT",
        ),
        Tables(
            "published-scores",
            "published scores, image by image",
            "published-scores",
            tuple(
                f"{name}.csv" for name in ("live", "csiq", "tid2013", "kadid-10k", "pipal", "tid2013_classical_metrics")
            ),
            "results published with DeepWSD and DeepJSD (VGG, SqueezeNet), https://github.com/Buka-Xing/DeepWSD; and "
            "of classical metrics on TID2013",
            "as the authors' repositories",
        ),
    )
}

PICTURES = {
    entry.name: entry
    for entry in (
        Pictures(
            "celeba",
            "CelebA",
            "celeba",
            "CelebFaces Attributes (Liu et al. 2015), https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html: "
            "img_align_celeba.zip, in celeba/img_align_celeba/ or celeba/",
            "non-commercial research",
            202_599,
            (".jpg", ".jpeg", ".png"),
            "img_align_celeba",
        ),
        Pictures(
            "yaleb",
            "Extended Yale B, cropped",
            "yaleb",
            "Extended Yale Face Database B (Georghiades et al. 2001; Lee et al. 2005), CroppedYale.zip, formerly at "
            "http://vision.ucsd.edu/~leekc/ExtYaleDatabase/",
            "research",
            2_414,
            (".pgm",),
            "yaleB01",
        ),
        Pictures(
            "stl10",
            "STL-10",
            "stl10_binary",
            "STL-10 (Coates, Lee, Ng 2011), stl10_binary.tar.gz from https://cs.stanford.edu/~acoates/stl10/",
            "none stated; images from ImageNet, for research",
            5,
            (".bin",),
            "train_X.bin",
        ),
    )
}

Whole: TypeAlias = Rated | Judged | Tables | Pictures  # an official folder as it is, and not a list of images
Entry: TypeAlias = Folder | Whole


def wholes() -> dict[str, Whole]:
    """The sets and tables that are an official folder as a whole, by name."""
    return {**RATED, **JUDGED, **TABLES, **PICTURES}


def known() -> dict[str, Entry]:
    """Everything with files under the data root except weights, by name."""
    return {**FOLDERS, **wholes()}


def select(name: str) -> list[Entry]:
    """The sets meant by a name on the command line: one set, or all parts of one ("bsds500", "bapps")."""
    entries = known()
    if name in entries:
        return [entries[name]]
    chosen = [entry for entry in entries.values() if entry.name.startswith(f"{name}-")]
    if not chosen:
        raise DataError(f"unknown set {name!r}; known: {', '.join(entries)}, and bsds500 or bapps for their parts")
    return chosen

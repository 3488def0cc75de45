"""The Berkeley Segmentation Data Set 500: photos of its training, validation and test parts."""

from replication.datasets.entries import ImageFolder

_ARCHIVE = "http://www.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/BSR/BSR_bsds500.tgz"
_TITLES = {"train": "BSDS500 train", "val": "BSDS500 val", "test": "BSD200"}  # the papers' name of the 200 test photos

SETS = [
    ImageFolder(
        name=f"bsds500-{part}",
        title=title,
        folder=f"bsds500/{part}",
        source=f"images/{part} of the Berkeley Segmentation Data Set 500 (Arbelaez et al. 2011), {_ARCHIVE}",
        licence="non-commercial research and education",
        download=_ARCHIVE,
    )
    for part, title in _TITLES.items()
]

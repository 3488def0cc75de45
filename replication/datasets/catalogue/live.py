"""LIVE, release 2: lists and opinions in MATLAB files, a folder for each distortion."""

from replication.datasets.entries import Opinion, Rated
from replication.datasets.iqa.listing import Row, Tree, cells, matlab, number, same_length

# Folders in the order in which dmos_realigned.mat and refnames_all.mat count their images (readme.txt of release 2).
FOLDERS = {
    "jp2k": ("JPEG 2000 compression", 227),
    "jpeg": ("JPEG compression", 233),
    "wn": ("white noise", 174),
    "gblur": ("Gaussian blur", 174),
    "fastfading": ("fast fading", 174),
}


def read(tree: Tree) -> list[Row]:
    """All 982 rows in the order of dmos_realigned.mat, the 203 reference copies (`orgs`) marked.

    img5.bmp of a folder is the fifth of that folder. Opinions are the realigned DMOS, `dmos_new`.
    """
    opinions_file, names_file = tree.need("dmos_realigned.mat"), tree.need("refnames_all.mat")
    opinions, originals = matlab(opinions_file, "dmos_new", "orgs")
    (names,) = matlab(names_file, "refnames_all")
    references = cells(names)
    opinions, originals = opinions.ravel(), originals.ravel()
    images = [(folder, index) for folder, (_, count) in FOLDERS.items() for index in range(1, count + 1)]
    same_length("LIVE", images=images, dmos_new=opinions, orgs=originals, refnames_all=references)
    rows = []
    for (folder, index), opinion, original, reference in zip(images, opinions, originals, references, strict=True):
        file = f"{folder}/img{index}.bmp"
        kind = FOLDERS[folder][0]
        where = f"{opinions_file.name} {file}"
        score = number(opinion, where)
        rows.append(Row(reference, file, score, kind, None, (f"refimgs/{reference}",), (file,), bool(original)))
    return rows


OPINION = Opinion("DMOS", 0, 100, higher_is_better=False)

SETS = [
    Rated(
        name="live",
        title="LIVE",
        folder="live",
        marker="refnames_all.mat",
        source="LIVE Image Quality Assessment Database release 2 (Sheikh et al. 2006), on request from "
        "https://live.ece.utexas.edu/research/Quality/subjective.htm",
        licence="free to use with the University of Texas' copyright notice and citation",
        opinion=OPINION,
        read=read,
        images=779,
        references=29,
        precision=(4, 1),
    )
]

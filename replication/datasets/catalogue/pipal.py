"""PIPAL, training part: Train_Label/A0001.txt ("A0001_00_00.bmp,1520.0648"), Train_Ref/, Distortion_1/ to _4/."""

from replication.datasets.entries import Opinion, Rated
from replication.datasets.errors import DataError
from replication.datasets.iqa.listing import Row, Tree, number, parts, text

# The set only numbers its distortions, by the first number in file names. The names are those of Table 10 of Gu et al.
# (arXiv:2011.15002) with the same numbers of variants: 12, 16, 10, 24, 13, 14 and 27 images of each reference.
DISTORTIONS = (
    "super-resolution, traditional",
    "super-resolution, PSNR-oriented",
    "super-resolution with kernel mismatch",
    "super-resolution, GAN-based",
    "denoising",
    "super-resolution and denoising",
    "traditional distortions",
)


def read(tree: Tree) -> list[Row]:
    """The rows of every label file, files in the order of their names."""
    rows = []
    for file in tree.names("Train_Label"):
        if not file.endswith(".txt"):
            continue
        for line_number, line in enumerate(text(tree.need(f"Train_Label/{file}")).splitlines(), 1):
            if not line.strip():
                continue
            where = f"Train_Label/{file} line {line_number}"
            name, comma, opinion = (part.strip() for part in line.partition(","))
            if not comma:
                raise DataError(f"{where}: expected a file name, a comma and an opinion, got {line!r}")
            rows.append(row(name.lower(), number(opinion, where), where))
    return rows


def row(name: str, opinion: float, where: str = "PIPAL") -> Row:
    """The row of a0001_02_03.bmp; the last number tells methods and settings apart and is no level."""
    image, kind = parts(name, r"(a\d{4})_0([0-6])_\d\d\.bmp", where)
    reference = f"{image}.bmp"
    places = tuple(f"Distortion_{part}/{name}" for part in (1, 2, 3, 4))
    return Row(reference, name, opinion, DISTORTIONS[int(kind)], None, (f"Train_Ref/{reference}",), places)


SETS = [
    Rated(
        name="pipal",
        title="PIPAL",
        folder="pipal",
        marker="train_label",
        source="Perceptual Image Processing Algorithms set, its training part (Gu et al. 2020), "
        "https://www.jasongt.com/projectpages/pipal.html",
        licence="non-commercial research",
        opinion=Opinion("Elo", 900, 1850, higher_is_better=True),
        read=read,
        images=23200,
        references=200,
        precision=(4, 1),
        remarks=(
            "the training part: 200 of 250 references; opinions of the others are not published",
            "names of distortions are inferred from the number of variants; the set only numbers them",
        ),
    )
]

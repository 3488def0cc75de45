"""KADID-10k: dmos.csv (dist_img, ref_img, dmos, var) and images/I01_01_01.png beside images/I01.png."""

import csv
import io

from replication.datasets.entries import Opinion, Rated
from replication.datasets.errors import DataError
from replication.datasets.iqa.listing import Row, Tree, number, parts, text

# Section III of Lin et al., QoMEX 2019, in the order of the numbers in file names.
DISTORTIONS = (
    "Gaussian blur",
    "lens blur",
    "motion blur",
    "colour diffusion",
    "colour shift",
    "colour quantisation",
    "colour saturation (HSV)",
    "colour saturation (Lab)",
    "JPEG 2000 compression",
    "JPEG compression",
    "white noise",
    "white noise in colour components",
    "impulse noise",
    "multiplicative noise",
    "white noise and denoising",
    "brighten",
    "darken",
    "mean shift",
    "jitter",
    "non eccentricity patch",
    "pixelate",
    "quantisation",
    "colour block",
    "high sharpen",
    "contrast change",
)


def read(tree: Tree) -> list[Row]:
    """The rows in the order of dmos.csv."""
    path = tree.need("dmos.csv")
    reader = csv.DictReader(io.StringIO(text(path)))
    if absent := [name for name in ("dist_img", "ref_img", "dmos") if name not in (reader.fieldnames or ())]:
        raise DataError(f"{path} has no column {absent[0]}; get it again")
    rows = []
    for line in reader:
        where = f"{path.name} line {reader.line_num}"
        made = row(str(line["dist_img"]).strip().lower(), number(line["dmos"], where), where)
        if made.reference != str(line["ref_img"]).strip().lower():
            raise DataError(f"{where}: {line['dist_img']} with the reference {line['ref_img']}; get the file again")
        rows.append(made)
    return rows


def row(name: str, opinion: float, where: str = "KADID-10k") -> Row:
    """The row of i01_02_03.png: reference 1, distortion 2, level 3."""
    image, kind, level = parts(name, r"i(\d\d)_(0[1-9]|1\d|2[0-5])_0(\d)\.png", where)
    reference = f"i{image}.png"
    places = (f"images/{reference}",), (f"images/{name}",)
    return Row(reference, name, opinion, DISTORTIONS[int(kind) - 1], int(level), *places)


SETS = [
    Rated(
        name="kadid-10k",
        title="KADID-10k",
        folder="kadid-10k",
        marker="dmos.csv",
        source="Konstanz Artificially Distorted Image quality Database (Lin et al. 2019), "
        "https://database.mmsp-kn.de/kadid-10k-database.html",
        licence="for research, with citation; photos under the Pixabay licence",
        opinion=Opinion("DMOS", 1, 5, higher_is_better=True),
        read=read,
        images=10125,
        references=81,
        precision=(2, 0),
        remarks=("the authors call the opinions DMOS, yet 5 is the best",),
    )
]

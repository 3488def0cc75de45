"""TID2013, and the layout that it shares with TID2008 and parts of it made again.

mos_with_names.txt, reference_images/I01.BMP, distorted_images/I01_01_1.bmp; the case of names varies.
"""

from replication.datasets.entries import Opinion, Rated
from replication.datasets.iqa.listing import Row, Tree, parts, scores_and_names

# Table 1 of Ponomarenko et al., Signal Processing: Image Communication 30 (2015); TID2008 has the first seventeen.
DISTORTIONS = (
    "additive Gaussian noise",
    "additive noise in colour components",
    "spatially correlated noise",
    "masked noise",
    "high frequency noise",
    "impulse noise",
    "quantisation noise",
    "Gaussian blur",
    "image denoising",
    "JPEG compression",
    "JPEG 2000 compression",
    "JPEG transmission errors",
    "JPEG 2000 transmission errors",
    "non eccentricity pattern noise",
    "local block-wise distortions",
    "mean shift",
    "contrast change",
    "change of colour saturation",
    "multiplicative Gaussian noise",
    "comfort noise",
    "lossy compression of noisy images",
    "colour quantisation with dither",
    "chromatic aberrations",
    "sparse sampling and reconstruction",
)


def read(tree: Tree) -> list[Row]:
    """The rows in the order of mos_with_names.txt."""
    path = tree.need("mos_with_names.txt")
    return [row(name, opinion, path.name) for opinion, name in scores_and_names(path)]


def row(name: str, opinion: float, where: str = "TID") -> Row:
    """The row of i01_02_3.bmp: reference 1, distortion 2, level 3."""
    image, kind, level = parts(name, r"i(\d\d)_(0[1-9]|1\d|2[0-4])_(\d)\.bmp", where)
    reference = f"i{image}.bmp"
    return Row(
        reference,
        name,
        opinion,
        DISTORTIONS[int(kind) - 1],
        int(level),
        (f"reference_images/{reference}",),
        (f"distorted_images/{name}",),
    )


OPINION = Opinion("MOS", 0, 9, higher_is_better=True)

SETS = [
    Rated(
        name="tid2013",
        title="TID2013",
        folder="tid2013",
        marker="mos_with_names.txt",
        source="Tampere Image Database 2013, an image set by N. Ponomarenko et al., "
        "http://www.ponomarenko.info/tid2013.htm",
        licence="for research, with citation",
        opinion=OPINION,
        read=read,
        images=3000,
        references=25,
        precision=(4, 1),
        may_be_partial=True,
    )
]
